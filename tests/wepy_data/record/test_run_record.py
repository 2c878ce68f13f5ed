"""The run in memory."""

import numpy as np
import pytest
from hypothesis import given

from wepy_data.errors import SelectionError
from wepy_data.record.run_record import RunRecord
from wepy_data.testing import runs


@given(run=runs())
def test_rows_of_all_cycles_are_joined_in_order(run):
    for path, column in run.header.layout.growing.items():
        joined = run.read(path)
        assert len(joined) == run.rows(column.dim)
        assert joined.dtype == column.numpy_dtype
        assert joined.tobytes() == b"".join(cycle[path].tobytes() for cycle in run)
        assert not joined.flags.writeable
    assert len(run.stops("segment")) == run.n_cycles == len(run.cycles)


def test_part_of_a_dataset_can_be_read(rich_run):
    everything = rich_run.read("/segments/weight")
    assert rich_run.read("/segments/weight", 1, 3).tolist() == everything[1:3].tolist()


def test_readers_see_a_new_cycle_at_once(rich_run):
    record = RunRecord(rich_run.header)
    for number, cycle in enumerate(rich_run, start=1):
        record.append(cycle)
        assert len(record.read("/cycles/index")) == number
        assert len(record.read("/segments/weight")) == cycle.stop("segment")


def test_cycles_come_in_order(rich_run):
    record = RunRecord(rich_run.header)
    with pytest.raises(ValueError, match="cycle 1 does not follow: this record has 0 cycles"):
        record.append(rich_run.cycles[1])


def test_nothing_follows_a_seal(rich_run):
    record = RunRecord(rich_run.header)
    record.append(rich_run.cycles[0])
    assert not record.sealed
    record.seal(rich_run.planned)
    assert record.sealed
    assert np.array_equal(record.planned["/next/weight"], rich_run.planned["/next/weight"])
    with pytest.raises(ValueError, match="sealed after 1 cycles"):
        record.append(rich_run.cycles[1])


def test_an_unknown_dataset_is_refused_with_those_that_exist(rich_run):
    with pytest.raises(SelectionError, match=r"no dataset /segments/wait that grows: .*/segments/weight"):
        rich_run.read("/segments/wait")
