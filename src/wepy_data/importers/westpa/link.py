"""How the segments of an iteration follow from those of the one before: parents, start states, flows of weight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError
from wepy_data.importers.westpa.flow import weight_flow
from wepy_data.importers.westpa.iteration import Iteration, Recycling

_TOLERANCE = 1e-12  # of the rule `weight-flow`
Ints = NDArray[np.int64]
Damaged = Callable[[str, str, str, str], DamagedRunError]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Links:
    """How segments follow from those of the iteration before; all numbers are positions within their iterations.

    Parameters
    ----------
    parent : (n_segments,) int64
        Segment whose weight each carries; -1 for founders.
    state : (n_segments,) int64
        Initial state that each starts from, by WESTPA's number; -1 if where its parent ended.
    into, giver : (n_merges,) int64
        Segment that received weight by merging, and the one that it came from.
    moved : (n_merges,) float64
        How much.
    n_even : int
        Number of amounts that the weights leave open.
    """

    parent: Ints
    state: Ints
    into: Ints
    giver: Ints
    moved: NDArray[np.float64]
    n_even: int = 0


def founders(first: Iteration) -> Links:
    """Return the links of the first iteration: to nothing."""
    none = np.zeros(0, np.int64)
    state = np.where(first.parent < 0, -1 - first.parent, 0)
    return Links(
        parent=np.full(first.n_segments, -1, np.int64), state=state, into=none, giver=none, moved=np.zeros(0)
    )  # fmt: skip


def links(before: Iteration, after: Iteration, damaged: Damaged) -> Links:
    """Return how an iteration follows from the one before.

    Parameters
    ----------
    before, after : Iteration
        The two iterations.
    damaged : callable
        Makes the error from where it is, what was found, what was expected, and the way out.

    Raises
    ------
    DamagedRunError
        If parents are not in the iteration before, or weights do not go from it to this one.
    """
    where = f"iteration {after.number}"
    parent = _parents(before, after, damaged)
    child, giver = after.child, after.giver
    if len(giver) and (giver.min() < 0 or giver.max() >= before.n_segments):
        found = f"segments {giver[(giver < 0) | (giver >= before.n_segments)][:5].tolist()}"
        raise damaged(f"{where}, wtgraph", found, f"segments 0 to {before.n_segments - 1} of the one before", "")
    child, giver = _pairs(after, parent, before.n_segments)
    flow = weight_flow(before.weight, after.weight, giver, child)
    moved = (giver != parent[child]) & (flow.amount > 0)
    _refuse_changed(before, after, parent, child[moved], giver[moved], flow.amount[moved], damaged)
    return Links(
        parent=parent,
        state=np.where(after.parent < 0, -1 - after.parent, -1),
        into=child[moved],
        giver=giver[moved],
        moved=flow.amount[moved],
        n_even=flow.n_even,
    )


def absorbed(before: Iteration, after: Iteration) -> NDArray[np.bool_]:
    """Return which segments have ended in a target, (n_segments,): not recycled, and nothing in the next iteration."""
    found = before.reached.copy()
    if not found.any():
        return found
    for others in (after.recycling.segment, after.parent, after.giver):
        found[others[(others >= 0) & (others < before.n_segments)]] = False
    return found


def _pairs(after: Iteration, parent: Ints, n_before: int) -> tuple[Ints, Ints]:
    """Return children and whom their weight comes from, their parents among them, each pair once."""
    child = np.append(after.child, np.arange(after.n_segments))
    pairs = np.sort(child * n_before + np.append(after.giver, parent))
    pairs = pairs[np.append(True, np.diff(pairs) > 0)]
    return pairs // n_before, pairs % n_before


def _parents(before: Iteration, after: Iteration, damaged: Damaged) -> Ints:
    """Return whose weight each segment carries, also of recycled ones."""
    parent = after.parent.copy()
    recycled, where = parent < 0, f"iteration {after.number}"
    if recycled.any():
        parent[recycled] = _recycled(after.recycling, -1 - parent[recycled])
    if (parent < 0).any() or (parent >= before.n_segments).any():
        wrong = np.flatnonzero((parent < 0) | (parent >= before.n_segments))[:5].tolist()
        found = f"segments {wrong} with parents {after.parent[wrong].tolist()}"
        raise damaged(f"{where}, seg_index", found, "segments of the one before, or recycled ones of new_weights", "")
    return parent


def _recycled(recycling: Recycling, states: Ints) -> Ints:
    """Return which segments were recycled to states; -1 for none."""
    if not len(recycling.state):
        return np.full(len(states), -1, np.int64)
    order = np.argsort(recycling.state, kind="stable")
    known = recycling.state[order]
    place = np.minimum(np.searchsorted(known, states), len(known) - 1)
    return np.where(known[place] == states, recycling.segment[order][place], -1)


def _refuse_changed(
    before: Iteration, after: Iteration, parent: Ints, into: Ints, giver: Ints, moved: NDArray[np.float64],
    damaged: Damaged,
) -> None:  # fmt: skip
    """Raise an error if the weights of an iteration are not those of the one before, moved."""
    n = before.n_segments
    own = after.weight - np.bincount(into, moved, after.n_segments)
    out = np.bincount(parent, own, n) + np.bincount(giver, moved, n)
    out = out + np.where(absorbed(before, after), before.weight, 0.0)
    scale = before.weight + np.bincount(parent, after.weight, n)
    wrong = np.flatnonzero(~(np.abs(out - before.weight) <= _TOLERANCE * scale))
    short = own < -_TOLERANCE * after.weight
    if len(wrong) or short.any():
        segment = int(wrong[0]) if len(wrong) else int(parent[short][0])
        found = f"{out[segment].item()!r} from segment {segment} of iteration {before.number}, which weighs {before.weight[segment].item()!r}"  # noqa: E501
        way_out = (
            "weights were changed by other means than splitting and merging (reweighting?), which a run of this schema "
            f"cannot hold: import the iterations before it (last={before.number}, or --last {before.number})"
        )
        raise damaged(f"iteration {after.number}, weights", found, "what it weighs", way_out)
