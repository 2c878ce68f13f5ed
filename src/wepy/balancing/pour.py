"""Weight poured into vessels, one after another."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class Part(NamedTuple):
    """What of an item went into a vessel; positions count from 0."""

    vessel: int
    item: int
    amount: float


def pour(amounts: Iterable[float], room: Sequence[float], grain: float = 0.0) -> Iterator[Part]:
    """Yield the parts of items that fill vessels in turn; the last vessel takes what is left.

    Nothing is lost to rounding: an item's parts sum to its amount as precisely as two numbers of its size subtract.

    Parameters
    ----------
    amounts : iterable of float
        Of each item; positive.
    room : sequence of float
        Of each vessel; 0 or more. They should sum to what the amounts sum to.
    grain : float
        Nothing this small is cut off from an item; vessels are filled to within it.

    Examples
    --------
    >>> [tuple(part) for part in pour([0.75, 0.25, 0.5], [0.5, 0.5, 0.5])]
    [(0, 0, 0.5), (1, 0, 0.25), (1, 1, 0.25), (2, 2, 0.5)]
    """
    vessel, left = 0, room[0]
    for item, amount in enumerate(amounts):
        while vessel < len(room) - 1 and amount - left > grain:
            if left > grain:
                yield Part(vessel, item, left)
                amount -= left
                left = 0.0
            vessel += 1
            left += room[vessel]  # a little more or less than that, if the one before was not filled to the brim
        yield Part(vessel, item, amount)
        left -= amount
