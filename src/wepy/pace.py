"""The pace of a run: how long segments took, and so which walkers go together in a task, and which task goes first.

Nothing of it shows in the record: results do not depend on how walkers are grouped, nor on their order.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_WORTHWHILE = 0.02  # s that a task should last at least, so that sending it costs little beside it


class Pace:
    """What the last cycle has shown of the time that segments take."""

    def __init__(self) -> None:
        self._expected: NDArray[np.float64] | None = None
        self._mean = math.inf

    def learn(self, seconds: NDArray[np.float64], workers: Sequence[Hashable], parent: NDArray[np.int64]) -> None:
        """Take in a cycle: what took long, takes long again.

        Parameters
        ----------
        seconds : (n_walkers,) float64
            Elapsed time of each walker's segment.
        workers : sequence of hashable, length n_walkers
            Who ran it; a slow worker does not make its segments the long ones.
        parent : (n_next,) int64
            Walker that each walker of the next cycle continues.
        """
        ranks: dict[Hashable, int] = {}
        owner = np.array([ranks.setdefault(worker, len(ranks)) for worker in workers], np.int64)
        mean = np.bincount(owner, seconds) / np.bincount(owner)
        self._mean = float(seconds.mean())
        with np.errstate(invalid="ignore", divide="ignore"):
            self._expected = np.nan_to_num(seconds / mean[owner], nan=1.0)[parent]

    def groups(self, walkers: Sequence[int], slots: int) -> list[tuple[int, ...]]:
        """Return which of some walkers of the next cycle go together, those that are to take longest first.

        As many as make a task worth its way, but not so many that a slot has none.

        Parameters
        ----------
        walkers : sequence of int
            Walkers, by position in the cycle.
        slots : int
            How many tasks run at the same time.
        """
        count = len(walkers)
        if not count:
            return []
        worthwhile = math.ceil(_WORTHWHILE / self._mean) if self._mean > 0 else count
        size = max(1, min(worthwhile, count // slots))
        parts = shared_out(walkers, math.ceil(count / size))
        if self._expected is None:
            return parts
        expected = self._expected
        return sorted(parts, key=lambda part: -sum(expected[walker] for walker in part))


def shared_out(walkers: Sequence[int], parts: int) -> list[tuple[int, ...]]:
    """Return walkers in so many parts, in order, of sizes that differ by at most one.

    Examples
    --------
    >>> shared_out(range(5), 2)
    [(0, 1), (2, 3, 4)]
    """
    bounds = [len(walkers) * part // parts for part in range(parts + 1)]
    return [tuple(walkers[start:stop]) for start, stop in pairwise(bounds)]
