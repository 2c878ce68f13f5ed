"""Target counts: how many walkers each occupied bin is to have, and walkers in order of their bins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.limits import checked_weights
from wepy.errors import refuse
from wepy.protocols import KnownBins
from wepy.whole_number import count_problems, is_count


class ByTargetCount:
    """What balancers share that give each occupied bin its target count; a base of frozen dataclasses.

    Attributes
    ----------
    target_count : int
        What a bin gets that is not named elsewhere.
    target_counts : mapping of int to int, or None
        The balancer's own target counts by bin.
    """

    __slots__ = ()

    target_count: int
    target_counts: Mapping[int, int] | None
    _known: KnownBins | None

    def __post_init__(self) -> None:
        single = self.target_counts or {}
        own = count_problems("target_count", self.target_count, 1)
        refuse([*own, *self._problems(), *_single_problems(single)])
        plain = {int(index): int(wanted) for index, wanted in single.items()}
        object.__setattr__(self, "target_counts", None if self.target_counts is None else plain)

    def informed(self, known: KnownBins) -> Self:
        """Return the balancer that also heeds the target counts that the binner gives to bins."""
        found = copy(self)
        object.__setattr__(found, "_known", known)
        return found

    def _problems(self) -> Iterator[str]:
        """Yield what is wrong with the other settings."""
        yield from ()

    def _targets(self, found: Occupied) -> list[int]:
        """Return the target count of each occupied bin: the balancer's own, else the bin's, else that of all.

        Raises
        ------
        ConfigurationError
            If a bin with walkers has target count 0; names all such bins and their walkers.
        """
        if not self.target_counts and not self._known:
            return [self.target_count] * len(found.index)
        single, known = self.target_counts or {}, self._known or {}
        targets = []
        for index in found.index:
            asked = known[index].target_count if index in known else -1  # below 0 it says nothing
            targets.append(single.get(index, asked if asked >= 0 else self.target_count))
        _refuse_zero(found, targets)
        return targets

    def _described_counts(self) -> dict[str, int] | None:
        """Return the balancer's own target counts as JSON has them, with text for keys."""
        single = self.target_counts
        return None if single is None else {str(index): wanted for index, wanted in single.items()}


@dataclass(frozen=True, slots=True, eq=False)
class Occupied:
    """The bins that walkers are in, in ascending order.

    Parameters
    ----------
    order : (n_walkers,) int64
        Walkers by bin, and within a bin as they were asked for.
    index : list of int
        Bins, ascending.
    rank : (n_walkers,) int64
        Position in `index` of each walker's bin, in order of walkers.
    start, stop : list of int
        Where each bin's walkers begin and end in `order`.
    """

    order: NDArray[np.int64]
    rank: NDArray[np.int64]
    index: list[int]
    start: list[int]
    stop: list[int]


def occupied(bins: NDArray[np.int64], *keys: NDArray[np.generic]) -> Occupied:
    """Return walkers by bin, within a bin by `keys`, the first one first; then by walker index."""
    order = np.lexsort((*keys[::-1], bins)) if keys else np.argsort(bins, kind="stable")
    ordered = bins[order]
    is_first = np.diff(ordered, prepend=ordered[0] - 1) != 0
    start = np.flatnonzero(is_first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.cumsum(is_first) - 1
    return Occupied(order, rank, ordered[start].tolist(), start.tolist(), [*start[1:].tolist(), len(order)])


def checked_walkers(
    weights: NDArray[np.float64], bins: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return weights and bins as arrays of the right types.

    Raises
    ------
    ValueError
        If weights are not positive and finite, or not as many as bins.
    """
    weights, bins = np.asarray(weights, np.float64), np.asarray(bins, np.int64)
    if weights.ndim != 1 or weights.shape != bins.shape or len(weights) == 0:
        raise ValueError(f"expected as many weights as bins and at least one, got {weights.shape} and {bins.shape}")
    return checked_weights(weights, len(bins)), bins


def _single_problems(single: Mapping[int, int]) -> Iterator[str]:
    for index, wanted in single.items():
        if not is_count(index):
            yield f"target_counts: expected bin indices, 0 or more, got {index!r}"
        yield from count_problems(f"target_counts[{index}]", wanted, 0)


def _refuse_zero(found: Occupied, targets: list[int]) -> None:
    problems = []
    for index, start, stop, target in zip(found.index, found.start, found.stop, targets, strict=True):
        if target == 0:
            walkers = sorted(found.order[start:stop].tolist())
            named = ", ".join(map(str, walkers[:8])) + (", ..." if len(walkers) > 8 else "")
            are = f"walkers {named} are" if len(walkers) > 1 else f"walker {named} is"
            problems.append(f"target_counts: {are} in bin {index}, whose target count is 0: weight would be lost")
    refuse([*problems, "way out: give these bins a target count of at least 1"] if problems else ())
