"""REVO balancing."""

import json
import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wepy.balancing import REVO
from wepy.balancing.contract import BalancerContract, ensemble, ensembles, random_ensemble
from wepy.errors import BinningError, ConfigurationError
from wepy.metric import Periodic
from wepy.protocols import GroupedPlan, StepwisePlan
from wepy.streams import Purpose, Stream

GOLDEN = json.loads((Path(__file__).parents[2] / "data/golden/revo_wepy.json").read_text())
of_golden = pytest.mark.parametrize("case", GOLDEN, ids=[f"{len(c['weights'])} walkers" for c in GOLDEN])


class TestREVOKeepsTheContract(BalancerContract):
    n_dims = 2
    limits = (1e-12, 0.3)
    n_draws = 200

    def balancer(self):
        return REVO(1.0, pmax=0.3)

    def ensembles(self):
        few = [random_ensemble(6, 1, seed=seed, n_dims=2, spread=0.3) for seed in range(4)]
        wide = [replace(one, order_parameter=one.order_parameter * [0.3, 3.0]) for one in few]
        return [*super().ensembles(), *wide]

    def counts(self, walkers):
        return len(walkers), len(walkers)

    def test_few_walkers_have_several_outcomes(self):
        few = [self._plan(one) for one in self.ensembles() if len(one) == 6]
        assert max(len(list(plan.outcomes())) for plan in few) >= 4

    def balanced(self):
        near = ensemble("two", [0.1] * 2, n_dims=2)
        far = ensemble("far from each other", [0.1] * 10, n_dims=2)
        return [near, replace(far, order_parameter=20 * far.order_parameter)]


class TestGreedyREVOKeepsTheContract(BalancerContract):
    limits = (1e-3, 0.5)
    n_draws = 200

    def balancer(self):
        return REVO(0.5, 0.3, exponent=2.0, pmin=1e-3, pmax=0.5, merge="greedy")

    def counts(self, walkers):
        return len(walkers), len(walkers)


def plan(balancer, weights, points):
    points = np.array(points, float).reshape(len(weights), -1)
    return balancer.plan(np.array(weights, float), np.zeros(len(weights), int), points)


def golden_balancer(case):
    given = case["params"]
    return REVO(
        given["merge_dist"], given["char_dist"], pmin=given["pmin"], pmax=given["pmax"], merge=given["merge_alg"]
    )


def merge_groups(balance):
    groups = {}
    for into, source in zip(balance.merge_into.tolist(), balance.merge_from.tolist(), strict=True):
        groups.setdefault(into, [int(balance.parent[into])]).append(source)
    return sorted(sorted(group) for group in groups.values())


def clone_counts(balance):
    return {str(walker): int(n) for walker, n in enumerate(np.bincount(balance.parent)) if n > 1}


@of_golden
def test_variation_is_that_of_wepy(case):
    found = plan(golden_balancer(case), case["weights"], case["positions"])
    assert found.variation == pytest.approx(case["variation_initial_sum_i_lt_j"], rel=1e-12)


@of_golden
def test_every_run_of_wepy_is_one_of_the_outcomes(case):
    balancer = golden_balancer(case)
    outcomes = [balance for _, balance in plan(balancer, case["weights"], case["positions"]).outcomes()]
    for run in case["runs_by_python_random_seed"]:
        alike = [
            balance
            for balance in outcomes
            if merge_groups(balance) == run["merge_groups"]
            and clone_counts(balance) == run["clone_counts"]
            and np.allclose(np.sort(balance.weight), run["weights_out_sorted"], rtol=1e-12, atol=0)
        ]
        points = np.array(case["positions"], float).reshape(len(case["weights"]), -1)
        after = [plan(balancer, b.weight, points[b.parent]).variation for b in alike]
        assert any(v == pytest.approx(run["variation_final"], rel=1e-9) for v in after)


def variation(copies, weights, spread, pmin):
    """V and all V_i, by their definitions."""
    phi = [max(0.0, math.log(w / a) - math.log(pmin / 100)) if a > 0 else 0.0 for a, w in zip(copies, weights, strict=True)]  # fmt: skip # noqa: E501
    n = len(copies)
    each = [sum(copies[j] * spread[i][j] * phi[i] * phi[j] for j in range(n)) for i in range(n)]
    return sum(a * v for a, v in zip(copies, each, strict=True)) / 2, each


def by_the_book(balancer, weights, points, uniform):
    """Steps as published, everything computed anew in each."""
    n, weights, copies, survived = len(weights), list(weights), [1.0] * len(weights), set()
    distance = balancer.metric.between(balancer.metric.images(points), balancer.metric.images(points))
    spread = (distance / balancer.characteristic_distance) ** balancer.exponent
    while True:
        now, each = variation(copies, weights, spread, balancer.pmin)
        able = [i for i in range(n) if copies[i] >= 1 and i not in survived and weights[i] / (copies[i] + 1) > balancer.pmin]  # fmt: skip # noqa: E501
        if not able:
            break
        cloned = max(able, key=lambda i: (each[i], -i))
        free = [i for i in range(n) if i != cloned and copies[i] == 1 and weights[i] < balancer.pmax]
        pairs = [(i, j) for i in free for j in free if i < j and distance[i, j] < balancer.merge_distance and weights[i] + weights[j] < balancer.pmax]  # fmt: skip # noqa: E501
        if balancer.merge == "greedy" and free:
            least = min(free, key=lambda i: (each[i], i))
            pairs = sorted((p for p in pairs if least in p), key=lambda p: (distance[p], sum(p)))[:1]
        if not pairs:
            break
        i, j = min(pairs, key=lambda p: ((weights[p[1]] * each[p[0]] + weights[p[0]] * each[p[1]]) / (weights[p[0]] + weights[p[1]]), p))  # fmt: skip # noqa: E501
        both = weights[i] + weights[j]
        trial = copies.copy()
        trial[cloned] += 1
        trial[i], trial[j] = weights[i] / both, weights[j] / both
        if not variation(trial, weights, spread, balancer.pmin)[0] > now * (1 + 1e-12):
            break
        keep, lose = (i, j) if uniform() * both < weights[i] else (j, i)
        copies[cloned] += 1
        copies[lose], weights[keep], weights[lose] = 0.0, both, 0.0
        survived |= {keep}
    parent = [i for i in range(n) for _ in range(int(copies[i]))]
    return parent, [weights[i] / copies[i] for i in parent]


@settings(max_examples=60)
@given(
    st.integers(3, 30),
    st.integers(0, 10**6),
    st.sampled_from([0.3, 1.0, 3.0]),
    st.sampled_from([0.1, 0.5]),
    st.sampled_from(["pairs", "greedy"]),
    st.sampled_from([2.0, 4.0]),
)
def test_steps_are_those_of_the_book(n, seed, merge_distance, pmax, merge, exponent):
    walkers = random_ensemble(n, 1, seed=seed, n_dims=2)
    balancer = REVO(merge_distance, 0.7, exponent=exponent, pmin=1e-6, pmax=pmax, merge=merge)
    stream = Stream(seed=seed, purpose=Purpose.BALANCING)
    found = plan(balancer, walkers.weights, walkers.order_parameter).draw(stream)
    parent, weight = by_the_book(balancer, walkers.weights, walkers.order_parameter, stream.generator().random)
    assert found.parent.tolist() == parent
    np.testing.assert_allclose(found.weight, weight, rtol=1e-12)


@pytest.mark.parametrize("merge_distance", [0.1, 0.5, 9.0])
def test_many_walkers_go_the_same_steps_as_by_the_book(merge_distance, monkeypatch):
    monkeypatch.setattr("wepy.balancing.least_pair._FEWEST", 50)
    monkeypatch.setattr("wepy.balancing.least_pair._MOST", 200)
    walkers = random_ensemble(60, 1, seed=3, n_dims=2)
    balancer = REVO(merge_distance, pmax=0.05)
    stream = Stream(seed=1, purpose=Purpose.BALANCING)
    found = plan(balancer, walkers.weights, walkers.order_parameter).draw(stream)
    parent, _ = by_the_book(balancer, walkers.weights, walkers.order_parameter, stream.generator().random)
    assert found.parent.tolist() == parent


@given(ensembles(max_walkers=9, n_dims=2))
def test_every_draw_is_an_outcome_and_their_probabilities_sum_to_one(walkers):
    found = plan(REVO(2.0, pmax=0.6), walkers.weights, walkers.order_parameter)
    outcomes = list(found.outcomes())
    assert sum(probability for probability, _ in outcomes) == Fraction(1)
    all_of_them = {(tuple(b.parent.tolist()), tuple(b.weight.tolist())) for _, b in outcomes}
    for cycle in range(3):
        drawn = found.draw(Stream(seed=3, purpose=Purpose.BALANCING, cycle=cycle))
        assert (tuple(drawn.parent.tolist()), tuple(drawn.weight.tolist())) in all_of_them


def test_the_characteristic_distance_changes_no_decision():
    walkers = random_ensemble(40, 1, seed=2)
    stream = Stream(seed=2, purpose=Purpose.BALANCING)
    one, other = (plan(REVO(0.5, d), walkers.weights, walkers.order_parameter) for d in (1.0, 2.0))
    assert one.variation == pytest.approx(16 * other.variation)
    assert one.draw(stream).parent.tolist() == other.draw(stream).parent.tolist()


def test_walkers_may_be_near_across_a_period():
    points = [[-3.1], [-2.7], [3.1], [0.0]]
    found = list(plan(REVO(0.3, pmax=0.9, metric=Periodic(2 * math.pi)), [0.25] * 4, points).outcomes())
    assert {source for _, b in found for source in b.merge_from.tolist()} == {0, 2}
    assert len(list(plan(REVO(0.3, pmax=0.9), [0.25] * 4, points).outcomes())) == 1


def test_a_plan_is_stepwise_and_stays_as_it_is():
    found = plan(REVO(5.0, pmax=0.9), [0.2] * 5, range(5))
    assert isinstance(found, StepwisePlan)
    assert not isinstance(found, GroupedPlan)
    before = found.variation
    stream = Stream(seed=1, purpose=Purpose.BALANCING)
    assert found.draw(stream).parent.tolist() == found.draw(stream).parent.tolist()
    assert found.variation == before


def test_walkers_that_are_not_finite_are_named():
    with pytest.raises(BinningError, match=r"walker 1: \[nan\]"):
        plan(REVO(1.0), [0.5, 0.5], [[0.0], [np.nan]])
    with pytest.raises(ValueError, match=r"found 0\.0 of walker 0"):
        plan(REVO(1.0), [0.0, 0.5], [[0.0], [1.0]])


def test_distances_that_overflow_are_named():
    with pytest.raises(ConfigurationError, match=r"walkers 0 and 1 are 1e\+90 apart.* give a characteristic_distance"):
        plan(REVO(1.0), [0.5, 0.5], [[0.0], [1e90]])
    assert plan(REVO(1.0, 1e90), [0.5, 0.5], [[0.0], [1e90]]).variation > 0


def test_settings_that_do_not_fit_are_named_together():
    with pytest.raises(ConfigurationError) as caught:
        REVO(0.0, -1.0, exponent=math.inf, pmin=0.0, merge="all")
    names = ["merge_distance", "characteristic_distance", "exponent", "pmin, pmax", "merge"]
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == names
    json.dumps(REVO(1.0).describe(), allow_nan=False)


def test_a_limit_that_no_walker_can_exceed_is_refused():
    with pytest.raises(ConfigurationError, match=r"^pmax: expected at most 1, got 2.0: .* 1 sets no limit$"):
        REVO(1.0, pmax=2.0)
    assert REVO(1.0, pmax=1.0).pmax == 1.0
