"""A flow of weight made to fit: what rounding has taken from light segments and children is given back to them.

Beside heavy walkers, the share of a light one is less than the rounding of their sums, so that amounts that follow from
differences of heavy weights are noise. They are mended in two steps: each segment gives exactly what it weighs; then
children that have too little take it, along the ways that weight may go, from those that can spare it within their own
rounding, and the other way round.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-13  # of a child's weight that may be missing or too much: a tenth of what the schema allows
_EXACT = 4 * np.finfo(float).eps  # of a segment's weight
_TRACE = 1e-15  # of a pair's lighter side: who gave has given something
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Step = tuple[int, int]  # the pair that gets more, and the one of the same segment that gets less


def fitted(before: Floats, after: Floats, segment: Ints, child: Ints, amount: Floats) -> Floats:
    """Return amounts near the given ones that fit the weights of segments and children, as far as any do.

    Parameters
    ----------
    before : (n_segments,) float64
        Weights of the segments.
    after : (n_children,) float64
        Weights of the children.
    segment, child : (n_pairs,) int64
        Who gave to whom, each pair once.
    amount : (n_pairs,) float64
        How much, about; the same array is returned if it fits as it is.

    Examples
    --------
    What a light segment gave to two heavy children has vanished; that it gave must not:

    >>> amount = fitted(np.array([1.0, 1e-30]), np.array([0.5, 0.5]), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]),
    ...                 np.array([0.5, 0.5, 0.0, 0.0]))
    >>> amount.tolist()
    [0.5, 0.5, 5e-31, 5e-31]
    """
    found = _giving_all(before, segment, amount)
    found = _taking_all(after, segment, child, found)
    return _leaving_traces(before, after, segment, child, found)


def _giving_all(before: Floats, segment: Ints, amount: Floats) -> Floats:
    """Return amounts of which each segment's sum is its weight."""
    n = len(before)
    given = np.bincount(segment, amount, n)
    if not (np.abs(given - before) > _EXACT * before).any():
        return amount
    ways = np.bincount(segment, minlength=n)
    ratio = np.divide(before, given, out=np.ones(n), where=(given > 0) & (np.abs(given - before) > _EXACT * before))
    even = np.divide(before, ways, out=np.zeros(n), where=ways > 0)
    return np.where(given[segment] > 0, amount * ratio[segment], even[segment])


def _taking_all(after: Floats, segment: Ints, child: Ints, amount: Floats) -> Floats:
    """Return amounts of which each child's sum is its weight, but for rounding."""
    lacks = after - np.bincount(child, amount, len(after))
    wrong = np.abs(lacks) > _ROUNDING * after
    if not wrong.any():
        return amount
    ways = _Ways(after, segment, child, amount.copy(), lacks)
    heaviest_first = np.argsort(-after[wrong], kind="stable")  # light ones have the last word
    for one in np.flatnonzero(wrong)[heaviest_first].tolist():
        while ways.mend(one):
            pass
    return ways.amount


def _leaving_traces(before: Floats, after: Floats, segment: Ints, child: Ints, amount: Floats) -> Floats:
    """Return amounts of which none is nothing: it is a rounding of what is there, taken from the segment's largest."""
    trace = _TRACE * np.minimum(before[segment], after[child])
    none = amount < trace
    if not none.any():
        return amount
    found = np.where(none, trace, amount)
    order = np.lexsort((-amount, segment))
    largest = order[np.append(True, np.diff(segment[order]) > 0)]
    found[largest] -= np.bincount(segment, found - amount, len(before))[segment[largest]]
    return found


class _Ways:
    """The ways along which weight may be moved from child to child, through the segments that give to both."""

    def __init__(self, after: Floats, segment: Ints, child: Ints, amount: Floats, lacks: Floats) -> None:
        self.amount = amount
        self._segment, self._child, self._lacks = segment.tolist(), child.tolist(), lacks
        self._rounding = _ROUNDING * after
        self._of_segment = _groups(segment)
        self._of_child = _groups(child)

    def mend(self, child: int) -> bool:
        """Move weight to or from a child that has too little or too much; return whether that is to be repeated."""
        lacks = float(self._lacks[child])
        if abs(lacks) <= self._rounding[child]:
            return False
        way = self._way(child, takes=lacks > 0)
        if way is None:
            return False
        other, steps = way
        moved = min(abs(lacks), self._spare(other, takes=lacks > 0), *(float(self.amount[less]) for _, less in steps))
        for more, less in steps:
            self.amount[more] += moved
            self.amount[less] -= moved
        self._lacks[child] -= np.copysign(moved, lacks)
        self._lacks[other] += np.copysign(moved, lacks)
        return True

    def _spare(self, child: int, *, takes: bool) -> float:
        """Return how much a child can give (or take), within its rounding."""
        lacks = float(self._lacks[child])
        return float(self._rounding[child]) - (lacks if takes else -lacks)

    def _way(self, start: int, *, takes: bool) -> tuple[int, list[Step]] | None:
        """Return the shortest way to a child that can spare something (or take it), and the steps along it."""
        came: dict[int, tuple[int, Step]] = {start: (start, (-1, -1))}
        passed: set[int] = set()  # segments
        queue = deque([start])
        while queue:
            here = queue.popleft()
            if here != start and self._spare(here, takes=takes) > self._rounding[here] / 2:
                return here, _steps(came, start, here)
            for own in self._of_child[here]:
                segment = self._segment[own]
                if segment in passed or not (takes or self.amount[own] > 0):
                    continue
                passed.add(segment)
                for other in self._of_segment[segment]:
                    if (there := self._child[other]) not in came and (not takes or self.amount[other] > 0):
                        came[there] = here, (own, other) if takes else (other, own)
                        queue.append(there)
        return None


def _groups(keys: Ints) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for place, key in enumerate(keys.tolist()):
        found.setdefault(key, []).append(place)
    return found


def _steps(came: dict[int, tuple[int, Step]], start: int, end: int) -> list[Step]:
    steps = []
    while end != start:
        end, step = came[end]
        steps.append(step)
    return steps
