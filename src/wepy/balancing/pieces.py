"""Future walkers in the making: what Huber-Kim balancing splits and merges within bins."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.plan import Plan

_ROUNDING = 1.0 + 1e-12  # a sum of weights may exceed max_weight by rounding alone; that is no excess

GONE = -1
"""In place of a group: the piece was split."""

Entry = tuple[float, int, int]
"""A piece in a heap: (weight, walker, piece). Equal weights go by walker, then by which piece was made first."""


class Rules(NamedTuple):
    """When pieces are split and merged; see `HuberKim`."""

    split_threshold: float
    merge_threshold: float
    adjust_counts: bool
    min_weight: float
    max_weight: float


class Pieces:
    """Pieces of all bins; a piece is a share of one walker, or a merged group of pieces that are gone.

    Flat lists instead of one object for each: a thousand bins are balanced in milliseconds. What a
    group was merged from is never split afterwards, only the group as a whole.

    Parameters
    ----------
    walker, weight : (n_pieces,) int64, (n_pieces,) float64
        Walker and weight of the pieces after step 1, in order of cells; within a cell by weight, then by walker.
    start : (n_cells,) int64
        Where each cell begins. A cell holds what may merge: a bin, or a subgroup of its walkers.
    """

    def __init__(
        self, walker: NDArray[np.int64], weight: NDArray[np.float64], start: NDArray[np.int64], rules: Rules
    ) -> None:
        self._rules = rules
        self._is_any_light = bool(weight.min() < rules.min_weight)
        self._first = [*start.tolist(), len(walker)]
        self._given = walker, weight
        self.walker: list[int] = walker.tolist()  # of a merged group: the lowest
        self.weight: list[float] = weight.tolist()
        self.into = list(range(len(walker)))  # the group that a piece is part of; itself if it is left
        self.groups: dict[int, tuple[int, int]] = {}  # of each merged group: what was merged, split into how many

    def columns(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return walker and weight of all pieces."""
        walker, weight = self._given
        made = len(walker)
        return (
            np.concatenate([walker, np.array(self.walker[made:], np.int64)]),
            np.concatenate([weight, np.array(self.weight[made:], np.float64)]),
        )

    def settle(self, cells: range, ideal: float, target: int) -> None:
        """Do steps 2 to 4 in the bin that has these cells."""
        rules, first = self._rules, self._first[cells.start : cells.stop + 1]
        limit = rules.merge_threshold * ideal
        heaps = [self._merge_light(start, stop, limit) for start, stop in pairwise(first)]
        count = sum(map(len, heaps))
        if count != target and rules.adjust_counts:
            if count > target:
                self._merge_lightest(heaps, count - target)
            else:
                heaps = self._halve_heaviest(heaps, target)
        if self._is_any_light or ideal * target > rules.max_weight / 2:
            self._keep_limits(heaps)

    def _merge_light(self, first: int, stop: int, limit: float) -> list[Entry]:
        """Step 2 in the cell from `first` to `stop`; returns a heap."""
        upto = list(accumulate(self.weight[first:stop]))
        light = bisect_right(upto, limit)
        if light < 2:
            return list(zip(self.weight[first:stop], self.walker[first:stop], range(first, stop), strict=True))
        keep = first + light
        made, walker = len(self.into), min(self.walker[first:keep])
        self.into[first:keep] = [made] * light
        self._add(walker, upto[light - 1])
        heap = list(zip(self.weight[keep:stop], self.walker[keep:stop], range(keep, stop), strict=True))
        heappush(heap, (upto[light - 1], walker, made))
        while len(heap) > 1 and _two_lightest(heap) <= limit:
            taken = [heappop(heap)]
            total = taken[0][0]
            while heap and total + heap[0][0] <= limit:
                total += heap[0][0]
                taken.append(heappop(heap))
            heappush(heap, self._merge(taken))
        return heap

    def _merge_lightest(self, heaps: list[list[Entry]], excess: int) -> None:
        """Step 3, merging, on heaps in place; always the pair of one cell whose sum is the smallest."""
        if len(heaps) == 1:
            heap = heaps[0]
            for _ in range(excess):
                lightest = heappop(heap)
                heapreplace(heap, self._merge((lightest, heap[0])))
            return
        pairs = [(_two_lightest(heap), at) for at, heap in enumerate(heaps) if len(heap) > 1]
        heapify(pairs)
        while pairs and excess:
            at = pairs[0][1]
            heap = heaps[at]
            lightest = heappop(heap)
            heapreplace(heap, self._merge((lightest, heap[0])))
            excess -= 1
            if len(heap) > 1:
                heapreplace(pairs, (_two_lightest(heap), at))
            else:
                heappop(pairs)

    def _halve_heaviest(self, heaps: list[list[Entry]], target: int) -> list[list[Entry]]:
        """Step 3, splitting; returns the entries of each cell, in no order."""
        heavy = [(-weight, walker, piece, at) for at, heap in enumerate(heaps) for weight, walker, piece in heap]
        heapify(heavy)
        while len(heavy) < target and -heavy[0][0] / 2 >= self._rules.min_weight:
            _, walker, piece, at = heavy[0]
            one, two = self._split(piece, 2)
            weight = -self.weight[one]
            heapreplace(heavy, (weight, walker, one, at))
            heappush(heavy, (weight, walker, two, at))
        halved: list[list[Entry]] = [[] for _ in heaps]
        for weight, walker, piece, at in heavy:
            halved[at].append((-weight, walker, piece))
        return halved

    def _keep_limits(self, heaps: list[list[Entry]]) -> None:
        """Step 4."""
        most, least = self._rules.max_weight * _ROUNDING, self._rules.min_weight
        for heap in heaps:
            if max(heap)[0] > most:
                for weight, _, piece in sorted(heap):
                    if weight > most:
                        self._split(piece, math.ceil(weight / most))
            light = sorted(entry for entry in heap if entry[0] < least)
            if len(light) > 1:
                self._merge(light)

    def _split(self, piece: int, copies: int) -> range:
        """Return the copies of a piece."""
        made = range(len(self.into), len(self.into) + copies)
        self.into[piece] = GONE
        self.into += made
        self.walker += [self.walker[piece]] * copies
        self.weight += [self.weight[piece] / copies] * copies
        if piece in self.groups:
            group, cut = self.groups[piece]
            self.groups.update(dict.fromkeys(made, (group, cut * copies)))
        return made

    def _merge(self, parts: Sequence[Entry]) -> Entry:
        """Return the group of parts that are given from the lightest on."""
        made = len(self.into)
        total, walker, part = parts[0]
        self.into[part] = made
        for weight, other, part in parts[1:]:
            total += weight
            self.into[part] = made
            if other < walker:
                walker = other
        return self._add(walker, total)

    def _add(self, walker: int, total: float) -> Entry:
        made = len(self.into)
        self.into.append(made)
        self.walker.append(walker)
        self.weight.append(total)
        self.groups[made] = (made, 1)
        return total, walker, made


def plan_of(pieces: Pieces, rank: NDArray[np.int64]) -> Plan:
    """Return the plan in which each piece that is left is a group: by bin of its walkers, then by its members.

    Parameters
    ----------
    pieces : Pieces
        Split and merged.
    rank : (n_walkers,) int64
        Bin of each walker by its rank among the occupied bins.
    """
    into, walker, weight = np.array(pieces.into), *pieces.columns()
    every = np.arange(len(into))
    is_group = np.zeros(len(into), np.bool_)
    is_group[list(pieces.groups)] = True
    single = np.flatnonzero((into == every) & ~is_group)
    merged = _merged(pieces, into, walker, weight, is_group)
    member, share = np.concatenate([walker[single], merged.member]), np.concatenate([weight[single], merged.share])
    size = np.concatenate([np.ones(len(single), np.int64), np.diff(merged.stop, prepend=0)])
    begin = np.cumsum(size) - size
    keys = share[begin], (rank * len(rank) + np.arange(len(rank)))[member[begin]]  # by bin and walker, then by share
    order = np.lexsort(keys)  # stable: a walker alone comes before its groups
    _order_ties(order, keys, len(single), merged)
    size, begin = size[order], begin[order]
    stop = np.cumsum(size)
    place = np.repeat(begin - (stop - size), size) + np.arange(len(member))
    return Plan(stop=stop, member=member[place], share=share[place])


def _merged(
    pieces: Pieces,
    into: NDArray[np.int64],
    walker: NDArray[np.int64],
    weight: NDArray[np.float64],
    is_group: NDArray[np.bool_],
) -> _Members:
    """Return the merged groups that are left; copies of one walker that came together again are one share."""
    if not pieces.groups:
        return _Members(stop=np.zeros(0, np.int64), member=np.zeros(0, np.int64), share=np.zeros(0))
    every = np.arange(len(into))
    root = np.where(into < 0, every, into)
    while (further := root[root]).tobytes() != root.tobytes():
        root = further
    part = np.flatnonzero(~is_group & (root != every))
    part = part[np.argsort(root[part] * (walker.max() + 1) + walker[part], kind="stable")]
    left = np.flatnonzero(is_group & (into == every))
    source, cut = np.array([pieces.groups[group] for group in left.tolist()], np.int64).reshape(-1, 2).T
    begin = np.searchsorted(root[part], source)
    size = np.searchsorted(root[part], source, side="right") - begin
    stop = np.cumsum(size)
    place = part[np.repeat(begin - (stop - size), size) + np.arange(size.sum())]
    share = np.maximum(weight[place] / np.repeat(cut, size), math.ulp(0.0))  # a cut never brings a weight to zero
    group = np.repeat(np.arange(len(left)), size)
    first = np.diff(group, prepend=-1).astype(np.bool_) | np.diff(walker[place], prepend=-1).astype(np.bool_)
    row = np.cumsum(first) - 1
    return _Members(
        stop=np.cumsum(np.bincount(group[first], minlength=len(left))),
        member=walker[place][first],
        share=np.bincount(row, weights=share).astype(np.float64, copy=False),
    )


def _order_ties(order: NDArray[np.int64], keys: Sequence[NDArray[Any]], n_single: int, members: _Members) -> None:
    """Sort, in place, merged groups that have their first share in common: by the others."""
    if not len(members.stop):
        return
    same = np.logical_and.reduce([key[order][1:] == key[order][:-1] for key in keys]) & (order[:-1] >= n_single)
    starts = np.flatnonzero(same & ~np.r_[False, same[:-1]])
    ends = np.flatnonzero(same & ~np.r_[same[1:], False]) + 2
    for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
        order[start:end] = n_single + np.array(sorted((order[start:end] - n_single).tolist(), key=members.group))


def _two_lightest(heap: list[Entry]) -> float:
    return heap[0][0] + min(heap[1:3])[0]


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """Groups as in a plan; there may be none."""

    stop: NDArray[np.int64]
    member: NDArray[np.int64]
    share: NDArray[np.float64]

    def group(self, index: int) -> list[tuple[int, float]]:
        part = slice(self.stop[index - 1] if index else 0, self.stop[index])
        return list(zip(self.member[part].tolist(), self.share[part].tolist(), strict=True))
