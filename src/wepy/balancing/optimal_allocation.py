"""Optimal allocation: walkers for each bin by how much it adds to the variance of what is estimated."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.equal_weights import EqualWeights
from wepy.balancing.huber_kim import HuberKim
from wepy.balancing.limits import checked_column
from wepy.balancing.target import checked_walkers, occupied
from wepy.errors import refuse
from wepy.protocols import Description, GroupedPlan
from wepy.whole_number import count_problems, is_count


@dataclass(frozen=True, slots=True)
class VarianceAlong:
    """Variance along one dimension of the order parameter: linear between points, constant beyond the outer ones.

    Parameters
    ----------
    points : sequence of float
        Strictly increasing places, in the order parameter's unit.
    values : sequence of float
        Variance at each; 0 or more, in any unit.
    dimension : int
        Dimension of the order parameter, from 0.

    Raises
    ------
    ConfigurationError
        Naming everything that does not fit.
    """

    points: Sequence[float]
    values: Sequence[float]
    dimension: int = 0

    def __post_init__(self) -> None:
        problems = []
        points, values = tuple(map(float, self.points)), tuple(map(float, self.values))
        if not points or len(points) != len(values):
            problems.append(f"expected as many values as points and at least one, got {len(values)} and {len(points)}")
        if not all(map(math.isfinite, points)) or any(a >= b for a, b in pairwise(points)):
            problems.append("points: expected finite numbers, strictly increasing")
        if not all(value >= 0 and math.isfinite(value) for value in values):
            problems.append("values: expected finite numbers, 0 or more")
        problems += count_problems("dimension", self.dimension, 0)
        refuse(f"variance: {problem}" for problem in problems)
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "values", values)

    def at(self, order_parameter: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the variance of each walker, (n_walkers,).

        Raises
        ------
        ConfigurationError
            If the order parameter, (n_walkers, n_dims), has no such dimension.
        """
        return np.interp(checked_column("variance", order_parameter, self.dimension), self.points, self.values)


@dataclass(frozen=True, slots=True)
class OptimalAllocation:
    """Shares `n_walkers` among the occupied bins so that the estimate varies least, and balances within them.

    Of bins with weights W_u, bin u gets walkers in proportion to sqrt(W_u sum_i w_i v^2(x_i)) over its walkers i. v^2
    is what one cycle from x adds to the variance of the estimate (Aristoff and Zuckerman, Multiscale Model. Simul.
    18, 646, 2020; Aristoff, Copperman, Simpson, Webber and Zuckerman, J. Chem. Phys. 158, 014108, 2023). For the flux
    into a target it is the variance, over all places x' that a cycle from x may lead to, of the mean first passage
    time from x' to the target, which is 0 in it. Its unit does not matter, and a rough guess will do: the result is
    unbiased whatever v^2 is.

    Every occupied bin gets at least `least`; the others share the rest, rounded so that the sum is `n_walkers` (the
    largest remainders are rounded up). If there are so many bins that `least` in each is more, it is that many.

    Parameters
    ----------
    n_walkers : int
        Walkers in all.
    variance : mapping of int to float, or VarianceAlong
        v^2 of each bin, or along a dimension of the order parameter.
    default_variance : float
        v^2 of bins that a mapping does not name; by default they get `least`.
    least : int
        Walkers in every occupied bin; at least 1, at most `n_walkers`.
    within : HuberKim or EqualWeights
        Balances each bin; its target count is not used.

    Raises
    ------
    ConfigurationError
        Naming every setting that does not fit.

    Examples
    --------
    >>> weights, bins = np.array([0.9, 0.09, 0.01]), np.array([0, 1, 2])
    >>> OptimalAllocation(20, {0: 0.01, 1: 1.0, 2: 9.0}).counts(weights, bins, np.zeros((3, 1)))
    {0: 9, 1: 8, 2: 3}
    """

    n_walkers: int
    variance: Mapping[int, float] | VarianceAlong = field(hash=False)
    _: KW_ONLY
    default_variance: float = 0.0
    least: int = 1
    within: HuberKim | EqualWeights = field(default_factory=HuberKim)

    def __post_init__(self) -> None:
        refuse(self._problems())
        if not isinstance(self.variance, VarianceAlong):
            variance = {int(index): float(value) for index, value in self.variance.items()}
            object.__setattr__(self, "variance", variance)

    def plan(
        self, weights: NDArray[np.float64], bins: NDArray[np.int64], order_parameter: NDArray[np.float64]
    ) -> GroupedPlan:
        """Return the plan for these walkers.

        Parameters
        ----------
        weights : (n_walkers,) float64
            Positive and finite.
        bins : (n_walkers,) int64
            Bin of each walker.
        order_parameter : (n_walkers, n_dims) float64
            Used with a variance along it, and as `within` asks.

        Raises
        ------
        ConfigurationError
            If the order parameter has no such dimension as is asked for.
        ValueError
            If `weights` are not positive, or not as many as `bins`.
        """
        counts = self.counts(weights, bins, order_parameter)
        return replace(self.within, target_counts=counts).plan(weights, bins, order_parameter)

    def counts(
        self, weights: NDArray[np.float64], bins: NDArray[np.int64], order_parameter: NDArray[np.float64]
    ) -> dict[int, int]:
        """Return the number of walkers that each occupied bin gets; raises what `plan` raises."""
        weights, bins = checked_walkers(weights, bins)
        found = occupied(bins)
        total = np.bincount(found.rank, weights=weights)
        if isinstance(self.variance, VarianceAlong):
            spread = np.bincount(found.rank, weights=weights * self.variance.at(order_parameter)).astype(np.float64)
        else:
            spread = total * np.array([self.variance.get(index, self.default_variance) for index in found.index])
        need = np.sqrt(total) * np.sqrt(spread)  # the product of two light weights may be zero
        return dict(zip(found.index, _shared(need, self.n_walkers, self.least), strict=True))

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        if isinstance(self.variance, VarianceAlong):
            points, values = list(self.variance.points), list(self.variance.values)
            variance: Description = {"dimension": self.variance.dimension, "points": points, "values": values}
        else:
            variance = {str(index): value for index, value in self.variance.items()}
        return {
            "kind": "optimal-allocation",
            "n_walkers": self.n_walkers,
            "variance": variance,
            "default_variance": self.default_variance,
            "least": self.least,
            "within": self.within.describe(),
        }

    def _problems(self) -> Iterator[str]:
        yield from count_problems("n_walkers", self.n_walkers, 1)
        yield from count_problems("least", self.least, 1)
        if is_count(self.n_walkers, 1) and is_count(self.least, 1) and self.least > self.n_walkers:
            yield (
                f"least: expected at most n_walkers, {self.n_walkers}, got {self.least}: every bin gets `least`, and"
                " there would be nothing to share out; lower it, or raise n_walkers"
            )
        if not 0 <= self.default_variance < math.inf:
            yield f"default_variance: expected a finite number, 0 or more, got {self.default_variance}"
        if self.within.target_counts:
            yield "within: expected no target_counts: the allocation says how many walkers each bin gets"
        if isinstance(self.variance, VarianceAlong):
            if self.default_variance > 0:
                yield (
                    f"default_variance: expected none, got {self.default_variance}: the variance is known along the"
                    " whole dimension; leave it out"
                )
            return
        for index, value in self.variance.items():
            if not is_count(index, 0):
                yield f"variance: expected bin indices, 0 or more, got {index!r}"
            if not 0 <= value < math.inf:
                yield f"variance[{index}]: expected a finite number, 0 or more, got {value}"


def _shared(need: NDArray[np.float64], n_walkers: int, least: int) -> list[int]:
    """Return whole numbers in proportion to `need`, each at least `least`, that sum to `n_walkers` if they can."""
    counts = np.full(len(need), least)
    left = n_walkers - least * len(need)
    if left <= 0:
        return counts.tolist()
    need = need / need.max() if need.max() > 0 else np.ones(len(need))
    above = need > 0
    while True:  # ends: each round but the last takes a bin out
        due = need * (n_walkers - least * np.count_nonzero(~above)) / need[above].sum()
        if (due[above] >= least).all():
            break
        above &= due >= least
    counts[above] = np.floor(due[above])
    order = np.lexsort((np.arange(len(need)), -np.where(above, due % 1.0, -1.0)))
    counts[order[: n_walkers - int(counts.sum())]] += 1
    return counts.tolist()
