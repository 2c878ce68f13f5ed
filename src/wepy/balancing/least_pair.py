"""The pair of near walkers that loses least by being merged (REVO)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pair = tuple[int, int]

_FEWEST, _MOST = 2**11, 2**15  # pairs looked at in one step


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Neighbours:
    """Who is near whom.

    Parameters
    ----------
    start : (n_walkers,) int64
        Where the neighbours of each walker begin in `walker`.
    degree : (n_walkers,) int64
        Number of neighbours.
    walker : (n_pairs,) int64
        The neighbours of each walker, ascending.
    """

    start: NDArray[np.int64]
    degree: NDArray[np.int64]
    walker: NDArray[np.int64]

    @classmethod
    def within(cls, distance: Array, limit: float) -> Self:
        """Return who is nearer than `limit` by a matrix of distances; nobody is near itself."""
        near = distance < limit
        np.fill_diagonal(near, False)
        degree = near.sum(axis=1)
        return cls(start=np.cumsum(degree) - degree, degree=degree, walker=np.nonzero(near)[1])

    def of(self, walker: int) -> NDArray[np.int64]:
        """Return the neighbours of a walker."""
        start = self.start[walker]
        return self.walker[start : start + self.degree[walker]]


def least_pair(near: Neighbours, loss: Array, weight: Array, pmax: float) -> Pair | None:
    """Return the near pair with the least (w_k V_j + w_j V_k) / (w_j + w_k), lower index first.

    That is a mean of V_j and V_k and never less than the lesser. So the walkers are gone through in ascending order
    of V_j, until V_j exceeds what was found: a few of them, as a rule.

    Parameters
    ----------
    near : Neighbours
        Which pairs are near.
    loss : (n_walkers,) float64
        V_j of each walker, infinite for those that must not be merged.
    weight : (n_walkers,) float64
        Weights; positive where `loss` is finite.
    pmax : float
        Pairs as heavy as that, or heavier, do not count.

    Returns
    -------
    pair of int, or None
        None if no pair counts; of equal ones, the first in order of indices.
    """
    first = int(loss.argmin())
    best, pair = math.inf, None
    if loss[first] == math.inf:
        return None
    best, pair = _least_of(np.array([first]), near, loss, weight, pmax)
    rest = np.flatnonzero(loss <= min(best, _LARGEST))
    rest = rest[rest != first]
    if len(rest) == 0:
        return pair
    rest = rest[np.argsort(loss[rest], kind="stable")]
    ends = np.cumsum(near.degree[rest])
    start, at_once, done = 0, _FEWEST, 0
    while start < len(rest) and loss[rest[start]] <= best:
        stop = max(start + 1, int(np.searchsorted(ends, done + at_once, side="right")))
        found, other = _least_of(rest[start:stop], near, loss, weight, pmax)
        if other is not None and (pair is None or (found, other) < (best, pair)):
            best, pair = found, other
        start, done, at_once = stop, int(ends[stop - 1]), min(2 * at_once, _MOST)
    return pair


_LARGEST = float(np.finfo(np.float64).max)


def _least_of(
    walkers: NDArray[np.int64], near: Neighbours, loss: Array, weight: Array, pmax: float
) -> tuple[float, Pair | None]:
    """Return the least of all pairs with one of these walkers, and the pair."""
    if len(walkers) == 1:
        one: Any = int(walkers[0])
        other = near.of(one)
    else:
        degree = near.degree[walkers]
        one = np.repeat(walkers, degree)
        skip = near.start[walkers] - np.cumsum(degree) + degree
        other = near.walker[np.repeat(skip, degree) + np.arange(len(one))]
    if len(other) == 0:
        return math.inf, None
    weight_one, weight_other = weight[one], weight[other]
    both = weight_one + weight_other
    mean = (weight_other * loss[one] + weight_one * loss[other]) / both
    mean[both >= pmax] = math.inf
    least = float(mean.min())
    if least == math.inf:
        return least, None
    places = np.flatnonzero(mean == least)
    others = other[places].tolist()
    ones = [one] * len(others) if len(walkers) == 1 else one[places].tolist()
    return least, min((a, b) if a < b else (b, a) for a, b in zip(ones, others, strict=True))
