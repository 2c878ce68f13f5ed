"""Rules of descent: who may continue whom, from which state, and what becomes of weight on the way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.finding import (
    ABSORBED,
    RECYCLED,
    TOLERANCE,
    Finding,
    at_rows,
    cycle_of,
    repeated_pairs,
    require_rows,
    require_stops,
    sound_parents,
)

if TYPE_CHECKING:
    from wepy_data.schema.check import Tables


def weights_sum(t: Tables) -> Iterator[Finding]:
    require_stops(t, "segment")
    weight, total = t["/segments/weight"], t["/cycles/total_weight"]
    for cycle, start, stop in _cycle_slices(t):
        found = math.fsum(weight[start:stop].tolist())
        if not abs(found - total[cycle]) <= TOLERANCE * abs(total[cycle]):
            yield f"/cycles/total_weight[{cycle}]", f"{total[cycle]!r}, and weights that sum to {found!r}"


def weight_kept(t: Tables) -> Iterator[Finding]:
    require_stops(t, "event")
    total = t["/cycles/total_weight"]
    kind, weight, stops = t["/events/kind"], t["/events/weight"], t["/cycles/event_stop"]
    lost = np.zeros(len(total))
    np.add.at(lost, np.minimum(cycle_of(stops, len(kind)), len(lost) - 1), np.where(kind == ABSORBED, weight, 0.0))
    before, after = (total - lost)[:-1], total[1:]
    wrong = ~(np.abs(after - before) <= TOLERANCE * np.abs(total[:-1]))  # of what there was: nearly all may be absorbed
    yield from at_rows("/cycles/total_weight", wrong, after, 1)


def parent_in_previous_cycle(t: Tables) -> Iterator[Finding]:
    require_stops(t, "segment")
    parent, stops = sound_parents(t), t["/cycles/segment_stop"]
    own = cycle_of(stops, len(parent))
    of_parent = np.where(parent >= 0, own[parent] if len(parent) else own, -1)
    yield from at_rows("/segments/parent", of_parent != own - 1, parent)


def start_state(t: Tables) -> Iterator[Finding]:
    state, continuous, parent = t["/segments/state"], t["/segments/continuous"], t["/segments/parent"]
    wrong = ((state >= 0) != (continuous == 0)) | ((parent < 0) & (continuous != 0))
    yield from at_rows("/segments/state", wrong, state)


def root_of_tree(t: Tables) -> Iterator[Finding]:
    parent, root = sound_parents(t), t["/segments/root"]
    if len(root):
        yield from at_rows("/segments/root", root != np.where(parent < 0, np.arange(len(root)), root[parent]), root)


def recycled_children(t: Tables) -> Iterator[Finding]:
    parent = sound_parents(t)
    segment, kind, source = t["/events/segment"], t["/events/kind"], t["/events/source_state"]
    require_rows("/events/segment", segment, len(parent))
    restart = np.full(len(parent) + 1, -1, np.int64)  # the last slot is the founders' parent
    restart[segment[kind == RECYCLED]] = source[kind == RECYCLED]
    state, founder = t["/segments/state"], parent < 0
    yield from at_rows("/segments/state", ~founder & (state != restart[parent]), state)


def absorbed_ends(t: Tables) -> Iterator[Finding]:
    parent, segment, kind = sound_parents(t), t["/events/segment"], t["/events/kind"]
    absorbed = segment[kind == ABSORBED]
    yield from at_rows("/segments/parent", np.isin(parent, absorbed) & (parent >= 0), parent)
    source = t["/merges/from"]
    yield from at_rows("/merges/from", np.isin(source, absorbed), source)


def weight_flow(t: Tables) -> Iterator[Finding]:
    require_stops(t, "segment")
    parent, weight = sound_parents(t), t["/segments/weight"]
    n = len(weight)
    into, source = require_rows("", t["/merges/into"], n), require_rows("", t["/merges/from"], n)
    moved = t["/merges/weight"]
    absorbed = t["/events/segment"][t["/events/kind"] == ABSORBED]
    if not t.n_cycles:
        return
    before = int(t["/cycles/segment_stop"][-2]) if t.n_cycles > 1 else 0  # the last cycle's outflow is in /next
    yield from flow_problems(weight, parent, into, source, moved, absorbed, before)


def flow_problems(
    weight: NDArray[np.float64], parent: NDArray[np.int64], into: NDArray[np.int64], source: NDArray[np.int64],
    moved: NDArray[np.float64], absorbed: NDArray[np.int64], before: int, first: int = 0,
) -> Iterator[Finding]:  # fmt: skip
    """Yield segments, of the first `before`, that do not give away what they weigh; they begin with segment `first`."""
    n = len(weight)
    received = np.bincount(into, moved, n) if len(into) else np.zeros(n)
    own = weight - received
    child = parent >= 0
    out = np.bincount(parent[child], own[child], n).astype(np.float64)  # integers if nobody has children
    scale = np.abs(weight) + np.bincount(parent[child], np.abs(weight[child]), n)
    if len(source):
        out += np.bincount(source, moved, n)
    out[absorbed] += weight[absorbed]
    wrong = ~(np.abs(out - weight) <= TOLERANCE * scale)
    wrong[before:] = False
    for row in np.flatnonzero(wrong).tolist():
        yield f"/segments/weight[{first + row}]", f"{weight[row].item()!r}, of which {out[row].item()!r} went on"


def merge_rows(t: Tables) -> Iterator[Finding]:
    require_stops(t, "segment", "merge")
    parent, stops = sound_parents(t), t["/cycles/segment_stop"]
    n = len(parent)
    into, source = require_rows("", t["/merges/into"], n), require_rows("", t["/merges/from"], n)
    cycle = cycle_of(stops, n)
    made = cycle_of(t["/cycles/merge_stop"], len(into))
    yield from at_rows("/merges/into", cycle[into] != made, into)
    yield from at_rows("/merges/from", (cycle[source] != cycle[into] - 1) | (source == parent[into]), source)
    yield from at_rows("/merges/into", repeated_pairs(into, source, n), into)
    weight = t["/segments/weight"]
    received = np.bincount(into, t["/merges/weight"], n) if len(into) else np.zeros(n)
    yield from at_rows("/segments/weight", (received > 0) & (received > weight * (1 + TOLERANCE)), weight)


def _cycle_slices(t: Tables) -> Iterator[tuple[int, int, int]]:
    stops = t["/cycles/segment_stop"].tolist()
    for cycle, (start, stop) in enumerate(zip([0, *stops], stops, strict=False)):
        yield cycle, start, stop
