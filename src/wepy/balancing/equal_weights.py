"""Resampling to equal weights within bins: multinomial, residual, stratified and systematic."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.limits import checked_column
from wepy.balancing.lottery import Lottery
from wepy.balancing.plan import Plan
from wepy.balancing.pour import pour
from wepy.balancing.target import ByTargetCount, Occupied, checked_walkers, occupied
from wepy.errors import BinningError
from wepy.protocols import Description, GroupedPlan, KnownBins
from wepy.whole_number import is_count

Scheme = Literal["multinomial", "residual", "stratified", "systematic"]

_SORTED = ("stratified", "systematic")
_EQUAL = 1e-9  # weights this near to each other, relative to the ideal one, are equal
_GRAIN = 1e-12  # of the ideal weight: no share so small is cut off from a walker
_SMALLEST = 1e-310  # below this, float64 has too few digits left to share a weight


@dataclass(frozen=True, slots=True)
class EqualWeights(ByTargetCount):
    """Replaces the walkers of each occupied bin by as many as are wanted there, all of the same weight.

    In a bin of weight W with target count n, each new walker weighs W/n and continues a walker that is drawn by its
    weight. The expected number of a walker's children is n w / W in every scheme; they differ in how far the number
    may be from that:

    - ``multinomial``: n independent draws;
    - ``residual``: each walker has floor(n w / W) children for certain; the others are drawn as above, by what is
      left of the weights;
    - ``stratified``: the weights are laid side by side and the line is cut into n equal parts; from each part one
      walker is drawn, by how much of it the walker covers;
    - ``systematic``: the same, at the same place in each part, so that a walker's children are n w / W rounded down
      or up.

    In the last two, who lies beside whom matters: sorted along a good coordinate, a part covers walkers that are much
    the same, and least is lost by keeping one of them (Douc, Cappe and Moulines, ISPA 2005; for weighted ensembles
    Aristoff, Copperman, Simpson, Webber and Zuckerman, J. Chem. Phys. 158, 014108, 2023).

    Where a bin has its target count of walkers and all weigh the same (to 1e-9), they go on as they are. No walker
    gets lighter than 1e-310: a bin that is too light for that has fewer. New walkers are ordered by bin, then along
    the line; those of residual draws come last.

    Parameters
    ----------
    scheme : str
        ``multinomial``, ``residual``, ``stratified`` or ``systematic``.
    target_count : int
        Walkers wanted in each occupied bin; at least 1.
    sort_by : int or None
        Dimension of the order parameter along which walkers lie side by side (``stratified`` and ``systematic``
        only); None for the order of their indices.
    target_counts : mapping of int to int, or None
        Target counts of single bins, in place of `target_count` and of those that the binner gives. 0 forbids a bin.

    Raises
    ------
    ConfigurationError
        Naming every setting that does not fit.

    Examples
    --------
    >>> weights = np.array([0.5, 0.375, 0.125])
    >>> plan = EqualWeights("systematic", 2).plan(weights, np.zeros(3, np.int64), np.zeros((3, 1)))
    >>> plan.stop.tolist(), plan.member.tolist(), plan.share.tolist()
    ([1, 3], [0, 1, 2], [0.5, 0.375, 0.125])
    """

    scheme: Scheme
    target_count: int = 10
    _: KW_ONLY
    sort_by: int | None = None
    target_counts: Mapping[int, int] | None = field(default=None, hash=False)
    _known: KnownBins | None = field(default=None, init=False, repr=False, compare=False)

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
            Used with `sort_by` only.

        Raises
        ------
        BinningError
            If walkers cannot be sorted by the order parameter.
        ConfigurationError
            If walkers are in a bin whose target count is 0, or the order parameter has no dimension `sort_by`.
        ValueError
            If `weights` are not positive, or not as many as `bins`.
        """
        weights, bins = checked_walkers(weights, bins)
        found = occupied(bins) if self.sort_by is None else occupied(bins, self._along(order_parameter))
        targets = self._targets(found)
        lines = list(_lines(found, weights, targets))
        if self.scheme in _SORTED:
            return _cut(lines, together=self.scheme == "systematic")
        return _pots(lines, is_residual=self.scheme == "residual")

    def describe(self) -> Description:
        """Return kind (the scheme) and settings as JSON values."""
        return {
            "kind": self.scheme,
            "target_count": self.target_count,
            "sort_by": self.sort_by,
            "target_counts": self._described_counts(),
        }

    def _problems(self) -> Iterator[str]:
        if self.scheme not in get_args(Scheme):
            yield f"scheme: expected one of {', '.join(get_args(Scheme))}, got {self.scheme!r}"
        if self.sort_by is not None and not is_count(self.sort_by, 0):
            yield f"sort_by: expected a dimension of the order parameter, 0 or more, got {self.sort_by!r}"
        if self.sort_by is not None and self.scheme not in _SORTED:
            yield f"sort_by: walkers lie in order in {' and '.join(_SORTED)} resampling only; leave it out"

    def _along(self, order_parameter: NDArray[np.float64]) -> NDArray[np.float64]:
        dim = int(self.sort_by or 0)
        values = checked_column("sort_by", order_parameter, dim)
        lost = np.flatnonzero(np.isnan(values)).tolist()
        if lost:
            raise BinningError(f"walkers {lost}: order parameter, dimension {dim}: nan has no place in any order")
        return values


Line = tuple[list[int], list[float], int]
"""The walkers of a bin side by side, their weights, and how many are wanted; 0 if they are to go on as they are."""


def _lines(found: Occupied, weights: NDArray[np.float64], targets: list[int]) -> Iterator[Line]:
    walkers, heft = found.order.tolist(), weights[found.order].tolist()
    for start, stop, target in zip(found.start, found.stop, targets, strict=True):
        here = heft[start:stop]
        total = math.fsum(here)
        if total / target < _SMALLEST:
            target = max(1, int(total / _SMALLEST))
        is_balanced = stop - start == target and (max(here) - min(here)) * target <= _EQUAL * total
        yield walkers[start:stop], here, 0 if is_balanced else target


def _cut(lines: list[Line], *, together: bool) -> Plan:
    """Return the plan of n equal parts of each line; `together` draws all parts of a line at the same place."""
    member: list[int] = []
    share: list[float] = []
    group: list[int] = []
    ticket: list[int] = []
    for walkers, heft, target in lines:
        first, n_new = len(ticket), target or len(walkers)
        ideal = math.fsum(heft) / n_new
        for part in pour(heft, [ideal] * n_new if target else heft, _GRAIN * ideal):
            group.append(first + part.vessel)
            member.append(walkers[part.item])
            share.append(part.amount)
        ticket += [first] * n_new if together else range(first, first + n_new)
    stop = np.cumsum(np.bincount(group, minlength=len(ticket)))
    return Plan(stop=stop, member=np.array(member), share=np.array(share), ticket=np.array(ticket))


def _pots(lines: list[Line], *, is_residual: bool) -> Lottery:
    """Return the plan in which children that are certain have pots of their own, and each line has one for the rest."""
    pots: list[list[tuple[int, float]]] = []
    slots: list[int] = []
    for walkers, heft, target in lines:
        certain = [1] * len(walkers) if not target else _certain(heft, target) if is_residual else [0] * len(walkers)
        ideal = math.fsum(heft) / (target or len(walkers))
        rest = []
        for walker, weight, times in zip(walkers, heft, certain, strict=True):
            left = _left(weight, times, ideal) if target else 0.0
            if times:
                pots.append([(walker, weight - left)])
                slots.append(times)
            if left:
                rest.append((walker, left))
        if rest:
            pots.append(rest)
            slots.append(target - sum(certain))
    return Lottery(pots=Plan.from_groups(pots), slots=np.array(slots))


def _certain(heft: list[float], target: int) -> list[int]:
    """Return how many children each walker has for certain; at least one is left over where any weight is."""
    ideal = math.fsum(heft) / target
    certain = [math.floor(weight / ideal * (1 + _GRAIN)) for weight in heft]
    is_left = any(_left(weight, times, ideal) for weight, times in zip(heft, certain, strict=True))
    if is_left and sum(certain) >= target:  # walkers of next to no weight beside some that are whole
        certain[certain.index(max(certain))] -= 1
    return certain


def _left(weight: float, times: int, ideal: float) -> float:
    """Return what a walker has left for draws; nothing, if it is as heavy as its certain children up to rounding."""
    left = weight - times * ideal
    return 0.0 if left <= times * _GRAIN * ideal else left
