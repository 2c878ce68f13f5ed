"""Memory equals HDF5: what is written reads back bit for bit, and conforms."""

import pytest
from hypothesis import given, settings

from wepy_data.record.compare import compare
from wepy_data.record.run_record import RunRecord
from wepy_data.schema.problem import LEVELS
from wepy_data.store.check import check
from wepy_data.store.reader import FileRun
from wepy_data.store.writer import FileWriter, write_run
from wepy_data.testing import runs


def same(record, path):
    with FileRun(path) as run:
        assert compare(record, run, volatile=True) is None
        assert compare(run, record, volatile=True) is None
        assert run.sealed == record.sealed
        for dim in record.header.layout.by_dim:
            assert run.rows(dim) == record.rows(dim)
        same_header(record.header, run.header)


def same_header(mine, theirs):
    for name in ("topology", "config", "author", "compression", "run_id", "created"):
        assert getattr(mine, name) == getattr(theirs, name)
    assert list(mine.provenance) == list(theirs.provenance)
    assert (mine.continues is None) == (theirs.continues is None)
    if mine.continues:
        for name in ("run_id", "cycle", "file", "digest"):
            assert getattr(mine.continues, name) == getattr(theirs.continues, name)
    for path, column in mine.layout.columns.items():
        if not path.startswith("/next/"):
            other = theirs.layout.columns[path]
            assert (column.dims, column.dtype, column.shape, column.unit) == (
                other.dims, other.dtype, other.shape, other.unit,
            )  # fmt: skip


@settings(max_examples=20)  # a file costs a tenth of a second
@given(run=runs())
def test_a_run_written_in_one_go_reads_back_bit_for_bit_and_conforms(run, new_path):
    path = write_run(new_path(), run)
    same(run, path)
    assert check(path) == []


@settings(max_examples=20)
@given(run=runs())
def test_a_run_written_cycle_by_cycle_is_the_same_at_every_moment(run, new_path):
    path, so_far = new_path(), RunRecord(run.header)
    with FileWriter(path, run.header, durable=False) as writer:
        same(so_far, path)
        for cycle in run:
            so_far.append(cycle)
            writer.append(cycle)
            same(so_far, path)
        assert check(path) == []
        if run.planned is not None:
            writer.seal(run.planned)
    same(run, path)
    assert check(path) == []


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=15)
@given(run=runs(max_cycles=2))
def test_check_finds_nothing_at_any_level(run, level, new_path):
    path = new_path()
    with FileWriter(path, run.header, durable=False) as writer:
        for cycle in run:
            writer.append(cycle)
    assert check(path, level) == []


@settings(max_examples=20)
@given(run=runs())
def test_a_copy_of_a_file_is_the_same_run(run, new_path):
    first, second = new_path(), new_path()
    write_run(first, run)
    with FileRun(first) as source:
        write_run(second, source)
    same(run, second)


@settings(max_examples=20)
@given(run=runs(sealed=True))
def test_sealing_a_live_file_gives_what_writing_in_one_go_gives(run, new_path):
    live, whole = new_path(), new_path()
    with FileWriter(live, run.header, durable=False) as writer:
        for cycle in run:
            writer.append(cycle)
        writer.seal(run.planned)
    write_run(whole, run)
    with FileRun(live) as one, FileRun(whole) as other:
        assert compare(one, other, volatile=True) is None
        assert set(one.layout.columns) == set(other.layout.columns)
