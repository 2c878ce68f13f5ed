"""A balancer's plan: groups of walkers' shares, and the draw of each group's survivor."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from wepy.protocols import Balance
from wepy.streams import Stream

Scalar = TypeVar("Scalar", bound=np.generic)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What was decided before any survivor is drawn: group g becomes the new walker g.

    A group's new walker has the sum of its members' shares as weight and continues one member, drawn with
    probability share / weight. So the expected weight of a walker's children is the sum of its shares over all
    groups, whatever the groups: a plan is unbiased if these sums are the walkers' weights (Zhang, Jasnow and
    Zuckerman, J. Chem. Phys. 132, 054107, 2010).

    Parameters
    ----------
    stop : (n_groups,) int64
        End of each group in `member` and `share`; strictly increasing, no group is empty.
    member : (n_members,) int64
        Walker index of each member; 0 or more.
    share : (n_members,) float64
        Weight that each member brings; positive and finite.
    ticket : (n_groups,) int64 or None
        Which uniform number each group is drawn with, from 0 on; groups of the same ticket are drawn together, at the
        same place along their members. None: each group on its own.

    Raises
    ------
    ValueError
        Naming everything that is wrong with the arrays: the balancer that made them is at fault.

    Examples
    --------
    >>> plan = Plan.from_groups([[(0, 0.45)], [(0, 0.45), (1, 0.1)]])  # 0 is cloned, one clone merges with 1
    >>> plan.weight.tolist(), plan.clones(2).tolist(), plan.expected_child_weight(2).tolist()
    ([0.45, 0.55], [2, 1], [0.9, 0.1])
    """

    stop: NDArray[np.int64]
    member: NDArray[np.int64]
    share: NDArray[np.float64]
    ticket: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        types: dict[str, Any] = {"stop": np.int64, "member": np.int64, "share": np.float64}
        if self.ticket is not None:
            types["ticket"] = np.int64
        for name, dtype in types.items():
            object.__setattr__(self, name, _frozen(np.array(getattr(self, name), dtype)))
        problems = _problems(self.stop, self.member, self.share)
        if self.ticket is not None and (self.ticket.shape != self.stop.shape or (self.ticket < 0).any()):
            problems.append(f"ticket: expected {len(self.stop)} whole numbers, 0 or more, found {self.ticket.tolist()}")
        if problems:
            raise ValueError("not a plan: " + "; ".join(problems))

    @classmethod
    def nothing(cls, weights: NDArray[np.float64]) -> Self:
        """Return the plan in which every walker goes on as it is."""
        n_walkers = len(weights)
        return cls(stop=np.arange(1, n_walkers + 1), member=np.arange(n_walkers), share=weights)

    @classmethod
    def from_groups(cls, groups: Iterable[Iterable[tuple[int, float]]]) -> Self:
        """Return the plan of these groups of (walker, share), in this order."""
        stop: list[int] = []
        parts: list[tuple[int, float]] = []
        for group in groups:
            parts.extend(group)
            stop.append(len(parts))
        return cls(
            stop=np.array(stop, np.int64),
            member=np.array([walker for walker, _ in parts], np.int64),
            share=np.array([share for _, share in parts], np.float64),
        )

    @property
    def weight(self) -> NDArray[np.float64]:
        """Weight of each group, the correctly rounded sum of its shares, (n_groups,)."""
        start = self._start()
        weight = self.share[start]
        shares, many = self.share.tolist(), np.flatnonzero(self.stop - start > 1)
        spans = zip(start[many].tolist(), self.stop[many].tolist(), strict=True)
        weight[many] = [math.fsum(shares[first:stop]) for first, stop in spans]
        return _frozen(weight)

    def clones(self, n_walkers: int) -> NDArray[np.int64]:
        """Return in how many groups each walker is; more than 1 for a walker that is cloned, (n_walkers,)."""
        pairs = np.unique(np.stack([self._group(), self.member]), axis=1)
        return np.bincount(pairs[1], minlength=n_walkers)

    def expected_child_weight(self, n_walkers: int) -> NDArray[np.float64]:
        """Return the expected weight of each walker's children: the sum of its shares, (n_walkers,)."""
        return np.bincount(self.member, weights=self.share, minlength=n_walkers).astype(np.float64, copy=False)

    def draw(self, stream: Stream) -> Balance:
        """Draw every group's survivor: one uniform number for each group, in order of the groups, or for each ticket.

        Parameters
        ----------
        stream : Stream
            All chance; the same stream gives the same bits.

        Returns
        -------
        Balance
            New walkers in order of the groups; merges in order of group, then walker. A walker's share that falls
            to its own clone is no merge. Probabilities are kept to 2**-53, the grain of the uniform numbers.
        """
        uniform = self._uniform(stream).tolist()
        weight = self.weight
        start = self._start()
        survivor = start.copy()
        shares, many = self.share.tolist(), np.flatnonzero(self.stop - start > 1)
        for group, first, stop in zip(many.tolist(), start[many].tolist(), self.stop[many].tolist(), strict=True):
            upto = list(accumulate(shares[first:stop]))
            place = bisect_right(upto, uniform[group] * upto[-1])
            survivor[group] = first + min(place, len(upto) - 1)
        parent = _frozen(self.member[survivor])
        into, source, moved = self._merges(parent)
        return Balance(parent=parent, weight=weight, merge_into=into, merge_from=source, merge_weight=moved)

    def _uniform(self, stream: Stream) -> NDArray[np.float64]:
        if self.ticket is None:
            return stream.generator().random(len(self.stop))
        return stream.generator().random(int(self.ticket.max()) + 1)[self.ticket]

    def _start(self) -> NDArray[np.int64]:
        """Return the start of each group in `member` and `share`."""
        start = np.zeros_like(self.stop)
        start[1:] = self.stop[:-1]
        return start

    def _group(self) -> NDArray[np.int64]:
        """Return the group of each member."""
        return np.repeat(np.arange(len(self.stop)), self.stop - self._start())

    def _merges(self, parent: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Return group, walker and weight of all that moved, one row for each pair of group and walker."""
        group = self._group()
        merged = np.flatnonzero(self.member != parent[group])
        place = group[merged] * (int(self.member.max()) + 1) + self.member[merged]
        in_order = bool((place[1:] > place[:-1]).all())
        if not in_order:
            merged = merged[np.argsort(place, kind="stable")]
        into, source, moved = group[merged], self.member[merged], self.share[merged]
        if not in_order:
            first = np.flatnonzero(np.diff(into, prepend=-1) | np.diff(source, prepend=-1))
            into, source, moved = into[first], source[first], np.add.reduceat(moved, first)
        return _frozen(into), _frozen(source), _frozen(moved)


def balance_of(
    parent: Sequence[int], weight: Sequence[float] | NDArray[np.float64], merges: Iterable[tuple[int, int, float]]
) -> Balance:
    """Return new walkers with their parents and weights, `merges` being (new walker, old walker, weight), read-only."""
    into, source, moved = tuple(zip(*merges, strict=True)) or ((), (), ())
    return Balance(
        parent=_frozen(np.array(parent, np.int64)),
        weight=_frozen(np.array(weight, np.float64)),
        merge_into=_frozen(np.array(into, np.int64)),
        merge_from=_frozen(np.array(source, np.int64)),
        merge_weight=_frozen(np.array(moved, np.float64)),
    )


def _problems(stop: NDArray[np.int64], member: NDArray[np.int64], share: NDArray[np.float64]) -> list[str]:
    problems = []
    if not stop.ndim == member.ndim == share.ndim == 1 or len(stop) == 0:
        return [f"expected three flat arrays and a group, got shapes {stop.shape}, {member.shape}, {share.shape}"]
    if len(member) != len(share):
        problems.append(f"member and share differ in length: {len(member)} and {len(share)}")
    if (np.diff(stop, prepend=0) < 1).any():
        problems.append("stop: expected strictly increasing ends, found an empty group")
    if stop[-1] != len(member):
        problems.append(f"stop: expected the last to be the number of members, {len(member)}, found {stop[-1]}")
    if (member < 0).any():
        problems.append(f"member: expected walker indices, found {member.min()}")
    bad = np.flatnonzero(~((share > 0) & np.isfinite(share)))
    if len(bad):
        problems.append(f"share: expected positive finite weights, found {share[bad[0]]} at {bad[0]}")
    return problems


def _frozen(array: NDArray[Scalar]) -> NDArray[Scalar]:
    array.setflags(write=False)
    return array
