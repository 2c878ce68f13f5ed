"""WExplore balancing."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy.balancing import WExplore
from wepy.balancing.contract import BalancerContract, ensemble, ensembles
from wepy.binning import RegionTree
from wepy.errors import ConfigurationError
from wepy.metric import Euclidean
from wepy.protocols import Bin, InformedBalancer

GOLDEN = json.loads((Path(__file__).parents[2] / "data/golden/wexplore_wepy_patched.json").read_text())
IDS = [f"{len(c['cycles'][0]['weights'])} walkers" for c in GOLDEN]


class WithRegions:
    """WExplore and its regions: a balancer by order parameters alone."""

    def __init__(self, tree, balancer):
        self.tree, self.balancer = tree, balancer

    def plan(self, weights, bins, order_parameter):
        found = self.tree.adapt({}, order_parameter, weights)
        return self.balancer.informed(found.made).plan(weights, found.index, order_parameter)

    def describe(self):
        return {}


class TestWExploreInBinsKeepsTheContract(BalancerContract):
    n_draws = 1500
    limits = (1e-12, 0.1)

    def balancer(self):
        return WExplore()

    def counts(self, walkers):
        return len(walkers), len(walkers)

    def balanced(self):
        return [ensemble("even", [1 / 12] * 12, [0, 1, 2] * 4), ensemble("no more to gain", [0.3, 0.3, 0.4], [0, 0, 1])]


class TestWExploreInRegionsKeepsTheContract(BalancerContract):
    n_draws = 1500
    n_dims = 2
    limits = (1e-12, 0.5)
    ignores_order = False  # who comes first makes a region

    def balancer(self):
        return WithRegions(RegionTree([2.0, 1.0, 0.3], [4, 4, 4]), WExplore(pmax=0.5))

    def counts(self, walkers):
        return len(walkers), len(walkers)


class TestWExploreWithOtherNumbersKeepsTheContract(BalancerContract):
    n_draws = 1500
    limits = (1e-3, 0.9)

    def balancer(self):
        return WExplore(1e-3, 0.9, n_walkers=20)

    def counts(self, walkers):
        return min(len(walkers), 20), max(len(walkers), 20)


def groups(plan):
    return [part.tolist() for part in np.split(plan.member, plan.stop[:-1])]


def golden_plans(case, order):
    """The plans of all cycles; regions go on from those of wepy."""
    params = case["params"]
    tree = RegionTree(params["max_region_sizes"], params["max_n_regions"], order=order)
    balancer = WExplore(params["pmin"], params["pmax"])
    known = tree.adapt({}, np.array([case["init_position"]]), np.ones(1)).made
    for cycle in case["cycles"]:
        weights, positions = np.array(cycle["weights"]), np.array(cycle["positions"])
        found = tree.adapt(known, positions, weights)
        known = known | found.made
        yield cycle, balancer.informed(known).plan(weights, found.index, positions)


def is_golden(cycle, plan):
    merged = sorted(sorted(one) for one in groups(plan) if len(one) > 1)
    clones = plan.clones(len(cycle["weights"]))
    cloned = {str(walker): int(n) for walker, n in enumerate(clones) if n > 1}
    same = np.allclose(np.sort(plan.weight), cycle["weights_out_sorted"], rtol=1e-12, atol=0)
    return (merged, cloned, same) == (cycle["merge_groups"], cycle["clone_counts"], True)


@pytest.mark.parametrize("case", GOLDEN, ids=IDS)
def test_groups_clones_and_weights_are_those_of_wepy(case):
    for cycle, plan in golden_plans(case, "sequential"):
        assert is_golden(cycle, plan)


@st.composite
def walkers_in_regions(draw):
    walkers = draw(ensembles(n_dims=2, max_walkers=30))
    tree = RegionTree([2.0, 0.7, 0.2], [3, 3, 3], Euclidean())
    found = tree.adapt({}, walkers.order_parameter, walkers.weights)
    return walkers, found


@given(walkers_in_regions(), st.sampled_from([1e-12, 1e-3]), st.sampled_from([0.1, 0.9]))
def test_nobody_is_both_cloned_and_merged_and_siblings_are_even(made, pmin, pmax):
    walkers, found = made
    plan = WExplore(pmin, pmax).informed(found.made).plan(walkers.weights, found.index, walkers.order_parameter)
    assert len(plan.stop) == len(walkers)
    clones = plan.clones(len(walkers))
    members = groups(plan)
    assert all(clones[walker] == 1 for group in members if len(group) > 1 for walker in group)
    for group in members:
        assert len(set(found.index[group])) == 1
    bins_with_a_merge = [found.index[group[0]] for group in members if len(group) > 1]
    assert len(set(bins_with_a_merge)) == len(bins_with_a_merge)


@given(st.lists(st.integers(1, 8), min_size=1, max_size=8), st.integers(0, 40))
def test_siblings_differ_by_one_walker_at_most_if_weights_allow(counts, more):
    bins = np.repeat(np.arange(len(counts)), counts)
    weights = np.full(len(bins), 1 / len(bins))
    n_walkers = len(counts) + more
    plan = WExplore(pmax=1.0, n_walkers=n_walkers).plan(weights, bins, np.zeros((len(bins), 1)))
    after = np.bincount([bins[group[0]] for group in groups(plan)])
    assert after.sum() == n_walkers
    assert after.max() - after.min() <= 1


def bins(**parents):
    return {int(k[1:]): Bin(label="", centre=np.zeros(1), parent=p) for k, p in parents.items()}


def counts_after(plan, index):
    return dict(zip(*np.unique([index[group[0]] for group in groups(plan)], return_counts=True), strict=True))


def test_walkers_are_shared_out_by_level():
    known = bins(_0=-1, _1=-1, _2=0, _3=0, _4=1)
    index = np.array([2, 2, 2, 2, 2, 2, 3, 4])
    weights, points = np.full(8, 0.125), np.zeros((8, 1))
    assert counts_after(WExplore(pmax=1.0).informed(known).plan(weights, index, points), index) == {2: 2, 3: 2, 4: 4}
    assert counts_after(WExplore(pmax=1.0).plan(weights, index, points), index) == {2: 3, 3: 2, 4: 3}


def test_a_bin_with_walkers_may_hold_other_bins():
    known = bins(_0=-1, _1=0, _2=0, _3=-1)
    index = np.array([0, 0, 0, 0, 1, 2, 3, 3])
    plan = WExplore(pmax=1.0).informed(known).plan(np.full(8, 0.125), index, np.zeros((8, 1)))
    assert counts_after(plan, index) == {0: 2, 1: 1, 2: 1, 3: 4}


def test_the_heaviest_is_cloned_and_the_lightest_are_merged():
    weights = np.array([0.05, 0.3, 0.1, 0.15, 0.4])
    index = np.array([0, 0, 0, 0, 1])
    plan = WExplore(pmax=0.9).plan(weights, index, np.zeros((5, 1)))
    assert groups(plan) == [[0, 2], [1], [3], [4], [4]]


def test_limits_of_weights_come_before_numbers():
    weights = np.array([0.3, 0.3, 0.3, 0.1])
    assert len(WExplore(pmax=0.5, n_walkers=1).plan(weights, np.zeros(4, int), np.zeros((4, 1))).stop) == 3
    assert len(WExplore(pmin=0.09, pmax=0.5, n_walkers=99).plan(weights, np.zeros(4, int), np.zeros((4, 1))).stop) == 10


def test_settings_that_do_not_fit_are_named_together():
    with pytest.raises(ConfigurationError, match=r"(?s)pmin, pmax: expected .* got 0.5 and 0.1\nn_walkers: expected"):
        WExplore(0.5, 0.1, n_walkers=0)
    assert WExplore(n_walkers=3).describe()["n_walkers"] == 3
    assert isinstance(WExplore(), InformedBalancer)


def test_weights_that_are_none_are_refused():
    with pytest.raises(ValueError, match=r"found -1\.0 of walker 1"):
        WExplore().plan(np.array([1.0, -1.0]), np.zeros(2, int), np.zeros((2, 1)))
    with pytest.raises(ValueError, match="at least one walker"):
        WExplore().plan(np.array([]), np.array([], int), np.zeros((0, 1)))
