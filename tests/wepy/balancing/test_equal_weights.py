"""Resampling to equal weights."""

import json
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings

from wepy.balancing import EqualWeights, Lottery
from wepy.balancing.contract import BalancerContract, ensemble, ensembles
from wepy.ensemble import check_balance
from wepy.errors import BinningError, ConfigurationError
from wepy.protocols import Bin, GroupedPlan, InformedBalancer
from wepy.streams import Purpose, Stream

SCHEMES = ["multinomial", "residual", "stratified", "systematic"]


class EqualWeightsContract(BalancerContract):
    scheme = ""
    n_draws = 800

    def balancer(self):
        return EqualWeights(self.scheme, 4)

    def counts(self, walkers):
        n_bins = len(np.unique(walkers.bins))
        return 4 * n_bins, 4 * n_bins

    def balanced(self):
        return [
            ensemble("equal", [0.25] * 4),
            ensemble("equal but for rounding", [0.1, 0.3 - 0.2, 1.1 - 1.0, 0.1], [3] * 4),
            ensemble("equal in three bins", [0.1, 0.05, 0.01] * 4, [0, 1, 2] * 4),
        ]


class TestMultinomialKeepsTheContract(EqualWeightsContract):
    scheme = "multinomial"


class TestResidualKeepsTheContract(EqualWeightsContract):
    scheme = "residual"


class TestStratifiedKeepsTheContract(EqualWeightsContract):
    scheme = "stratified"

    def balancer(self):
        return EqualWeights(self.scheme, 4, sort_by=0)


class TestSystematicKeepsTheContract(EqualWeightsContract):
    scheme = "systematic"

    def balancer(self):
        return EqualWeights(self.scheme, 4, sort_by=0)


class TestSystematicByWalkerKeepsTheContract(EqualWeightsContract):
    scheme = "systematic"
    ignores_order = False


def plan(balancer, weights, bins=None, points=None):
    n_walkers = len(weights)
    bins = np.zeros(n_walkers, np.int64) if bins is None else np.array(bins)
    points = np.zeros((n_walkers, 1)) if points is None else np.array(points, float).reshape(n_walkers, -1)
    return balancer.plan(np.array(weights, float), bins, points)


def draws(found, n_walkers, count=400):
    """Number of children of each walker in each of many draws."""
    cycles = [found.draw(Stream(3, Purpose.BALANCING, cycle)).parent for cycle in range(count)]
    return np.array([np.bincount(parent, minlength=n_walkers) for parent in cycles])


@pytest.mark.parametrize("scheme", SCHEMES)
@settings(max_examples=60, deadline=None)
@given(walkers=ensembles())
def test_every_new_walker_of_a_bin_weighs_the_same_and_weight_flows_as_the_manager_demands(scheme, walkers):
    found = EqualWeights(scheme, 5).plan(walkers.weights, walkers.bins, walkers.order_parameter)
    assert isinstance(found, GroupedPlan)
    balance = found.draw(Stream(1, Purpose.BALANCING, 0))
    check_balance(balance, walkers.weights, 0)
    for index in np.unique(walkers.bins):
        ideal = math.fsum(walkers.weights[walkers.bins == index]) / 5
        new = balance.weight[walkers.bins[balance.parent] == index]
        np.testing.assert_allclose(new, ideal, rtol=1e-9)
        assert len(new) == 5
    assert (walkers.bins[balance.parent[balance.merge_into]] == walkers.bins[balance.merge_from]).all()


def test_children_are_as_near_to_their_expected_number_as_the_scheme_promises():
    weights = np.random.default_rng(1).dirichlet(np.full(12, 0.5))
    due = weights * 9
    count = {scheme: draws(plan(EqualWeights(scheme, 9), weights), 12) for scheme in SCHEMES}
    assert (count["systematic"] >= np.floor(due)).all()
    assert (count["systematic"] <= np.ceil(due)).all()
    assert (np.abs(count["stratified"] - due) < 2).all()
    assert (count["residual"] >= np.floor(due)).all()
    spread = {scheme: found.var(axis=0).sum() for scheme, found in count.items()}
    assert spread["systematic"] < spread["stratified"] < spread["residual"] < spread["multinomial"]
    expected = (weights * (1 - weights)).sum() * 9
    assert spread["multinomial"] == pytest.approx(expected, rel=0.15)


def test_groups_of_a_cut_line_lie_side_by_side_along_the_coordinate():
    found = plan(EqualWeights("systematic", 2, sort_by=1), [0.25] * 4, points=[[0, 3], [1, 2], [2, 1], [3, 0]])
    assert np.split(found.member, found.stop[:-1])[0].tolist() == [3, 2]
    found = plan(EqualWeights("systematic", 2), [0.25] * 4)
    assert np.split(found.member, found.stop[:-1])[0].tolist() == [0, 1]


def test_a_walker_across_a_cut_is_in_both_parts():
    found = plan(EqualWeights("stratified", 2), [0.375, 0.25, 0.375])
    assert (found.member.tolist(), found.share.tolist()) == ([0, 1, 1, 2], [0.375, 0.125, 0.125, 0.375])


def test_certain_children_have_pots_of_their_own():
    found = plan(EqualWeights("residual", 8), [0.5, 0.3125, 0.1875])
    assert found.slots.tolist() == [4, 2, 1, 1]
    assert found.pots.member.tolist() == [0, 1, 2, 1, 2]
    assert found.pots.share.tolist() == [0.5, 0.25, 0.125, 0.0625, 0.0625]


def test_a_lottery_written_out_has_the_probabilities_of_its_draws():
    found = plan(EqualWeights("multinomial", 3), [0.5, 0.3, 0.2])
    assert found.stop.tolist() == [3, 6, 9]
    slots = np.array([found.draw(Stream(3, Purpose.BALANCING, cycle)).parent for cycle in range(3000)])
    for slot, shares in zip(slots.T, np.split(found.share, found.stop[:-1]), strict=True):
        np.testing.assert_allclose(np.bincount(slot) / 3000, shares * 3, atol=5 * 0.5 / math.sqrt(3000))


def test_a_lottery_records_few_merges():
    weights = np.random.default_rng(2).dirichlet(np.ones(300))
    balance = plan(EqualWeights("multinomial", 300), weights).draw(Stream(1, Purpose.BALANCING, 0))
    assert len(balance.merge_into) < 600
    assert max(Counter(zip(balance.merge_into.tolist(), balance.merge_from.tolist(), strict=True)).values()) == 1
    check_balance(balance, weights, 0)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_ten_thousand_walkers_in_one_bin_are_no_burden(scheme):
    weights = np.exp(np.random.default_rng(0).normal(0, 2, 10_000))
    weights /= math.fsum(weights)
    found = plan(EqualWeights(scheme, 10_000), weights)
    balance = found.draw(Stream(1, Purpose.BALANCING, 0))
    check_balance(balance, weights, 0)
    np.testing.assert_allclose(balance.weight, 1e-4, rtol=1e-9)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_target_counts_come_from_the_setting_then_the_bins_then_the_default(scheme):
    balancer = EqualWeights(scheme, 2, target_counts={0: 3})
    assert isinstance(balancer, InformedBalancer)
    known = {index: Bin(label="", centre=np.zeros(1), target_count=count) for index, count in enumerate([7, 5, -1])}
    found = plan(balancer.informed(known), [0.4, 0.3, 0.2, 0.1], [0, 1, 2, 3])
    bins = found.draw(Stream(1, Purpose.BALANCING, 0)).parent
    assert np.bincount(bins).tolist() == [3, 5, 2, 2]
    assert balancer.informed(known) == balancer


def test_walkers_in_a_bin_with_target_zero_are_named():
    with pytest.raises(ConfigurationError, match="walkers 0, 2 are in bin 1, whose target count is 0"):
        plan(EqualWeights("systematic", 2, target_counts={1: 0}), [0.3, 0.3, 0.4], [1, 0, 1])


def test_a_bin_too_light_for_its_target_has_fewer_walkers():
    found = plan(EqualWeights("systematic", 10), [3e-310, 1.0], [0, 1])
    assert len(found.stop) == 13


def test_walkers_that_cannot_be_sorted_are_named():
    with pytest.raises(BinningError, match=r"walkers \[1\]: order parameter, dimension 0: nan"):
        plan(EqualWeights("systematic", 2, sort_by=0), [0.5, 0.5], points=[[0.0], [math.nan]])
    with pytest.raises(ConfigurationError, match="sort_by: no dimension 2"):
        plan(EqualWeights("systematic", 2, sort_by=2), [0.5, 0.5])


def test_all_wrong_settings_are_reported_together():
    with pytest.raises(ConfigurationError) as error:
        EqualWeights("multinomial", 0, sort_by=0, target_counts={-1: 2})
    assert [line.split(":")[0] for line in str(error.value).splitlines()] == [
        "target_count",
        "sort_by",
        "target_counts",
    ]
    with pytest.raises(ConfigurationError, match="scheme: expected one of multinomial, residual, strat"):
        EqualWeights("residuals")


def test_the_description_is_strict_json():
    text = json.dumps(EqualWeights("systematic", 4, sort_by=1, target_counts={2: 8}).describe(), allow_nan=False)
    assert json.loads(text) == {"kind": "systematic", "target_count": 4, "sort_by": 1, "target_counts": {"2": 8}}


def test_what_is_no_lottery_is_refused():
    pots = plan(EqualWeights("multinomial", 3), [0.5, 0.5]).pots
    with pytest.raises(ValueError, match="slots: expected 1 numbers, 1 or more"):
        Lottery(pots=pots, slots=np.array([0]))
