"""Shares of walkers: how many each region of a hierarchy gains or loses (WExplore)."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Node:
    """A region with walkers, at work: counts are summed up and gains written while a tree is balanced.

    Parameters
    ----------
    count : int
        Walkers in it.
    can_lose, can_gain : int
        How many it can lose by merging and gain by cloning.
    children : list of Node
        Regions in it.
    gain : int
        What it gains (or loses, if negative).
    """

    count: int = 0
    can_lose: int = 0
    can_gain: int = 0
    children: list[Node] = field(default_factory=list)
    gain: int = 0


def share_out(root: Node, gain: int) -> None:
    """Write the gain of every node below `root`, which itself gains `gain`: siblings get as even as they can.

    The gains of a node's children sum to its own. Siblings differ by at most 1 walker, but for those that can lose
    or gain no more.
    """
    root.gain = gain
    open_nodes = [root]
    while open_nodes:
        node = open_nodes.pop()
        if node.children:
            gains = even_gains(node.children, node.gain)
            for child, part in zip(node.children, gains, strict=True):
                child.gain = part
            open_nodes += node.children


def even_gains(siblings: list[Node], gain: int) -> list[int]:
    """Return what each sibling gains; the sum is `gain`, which they must be able to gain (or lose) together.

    Examples
    --------
    >>> three, one = Node(3, can_lose=2, can_gain=9), Node(1, can_lose=0, can_gain=9)
    >>> even_gains([three, one, three, one], 0)
    [-1, 1, -1, 1]
    """
    shares = [one.count for one in siblings]
    can_lose = [one.can_lose for one in siblings]
    can_gain = [one.can_gain for one in siblings]

    def move(place: int, size: int) -> None:
        shares[place] += size
        can_lose[place] += size
        can_gain[place] -= size

    for place in range(len(siblings)):
        part = max(min(gain, can_gain[place]), -can_lose[place])
        move(place, part)
        gain -= part
    while best := _best_trade(shares, can_lose, can_gain):
        donor, acceptor, size = best
        move(donor, -size)
        move(acceptor, size)
    return [share - one.count for share, one in zip(shares, siblings, strict=True)]


def _best_trade(shares: list[int], can_lose: list[int], can_gain: list[int]) -> tuple[int, int, int] | None:
    """Return donor, acceptor and number of walkers: from the sibling with most to the one with least.

    Of equal ones, those that can trade most, then the last. None if no two that can trade differ by 2.
    """
    most = max((share for share, can in zip(shares, can_lose, strict=True) if can > 0), default=0)
    least = min((share for share, can in zip(shares, can_gain, strict=True) if can > 0), default=most)
    if most - least < 2:
        return None
    donors = [place for place, share in enumerate(shares) if share == most and can_lose[place] > 0]
    acceptors = [place for place, share in enumerate(shares) if share == least and can_gain[place] > 0]
    size = min((most - least) // 2, max(can_lose[d] for d in donors), max(can_gain[a] for a in acceptors))
    donor = next(d for d in reversed(donors) if can_lose[d] >= size)
    acceptor = next(a for a in reversed(acceptors) if can_gain[a] >= size)
    return donor, acceptor, size
