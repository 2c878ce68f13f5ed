"""Huber-Kim balancing written plainly, an object for each piece and a heap for each bin: the fast one must equal it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wepy.balancing import Plan

_ROUNDING = 1.0 + 1e-12  # a sum of weights may exceed max_weight by rounding alone; that is no excess

Group = list[tuple[int, float]]
"""(walker, share) of each member, in order of walkers."""


class _Piece(NamedTuple):
    """A future walker within a bin; compares by (weight, walker, serial), so that equal weights have an order.

    A piece without `parts` is a share of one walker. A piece with parts is a merged group; if it was cut again,
    it holds 1/cut of each part.
    """

    weight: float
    walker: int
    serial: int
    parts: tuple[_Piece, ...] = ()
    cut: int = 1


@dataclass(frozen=True)
class PlainHuberKim:
    """The four steps of `wepy.HuberKim`, with its settings."""

    target_count: int = 10
    split_threshold: float = 2.0
    merge_threshold: float = 1.0
    adjust_counts: bool = True
    min_weight: float = 1e-310
    max_weight: float = 1.0

    def plan(self, weights: NDArray[np.float64], bins: NDArray[np.int64]) -> Plan:
        groups: list[Group] = []
        for index in np.unique(bins):
            walkers = np.flatnonzero(bins == index)
            walkers = walkers[np.argsort(weights[walkers], kind="stable")]
            groups += self._balanced(walkers.tolist(), weights[walkers].tolist(), self.target_count)
        return Plan.from_groups(groups)

    def _balanced(self, walkers: list[int], heft: list[float], target: int) -> list[Group]:
        """Return the groups of one bin; its walkers and their weights come in ascending order of weight."""
        ideal = math.fsum(heft) / target
        if self._is_balanced(heft, ideal, target):
            return [[one] for one in sorted(zip(walkers, heft, strict=True))]
        serial = count()
        pieces = [_Piece(weight, walker, next(serial)) for walker, weight in zip(walkers, heft, strict=True)]
        pieces = self._split_heavy(pieces, ideal, serial)
        _merge_light(pieces, self.merge_threshold * ideal, serial)
        if self.adjust_counts:
            pieces = self._halve_heaviest(pieces, target, serial)
            while len(pieces) > target:
                heappush(pieces, _merged([heappop(pieces), heappop(pieces)], serial))
        pieces = self._keep_limits(pieces, serial)
        return sorted(_members(piece) for piece in pieces)

    def _is_balanced(self, heft: list[float], ideal: float, target: int) -> bool:
        """Return whether none of the four steps would do anything."""
        return (
            (len(heft) == target or not self.adjust_counts)
            and heft[-1] <= self.split_threshold * ideal
            and heft[-1] <= self.max_weight * _ROUNDING
            and (len(heft) < 2 or (heft[0] + heft[1] > self.merge_threshold * ideal and heft[1] >= self.min_weight))
        )

    def _split_heavy(self, pieces: list[_Piece], ideal: float, serial: count[int]) -> list[_Piece]:
        """Step 1; returns a heap."""
        heap: list[_Piece] = []
        for piece in pieces:
            copies = 1
            if piece.weight > self.split_threshold * ideal:
                copies = math.ceil(piece.weight / max(ideal, self.min_weight))
                if piece.weight / copies < self.min_weight:
                    copies -= 1
            heap += _split(piece, copies, serial)
        heapify(heap)
        return heap

    def _halve_heaviest(self, pieces: list[_Piece], target: int, serial: count[int]) -> list[_Piece]:
        """Step 3, splitting; returns a heap."""
        if len(pieces) >= target:
            return pieces
        heavy = [(-piece.weight, piece.walker, piece.serial, piece) for piece in pieces]
        heapify(heavy)
        while len(heavy) < target and -heavy[0][0] / 2 >= self.min_weight:
            for half in _split(heappop(heavy)[-1], 2, serial):
                heappush(heavy, (-half.weight, half.walker, half.serial, half))
        pieces = [entry[-1] for entry in heavy]
        heapify(pieces)
        return pieces

    def _keep_limits(self, pieces: list[_Piece], serial: count[int]) -> list[_Piece]:
        """Step 4."""
        within: list[_Piece] = []
        for piece in sorted(pieces):
            within += _split(piece, math.ceil(piece.weight / (self.max_weight * _ROUNDING)), serial)
        light = sorted(piece for piece in within if piece.weight < self.min_weight)
        if len(light) < 2:
            return within
        return [*(piece for piece in within if piece.weight >= self.min_weight), _merged(light, serial)]


def _merge_light(pieces: list[_Piece], limit: float, serial: count[int]) -> None:
    """Step 2, on a heap in place."""
    while len(pieces) > 1:
        light: list[_Piece] = []
        total = 0.0
        while pieces and total + pieces[0].weight <= limit:
            light.append(heappop(pieces))
            total += light[-1].weight
        if light:
            heappush(pieces, light[0] if len(light) == 1 else _merged(light, serial))
        if len(light) < 2:
            return


def _split(piece: _Piece, copies: int, serial: count[int]) -> list[_Piece]:
    if copies < 2:
        return [piece]
    weight, cut = piece.weight / copies, piece.cut * copies
    return [_Piece(weight, piece.walker, next(serial), piece.parts, cut) for _ in range(copies)]


def _merged(light: list[_Piece], serial: count[int]) -> _Piece:
    total = 0.0
    for piece in light:
        total += piece.weight
    return _Piece(total, min(piece.walker for piece in light), next(serial), tuple(light))


def _members(piece: _Piece) -> Group:
    """Return the walkers' shares in a piece; copies of one walker that came together again are one share."""
    if not piece.parts:
        return [(piece.walker, piece.weight)]
    shares: dict[int, float] = {}
    open_pieces = [(piece, 1)]
    while open_pieces:
        inner, cut = open_pieces.pop()
        if inner.parts:
            open_pieces += [(part, cut * inner.cut) for part in inner.parts]
        else:
            share = inner.weight / cut or math.ulp(0.0)  # a cut never brings the lightest of all weights to zero
            shares[inner.walker] = shares.get(inner.walker, 0.0) + share
    return sorted(shares.items())
