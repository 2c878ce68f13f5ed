"""Huber-Kim balancing: walkers of nearly equal weight in each bin, in the variant of WESTPA."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.plan import Plan
from wepy.errors import ConfigurationError
from wepy.protocols import Description

_ROUNDING = 1.0 + 1e-12  # a sum of weights may exceed max_weight by rounding alone; that is no excess
_SMALLEST = 1e-310  # below this, float64 has too few digits left to share a weight

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


@dataclass(frozen=True, slots=True)
class HuberKim:
    """Splits heavy walkers and merges light ones until each occupied bin has its target count.

    In a bin of weight W with target count n, ideal weight W/n (Huber and Kim, Biophys. J. 70, 97, 1996; steps and
    thresholds as in WESTPA 2):

    1. a walker heavier than `split_threshold` x ideal is split into ceil(weight / ideal) equal copies;
    2. the lightest whose weights sum to at most `merge_threshold` x ideal merge into one, again and again;
    3. with `adjust_counts`, the heaviest is halved or the two lightest are merged until there are n;
    4. what is still heavier than `max_weight` is split; what is lighter than `min_weight` is merged, if there are
       two. This may leave a bin with a count other than n.

    Equal weights are taken in order of walker index. Unlike WESTPA, no walker is ever split into pieces lighter
    than `min_weight` (WESTPA splits and merges them again), and all groups are fixed before any survivor is drawn.
    New walkers are ordered by bin, then by the lowest walker index of their groups.

    Parameters
    ----------
    target_count : int
        Walkers wanted in each occupied bin; at least 1.
    split_threshold, merge_threshold : float
        In units of the ideal weight; positive, `split_threshold` at least 1.
    adjust_counts : bool
        Whether to enforce the target counts exactly.
    min_weight, max_weight : float
        Limits of a walker's weight; 1e-310 <= min_weight <= max_weight / 2.
    target_counts : mapping of int to int, or None
        Target counts of single bins, in place of `target_count`. 0 forbids a bin.

    Raises
    ------
    ConfigurationError
        Naming every setting that does not fit.

    Examples
    --------
    >>> weights = np.array([0.9, 0.05, 0.03, 0.02])
    >>> plan = HuberKim(4).plan(weights, np.zeros(4, np.int64), np.zeros((4, 1)))
    >>> plan.weight.round(3).tolist(), plan.clones(4).tolist()
    ([0.225, 0.225, 0.225, 0.325], [4, 1, 1, 1])
    """

    target_count: int = 10
    _: KW_ONLY
    split_threshold: float = 2.0
    merge_threshold: float = 1.0
    adjust_counts: bool = True
    min_weight: float = _SMALLEST
    max_weight: float = 1.0
    target_counts: Mapping[int, int] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigurationError("\n".join(problems))
        if self.target_counts is not None:
            targets = {int(index): int(wanted) for index, wanted in self.target_counts.items()}
            object.__setattr__(self, "target_counts", targets)

    def plan(self, weights: NDArray[np.float64], bins: NDArray[np.int64], order_parameter: NDArray[np.float64]) -> Plan:
        """Return the plan for these walkers.

        Parameters
        ----------
        weights : (n_walkers,) float64
            Positive and finite.
        bins : (n_walkers,) int64
            Bin of each walker.
        order_parameter : (n_walkers, n_dims) float64
            Not used.

        Raises
        ------
        ConfigurationError
            If walkers are in a bin whose target count is 0.
        ValueError
            If `weights` are not positive, or not as many as `bins`.
        """
        weights, bins = _checked(weights, bins)
        order = np.lexsort((weights, bins))  # stable: by bin, weight, walker
        start = np.flatnonzero(np.diff(bins[order], prepend=bins[order[0]] - 1))
        occupied = bins[order[start]].tolist()
        targets = self._targets(occupied)
        ends = [*start[1:].tolist(), len(order)]
        walkers, heft = order.tolist(), weights[order].tolist()
        groups: list[Group] = []
        for first, end, target in zip(start.tolist(), ends, targets, strict=True):
            groups += self._balanced(walkers[first:end], heft[first:end], target)
        return Plan.from_groups(groups)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        targets = self.target_counts
        return {
            "kind": "huber-kim",
            "target_count": self.target_count,
            "split_threshold": self.split_threshold,
            "merge_threshold": self.merge_threshold,
            "adjust_counts": self.adjust_counts,
            "min_weight": self.min_weight,
            "max_weight": self.max_weight,
            "target_counts": None if targets is None else {str(index): n for index, n in targets.items()},
        }

    def _problems(self) -> Iterator[str]:
        if not _is_count(self.target_count, 1):
            yield f"target_count: expected a whole number, 1 or more, got {self.target_count!r}"
        if not 1 <= self.split_threshold < math.inf:
            yield f"split_threshold: expected a number, 1 or more (times the ideal weight), got {self.split_threshold}"
        if not 0 < self.merge_threshold < math.inf:
            yield f"merge_threshold: expected a positive number (times the ideal weight), got {self.merge_threshold}"
        if not _SMALLEST <= self.min_weight <= self.max_weight / 2 < math.inf:
            yield (
                f"min_weight, max_weight: expected {_SMALLEST} <= min_weight <= max_weight / 2,"
                f" got {self.min_weight} and {self.max_weight}"
            )
        for index, wanted in (self.target_counts or {}).items():
            if not _is_count(index, 0):
                yield f"target_counts: expected bin indices, 0 or more, got {index!r}"
            if not _is_count(wanted, 0):
                yield f"target_counts[{index}]: expected a whole number, 0 or more, got {wanted!r}"

    def _targets(self, occupied: list[int]) -> list[int]:
        if not self.target_counts:
            return [self.target_count] * len(occupied)
        targets = [self.target_counts.get(index, self.target_count) for index in occupied]
        forbidden = [index for index, target in zip(occupied, targets, strict=True) if target == 0]
        if forbidden:
            raise ConfigurationError(
                f"target_counts: walkers are in bins {forbidden}, whose target count is 0 and would lose their weight;"
                " give these bins a target count of at least 1"
            )
        return targets

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


def _checked(weights: NDArray[np.float64], bins: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    weights, bins = np.asarray(weights, np.float64), np.asarray(bins, np.int64)
    if weights.ndim != 1 or weights.shape != bins.shape or len(weights) == 0:
        raise ValueError(f"expected as many weights as bins and at least one, got {weights.shape} and {bins.shape}")
    bad = np.flatnonzero(~((weights > 0) & np.isfinite(weights)))
    if len(bad):
        raise ValueError(f"weights: expected positive finite numbers, found {weights[bad[0]]} of walker {bad[0]}")
    return weights, bins


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= least
