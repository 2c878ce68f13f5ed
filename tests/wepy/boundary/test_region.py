"""Regions and recycling."""

import json
import math

import numpy as np
import pytest

from wepy.boundary import Recycling, Region, exits
from wepy.errors import ConfigurationError


def recycle(points, probability=(1.0,), *, region=None, seed=1, cycle=0):
    points = np.array(points, float)
    labels = [str(place) for place in range(len(probability))]
    away = np.full((len(probability), points.shape[1]), -9.0)
    found = exits(
        [Recycling(region or Region(lower=[1.0]))], labels, probability, away, first_source=0, n_states=len(labels)
    )
    return found.events([point[None] for point in points], seed=seed, cycle=cycle)


def test_a_region_is_half_open():
    region = Region(lower=[0.0, -math.inf], upper=[1.0, 2.0])
    points = np.array([[0.0, -9.0], [1.0, 0.0], [0.5, 2.0], [-0.1, 0.0], [0.999, 1.999], [math.nan, 0.0]])
    assert region.reached(points).tolist() == [True, False, False, False, True, False]


def test_a_region_without_upper_edges_is_open():
    assert Region(lower=[1.0]).reached(np.array([[1.0], [1e300], [0.999]])).tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("lower", "upper", "message"),
    [
        ([], None, "one lower and one upper edge for each dimension, got 0 and 0"),
        ([0.0], [1.0, 2.0], "got 1 and 2"),
        ([0.0, 1.0], [1.0, 1.0], "dimension 1: expected lower < upper, got 1 and 1"),
        ([math.nan], None, "dimension 0: expected lower < upper, got nan and inf"),
        (1.0, None, "target: lower: expected a list of numbers"),
    ],
)
def test_edges_that_hold_no_box_are_refused(lower, upper, message):
    with pytest.raises(ConfigurationError, match=message):
        Region(lower=lower, upper=upper)


def test_a_region_of_another_dimension_than_the_order_parameter_is_refused():
    with pytest.raises(
        ConfigurationError, match=r"expected an order parameter of shape \(n_walkers, 1\), got \(2, 2\)"
    ):
        Region(lower=[0.0]).reached(np.zeros((2, 2)))


def test_descriptions_are_strict_json():
    text = json.dumps(Recycling(Region(lower=[1.0])).describe(), allow_nan=False)
    assert json.loads(text) == {
        "kind": "recycling",
        "target": {"kind": "region", "lower": [1.0], "upper": ["inf"]},
    }
    assert Region(lower=[1.0], upper=["inf"]) == Region(lower=[1.0])


def test_walkers_in_the_target_are_recycled():
    events = recycle([[1.5], [0.0], [1.0], [-3.0]])
    assert events.walker.tolist() == [0, 2]
    assert events.source.tolist() == [0, 0]
    assert len(events) == 2


def test_no_hits_are_no_events():
    events = recycle([[0.0]])
    assert len(events) == 0
    assert (events.walker.dtype, events.source.dtype, events.kind.dtype) == (np.int64, np.int64, np.uint8)


def test_the_source_of_a_walker_does_not_depend_on_who_else_has_arrived():
    probability = [0.25, 0.25, 0.25, 0.25]
    everyone = recycle([[2.0]] * 40, probability)
    some = recycle([[2.0 if walker % 3 else 0.0] for walker in range(40)], probability)
    assert some.source.tolist() == everyone.source[some.walker].tolist()


def test_sources_differ_between_cycles_and_seeds_and_repeat_for_the_same_ones():
    probability = [0.5, 0.5]
    first = recycle([[2.0]] * 60, probability).source.tolist()
    assert recycle([[2.0]] * 60, probability).source.tolist() == first
    assert recycle([[2.0]] * 60, probability, cycle=1).source.tolist() != first
    assert recycle([[2.0]] * 60, probability, seed=2).source.tolist() != first


def test_sources_are_drawn_by_their_probability():
    probability = np.array([0.05, 0.7, 0.25])
    found = np.bincount(recycle([[2.0]] * 10_000, probability).source, minlength=3) / 10_000
    assert (np.abs(found - probability) < 5 * np.sqrt(probability * (1 - probability) / 10_000)).all()


def test_probabilities_may_miss_one_by_rounding():
    assert recycle([[2.0]], [0.1] * 10).walker.tolist() == [0]
    assert recycle([[2.0]], [1 / 3, 1 / 3, 1 / 3 - 1e-10]).walker.tolist() == [0]


def test_events_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        recycle([[2.0]]).source[0] = 3
