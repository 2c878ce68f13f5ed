"""Several boundary conditions at once, and what becomes of the walkers."""

import json
import sys

import numpy as np
import pytest

from wepy import (
    Absorbing,
    ConfigurationError,
    FunctionTarget,
    InBins,
    Rebinding,
    Rectilinear,
    Recycling,
    Region,
    Unbinding,
)
from wepy.boundary import exits

LABELS = ["far left", "left", "right"]
SOURCES = np.array([[-2.0], [-1.0], [1.5]])


def made(*boundaries, probability=(0.25, 0.25, 0.5)):
    return exits(boundaries, LABELS, probability, SOURCES, first_source=10, n_states=13)


def frames(*segments):
    return [np.array(one, float)[:, None] for one in segments]


def test_the_first_condition_wins_where_a_walker_meets_two():
    found = made(Recycling(Region([2.0]), label="a"), Absorbing(Region([1.9]), label="b"))
    events = found.events(frames([2.5], [1.95], [0.0]), seed=1, cycle=0)
    assert (events.walker.tolist(), events.kind.tolist(), events.target.tolist()) == ([0, 1], [0, 1], [13, 14])
    assert events.source[1] == -1
    assert events.staying(3).tolist() == [0, 2]


def test_a_target_at_every_frame_finds_walkers_that_came_and_left():
    segments = frames([0.0, 2.5, 0.0], [0.0, 0.0, 2.5], [0.0, 0.0, 0.0])
    ends = made(Recycling(Region([2.0]))).events(segments, seed=1, cycle=0)
    assert (ends.walker.tolist(), ends.frame.tolist()) == ([1], [-1])
    every = made(Recycling(Region([2.0]), every_frame=True)).events(segments, seed=1, cycle=0)
    assert (every.walker.tolist(), every.frame.tolist()) == ([0, 1], [1, -1])


def test_a_walker_meets_the_condition_that_it_reached_first():
    found = made(
        Recycling(Region([2.0]), label="a", every_frame=True), Absorbing(Region([3.0]), label="b", every_frame=True)
    )
    events = found.events(frames([3.5, 2.5], [2.5, 3.5]), seed=1, cycle=0)
    assert events.target.tolist() == [13, 13]  # 3.5 is in both: the first in order
    found = made(
        Absorbing(Region([3.0]), label="b", every_frame=True), Recycling(Region([2.0]), label="a", every_frame=True)
    )
    events = found.events(frames([3.5, 2.5], [2.5, 3.5]), seed=1, cycle=0)
    assert events.target.tolist() == [13, 14]


@pytest.mark.parametrize(
    ("sources", "rows"),
    [
        (["left"], {11}),
        (Region([-3.0], [0.0]), {10, 11}),
        (InBins(Rectilinear([[-3.0, -1.5, 3.0]]), [1]), {11, 12}),
        (None, {10, 11, 12}),
    ],
)
def test_each_target_has_its_own_sources(sources, rows):
    events = made(Recycling(Region([2.0]), sources=sources)).events(frames(*[[2.5]] * 60), seed=1, cycle=0)
    assert set(events.source.tolist()) == rows


def test_probabilities_are_those_among_the_chosen_sources():
    found = made(Recycling(Region([2.0]), sources=["left", "right"]))
    events = found.events(frames(*[[2.5]] * 6000), seed=1, cycle=0)
    assert abs((events.source == 11).mean() - 1 / 3) < 5 * np.sqrt(2 / 9 / 6000)


def test_unbinding_and_rebinding_look_at_one_dimension():
    points = np.array([[0.0, 1.0], [0.0, 0.2], [9.0, 0.5]])
    assert Unbinding(1.0, dim=1).reached(points).tolist() == [True, False, False]
    assert Rebinding(0.2, dim=1).reached(points).tolist() == [False, True, False]


def far_out(values):
    return values[:, 0] > 5.0


def wrong(values):
    return values


def failing(values):
    return 1 / 0


def test_a_function_may_say_who_has_arrived(monkeypatch):
    monkeypatch.setitem(sys.modules, "of_mine", sys.modules[__name__])
    target = FunctionTarget("of_mine:far_out")
    assert target.reached(np.array([[4.0], [6.0]])).tolist() == [False, True]
    with pytest.raises(ConfigurationError, match="expected 2 truth values, one for each walker, found float64"):
        FunctionTarget("of_mine:wrong").reached(np.zeros((2, 1)))
    with pytest.raises(ConfigurationError, match="target of_mine:failing: it failed: ZeroDivisionError: division"):
        FunctionTarget("of_mine:failing").reached(np.zeros((2, 1)))
    with pytest.raises(ConfigurationError, match="target: name: cannot import 'nowhere:at'"):
        FunctionTarget("nowhere:at")


def test_every_mistake_is_named_at_once():
    with pytest.raises(ConfigurationError) as error:
        made(
            Recycling(Region([1.0]), label="a"),
            Recycling(Region([2.0]), label="a", sources=["up", "left"]),
            Recycling(Region([2.0]), label="c", sources=Region([5.0])),
        )
    text = str(error.value)
    for wanted in (
        "a label of its own for each, found 'a' 2 times",
        "target 'a': sources: no state ['up']: there are ['far left', 'left', 'right']",
        "state 'right' is in the target 'a': nothing can restart there",
        "target 'c': sources: none of the source states",
    ):
        assert wanted in text


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Unbinding(np.nan), "unbinding: distance: expected a finite number"),
        (lambda: Rebinding(1.0, dim=-1), "rebinding: dim: expected a dimension"),
        (lambda: Unbinding(1.0, dim=2).reached(np.zeros((3, 2))), r"a dimension 2, got shape \(3, 2\)"),
        (lambda: InBins(Rectilinear([[0.0, 1.0]]), []), "at least one bin"),
        (lambda: InBins(Rectilinear([[0.0, 1.0]]), [1]), "target: bins: no bin 1"),
        (lambda: Absorbing(Region([1.0]), label=""), "expected a label of 1 to 64 bytes"),
    ],
)
def test_settings_that_do_not_fit_are_refused(make, message):
    with pytest.raises(ConfigurationError, match=message):
        make()


def test_descriptions_are_strict_json():
    for one in (
        Recycling(Unbinding(1.0), label="x", sources=["a"], every_frame=True),
        Recycling(InBins(Rectilinear([[0.0, 1.0]]), [0]), sources=Rebinding(0.1)),
        Absorbing(Region([1.0])),
    ):
        text = json.dumps(one.describe(), allow_nan=False)
        assert json.loads(text) == one.describe()
