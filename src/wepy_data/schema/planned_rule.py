"""The rule of the walkers that are planned after the last cycle."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.descent_rule import flow_problems
from wepy_data.schema.finding import (
    ABSORBED,
    RECYCLED,
    TOLERANCE,
    Finding,
    at_rows,
    first_rows,
    repeated_pairs,
    require_rows,
    require_stops,
)

if TYPE_CHECKING:
    from wepy_data.schema.check import Tables


def next_walkers(t: Tables) -> Iterator[Finding]:
    if not t.has("/next"):
        if t.sealed and t.n_cycles:
            yield "/next", "nothing in a sealed run"
        return
    if not t.sealed:
        yield "/next", "planned walkers in a run that is not sealed"
    if not t.n_cycles:
        return
    require_stops(t, "segment", "event")
    stops = t["/cycles/segment_stop"]
    first, last = int(first_rows(stops)[-1]), int(stops[-1])
    before = t["/segments/weight"][first:last]
    yield from _links(t, first, last)
    yield from _restarts(t, first, last)
    yield from _flow(t, before, first, last)


def _links(t: Tables, first: int, last: int) -> Iterator[Finding]:
    weight, parent = t["/next/weight"], t["/next/parent"]
    n = len(weight)
    yield from at_rows("/next/parent", (parent < first) | (parent >= last), parent)
    state, continuous = t["/next/state"], t["/next/continuous"]
    yield from at_rows("/next/state", (state >= 0) != (continuous == 0), state)
    into, source, moved = t["/next/merges/into"], t["/next/merges/from"], t["/next/merges/weight"]
    yield from at_rows("/next/merges/from", (source < first) | (source >= last), source)
    require_rows("", into, n)
    require_rows("", parent - first, last - first)
    require_rows("", source - first, last - first)
    yield from at_rows("/next/merges/from", source == parent[into], source)
    yield from at_rows("/next/merges/into", repeated_pairs(into, source, last), into)
    received = np.bincount(into, moved, n) if len(into) else np.zeros(n)
    yield from at_rows("/next/weight", (received > 0) & (received > weight * (1 + TOLERANCE)), weight)


def _restarts(t: Tables, first: int, last: int) -> Iterator[Finding]:
    segment, kind = t["/events/segment"], t["/events/kind"]
    recent = segment >= first
    recycled = recent & (kind == RECYCLED)
    require_rows("", segment[recent] - first, last - first)
    restart = np.full(last - first, -1, np.int64)
    restart[segment[recycled] - first] = t["/events/source_state"][recycled]
    state, parent = t["/next/state"], t["/next/parent"]
    yield from at_rows("/next/state", state != restart[parent - first], state)


def _flow(t: Tables, before: NDArray[np.float64], first: int, last: int) -> Iterator[Finding]:
    """Yield segments of the last cycle that do not give away what they weigh."""
    segment, kind, parent = t["/events/segment"], t["/events/kind"], t["/next/parent"]
    n = last - first
    joined = np.concatenate([before, t["/next/weight"]])
    parents = np.concatenate([np.full(n, -1, np.int64), parent - first])
    absorbed = segment[(segment >= first) & (kind == ABSORBED)] - first
    into, source, moved = t["/next/merges/into"], t["/next/merges/from"], t["/next/merges/weight"]
    yield from flow_problems(joined, parents, into + n, source - first, moved, absorbed, n, first)
