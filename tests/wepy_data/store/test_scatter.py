"""Scattered rows, read straight from the file or in spans of chunks."""

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wepy_data import DamagedRunError, open_run, write_run
from wepy_data.schema.layout import Layout
from wepy_data.store import scatter
from wepy_data.store.scatter import read_scattered

POSITIONS = "/particles/trajectory/position/value"
COLUMN = Layout(sizes={"atom": 5, "feature": 1}, parts=frozenset(["/particles"])).growing[POSITIONS]
VALUES = np.arange(60 * 15, dtype="<f4").reshape(60, 5, 3)
ROWS = st.lists(st.integers(0, 59), unique=True, max_size=30).map(sorted)
PARTS = st.none() | st.tuples(st.integers(0, 4), st.integers(1, 5)).filter(lambda p: p[0] < p[1]).map(
    lambda p: slice(*p)
)


@pytest.fixture(scope="module", params=["in one piece", "chunked", "packed", "doubles"])
def dataset(request, tmp_path_factory):
    more = {
        "in one piece": {},
        "chunked": {"chunks": (4, 5, 3)},
        "packed": {"chunks": (7, 5, 3), "compression": "gzip"},
    }
    with h5py.File(tmp_path_factory.mktemp("scatter") / "values.h5", "w") as file:
        values = VALUES.astype("f8") if request.param == "doubles" else VALUES
        made = file.create_dataset("values", data=values, **more.get(request.param, {}))
        file.flush()
        yield made


@given(rows=ROWS, part=PARTS, near=st.integers(1, 500), limit=st.integers(1, 5000))
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_rows_and_parts_are_those_asked_for_however_they_are_stored(monkeypatch, dataset, rows, part, near, limit):
    for name, value in (("_GAP", near), ("_APART", near), ("_BLOCK", limit)):
        monkeypatch.setattr(scatter, name, value)
    rows = np.array(rows, np.int64)
    found = read_scattered(dataset, COLUMN, rows, part, lambda start, stop: dataset[start:stop])
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
