"""The sizes of chunks, for systems of all sizes."""

import dataclasses
import math

import h5py
from hypothesis import given
from hypothesis import strategies as st

from wepy_data.record.run_record import RunRecord
from wepy_data.schema.layout import Layout
from wepy_data.store.chunk import growing_bytes, live_chunk, packed_chunk
from wepy_data.store.writer import FileWriter, write_run
from wepy_data.testing import runs

POSITIONS = "/particles/trajectory/position/value"
PAGE, LEAST, MOST = 4096, 1 << 16, 1 << 20
ATOMS = st.integers(1, 300_000)


def positions(atoms):
    return Layout(sizes={"atom": atoms, "feature": 1}, parts=frozenset({"/particles"})).growing[POSITIONS]


def size(column, chunk):
    return column.numpy_dtype.itemsize * math.prod(chunk)


@given(ATOMS)
def test_a_growing_file_leaves_little_of_its_pages_empty(atoms):
    column = positions(atoms)
    chunk = live_chunk(column)
    assert size(column, chunk) <= MOST
    pages = math.ceil(size(column, chunk) / PAGE) * PAGE
    assert pages <= 1.04 * size(column, chunk)


@given(ATOMS, st.integers(1, 2000))
def test_a_packed_chunk_has_whole_segments_or_an_even_part_of_one(atoms, frames):
    column = positions(atoms)
    chunk = packed_chunk(column, 10**9, frames)
    assert size(column, chunk) <= MOST
    if column.row_bytes * frames <= MOST:
        assert chunk[0] % frames == 0
    elif column.row_bytes <= MOST:
        assert chunk[0] * math.ceil(frames / chunk[0]) - frames < math.ceil(frames / chunk[0])
    if chunk[0] < 1 << 16 and column.row_bytes <= MOST:
        assert size(column, chunk) >= LEAST or chunk[0] == 1


@given(ATOMS, st.integers(1, 50))
def test_a_packed_chunk_is_no_longer_than_its_dataset(atoms, total):
    assert packed_chunk(positions(atoms), total, 10)[0] <= total


@given(run=runs(min_cycles=1, particles=True), compression=st.sampled_from(["gzip", "none"]))
def test_a_sealed_file_is_packed_as_its_header_says(run, compression, new_path):
    record = RunRecord(dataclasses.replace(run.header, compression=compression))
    for cycle in run:
        record.append(cycle)
    with h5py.File(write_run(new_path(), record)) as file:
        packed = file[POSITIONS].compression == "gzip"
        assert packed == (compression == "gzip")
        if not packed:
            assert file[POSITIONS].chunks is None


def test_growing_bytes_is_no_more_than_a_growing_file_takes_for_its_rows(new_path, rich_run):
    layout = rich_run.header.layout
    rows = {dim: rich_run.rows(dim) for dim in layout.by_dim}
    empty, full = new_path(), new_path()
    with FileWriter(empty, rich_run.header, durable=False):
        pass
    with FileWriter(full, rich_run.header, durable=False) as writer:
        for cycle in rich_run:
            writer.append(cycle)
    grown = full.stat().st_size - empty.stat().st_size
    assert grown / 1.5 < growing_bytes(layout, rows) <= grown * 1.05
