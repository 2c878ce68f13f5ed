"""The walkers that a cycle starts with."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wepy
from wepy.balancing import HuberKim
from wepy.ensemble import StartState, balanced, check_balance, founders, stacked
from wepy.errors import ConfigurationError, WepyError
from wepy.protocols import Balance
from wepy.streams import Purpose, Stream


def state(label="s", probability=1.0, **arrays):
    return StartState(label=label, probability=probability, arrays=arrays or {"x": np.zeros(1)})


def balance(parent, weight, into=(), source=(), moved=()):
    return Balance(
        parent=np.array(parent, np.int64),
        weight=np.array(weight),
        merge_into=np.array(into, np.int64),
        merge_from=np.array(source, np.int64),
        merge_weight=np.array(moved, float),
    )


@st.composite
def probabilities(draw):
    parts = draw(st.lists(st.floats(1e-6, 1.0), min_size=1, max_size=6))
    return [part / math.fsum(parts) for part in parts]


@given(probabilities(), st.integers(0, 40))
def test_every_state_has_founders_and_its_own_weight(probability, more):
    states = [state(str(row), p) for row, p in enumerate(probability)]
    count = len(states) + more
    walkers = founders(states, count)
    assert len(walkers) == count
    assert (walkers.weight > 0).all()
    assert np.allclose(np.bincount(walkers.start, walkers.weight), probability, rtol=1e-12)
    assert np.bincount(walkers.start, minlength=len(states)).min() >= 1
    assert abs(math.fsum(walkers.weight.tolist()) - math.fsum(probability)) < 1e-15
    assert (walkers.parent == -1).all()
    assert (walkers.continuous == 0).all()


@given(probabilities(), st.integers(0, 40))
def test_numbers_of_founders_follow_the_probabilities(probability, more):
    count = len(probability) + more
    share = np.bincount(founders([state(str(r), p) for r, p in enumerate(probability)], count).start)
    due = np.array(probability) * count
    assert (share[due >= 1] >= np.floor(due[due >= 1]) - len(probability)).all()
    assert (share <= np.maximum(1, np.ceil(due) + 1)).all()


@pytest.mark.parametrize(
    ("states", "count", "message"),
    [
        ([], 3, "at least one for each of 0 initial states"),
        ([state("a", 0.5), state("b", 0.5)], 1, "at least one for each of 2 initial states, got 1"),
        ([state("a", 0.5), state("b", 0.4)], 5, "positive probabilities that sum to 1"),
        ([state("a", 1.0), state("b", 0.0)], 5, "positive probabilities that sum to 1"),
        ([state("a", math.nan)], 5, "positive probabilities that sum to 1"),
    ],
)
def test_founders_that_cannot_be_shared_out_are_refused(states, count, message):
    with pytest.raises(ConfigurationError, match=message):
        founders(states, count)


@pytest.mark.parametrize("label", ["", "x" * 65, "ä" * 33])
def test_a_label_must_fit_into_the_file(label):
    with pytest.raises(ConfigurationError, match="label of 1 to 64 bytes"):
        state(label)


def test_a_start_state_is_a_copy_that_cannot_be_changed():
    mine = np.zeros(2)
    kept = state(x=mine)
    mine[:] = 9
    assert kept.arrays["x"].tolist() == [0, 0]
    with pytest.raises(ValueError, match="read-only"):
        kept.arrays["x"][0] = 1


def test_arrays_that_some_states_lack_are_nan_there():
    found = stacked([{"a": np.ones(2), "b": np.ones((1, 3))}, {"a": np.zeros(2)}, {"a": np.zeros(2), "b": None}])
    assert found["a"].tolist() == [[1, 1], [0, 0], [0, 0]]
    assert np.isnan(found["b"][1:]).all()
    assert found["b"].shape == (3, 1, 3)


def test_balanced_walkers_go_on_from_their_parents():
    planned = balanced(
        balance([2, 2, 0], [0.25, 0.25, 0.5], into=[2], source=[1], moved=[0.1]),
        ends=[{"x": np.array([float(i)])} for i in range(3)],
        start=np.array([-1, -1, 4]),
        step=np.array([10, 20, 30]),
        time=np.array([1.0, 2.0, 3.0]),
        first_segment=100,
    )
    assert [s["x"].tolist() for s in planned.states] == [[2.0], [2.0], [0.0]]
    assert planned.parent.tolist() == [102, 102, 100]
    assert planned.start.tolist() == [4, 4, -1]
    assert planned.continuous.tolist() == [0, 0, 1]
    assert planned.step.tolist() == [30, 30, 10]
    assert planned.merge_into.tolist() == [2]
    assert planned.merge_from.tolist() == [101]


@given(st.lists(st.floats(1e-200, 1.0), min_size=1, max_size=30), st.integers(1, 9))
def test_what_our_balancers_draw_passes(weights, count):
    weight = np.array(weights)
    plan = HuberKim(count).plan(weight, np.zeros(len(weight), np.int64), np.zeros((len(weight), 1)))
    check_balance(plan.draw(Stream(1, Purpose.BALANCING)), weight, 0)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (balance([0, 1], [0.5, 0.5 + 1e-9]), "cycle 7: balancer: expected weights that sum to 1.0, got 1.000000001"),
        (balance([0, 1], [1.5, -0.5]), "cycle 7: balancer: expected positive weights"),
        (balance([0, 1], [math.nan, 1.0]), "cycle 7: balancer: expected positive weights; expected weights that sum"),
        (balance([0, 2], [0.5, 0.5]), "cycle 7: balancer: expected a parent from 0 to 1"),
        (balance([0, -1], [0.5, 0.5]), "cycle 7: balancer: expected a parent from 0 to 1"),
        (balance([], []), "cycle 7: balancer: expected weights that sum"),
    ],
)
def test_a_balance_that_loses_or_makes_weight_is_refused(found, message):
    with pytest.raises(WepyError, match=message):
        check_balance(found, np.array([0.5, 0.5]), 7)


def test_no_start_state_is_the_front_door_s_own():
    assert wepy.StartState is StartState
