"""A plan of lotteries: the new walkers of a pot are drawn one by one from all that is in it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, islice

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.plan import Plan, balance_of
from wepy.balancing.pour import pour
from wepy.protocols import Balance
from wepy.streams import Stream


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lottery:
    """What multinomial and residual resampling decide before anything is drawn.

    Each pot becomes `slots` new walkers of equal weight, each of which continues one member of the pot, drawn
    independently with probability share / weight of the pot. As a plan of groups, every slot is a group that holds
    1/slots of every member; `stop`, `member` and `share` write that out, which a draw has no need of.

    Parameters
    ----------
    pots : Plan
        Members of each pot, none twice in the same pot, and the weight that they bring to it.
    slots : (n_pots,) int64
        New walkers that each pot becomes; at least 1.

    Examples
    --------
    >>> pots = Plan.from_groups([[(0, 0.5)], [(0, 0.1), (1, 0.4)]])
    >>> plan = Lottery(pots=pots, slots=np.array([2, 2]))
    >>> plan.stop.tolist(), plan.member.tolist(), plan.share.tolist()
    ([1, 2, 4, 6], [0, 0, 0, 1, 0, 1], [0.25, 0.25, 0.05, 0.2, 0.05, 0.2])
    """

    pots: Plan
    slots: NDArray[np.int64]

    def __post_init__(self) -> None:
        slots = np.array(self.slots, np.int64)
        if slots.shape != self.pots.stop.shape or (slots < 1).any():
            raise ValueError(f"slots: expected {len(self.pots.stop)} numbers, 1 or more, got {slots.tolist()}")
        slots.setflags(write=False)
        object.__setattr__(self, "slots", slots)

    @property
    def stop(self) -> NDArray[np.int64]:
        """End of each group in `member` and `share`, (n_groups,)."""
        return np.cumsum(np.repeat(self._size(), self.slots))

    @property
    def member(self) -> NDArray[np.int64]:
        """Walker of each member of each group, (n_members,); the product of members and slots of every pot."""
        return self.pots.member[self._written_out()]

    @property
    def share(self) -> NDArray[np.float64]:
        """Weight that each member brings to its group, (n_members,)."""
        return (self.pots.share / np.repeat(self.slots, self._size()))[self._written_out()]

    def draw(self, stream: Stream) -> Balance:
        """Draw the new walkers: one uniform number for each slot of a pot that has several members.

        Parameters
        ----------
        stream : Stream
            All chance; the same stream gives the same bits.

        Returns
        -------
        Balance
            New walkers in order of pots. A member that brought more than its children weigh gives the difference to
            children that weigh more than their parent brought, both in order of walkers; so at most as many merges
            are on record as there are members and slots, and they account for the weight of every walker.
        """
        pots, begin = self.pots, self.pots.stop - self._size()
        weight = pots.weight / self.slots
        first = np.cumsum(self.slots) - self.slots
        drawn = np.flatnonzero(pots.stop - begin > 1)
        parent = np.repeat(pots.member[begin], self.slots).tolist()
        uniform = iter(stream.generator().random(int(self.slots[drawn].sum())).tolist())
        member, share = pots.member.tolist(), pots.share.tolist()
        flows: list[tuple[int, int, float]] = []
        columns = (column[drawn].tolist() for column in (begin, pots.stop, first, self.slots, weight))
        for start, stop, new, n_slots, ideal in zip(*columns, strict=True):
            here, names = share[start:stop], member[start:stop]
            chosen = _chosen(here, list(islice(uniform, n_slots)))
            parent[new : new + n_slots] = [names[place] for place in chosen]
            flows += ((new + slot, names[place], moved) for slot, place, moved in _flows(here, chosen, ideal))
        flows.sort()
        return balance_of(parent, np.repeat(weight, self.slots), flows)

    def _size(self) -> NDArray[np.int64]:
        return np.diff(self.pots.stop, prepend=0)

    def _written_out(self) -> NDArray[np.int64]:
        """Return the row in the pots of each member of each group."""
        size = np.repeat(self._size(), self.slots)
        stop = np.cumsum(size)
        return np.repeat(np.repeat(self.pots.stop, self.slots) - stop, size) + np.arange(size.sum())


def _chosen(share: list[float], uniform: list[float]) -> list[int]:
    """Return the member that each slot continues."""
    upto = list(accumulate(share))
    last = len(share) - 1
    return [min(bisect_right(upto, number * upto[-1]), last) for number in uniform]


def _flows(share: list[float], chosen: list[int], ideal: float) -> Iterator[tuple[int, int, float]]:
    """Yield slot, member and weight of all that moves within a pot, whose slots weigh `ideal` each."""
    children = [0] * len(share)
    for place in chosen:
        children[place] += 1
    surplus = [own - count * ideal for own, count in zip(share, children, strict=True)]
    givers = [  # a member is as heavy as its children if only rounding tells them apart
        place
        for place, (more, count) in enumerate(zip(surplus, children, strict=True))
        if more > 1e-13 * ideal or (more > 0 and not count)
    ]
    gives = [False] * len(share)
    for place in givers:
        gives[place] = True
    if all(gives[place] for place in chosen):  # by rounding only: somebody must have gained
        least = min(chosen, key=surplus.__getitem__)
        givers.remove(least)
        gives[least] = False
    takers = sorted((slot for slot, place in enumerate(chosen) if not gives[place]), key=chosen.__getitem__)
    lack = [max(-surplus[chosen[slot]] / children[chosen[slot]], 0.0) for slot in takers]
    for part in pour([surplus[place] for place in givers], lack):
        yield takers[part.vessel], givers[part.item], part.amount
