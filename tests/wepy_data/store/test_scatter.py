"""Scattered rows, read straight from the file or in spans of chunks."""

import zlib

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wepy_data import DamagedRunError, open_run, write_run
from wepy_data.schema.layout import Layout
from wepy_data.store import packed, scatter
from wepy_data.store.packed import read_packed
from wepy_data.store.scatter import read_scattered

POSITIONS = "/particles/trajectory/position/value"
COLUMN = Layout(sizes={"atom": 5, "feature": 1}, parts=frozenset(["/particles"])).growing[POSITIONS]
VALUES = np.arange(60 * 15, dtype="<f4").reshape(60, 5, 3)
ROWS = st.lists(st.integers(0, 59), unique=True, max_size=30).map(sorted)
PARTS = st.none() | st.tuples(st.integers(0, 4), st.integers(1, 5)).filter(lambda p: p[0] < p[1]).map(
    lambda p: slice(*p)
)


STORED = {
    "in one piece": {},
    "chunked": {"chunks": (4, 5, 3)},
    "deflated": {"chunks": (7, 5, 3), "compression": "gzip"},
    "packed": {"chunks": (7, 5, 3), "compression": "gzip", "shuffle": True},
    "parts of rows": {"chunks": (7, 2, 3), "compression": "gzip", "shuffle": True},
    "doubles": {"chunks": (7, 5, 3), "compression": "gzip", "shuffle": True, "dtype": "f8"},
}


@pytest.fixture(scope="module", params=STORED)
def dataset(request, tmp_path_factory):
    with h5py.File(tmp_path_factory.mktemp("scatter") / "values.h5", "w") as file:
        made = file.create_dataset("values", data=VALUES, **STORED[request.param])
        file.flush()
        yield made


@given(rows=ROWS, part=PARTS, near=st.integers(1, 500), limit=st.integers(1, 5000))
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_rows_and_parts_are_those_asked_for_however_they_are_stored(monkeypatch, dataset, rows, part, near, limit):
    for name, value in (("_GAP", near), ("_APART", near), ("_BLOCK", limit)):
        monkeypatch.setattr(scatter, name, value)
    monkeypatch.setattr(packed, "_FEW", near % 3)
    monkeypatch.setattr(packed, "_MOST", 2.0)
    rows = np.array(rows, np.int64)
    found = read_scattered(dataset, COLUMN, rows, part, lambda start, stop: dataset[start:stop].astype("<f4"))
    expected = VALUES[rows] if part is None else VALUES[rows, part]
    np.testing.assert_array_equal(found, expected)
    assert found.flags.c_contiguous


def test_chunks_that_nobody_wants_are_not_read(monkeypatch):
    asked = []

    def read(start, stop):
        asked.append((start, stop))
        return VALUES[start:stop]

    monkeypatch.setattr(scatter, "_GAP", 0)
    scatter.read_spans(COLUMN.empty(), np.array([1, 2, 5, 21, 59]), None, read, chunk=4)
    assert asked == [(1, 6), (21, 22), (59, 60)]


def test_rows_beyond_the_dataset_and_beyond_the_file_are_refused(dataset):
    with pytest.raises(ValueError, match="60 rows"):
        read_scattered(dataset, COLUMN, np.array([3, 60]), None, lambda start, stop: dataset[start:stop])


def test_a_file_that_is_cut_while_it_is_read_is_damaged(make_ensemble, tmp_path, monkeypatch):
    monkeypatch.setattr(scatter, "_APART", 0)
    record = make_ensemble(8)
    object.__setattr__(record.header, "compression", "none")
    path = write_run(tmp_path / "run.h5", record)
    with h5py.File(path) as file:
        offset = file[POSITIONS].id.get_offset()
    with open_run(path) as run:
        rows = np.array([0, 2, 3, run.n_frames - 1])
        np.testing.assert_array_equal(run.reader.read_rows(POSITIONS, rows), record.read(POSITIONS)[rows])
        with path.open("r+b") as file:
            file.truncate(offset + 10)
        with pytest.raises(DamagedRunError, match="the file ends"):
            run.reader.read_rows(POSITIONS, rows)


@pytest.fixture
def packed_values(tmp_path, monkeypatch):
    monkeypatch.setattr(packed, "_FEW", 0)
    monkeypatch.setattr(packed, "_MOST", 2.0)
    with h5py.File(tmp_path / "values.h5", "w") as file:
        yield file.create_dataset("values", data=VALUES, **STORED["packed"])


def test_packed_rows_are_unpacked_here_if_they_are_few_of_many(packed_values, monkeypatch):
    rows = np.array([0, 1, 8, 30, 59])
    np.testing.assert_array_equal(read_packed(packed_values, COLUMN, rows), VALUES[rows])
    monkeypatch.setattr(packed, "_MOST", 0.1)
    assert read_packed(packed_values, COLUMN, rows) is None
    monkeypatch.setattr(packed, "_FEW", 5)
    assert read_packed(packed_values, COLUMN, rows[:2]) is None


def test_chunks_that_were_stored_otherwise_are_left_to_hdf5(packed_values):
    packed_values.id.write_direct_chunk((7, 0, 0), VALUES[:7].tobytes(), filter_mask=3)
    rows = np.array([0, 8, 30])
    assert read_packed(packed_values, COLUMN, rows) is None
    found = read_scattered(packed_values, COLUMN, rows, None, lambda start, stop: packed_values[start:stop])
    np.testing.assert_array_equal(found, VALUES[[0, 1, 30]])
    empty = packed_values.file.create_dataset("empty", (60, 5, 3), "<f4", **STORED["packed"])
    assert read_packed(empty, COLUMN, rows) is None


@pytest.mark.parametrize("values", [b"nonsense", zlib.compress(bytes(10)), zlib.compress(bytes(10**6))])
def test_chunks_that_do_not_unpack_are_damage(packed_values, values):
    packed_values.id.write_direct_chunk((7, 0, 0), values)
    rows = np.array([0, 8, 30])
    if len(zlib_or_nothing(values)) > 420:  # more than a chunk: cut where it ends
        np.testing.assert_array_equal(read_packed(packed_values, COLUMN, rows)[1], 0)
        return
    with pytest.raises(OSError, match="a chunk"):
        read_packed(packed_values, COLUMN, rows)


def zlib_or_nothing(values):
    try:
        return zlib.decompress(values)
    except zlib.error:
        return b""
