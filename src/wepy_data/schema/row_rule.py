"""Rules of the rows of each table: in order, of their own cycle, pointing to rows of the right kind."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from wepy_data.schema.finding import (
    ABSORBED,
    INITIAL,
    RECYCLED,
    SOURCE,
    TARGET,
    Finding,
    Unavailable,
    at_rows,
    cycle_of,
    first_rows,
    repeated,
    require_rows,
    require_stops,
)

if TYPE_CHECKING:
    from wepy_data.schema.check import Tables


def cycles_consecutive(t: Tables) -> Iterator[Finding]:
    index = t["/cycles/index"]
    yield from at_rows("/cycles/index", index != np.arange(len(index)), index)
    stops = t["/cycles/segment_stop"]
    yield from at_rows("/cycles/segment_stop", np.diff(stops, prepend=0) == 0, stops)


def stops_cumulative(t: Tables) -> Iterator[Finding]:
    for dim in ("segment", "frame", "merge", "event", "bin", "worker"):
        path = f"/cycles/{dim}_stop"
        try:
            stops = t[path]
        except Unavailable:
            continue
        yield from at_rows(path, np.diff(stops, prepend=0) < 0, stops)


def segment_rows(t: Tables) -> Iterator[Finding]:
    require_stops(t, "segment")
    stops = t["/cycles/segment_stop"]
    cycle, walker = t["/segments/cycle"], t["/segments/walker"]
    expected = cycle_of(stops, len(cycle))
    yield from at_rows("/segments/cycle", cycle != expected, cycle)
    first = first_rows(stops)[np.minimum(expected, len(stops) - 1)] if len(stops) else expected
    yield from at_rows("/segments/walker", walker != np.arange(len(walker)) - first, walker)


def event_rows(t: Tables) -> Iterator[Finding]:
    require_stops(t, "segment", "event")
    segment, weights = t["/events/segment"], t["/segments/weight"]
    require_rows("", segment, len(weights))
    made = cycle_of(t["/cycles/event_stop"], len(segment))
    cycle = cycle_of(t["/cycles/segment_stop"], len(weights))
    first = np.zeros(len(segment), bool)
    first[np.unique(segment, return_index=True)[1]] = True
    yield from at_rows("/events/segment", (cycle[segment] != made) | ~first, segment)
    weight = t["/events/weight"]
    yield from at_rows("/events/weight", weight != weights[segment], weight)
    stop = t["/segments/frame_stop"]
    n_frames = np.diff(stop, prepend=0)[segment]
    frame = t["/events/frame"]
    inside = (frame < stop[segment]) & (frame >= stop[segment] - n_frames)
    yield from at_rows("/events/frame", ~np.where(n_frames > 0, inside, frame == -1), frame)


def event_states(t: Tables) -> Iterator[Finding]:
    kinds, kind = t["/states/kind"], t["/events/kind"]
    source, target = t["/events/source_state"], t["/events/target"]
    require_rows("", source, len(kinds), -1)
    require_rows("", target, len(kinds), -1)
    restart = SOURCE if (kinds == SOURCE).any() else INITIAL
    right = np.where(kind == RECYCLED, (source >= 0) & (kinds[source] == restart), source == -1) if len(kinds) else kind < 0  # fmt: skip # noqa: E501
    yield from at_rows("/events/source_state", ~right, source)
    if len(kinds):
        yield from at_rows("/events/target", (target >= 0) & (kinds[target] != TARGET), target)


def bin_rows(t: Tables) -> Iterator[Finding]:
    require_stops(t, "bin")
    cycle, parent, index = t["/bins/cycle"], t["/bins/parent"], t["/bins/index"]
    yield from at_rows("/bins/cycle", cycle != cycle_of(t["/cycles/bin_stop"], len(cycle)), cycle)
    yield from at_rows("/bins/parent", parent >= np.arange(len(parent)), parent)
    yield from at_rows("/bins/index", repeated(index, parent), index)


def bin_known(t: Tables) -> Iterator[Finding]:
    require_stops(t, "segment", "bin")
    used, stops = t["/segments/bin"], t["/cycles/bin_stop"]
    cycle = np.minimum(cycle_of(t["/cycles/segment_stop"], len(used)), max(0, len(stops) - 1))
    if len(used):
        yield from at_rows("/segments/bin", used >= stops[cycle], used)
        ended = np.zeros(len(used), bool)
        ended[require_rows("", t["/events/segment"][t["/events/kind"] == ABSORBED], len(used))] = True
        binned = ~ended & (used >= 0)
        yield from at_rows("/segments/bin", binned.any() & ~ended & (used < 0), used)


def frame_rows(t: Tables) -> Iterator[Finding]:
    require_stops(t, "segment", "frame")
    segment, stop = t["/frames/segment"], t["/segments/frame_stop"]
    yield from at_rows("/segments/frame_stop", np.diff(stop, prepend=0) < 0, stop)
    if len(stop) and (np.diff(stop, prepend=0) >= 0).all():
        expected = np.searchsorted(stop, np.arange(len(segment)), side="right")
        yield from at_rows("/frames/segment", segment != expected, segment)
        last = t["/cycles/segment_stop"] - 1
        if last.max() < len(stop):
            cycles = t["/cycles/frame_stop"]
            yield from at_rows("/cycles/frame_stop", cycles != stop[last], cycles)


def frame_order(t: Tables) -> Iterator[Finding]:
    segment = t["/frames/segment"]
    within = np.diff(segment) == 0
    for path in ("/frames/md_step", "/frames/time"):
        values = t[path]
        yield from at_rows(path, within & ~(np.diff(values) > 0), values[1:], 1)
    total = t["/frames/total_time"]
    yield from at_rows("/frames/total_time", ~(np.diff(total) > 0), total[1:], 1)
    index = t["/frames/index"]
    yield from at_rows("/frames/index", index != np.arange(len(index)), index)


def progress_last_frame(t: Tables) -> Iterator[Finding]:
    path = "/observables/order_parameter/value"
    if not t.has(path):
        return
    stop = t["/segments/frame_stop"]
    kept = np.diff(stop, prepend=0) > 0
    values = t[path]
    require_rows("", stop[kept] - 1, len(values))
    progress = t["/segments/progress"]
    last = values[stop[kept] - 1]
    last = last.reshape(len(last), math.prod(last.shape[1:]))
    fits = last.shape[1] == progress.shape[1]
    same = np.all(last == progress[kept], axis=1) if fits else np.zeros(len(last), bool)
    wrong = np.zeros(len(stop), bool)
    wrong[kept] = ~same
    yield from at_rows("/segments/progress", wrong, progress)


def worker_rows(t: Tables) -> Iterator[Finding]:
    require_stops(t, "segment", "worker")
    worker, stops = t["/segments/worker"], t["/cycles/worker_stop"]
    if len(stops):
        cycle = np.minimum(cycle_of(t["/cycles/segment_stop"], len(worker)), len(stops) - 1)
        yield from at_rows("/segments/worker", worker >= stops[cycle], worker)
    host, pid, platform = t["/workers/host"], t["/workers/pid"], t["/workers/platform"]
    yield from at_rows("/workers/pid", repeated(host, pid, platform), pid)
