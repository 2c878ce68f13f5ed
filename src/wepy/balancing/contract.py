"""The U1-U7 contract that every balancer must keep, as one reusable test class.

A balancer maps parents (x_i, w_i) to children (parent(j), w'_j):

====  ==========================================================================================================
U1    unbiased: the expected weight of a parent's children is the parent's weight
U2    the weights' sum is kept to 1e-12 relative; exactly, if nothing was rounded
U3    the new weights are positive and finite
U4    the number of new walkers is what the balancer declares
U5    parents and merges name walkers that exist, and merges account for the weight that moved
U6    limits of the weights are kept, unless the input breaks them already
U7    the same input and stream give the same bits
====  ==========================================================================================================

Plans may be lists of groups or go step by step (`GroupedPlan`, `StepwisePlan`); of the latter, what is exact for
groups of any number of walkers is exact for up to 6, by all outcomes.

Subclass `BalancerContract` in a test module, say how to make the balancer, and collect it with any runner that calls
methods named `test_*` (pytest: name the subclass `Test...`). Needs hypothesis: pip install 'wepy-ensemble[testing]'.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from numpy.typing import NDArray

from wepy.balancing.stepwise_contract import (
    canonical,
    expected_child_weight,
    sampled_z_scores,
    total_probability,
)
from wepy.balancing.trial_ensemble import Ensemble, edge_ensembles, ensemble, ensembles, random_ensemble
from wepy.protocols import Balance, Balancer, GroupedPlan, StepwisePlan
from wepy.streams import Purpose, Stream

__all__ = ["BalancerContract", "Ensemble", "edge_ensembles", "ensemble", "ensembles", "random_ensemble"]

_GRAIN = 2**40  # weights that are multiples of 1/_GRAIN and sum to about 1 add without rounding


class BalancerContract:
    """Tests of the contract; a subclass gives `balancer` and may override the rest.

    Attributes
    ----------
    n_dims : int
        Dimension of the order parameters to test with.
    limits : (float, float)
        Least and greatest weight that the balancer promises.
    ignores_order : bool
        Whether permuted walkers get the permuted plan (up to ties); False for balancers that go walker by walker.
    n_draws : int
        Draws of the Monte Carlo test.
    """

    n_dims: int = 1
    limits: tuple[float, float] = (0.0, math.inf)
    ignores_order: bool = True
    n_draws: int = 4000

    def balancer(self) -> Balancer:
        """Return the balancer under test."""
        raise NotImplementedError("say which balancer to test")

    def counts(self, walkers: Ensemble) -> tuple[int, int]:
        """Return the least and the greatest number of new walkers that may come out."""
        return 1, 10**9

    def ensembles(self) -> list[Ensemble]:
        """Return the ensembles that every test runs on."""
        randoms = [random_ensemble(60, 5, seed=seed, n_dims=self.n_dims) for seed in range(3)]
        return [*edge_ensembles(self.n_dims), *randoms]

    def balanced(self) -> list[Ensemble]:
        """Return ensembles in which there is nothing to do; none by default."""
        return []

    def test_plans_are_unbiased_exactly(self) -> None:
        """U1 for up to 6 walkers, in fractions: every survivor or outcome, with its probability."""
        for walkers in self.ensembles():
            if len(walkers) <= 6:
                plan = self._plan(walkers)
                if isinstance(plan, StepwisePlan):
                    whole = total_probability(plan)
                    _demand(whole == 1, walkers, f"U1: probabilities of all outcomes sum to {whole}; expected 1")
                    found = expected_child_weight(plan, len(walkers))
                else:
                    found = _exact_child_weight(plan, plan.draw(_stream(0)), len(walkers))
                _demand_unbiased(walkers, found, 2.0**-50)

    def test_plans_share_every_walkers_weight_in_full(self) -> None:
        """U1 for groups of any number of walkers: the shares of each walker sum to its weight."""
        for walkers in self.ensembles():
            self._check_shares(walkers, self._plan(walkers))

    def test_draws_are_unbiased(self) -> None:
        """U1 by Monte Carlo: no walker's mean child weight is 5 standard errors away from its weight."""
        for walkers in self.ensembles():
            plan = self._plan(walkers)
            if isinstance(plan, StepwisePlan):
                z = sampled_z_scores(walkers.weights, plan, self.n_draws, lambda plan, cycle: plan.draw(_stream(cycle)))
            else:
                z = _z_scores(walkers, plan, self.n_draws)
            worst = int(np.argmax(np.abs(z)))
            _demand(
                bool(abs(z[worst]) < 5.0),
                walkers,
                f"U1: walker {worst} of weight {walkers.weights[worst]}: the mean weight of its children over"
                f" {self.n_draws} draws is {z[worst]:.1f} standard errors away",
            )

    def test_every_draw_keeps_the_contract(self) -> None:
        """U2 to U6 on the given ensembles."""
        for walkers in self.ensembles():
            self._check_draws(walkers)

    def test_any_ensemble_keeps_the_contract(self) -> None:
        """U1 to U6 on generated ensembles."""

        @settings(max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
        @given(ensembles(n_dims=self.n_dims))
        def check(walkers: Ensemble) -> None:
            self._check_shares(walkers, self._plan(walkers))
            self._check_draws(walkers)

        check()

    def test_the_same_stream_gives_the_same_bits(self) -> None:
        """U7: nothing but the arguments and the stream matters."""
        for walkers in self.ensembles():
            one = self._plan(walkers).draw(_stream(7))
            np.random.default_rng().random()
            two = self._plan(walkers).draw(_stream(7))
            same = all(getattr(one, name).tobytes() == getattr(two, name).tobytes() for name in Balance.__slots__)
            _demand(same, walkers, "U7: two runs with the same stream differ")

    def test_arguments_are_not_changed(self) -> None:
        """A balancer is a function of its arguments and leaves them alone."""
        for walkers in self.ensembles():
            before = [walkers.weights.copy(), walkers.bins.copy(), walkers.order_parameter.copy()]
            self._plan(walkers).draw(_stream(0))
            after = [walkers.weights, walkers.bins, walkers.order_parameter]
            same = all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
            _demand(same, walkers, "the balancer changed its arguments")

    def test_permuted_walkers_get_the_permuted_plan(self) -> None:
        """The order of walkers has no meaning (tested without ties)."""
        if not self.ignores_order:
            return
        for seed in range(5):
            walkers = random_ensemble(40, 3, seed=seed, n_dims=self.n_dims)
            if isinstance(self._plan(walkers), StepwisePlan):
                walkers = random_ensemble(6, 3, seed=seed, n_dims=self.n_dims)
            order = np.random.default_rng(seed).permutation(len(walkers))
            straight = _canonical(self._plan(walkers), np.arange(len(walkers)))
            permuted = _canonical(self._plan(walkers.permuted(order)), order)
            _demand(_alike(straight, permuted), walkers, "the plan depends on the order of the walkers")

    def test_balanced_walkers_go_on_as_they_are(self) -> None:
        """Idempotence: where there is nothing to do, nothing is done."""
        for walkers in self.balanced():
            plan = self._plan(walkers)
            balance = plan.draw(_stream(0))
            untouched = sorted(balance.parent.tolist()) == list(range(len(walkers))) and len(balance.merge_from) == 0
            _demand(untouched, walkers, "balanced walkers were cloned or merged")

    def _plan(self, walkers: Ensemble) -> GroupedPlan | StepwisePlan:
        plan = self.balancer().plan(walkers.weights, walkers.bins, walkers.order_parameter)
        if not isinstance(plan, GroupedPlan | StepwisePlan):
            raise TypeError(f"expected a plan of groups or of steps, got {type(plan).__name__}")
        return plan

    def _check_shares(self, walkers: Ensemble, plan: GroupedPlan | StepwisePlan) -> None:
        if not isinstance(plan, StepwisePlan):
            _demand_unbiased(walkers, _total_shares(plan, len(walkers)), 1e-12)

    def _check_draws(self, walkers: Ensemble) -> None:
        plan = self._plan(walkers)
        balances = [plan.draw(_stream(cycle)) for cycle in range(3)]
        if isinstance(plan, StepwisePlan) and len(walkers) <= 6:
            balances += [balance for _, balance in plan.outcomes()]
        for balance in balances:
            for problem in (
                *_sum_problems(walkers, plan, balance),
                *_parent_problems(walkers, balance),
                *self._count_problems(walkers, balance),
                *self._limit_problems(walkers, balance),
            ):
                _demand(False, walkers, problem)

    def _count_problems(self, walkers: Ensemble, balance: Balance) -> Iterator[str]:
        least, most = self.counts(walkers)
        if not least <= len(balance.parent) <= most:
            yield f"U4: {len(walkers)} walkers became {len(balance.parent)}; expected {least} to {most}"

    def _limit_problems(self, walkers: Ensemble, balance: Balance) -> Iterator[str]:
        least, most = self.limits
        if walkers.weights.min() >= least and balance.weight.min() < least * (1 - 1e-12):
            yield f"U6: weight {balance.weight.min()} below the least allowed, {least}"
        if walkers.weights.max() <= most and balance.weight.max() > most * (1 + 1e-12):
            yield f"U6: weight {balance.weight.max()} above the greatest allowed, {most}"


def _stream(cycle: int) -> Stream:
    return Stream(seed=20, purpose=Purpose.BALANCING, cycle=cycle)


def _demand(kept: bool, walkers: Ensemble, problem: str) -> None:
    if not kept:
        raise AssertionError(
            f"{problem}\n  ensemble: {walkers.name}\n  weights: {walkers.weights.tolist()}\n"
            f"  bins: {walkers.bins.tolist()}\n  order parameter: {walkers.order_parameter.tolist()}"
        )


def _groups(plan: GroupedPlan) -> Iterator[list[tuple[int, float]]]:
    """Yield the (walker, share) pairs of each group."""
    start = 0
    for stop in plan.stop.tolist():
        yield list(zip(plan.member[start:stop].tolist(), plan.share[start:stop].tolist(), strict=True))
        start = stop


def _exact_child_weight(plan: GroupedPlan, balance: Balance, n_walkers: int) -> list[Fraction]:
    """Return the exact expectation over all survivors; the weight of a new walker does not depend on its survivor."""
    expected = [Fraction(0)] * n_walkers
    for group, weight in zip(_groups(plan), balance.weight.tolist(), strict=True):
        total = sum(Fraction(share) for _, share in group)
        for walker, share in group:
            expected[walker] += Fraction(share) / total * Fraction(weight)
    return expected


def _total_shares(plan: GroupedPlan, n_walkers: int) -> list[Fraction]:
    shares: list[list[float]] = [[] for _ in range(n_walkers)]
    for walker, share in zip(plan.member.tolist(), plan.share.tolist(), strict=True):
        shares[walker].append(share)
    return [Fraction(math.fsum(parts)) for parts in shares]


def _demand_unbiased(walkers: Ensemble, expected: list[Fraction], tolerance: float) -> None:
    for walker, (found, weight) in enumerate(zip(expected, walkers.weights.tolist(), strict=True)):
        error = abs(found - Fraction(weight)) / Fraction(weight)
        problem = f"U1: walker {walker} of weight {weight}: the expected weight of its children is {float(found)}"
        _demand(error <= tolerance, walkers, problem)


def _z_scores(walkers: Ensemble, plan: GroupedPlan, n_draws: int) -> NDArray[np.float64]:
    """Return how far each mean child weight is from the weight, in standard errors of the mean over the draws.

    The errors are those of the draws themselves: groups may be drawn together. Walkers whose survival or death is too
    rare to be normally distributed over the draws score 0.
    """
    n_walkers = len(walkers)
    hits = np.full(n_walkers, np.inf)
    for group in _groups(plan):
        brought: dict[int, float] = {}
        for walker, share in group:
            brought[walker] = brought.get(walker, 0.0) + share
        total = math.fsum(brought.values())
        for walker, own in brought.items():
            rest = math.fsum(part for other, part in brought.items() if other != walker)
            hits[walker] = min(hits[walker], n_draws * min(own, rest) / total) if rest > 0 else hits[walker]
    if not np.isfinite(hits).any():
        n_draws = 1  # nothing is drawn
    children = np.zeros((n_draws, n_walkers))
    for cycle in range(n_draws):
        balance = plan.draw(_stream(cycle))
        children[cycle] = np.bincount(balance.parent, weights=balance.weight, minlength=n_walkers)[:n_walkers]
    error = children.std(axis=0) / math.sqrt(n_draws) + 1e-11 * walkers.weights
    return np.where(hits < 30, 0.0, (children.mean(axis=0) - walkers.weights) / error)


def _sum_problems(walkers: Ensemble, plan: GroupedPlan | StepwisePlan, balance: Balance) -> Iterator[str]:
    """U2 and U3."""
    if not (np.isfinite(balance.weight) & (balance.weight > 0)).all():
        yield f"U3: new weights {balance.weight.tolist()}; expected positive finite numbers"
        return
    before, after = math.fsum(walkers.weights), math.fsum(balance.weight)
    parts = balance.weight if isinstance(plan, StepwisePlan) else plan.share
    unrounded = _is_dyadic(walkers.weights) and _is_dyadic(parts)
    if (unrounded and before != after) or abs(after - before) > 1e-12 * before:
        yield f"U2: the sum of weights was {before!r} and is {after!r}"


def _is_dyadic(weights: NDArray[np.float64]) -> bool:
    return bool((weights * _GRAIN == np.floor(weights * _GRAIN)).all())


def _parent_problems(walkers: Ensemble, balance: Balance) -> Iterator[str]:
    """U5: indices are valid; what a walker gave away and what its children brought from it is its weight."""
    n_walkers, n_next = len(walkers), len(balance.parent)
    if len(balance.weight) != n_next or n_next == 0:
        yield f"U5: {n_next} parents for {len(balance.weight)} weights"
        return
    for name, index, count in (
        ("parent", balance.parent, n_walkers),
        ("merge_from", balance.merge_from, n_walkers),
        ("merge_into", balance.merge_into, n_next),
    ):
        if len(index) and not (index.min() >= 0 and index.max() < count):
            yield f"U5: {name} is in {index.min()} to {index.max()}; expected 0 to {count - 1}"
            return
    if (balance.parent[balance.merge_into] == balance.merge_from).any():
        yield "U5: a walker is recorded as merging into its own child"
    pairs = Counter(zip(balance.merge_into.tolist(), balance.merge_from.tolist(), strict=True))
    if any(times > 1 for times in pairs.values()):
        yield "U5: a merge of the same two walkers is recorded twice"
    received = np.bincount(balance.merge_into, weights=balance.merge_weight, minlength=n_next)
    own = np.bincount(balance.parent, weights=balance.weight - received, minlength=n_walkers)
    given_away = np.bincount(balance.merge_from, weights=balance.merge_weight, minlength=n_walkers)
    if not np.allclose(own + given_away, walkers.weights, rtol=1e-9, atol=1e-12):
        yield "U5: merges and children do not account for the weight of every walker"


def _canonical(plan: GroupedPlan | StepwisePlan, name: NDArray[np.int64]) -> Mapping[Any, float]:
    """Return the groups as a multiset, or the outcomes' probabilities; walkers by their names, shares to 10 digits."""
    if isinstance(plan, StepwisePlan):
        return canonical(plan, name)
    return Counter(tuple(sorted((int(name[walker]), f"{share:.9e}") for walker, share in g)) for g in _groups(plan))


def _alike(one: Mapping[Any, float], other: Mapping[Any, float]) -> bool:
    return one.keys() == other.keys() and all(abs(n - other[key]) <= 1e-9 for key, n in one.items())
