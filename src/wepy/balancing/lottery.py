"""A plan of lotteries: the new walkers of a pot are drawn one by one from all that is in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.plan import Plan
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
        pots, random = self.pots, stream.generator()
        size = self._size()
        begin, slot = pots.stop - size, np.cumsum(self.slots) - self.slots
        parent = np.repeat(pots.member[begin], self.slots)
        flows = [_NO_FLOW]
        for pot in np.flatnonzero(size > 1).tolist():
            share, n_slots = pots.share[begin[pot] : pots.stop[pot]], int(self.slots[pot])
            upto = np.cumsum(share)
            chosen = np.searchsorted(upto, random.random(n_slots) * upto[-1], side="right")
            chosen = np.minimum(chosen, len(share) - 1)
            parent[slot[pot] : slot[pot] + n_slots] = pots.member[begin[pot] + chosen]
            flows.append(_flow(share, chosen) + np.array([[slot[pot]], [begin[pot]], [0.0]]))
        into, source, moved = np.concatenate(flows, axis=1)
        source = pots.member[source.astype(np.int64)]
        order = np.lexsort((source, into))
        weight = np.repeat(pots.weight / self.slots, self.slots)
        columns = parent, weight, into[order].astype(np.int64), source[order], moved[order]
        for column in columns:
            column.setflags(write=False)
        return Balance(**dict(zip(Balance.__slots__, columns, strict=True)))

    def _size(self) -> NDArray[np.int64]:
        return np.diff(self.pots.stop, prepend=0)

    def _written_out(self) -> NDArray[np.int64]:
        """Return the row in the pots of each member of each group."""
        size = np.repeat(self._size(), self.slots)
        stop = np.cumsum(size)
        return np.repeat(np.repeat(self.pots.stop, self.slots) - stop, size) + np.arange(size.sum())


_NO_FLOW = np.zeros((3, 0))


def _flow(share: NDArray[np.float64], chosen: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return slot, member and weight of what moves within a pot, (3, n_merges).

    Parameters
    ----------
    share : (n_members,) float64
        What each member brought.
    chosen : (n_slots,) int64
        Member that each slot continues.
    """
    children = np.bincount(chosen, minlength=len(share))
    slot = share.sum() / len(chosen)
    surplus = share - children * slot
    gives = surplus > 1e-13 * slot * (children > 0)  # below, a member with children is as heavy as they are
    if gives[chosen].all():  # by rounding only: somebody must have gained
        gives[chosen[np.argmin(surplus[chosen])]] = False
    giver = np.flatnonzero(gives)
    taker = np.flatnonzero(~gives[chosen])
    taker = taker[np.argsort(chosen[taker], kind="stable")]
    lack = np.maximum(-surplus / np.maximum(children, 1), 0.0)[chosen[taker]]
    parts = list(pour(surplus[giver].tolist(), lack.tolist()))
    if not parts:
        return _NO_FLOW
    vessel, item, amount = np.array(parts).T
    return np.stack([taker[vessel.astype(np.int64)], giver[item.astype(np.int64)], amount])
