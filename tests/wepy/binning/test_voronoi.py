"""Voronoi bins."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy.binning import Voronoi
from wepy.errors import BinningError, ConfigurationError

coordinates = st.integers(-20, 20).map(float)


def points(n_dims, **sizes):
    return st.lists(st.tuples(*[coordinates] * n_dims), **sizes)


def one(count):
    return np.full(count, 1 / count)


@given(
    points(2, min_size=1, max_size=6).map(lambda found: list(dict.fromkeys(found))), points(2, min_size=1, max_size=8)
)
def test_walkers_are_with_the_first_of_the_nearest_centres(centres, walkers):
    found = Voronoi(centres).assign(np.array(walkers), one(len(walkers))).tolist()
    for walker, bin_ in zip(walkers, found, strict=True):
        squares = [sum((a - b) ** 2 for a, b in zip(walker, centre, strict=True)) for centre in centres]
        assert bin_ == squares.index(min(squares))


@dataclass(frozen=True)
class OnCircle:
    """Angles in degrees."""

    def images(self, order_parameter):
        return np.radians(order_parameter)

    def between(self, images_a, images_b):
        return 1 - np.cos(images_a[:, None, 0] - images_b[None, :, 0])

    def describe(self):
        return {"kind": "circle"}


def test_another_metric_finds_other_neighbours():
    walkers = np.array([[170.0], [-170.0], [10.0]])
    assert Voronoi([[0.0], [175.0]]).assign(walkers, one(3)).tolist() == [1, 0, 0]
    assert Voronoi([[0.0], [175.0]], OnCircle()).assign(walkers, one(3)).tolist() == [1, 1, 0]


def test_a_bin_is_its_centre():
    bin_ = Voronoi([[0.0, 1.5], [2.0, 3.0]], target_counts={1: 7}).bin(1)
    assert (bin_.label, bin_.centre.tolist(), bin_.target_count, bin_.parent) == ("around (2, 3)", [2.0, 3.0], 7, -1)
    with pytest.raises(ValueError, match="read-only"):
        bin_.centre[0] = 1


@pytest.mark.parametrize(
    ("centres", "message"),
    [
        ([], "expected one list of numbers for each centre"),
        ([0.0, 1.0], "expected one list of numbers for each centre"),
        ([[0.0], [1.0, 2.0]], "all of the same length"),
        ([["a"]], "expected one list of numbers"),
        ([[0.0], [np.nan], [np.inf]], r"centres\[1\]: expected finite numbers, got \[nan\]\ncentres\[2\]"),
        (
            [[0.0], [1.0], [0.0]],
            r"centres\[2\]: expected centres apart from each other, got the same place as centres\[0\]",
        ),
    ],
)
def test_wrong_centres_are_refused(centres, message):
    with pytest.raises(ConfigurationError, match=message):
        Voronoi(centres)


def test_walkers_without_a_bin_and_bins_that_are_none_are_named():
    binner = Voronoi([[0.0, 0.0], [1.0, 1.0]])
    with pytest.raises(BinningError, match=r"walker 1: dimension 0: nan is not a finite number\n.*no bin can hold"):
        binner.assign(np.array([[0.0, 1.0], [np.nan, 1.0]]), one(2))
    with pytest.raises(BinningError, match=r"expected shape \(n_walkers, 2\)"):
        binner.assign(np.zeros((2, 3)), one(2))
    with pytest.raises(BinningError, match="no bin 2: these bins are 0 to 1"):
        binner.bin(2)
    assert binner.assign(np.zeros((0, 2)), np.zeros(0)).tolist() == []
