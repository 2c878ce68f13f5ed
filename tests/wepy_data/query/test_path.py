"""The heaviest walkers, and what makes no sense to ask for."""

import numpy as np
import pytest

from wepy_data import Run, SelectionError, branch_paths, heaviest, since_jump


@pytest.fixture
def run(ensemble_record):
    return Run(ensemble_record)


def test_heaviest_walkers_of_a_cycle_and_of_a_bin(run):
    segments = run.table("segments")
    for cycle in (-1, 4):
        mine = segments[segments.cycle == (11 if cycle < 0 else cycle)]
        assert heaviest(run, 3, cycle=cycle).tolist() == mine.weight.nlargest(3).index.tolist()
        one = int(mine.bin.iloc[0])
        there = mine[mine.bin == one]
        assert heaviest(run, 100, bin=one, cycle=cycle).tolist() == there.weight.nlargest(100).index.tolist()


def test_a_bin_without_walkers_names_those_with_some(run):
    with pytest.raises(SelectionError, match="bins in use are 0"):
        heaviest(run, 1, bin=999)


def test_since_jump_of_a_single_segment_is_itself(run):
    assert since_jump(run, 0).tolist() == [0]
    assert since_jump(run, np.array([], np.int64)).tolist() == []


def test_what_is_not_there_is_refused(run):
    with pytest.raises(SelectionError, match="1 or more"):
        heaviest(run, 0)
    with pytest.raises(SelectionError, match="no segment -1"):
        since_jump(run, [-1])
    with pytest.raises(SelectionError, match="no segment"):
        branch_paths(run, 10**6)
    childless = next(s for s in range(run.n_segments) if not len(run.lineage.descendants(s)))
    with pytest.raises(SelectionError, match="no descendants"):
        branch_paths(run, childless)
