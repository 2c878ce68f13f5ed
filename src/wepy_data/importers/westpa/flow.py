"""How much weight went from each segment to each of its children, where a file says only who gave to whom.

WESTPA notes which segments a walker's weight comes from, not how much came from each. The amounts follow from the
weights: what leaves a segment is its weight, what arrives at a child is the child's. Where who gave to whom has no
loops, there is one answer. Else each segment gives as evenly as that allows (the flow of largest entropy).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.westpa.fit import fitted

_ROUNDS = 1000
_ENOUGH = 1e-14
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """What went where.

    Parameters
    ----------
    amount : (n_pairs,) float64
        Weight that went from a segment to a child, for each pair.
    n_even : int
        Number of pairs for which the weights leave more than one answer.
    """

    amount: Floats
    n_even: int


def weight_flow(before: Floats, after: Floats, segment: Ints, child: Ints) -> Flow:
    """Return how much weight went from segments to children.

    Parameters
    ----------
    before : (n_segments,) float64
        Weights of the segments.
    after : (n_children,) float64
        Weights of the children, which sum to the same.
    segment, child : (n_pairs,) int64
        Who gave to whom, each pair once.

    Examples
    --------
    Two segments merge, and the third one is split:

    >>> weight_flow(np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.25, 0.25]),
    ...             np.array([0, 1, 2, 2]), np.array([0, 0, 1, 2])).amount.tolist()
    [0.2, 0.3, 0.25, 0.25]
    """
    amount, n_even = np.zeros(len(segment)), 0
    to_give, to_take = before.copy(), after.copy()
    left = np.arange(len(segment))
    while len(left):
        s, c = segment[left], child[left]
        settled, values = _settled(s, c, to_give, to_take, after)
        if not settled.any():
            even = _even(s, c, to_give, to_take)
            n_even += len(left)
            settled = ~_forest(s, c, even)
            values = even[settled]
        values = np.clip(values, 0, np.maximum(to_give[s[settled]], 0))
        amount[left[settled]] = values
        to_give -= np.bincount(s[settled], values, len(before))
        to_take -= np.bincount(c[settled], values, len(after))
        left = left[~settled]
    fit = fitted(before, after, segment, child, amount)
    return Flow(fit, n_even)


def _settled(s: Ints, c: Ints, to_give: Floats, to_take: Floats, after: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Return pairs whose amount is known, and these amounts: one end of each has no other pair.

    What a segment has left is more exact than what a child still lacks: the latter is the difference of what may be
    much larger numbers. So children with a difference come last, and each segment keeps one pair for its own rest.
    """
    ways = np.bincount(s, minlength=len(to_give))[s]
    last_way = ways == 1
    if last_way.any():
        return last_way, to_give[s[last_way]]
    only = np.bincount(c, minlength=len(to_take))[c] == 1
    whole = only & (to_take[c] == after[c])
    if whole.any():
        return whole, to_take[c[whole]]
    if only.any():
        ends = np.flatnonzero(only)
        worst = ends[np.argsort(to_take[c[ends]] / after[c[ends]], kind="stable")]
        _, first = np.unique(s[worst], return_index=True)
        kept = worst[first]
        only[kept[np.bincount(s[ends], minlength=len(to_give))[s[kept]] == ways[kept]]] = False
    return only, to_take[c[only]]


def _even(s: Ints, c: Ints, to_give: Floats, to_take: Floats) -> Floats:
    """Return amounts that fit what is given and taken, by scaling them to the one and the other in turn."""
    give, take = np.maximum(to_give, 0), np.maximum(to_take, 0)
    amount: Floats = give[s] / np.bincount(s, minlength=len(give))[s]
    for _ in range(_ROUNDS):
        old = amount
        amount = amount * _ratio(take, _sums(c, amount, len(take)))[c]
        amount = amount * _ratio(give, _sums(s, amount, len(give)))[s]
        if (np.abs(amount - old) <= _ENOUGH * np.maximum(amount, old)).all():
            break
    return amount


def _sums(groups: Ints, values: Floats, count: int) -> Floats:
    return np.bincount(groups, values, count).astype(np.float64, copy=False)


def _ratio(wanted: Floats, found: Floats) -> Floats:
    return np.divide(wanted, found, out=np.zeros_like(wanted), where=found > 0)


def _forest(s: Ints, c: Ints, amount: Floats) -> NDArray[np.bool_]:
    """Return pairs that form no loop, the largest amounts first: theirs follow from the others'."""
    above: dict[int, int] = {}

    def top(node: int) -> int:
        while above.get(node, node) != node:
            above[node] = above.get(above[node], above[node])
            node = above[node]
        return node

    kept = np.zeros(len(s), bool)
    for pair in np.argsort(-amount, kind="stable").tolist():
        one, other = top(int(s[pair])), top(-1 - int(c[pair]))
        if one != other:
            above[one] = other
            kept[pair] = True
    return kept
