"""Optimal allocation of walkers to bins."""

import json
import math
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wepy.balancing import EqualWeights, HuberKim, OptimalAllocation, VarianceAlong
from wepy.balancing.contract import BalancerContract, ensemble, random_ensemble
from wepy.binning import Rectilinear
from wepy.errors import ConfigurationError
from wepy.streams import Purpose, Stream

REFERENCE = json.loads((Path(__file__).parents[2] / "data/reference/doublewell_optimal_alloc_tau5.json").read_text())
PROFILE = VarianceAlong([-1.0, 0.5, 2.0], [0.1, 1.0, 0.2])
BINS = Rectilinear([[-math.inf, *np.round(np.arange(-1.2, 1.05, 0.1), 10), math.inf]])  # the last one is the target


class AllocationContract(BalancerContract):
    n_draws = 800

    def counts(self, walkers):
        count = max(12, 2 * len(np.unique(walkers.bins)))
        return count, count


class TestAllocationByBinsKeepsTheContract(AllocationContract):
    limits = (1e-310, 1.0)

    def balancer(self):
        return OptimalAllocation(12, {0: 1.0, 1: 0.1, 2: 1e-6}, least=2, default_variance=0.01)

    def balanced(self):
        return [ensemble("equal", [1 / 12] * 12), ensemble("allocated", [0.06] * 10 + [0.2] * 2, [1] * 10 + [2] * 2)]


class TestAllocationAlongTheOrderParameterKeepsTheContract(AllocationContract):
    def balancer(self):
        return OptimalAllocation(12, PROFILE, least=2, within=EqualWeights("systematic", sort_by=0))

    def balanced(self):
        return [ensemble("equal", [1 / 12] * 12)]


@cache
def steady_state():
    """The double well of the docs, recycled from x >= 1 to -1, tau = 5: its chain on a fine grid, solved."""
    points = np.append(np.arange(-2.2025, 2.2, 0.005), -1.0)  # bin edges are between nodes; the source comes last
    drift = points - 0.036 * points * (points**2 - 1)
    step = np.exp(-((points[None, :] - drift[:, None]) ** 2) / (2 * 2e-3))
    step[:, -1] = 0.0
    step /= step.sum(axis=1, keepdims=True)
    kernel = np.linalg.matrix_power(step, 5)
    is_target = points >= 1
    away = np.eye(len(points)) - kernel * ~is_target
    passage = np.linalg.solve(away, np.ones(len(points)))
    weight = np.linalg.solve(away.T, np.eye(len(points))[-1]) / passage[-1]
    delay = np.where(is_target, 0.0, passage / passage[-1])
    variance = kernel @ delay**2 - (kernel @ delay) ** 2
    here = (weight > 0) & ~is_target
    return points[here], weight[here], variance[here], 1 / passage[-1]


def test_the_allocation_in_the_steady_state_is_the_known_one():
    points, weight, variance, flux = steady_state()
    assert flux == pytest.approx(4.815868e-6, rel=2e-3)
    order = np.argsort(points)
    along = VarianceAlong(points[order][:-1:2], variance[order][:-1:2])
    bins = BINS.assign(points[:, None], weight)
    counts = OptimalAllocation(245, along, least=2).counts(weight, bins, points[:, None])
    assert list(counts.values()) == REFERENCE["N230"]
    million = OptimalAllocation(10**9, along).counts(weight, bins, points[:, None])
    np.testing.assert_allclose(np.array(list(million.values())) / 1e9, REFERENCE["frac"], rtol=0.01)
    total = np.bincount(bins, weights=weight)
    by_bin = dict(enumerate(np.bincount(bins, weights=weight * variance) / total))
    assert OptimalAllocation(245, by_bin, least=2).counts(weight, bins, points[:, None]) == counts


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-300, 0), st.integers(0, 5)), min_size=1, max_size=20),
    st.dictionaries(st.integers(0, 5), st.just(0.0) | st.floats(-30, 3).map(lambda x: 10.0**x)),
    st.integers(1, 60),
    st.integers(1, 3),
)
def test_counts_are_in_proportion_and_sum_to_all_walkers(walkers, variance, n_walkers, least):
    weights = np.array([10.0**exponent for exponent, _ in walkers])
    bins = np.array([index for _, index in walkers])
    least = min(least, n_walkers)
    counts = OptimalAllocation(n_walkers, variance, least=least).counts(weights, bins, np.zeros((len(bins), 1)))
    assert list(counts) == sorted(set(bins.tolist()))
    assert sum(counts.values()) == max(n_walkers, least * len(counts))
    assert min(counts.values()) >= least
    need = {index: math.fsum(weights[bins == index]) * math.sqrt(variance.get(index, 0.0)) for index in counts}
    rich = [index for index in counts if counts[index] > least + 1]
    for one in rich if any(need.values()) else ():
        for other in rich:
            ratio = need[one] / need[other]
            assert (counts[one] - 1) <= (counts[other] + 1) * ratio * (1 + 1e-9)


def test_bins_have_the_counts_that_they_were_given_and_the_total_is_kept():
    walkers = random_ensemble(60, 5, seed=1)
    for within in (HuberKim(), *(EqualWeights(scheme) for scheme in ("multinomial", "residual", "systematic"))):
        balancer = OptimalAllocation(50, {0: 3.0, 1: 1.0, 2: 0.1}, within=within, default_variance=0.5)
        counts = balancer.counts(walkers.weights, walkers.bins, walkers.order_parameter)
        plan = balancer.plan(walkers.weights, walkers.bins, walkers.order_parameter)
        parent = plan.draw(Stream(1, Purpose.BALANCING, 0)).parent
        assert dict(enumerate(np.bincount(walkers.bins[parent]).tolist())) == counts
        assert len(parent) == 50


def test_variances_along_a_dimension_are_linear_between_points_and_constant_beyond():
    along = VarianceAlong([0.0, 1.0], [1.0, 3.0], dimension=1)
    assert along.at(np.array([[9, -5], [9, 0.25], [9, 7]])).tolist() == [1.0, 1.5, 3.0]
    with pytest.raises(ConfigurationError, match=r"variance: no dimension 1: the order parameter has shape \(3, 1\)"):
        OptimalAllocation(4, along).plan(np.full(3, 1 / 3), np.zeros(3, np.int64), np.zeros((3, 1)))


def test_bins_share_equally_where_nothing_varies():
    counts = OptimalAllocation(8, {}).counts(np.array([0.9, 0.05, 0.05]), np.array([0, 1, 2]), np.zeros((3, 1)))
    assert counts == {0: 3, 1: 3, 2: 2}


def test_all_wrong_settings_are_reported_together():
    with pytest.raises(ConfigurationError) as error:
        OptimalAllocation(
            0, {-1: 0.5, 2: -1.0}, default_variance=math.inf, least=0, within=HuberKim(target_counts={1: 1})
        )
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == [
        "n_walkers", "least", "default_variance", "within", "variance", "variance[2]",
    ]  # fmt: skip
    with pytest.raises(ConfigurationError) as error:
        VarianceAlong([1.0, 0.0], [1.0, math.nan, 2.0], dimension=-1)
    assert len(str(error.value).splitlines()) == 4


def test_settings_that_could_do_nothing_are_refused():
    with pytest.raises(ConfigurationError, match=r"^least: expected at most n_walkers, 9, got 10: .* raise n_walkers$"):
        OptimalAllocation(9, {}, least=10)
    assert OptimalAllocation(9, {}, least=9).counts(np.ones(1), np.zeros(1), np.zeros((1, 1))) == {0: 9}
    with pytest.raises(ConfigurationError, match=r"^default_variance: expected none, got 0.5: .* leave it out$"):
        OptimalAllocation(9, PROFILE, default_variance=0.5)


def test_descriptions_are_strict_json():
    balancer = OptimalAllocation(9, {2: 0.5}, within=EqualWeights("systematic", sort_by=0))
    assert json.loads(json.dumps(balancer.describe(), allow_nan=False)) == {
        "kind": "optimal-allocation",
        "n_walkers": 9,
        "variance": {"2": 0.5},
        "default_variance": 0.0,
        "least": 1,
        "within": balancer.within.describe(),
    }
    described = OptimalAllocation(9, PROFILE).describe()["variance"]
    assert described == {"dimension": 0, "points": [-1.0, 0.5, 2.0], "values": [0.1, 1.0, 0.2]}
