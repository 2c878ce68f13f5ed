"""Target counts: how many walkers each occupied bin is to have, and walkers in order of their bins."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.protocols import KnownBins


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


def target_counts(
    found: Occupied, default: int, single: Mapping[int, int] | None, known: KnownBins | None
) -> list[int]:
    """Return the target count of each occupied bin: that in `single`, else the bin's own, else the default.

    Parameters
    ----------
    found : Occupied
        The bins.
    default : int
        What a bin gets that is not named elsewhere.
    single : mapping of int to int, or None
        The balancer's own target counts by bin.
    known : mapping of int to Bin, or None
        What the binner made known of the bins; a target count below 0 says nothing.

    Raises
    ------
    ConfigurationError
        If a bin with walkers has target count 0; names all such bins and their walkers.
    """
    if not single and not known:
        return [default] * len(found.index)
    single, known = single or {}, known or {}
    targets = []
    for index in found.index:
        asked = known[index].target_count if index in known else -1
        targets.append(single.get(index, asked if asked >= 0 else default))
    _refuse_zero(found, targets)
    return targets


def count_problems(single: Mapping[int, int] | None) -> Iterator[str]:
    """Yield what is wrong with a mapping of bins to target counts."""
    for index, wanted in (single or {}).items():
        if not is_count(index, 0):
            yield f"target_counts: expected bin indices, 0 or more, got {index!r}"
        if not is_count(wanted, 0):
            yield f"target_counts[{index}]: expected a whole number, 0 or more, got {wanted!r}"


def plain_counts(single: Mapping[int, int] | None) -> dict[int, int] | None:
    """Return the mapping in plain whole numbers."""
    return None if single is None else {int(index): int(wanted) for index, wanted in single.items()}


def described_counts(single: Mapping[int, int] | None) -> dict[str, int] | None:
    """Return the mapping as JSON has it, with text for keys."""
    return None if single is None else {str(index): wanted for index, wanted in single.items()}


def is_count(value: object, least: int) -> bool:
    """Return whether a value is a whole number of at least `least`; true and false are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= least


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
    bad = np.flatnonzero(~((weights > 0) & np.isfinite(weights)))
    if len(bad):
        raise ValueError(f"weights: expected positive finite numbers, found {weights[bad[0]]} of walker {bad[0]}")
    return weights, bins


def _refuse_zero(found: Occupied, targets: list[int]) -> None:
    problems = []
    for index, start, stop, target in zip(found.index, found.start, found.stop, targets, strict=True):
        if target == 0:
            walkers = sorted(found.order[start:stop].tolist())
            named = ", ".join(map(str, walkers[:8])) + (", ..." if len(walkers) > 8 else "")
            are = f"walkers {named} are" if len(walkers) > 1 else f"walker {named} is"
            problems.append(f"target_counts: {are} in bin {index}, whose target count is 0: weight would be lost")
    if problems:
        raise ConfigurationError("\n".join([*problems, "way out: give these bins a target count of at least 1"]))
