"""Which walkers go together in a task, and which task goes first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wepy.pace import Pace, shared_out


def learned(seconds, workers=None, parent=None):
    pace = Pace()
    seconds = np.asarray(seconds, float)
    count = len(seconds)
    pace.learn(seconds, workers or [0] * count, np.arange(count) if parent is None else np.asarray(parent))
    return pace


@given(st.lists(st.floats(0, 10), min_size=1, max_size=60), st.integers(1, 8), st.data())
def test_each_walker_is_in_one_task_and_no_slot_stands_idle(seconds, slots, data):
    missing = sorted(data.draw(st.sets(st.integers(0, len(seconds) - 1))))
    groups = learned(seconds).groups(missing, slots)
    assert sorted(walker for group in groups for walker in group) == missing
    assert len(groups) >= min(slots, len(missing))


def test_nothing_is_known_before_the_first_cycle_so_each_walker_is_a_task():
    assert Pace().groups(range(3), 2) == [(0,), (1,), (2,)]


def test_short_segments_go_together_until_a_task_lasts_some_twenty_milliseconds():
    assert {len(group) for group in learned([0.001] * 400).groups(range(400), 4)} == {20}
    assert {len(group) for group in learned([0.001] * 16).groups(range(16), 4)} == {4}
    assert {len(group) for group in learned([0.05] * 16).groups(range(16), 4)} == {1}
    assert learned([0.0] * 8).groups(range(8), 2) == [(0, 1, 2, 3), (4, 5, 6, 7)]


def test_what_took_longest_goes_first():
    assert learned([1, 3, 2]).groups(range(3), 1) == [(1,), (2,), (0,)]
    assert learned([1, 3, 2], parent=[1, 1, 0, 2]).groups(range(4), 1) == [(0,), (1,), (3,), (2,)]


def test_the_segments_of_a_slow_worker_are_not_the_long_ones():
    assert learned([10, 30, 1, 4], workers=["slow", "slow", "fast", "fast"]).groups(range(4), 1)[:2] == [(3,), (1,)]


@given(st.integers(1, 50), st.data())
def test_parts_are_alike(count, data):
    parts = shared_out(range(count), data.draw(st.integers(1, count)))
    assert [walker for part in parts for walker in part] == list(range(count))
    sizes = {len(part) for part in parts}
    assert max(sizes) - min(sizes) <= 1
