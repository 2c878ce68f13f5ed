"""Groups of walkers that are alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_binners import ensembles

from wepy.binning import KMeansBins
from wepy.binning.clustering import k_means, spread
from wepy.errors import BinningError, ConfigurationError


def test_groups_that_lie_apart_are_found():
    centres = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [10.0, 10.0]])
    x = np.concatenate([centres + shift for shift in ([0.1, 0], [0, 0.2], [-0.1, -0.2])])
    found = KMeansBins(4, target_count=3).adapt({7: None}, x, np.full(12, 1 / 12))
    assert list(found.made) == [8, 9, 10, 11]
    assert len({tuple(found.index[k::4].tolist()) for k in range(4)}) == 4
    for index, bin_ in found.made.items():
        assert (bin_.target_count, bin_.label) == (3, "3 alike")
        np.testing.assert_allclose(bin_.centre, x[found.index == index].mean(axis=0))


@given(ensembles(min_size=0), st.integers(1, 6))
def test_there_are_as_many_groups_as_wanted_or_as_there_are_different_walkers(ensemble, n_groups):
    x, weights = ensemble
    found = KMeansBins(n_groups).adapt({}, x, weights)
    assert len(found.made) <= min(n_groups, len(np.unique(x)))
    assert sorted(set(found.index.tolist())) == list(found.made)
    if n_groups >= len(np.unique(x)):
        assert len(found.made) == len(np.unique(x))
    for value in np.unique(x):
        assert len(set(found.index[x[:, 0] == value].tolist())) == 1


@given(ensembles(), st.integers(1, 4), st.integers(-40, 40))
def test_units_do_not_matter(ensemble, n_groups, exponent):
    x, _ = ensemble
    assert k_means(x, n_groups).tolist() == k_means(x * 2.0**exponent, n_groups).tolist()


def test_the_groups_begin_far_from_each_other():
    assert spread(np.array([[0.0], [1.0], [5.0], [5.0], [-3.0]]), 4) == [1, 2, 4, 0]
    assert spread(np.array([[2.0], [2.0]]), 2) == [0]


def test_chosen_dimensions_are_compared_in_their_scale():
    x = np.array([[0.0, 0.0, 9.0], [0.0, 1.0, -9.0], [3.0, 0.0, 9.0], [3.0, 1.0, -9.0]])
    weights = np.full(4, 0.25)
    assert KMeansBins(2, dims=[0, 1]).adapt({}, x, weights).index.tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    by_scale = KMeansBins(2, dims=[0, 1], scale=[10.0, 1.0]).adapt({}, x, weights)
    assert by_scale.index.tolist() in ([0, 1, 0, 1], [1, 0, 1, 0])
    assert [bin_.centre[0] for bin_ in by_scale.made.values()] == [1.5, 1.5]


@pytest.mark.parametrize("values", [[1e308, -1e308, 0.0], [1e-300, 2e-300, 0.0]])
def test_extreme_values_are_grouped(values):
    found = KMeansBins(3).adapt({}, np.array(values)[:, None], np.full(3, 1 / 3))
    assert len(found.made) == 3
    assert sorted(bin_.centre[0] for bin_ in found.made.values()) == sorted(values)


def test_wrong_settings_and_walkers_are_named():
    with pytest.raises(ConfigurationError, match=r"n_groups: .* got 0\ndims: .* got \[1, 1\]\nscale: .* got \[0.0\]"):
        KMeansBins(0, dims=[1, 1], scale=[0.0])
    with pytest.raises(ConfigurationError, match=r"dims: expected different dimensions, .* got 1"):
        KMeansBins(2, dims=1)
    with pytest.raises(ConfigurationError, match="scale: expected 1 or 2 numbers, one for each of dims, got 3"):
        KMeansBins(2, dims=[0, 1], scale=[1, 2, 3])
    x, weights = np.zeros((2, 2)), np.full(2, 0.5)
    with pytest.raises(BinningError, match="dims: expected dimensions of the order parameter, 0 to 1"):
        KMeansBins(2, dims=[2]).adapt({}, x, weights)
    with pytest.raises(BinningError, match="scale: expected 1 or 2 numbers, one for each dimension, got 3"):
        KMeansBins(2, scale=[1, 2, 3]).adapt({}, x, weights)
    with pytest.raises(BinningError, match="walker 0: dimension 1: -inf is not a finite number"):
        KMeansBins(2).adapt({}, np.array([[0.0, -np.inf]]), np.ones(1))
