"""The lines of a walker tree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy_data import Run, SelectionError
from wepy_data.plot.branch import Tree, tree_of

angles = st.floats(-3.1, 3.1)


@pytest.fixture(scope="module")
def run(ensemble_record):
    return Run(ensemble_record)


def tree_with(y, circle):
    n = len(y)
    return Tree(
        x=np.arange(1.0, n + 1), y=np.array(y), weight=np.ones(n), above=np.arange(-1, n - 1), tips=np.ones(n, int),
        label="", circle=circle,
    )  # fmt: skip


@given(angles, angles)
def test_no_line_is_longer_than_half_a_period_and_ends_stay(a, b):
    lines, child = tree_with([a, b], (-np.pi, np.pi)).branches(np.array([0, 1]))
    assert np.abs(lines[:, 1, 1] - lines[:, 0, 1]).max() <= np.pi + 1e-9
    assert np.abs(lines[..., 1]).max() <= np.pi + 1e-9
    assert lines[0, 0].tolist() == [1.0, a]
    assert lines[-1, 1].tolist() == [2.0, b]
    assert set(child.tolist()) == {1}
    if len(lines) == 2:  # leaves at one side, enters at the other, at the same moment
        assert lines[0, 1, 0] == lines[1, 0, 0]
        assert lines[0, 1, 1] == -lines[1, 0, 1]


def test_angle_that_never_passes_its_period_is_drawn_as_a_number(run):
    assert tree_of(run, 0).circle == (-np.pi, np.pi)
    assert tree_of(run, None).circle is None


def test_line_of_a_recycled_walker_is_interrupted_over_the_order_parameter_only(run):
    segments = run.table("segments")
    recycled = segments.index[(segments.continuous == "discontinuous") & (segments.parent >= 0)]
    assert len(recycled)
    assert (tree_of(run, 0).above[recycled] == -1).all()
    assert (tree_of(run, None).above[recycled] >= 0).all()


def test_tips_count_the_final_walkers_that_descend(run):
    tips = tree_of(run, 0).tips
    for segment in range(0, run.n_segments, 7):
        assert tips[segment] == len(run.lineage.descendants(segment))


def test_unknown_dimension_says_which_exist(run):
    with pytest.raises(SelectionError, match=r"0 \(phi \(rad\)\), 1 \(psi \(rad\)\)"):
        tree_of(run, 2)
