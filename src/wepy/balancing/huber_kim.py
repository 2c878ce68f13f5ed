"""Huber-Kim balancing: walkers of nearly equal weight in each bin, in the variant of WESTPA."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.limits import greatest_problems
from wepy.balancing.pieces import Pieces, Rules, plan_of
from wepy.balancing.plan import Plan
from wepy.balancing.target import ByTargetCount, checked_walkers, occupied
from wepy.errors import BinningError
from wepy.protocols import Binner, Description, KnownBins

_SMALLEST = 1e-310  # below this, float64 has too few digits left to share a weight


@dataclass(frozen=True, slots=True)
class HuberKim(ByTargetCount):
    """Splits heavy walkers and merges light ones until each occupied bin has its target count.

    In a bin of weight W with target count n, ideal weight W/n (Huber and Kim, Biophys. J. 70, 97, 1996; steps and
    thresholds as in WESTPA 2):

    1. a walker heavier than `split_threshold` x ideal is split into ceil(weight / ideal) equal copies;
    2. the lightest whose weights sum to at most `merge_threshold` x ideal merge into one, again and again;
    3. with `adjust_counts`, the heaviest is halved or the two lightest are merged until there are n;
    4. what is still heavier than `max_weight` is split; what is lighter than `min_weight` is merged, if there are
       two. This may leave a bin with a count other than n.

    With `subgroups`, walkers merge only with walkers of their subgroup, so that paths which differ in another
    respect stay apart; splitting is as without. The weight that is ideal is still the bin's. In step 3 the pair with
    the smallest sum merges, both of one subgroup; where each subgroup is down to one walker, these stay, and the bin
    has more than n. (WESTPA goes on and merges across subgroups then.)

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
        Limits of a walker's weight; 1e-310 <= min_weight <= max_weight / 2, and max_weight at most 1.
    target_counts : mapping of int to int, or None
        Target counts of single bins, in place of `target_count` and of those that the binner gives. 0 forbids a bin.
    subgroups : Binner or None
        Fixed bins of the same order parameter that part the walkers within each bin into subgroups.

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
    subgroups: Binner | None = None
    _known: KnownBins | None = field(default=None, init=False, repr=False, compare=False)

    def plan(self, weights: NDArray[np.float64], bins: NDArray[np.int64], order_parameter: NDArray[np.float64]) -> Plan:
        """Return the plan for these walkers.

        Parameters
        ----------
        weights : (n_walkers,) float64
            Positive and finite.
        bins : (n_walkers,) int64
            Bin of each walker.
        order_parameter : (n_walkers, n_dims) float64
            Used for subgroups only.

        Raises
        ------
        BinningError
            If walkers fit no subgroup.
        ConfigurationError
            If walkers are in a bin whose target count is 0.
        ValueError
            If `weights` are not positive, or not as many as `bins`.
        """
        weights, bins = checked_walkers(weights, bins)
        found = occupied(bins)
        targets = self._targets(found)
        flat = weights[found.order].tolist()
        spans = zip(found.start, found.stop, targets, strict=True)
        ideals = [math.fsum(flat[start:stop]) / target for start, stop, target in spans]
        copies = self._copies(weights, np.array(ideals)[found.rank])
        cells = self._cells(found.rank, order_parameter, weights)
        walker = np.repeat(np.arange(len(weights)), copies)
        weight = (weights / copies)[walker]
        order = np.lexsort((weight, cells[walker]))  # stable: equal weights by walker
        walker, weight = walker[order], weight[order]
        start = np.flatnonzero(np.diff(cells[walker], prepend=-1))
        ends = np.searchsorted(found.rank[walker[start]], np.arange(len(targets)), side="right").tolist()
        pieces = Pieces(walker, weight, start, self._rules())
        for begin, end, ideal, target in zip([0, *ends], ends, ideals, targets, strict=False):
            pieces.settle(range(begin, end), ideal, target)
        return plan_of(pieces, found.rank)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {
            "kind": "huber-kim",
            "target_count": self.target_count,
            "split_threshold": self.split_threshold,
            "merge_threshold": self.merge_threshold,
            "adjust_counts": self.adjust_counts,
            "min_weight": self.min_weight,
            "max_weight": self.max_weight,
            "target_counts": self._described_counts(),
            "subgroups": None if self.subgroups is None else self.subgroups.describe(),
        }

    def _problems(self) -> Iterator[str]:
        if not 1 <= self.split_threshold < math.inf:
            yield f"split_threshold: expected a number, 1 or more (times the ideal weight), got {self.split_threshold}"
        if not 0 < self.merge_threshold < math.inf:
            yield f"merge_threshold: expected a positive number (times the ideal weight), got {self.merge_threshold}"
        if not _SMALLEST <= self.min_weight <= self.max_weight / 2 < math.inf:
            yield (
                f"min_weight, max_weight: expected {_SMALLEST} <= min_weight <= max_weight / 2,"
                f" got {self.min_weight} and {self.max_weight}"
            )
        else:
            yield from greatest_problems("max_weight", self.max_weight)

    def _rules(self) -> Rules:
        return Rules(
            split_threshold=self.split_threshold,
            merge_threshold=self.merge_threshold,
            adjust_counts=self.adjust_counts,
            min_weight=self.min_weight,
            max_weight=self.max_weight,
        )

    def _cells(
        self, rank: NDArray[np.int64], order_parameter: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.int64]:
        """Return a number for each pair of bin and subgroup, ascending by bin, then by subgroup, (n_walkers,)."""
        if self.subgroups is None:
            return rank
        try:
            groups = self.subgroups.assign(order_parameter, weights)
        except BinningError as error:
            raise BinningError(f"subgroups: {error}") from error
        names, groups = np.unique(groups, return_inverse=True)
        return rank * len(names) + groups

    def _copies(self, heft: NDArray[np.float64], ideal: NDArray[np.float64]) -> NDArray[np.int64]:
        """Step 1: return into how many each walker is split."""
        copies = np.ceil(heft / np.maximum(ideal, self.min_weight))
        copies -= heft / np.maximum(copies, 1.0) < self.min_weight
        return np.where(heft > self.split_threshold * ideal, np.maximum(copies, 1.0), 1.0).astype(np.int64)
