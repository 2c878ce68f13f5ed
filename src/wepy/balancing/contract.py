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

Subclass `BalancerContract` in a test module, say how to make the balancer, and collect it with any runner that calls
methods named `test_*` (pytest: name the subclass `Test...`). Needs hypothesis: pip install 'wepy-ensemble[testing]'.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import hypothesis.strategies as st
import numpy as np
from hypothesis import HealthCheck, given, settings
from numpy.typing import NDArray

from wepy.protocols import Balance, Balancer, GroupedPlan
from wepy.streams import Purpose, Stream

_GRAIN = 2**40  # weights that are multiples of 1/_GRAIN and sum to about 1 add without rounding


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ensemble:
    """Walkers to balance.

    Parameters
    ----------
    name : str
        What is special about them.
    weights : (n_walkers,) float64
        Positive; the sum is about 1.
    bins : (n_walkers,) int64
        Bin of each walker.
    order_parameter : (n_walkers, n_dims) float64
        Order parameter of each walker.
    """

    name: str
    weights: NDArray[np.float64]
    bins: NDArray[np.int64]
    order_parameter: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weights)

    def permuted(self, order: NDArray[np.int64]) -> Ensemble:
        """Return the same walkers in another order."""
        return Ensemble(
            name=f"{self.name}, permuted",
            weights=self.weights[order],
            bins=self.bins[order],
            order_parameter=self.order_parameter[order],
        )


def ensemble(name: str, weights: list[float], bins: list[int] | None = None, n_dims: int = 1) -> Ensemble:
    """Return an ensemble; by default all walkers are in bin 0, at different points 0.1 apart."""
    n_walkers = len(weights)
    return Ensemble(
        name=name,
        weights=np.array(weights, np.float64),
        bins=np.zeros(n_walkers, np.int64) if bins is None else np.array(bins, np.int64),
        order_parameter=np.repeat(0.1 * np.arange(n_walkers)[:, None], n_dims, axis=1),
    )


def edge_ensembles(n_dims: int = 1) -> list[Ensemble]:
    """Return the ensembles on which resamplers have been seen to fail."""
    wide = np.array([10.0**exponent for exponent in range(-300, 1, 25)])
    point = ensemble("all walkers in one point", [0.125] * 8, n_dims=n_dims)
    return [
        ensemble("one walker", [1.0], n_dims=n_dims),
        ensemble("all weights equal", [1 / 24] * 24, [0] * 10 + [1] * 14, n_dims),
        ensemble("one walker with nearly everything", [1 - 1e-15, *[1e-18] * 9], n_dims=n_dims),
        ensemble("weights from 1e-300 to 1", (wide / wide.sum()).tolist(), n_dims=n_dims),
        ensemble("duplicates", [0.2, 0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1], [0, 0, 1, 1, 1, 1, 0, 0], n_dims),
        Ensemble(
            name=point.name,
            weights=point.weights,
            bins=point.bins,
            order_parameter=np.zeros_like(point.order_parameter),
        ),
        ensemble("far bins, most of them empty", [0.5, 0.25, 0.25], [1000, 3, 10**9], n_dims),
        ensemble("dyadic", [0.5, 0.25, 0.125, 0.0625, 0.0625], n_dims=n_dims),
        ensemble("few in one bin", [0.7, 0.1, 0.1, 0.05, 0.05], n_dims=n_dims),
        ensemble("few in two bins", [0.4, 0.3, 0.15, 0.1, 0.04, 0.01], [0, 0, 0, 1, 1, 1], n_dims),
    ]


def random_ensemble(n_walkers: int, n_bins: int, *, seed: int, n_dims: int = 1, spread: float = 2.0) -> Ensemble:
    """Return walkers without ties; the logarithms of their weights have the standard deviation `spread`."""
    random = np.random.default_rng(seed)
    weights = np.exp(random.normal(0.0, spread, n_walkers))
    return Ensemble(
        name=f"{n_walkers} random walkers in {n_bins} bins, seed {seed}",
        weights=weights / math.fsum(weights),
        bins=random.integers(0, n_bins, n_walkers),
        order_parameter=random.normal(0.0, 1.0, (n_walkers, n_dims)),
    )


@st.composite
def ensembles(draw: st.DrawFn, max_walkers: int = 40, n_dims: int = 1) -> Ensemble:
    """Generate ensembles with ties, with exact and with very different weights, in a few bins."""
    n_walkers = draw(st.integers(1, max_walkers))
    exact = st.integers(1, 2**20).map(float)
    kind = draw(st.sampled_from([exact, st.integers(1, 3).map(float), st.floats(-200.0, 0.0).map(lambda x: 10.0**x)]))
    weights = np.array(draw(st.lists(kind, min_size=n_walkers, max_size=n_walkers)))
    bins = draw(st.lists(st.integers(0, 3), min_size=n_walkers, max_size=n_walkers))
    point = st.floats(-4.0, 4.0)
    points = draw(st.lists(point, min_size=n_walkers * n_dims, max_size=n_walkers * n_dims))
    scale = math.fsum(weights) if kind is not exact else 2.0 ** math.ceil(math.log2(weights.sum()))
    return Ensemble(
        name="generated",
        weights=weights / scale,
        bins=np.array(bins, np.int64),
        order_parameter=np.array(points, np.float64).reshape(n_walkers, n_dims),
    )


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
        """U1 for up to 6 walkers, in fractions: every survivor of every group, with its probability."""
        for walkers in self.ensembles():
            if len(walkers) <= 6:
                plan = self._plan(walkers)
                found = _exact_child_weight(plan, plan.draw(_stream(0)), len(walkers))
                _demand_unbiased(walkers, found, 2.0**-50)

    def test_plans_share_every_walkers_weight_in_full(self) -> None:
        """U1 for any number of walkers: the shares of each walker sum to its weight."""
        for walkers in self.ensembles():
            plan = self._plan(walkers)
            _demand_unbiased(walkers, _total_shares(plan, len(walkers)), 1e-12)

    def test_draws_are_unbiased(self) -> None:
        """U1 by Monte Carlo: no walker's mean child weight is 5 standard errors away from its weight."""
        for walkers in self.ensembles():
            plan = self._plan(walkers)
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
            _demand_unbiased(walkers, _total_shares(self._plan(walkers), len(walkers)), 1e-12)
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
            order = np.random.default_rng(seed).permutation(len(walkers))
            straight = _canonical(self._plan(walkers), np.arange(len(walkers)))
            permuted = _canonical(self._plan(walkers.permuted(order)), order)
            _demand(straight == permuted, walkers, "the plan depends on the order of the walkers")

    def test_balanced_walkers_go_on_as_they_are(self) -> None:
        """Idempotence: where there is nothing to do, nothing is done."""
        for walkers in self.balanced():
            plan = self._plan(walkers)
            untouched = sorted(plan.member.tolist()) == list(range(len(walkers))) and len(plan.stop) == len(walkers)
            _demand(untouched, walkers, "balanced walkers were cloned or merged")

    def _plan(self, walkers: Ensemble) -> GroupedPlan:
        plan = self.balancer().plan(walkers.weights, walkers.bins, walkers.order_parameter)
        if not isinstance(plan, GroupedPlan):
            raise TypeError(f"expected a plan of groups, got {type(plan).__name__}")
        return plan

    def _check_draws(self, walkers: Ensemble) -> None:
        plan = self._plan(walkers)
        for cycle in range(3):
            balance = plan.draw(_stream(cycle))
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


def _sum_problems(walkers: Ensemble, plan: GroupedPlan, balance: Balance) -> Iterator[str]:
    """U2 and U3."""
    if not (np.isfinite(balance.weight) & (balance.weight > 0)).all():
        yield f"U3: new weights {balance.weight.tolist()}; expected positive finite numbers"
        return
    before, after = math.fsum(walkers.weights), math.fsum(balance.weight)
    unrounded = _is_dyadic(walkers.weights) and _is_dyadic(plan.share)
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


def _canonical(plan: GroupedPlan, name: NDArray[np.int64]) -> Counter[tuple[tuple[int, str], ...]]:
    """Return the groups as a multiset, walkers by their names, shares to 10 digits."""
    return Counter(tuple(sorted((int(name[walker]), f"{share:.9e}") for walker, share in g)) for g in _groups(plan))
