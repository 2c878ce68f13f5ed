"""What the contract of balancers asks of plans that go step by step."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from wepy.protocols import Balance, Plan, StepwisePlan

Outcome = tuple[tuple[int, str], ...]
"""What a balance does, whatever the order of walkers: parent and weight of each new walker, to 9 digits."""


def expected_child_weight(plan: StepwisePlan, n_walkers: int) -> list[Fraction]:
    """Return the exact expectation of each walker's child weight over all outcomes."""
    expected = [Fraction(0)] * n_walkers
    for probability, balance in plan.outcomes():
        for parent, weight in zip(balance.parent.tolist(), balance.weight.tolist(), strict=True):
            expected[parent] += probability * Fraction(weight)
    return expected


def total_probability(plan: StepwisePlan) -> Fraction:
    """Return the sum of the outcomes' probabilities, which is to be 1."""
    return sum((probability for probability, _ in plan.outcomes()), Fraction(0))


def sampled_z_scores(
    weights: NDArray[np.float64], plan: Plan, n_draws: int, draw: Callable[[Plan, int], Balance]
) -> NDArray[np.float64]:
    """Return how far each mean child weight is from the weight, in the greatest standard errors that it can have.

    A number between 0 and `top` with mean w has a variance of at most w (top - w) (Bhatia and Davis, Am. Math. Mon.
    107, 353, 2000); `top` is the heaviest child weight in all draws. The variance in the draws would not do: to survive
    rarely but with much weight may not have happened there.
    """
    n_walkers = len(weights)
    found = np.empty((n_draws, n_walkers))
    for cycle in range(n_draws):
        balance = draw(plan, cycle)
        found[cycle] = np.bincount(balance.parent, weights=balance.weight, minlength=n_walkers)[:n_walkers]
    top = max(found.max(), weights.max())
    error = np.sqrt(weights * (top - weights) / n_draws) + 1e-11 * weights
    return np.asarray((found.mean(axis=0) - weights) / error, np.float64)


def canonical(plan: StepwisePlan, name: NDArray[np.int64]) -> dict[Outcome, float]:
    """Return the probability of each thing that can happen, walkers by their names."""
    found: dict[Outcome, Fraction] = {}
    for probability, balance in plan.outcomes():
        rows = zip(name[balance.parent].tolist(), balance.weight.tolist(), strict=True)
        outcome = tuple(sorted((walker, f"{weight:.9e}") for walker, weight in rows))
        found[outcome] = found.get(outcome, Fraction(0)) + probability
    return {outcome: float(probability) for outcome, probability in found.items()}
