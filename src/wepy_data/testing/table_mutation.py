"""Damages to the tables beside the walkers' own: events, bins, workers, frames, states."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wepy_data.schema.layout import ORDER_PARAMETER
from wepy_data.testing.facts import ABSORBED, FAILED, INITIAL, RECYCLED, SOURCE, TARGET, Facts
from wepy_data.testing.mutation import Mutation, added, breaks, changed, edited, inserted, put


def table_mutations(facts: Facts) -> Iterator[Mutation]:
    """Yield damages that break rules about these tables."""
    for source in (_events, _known_events, _bins, _workers, _frames, _states):
        yield from source(facts)


def _events(f: Facts) -> Iterator[Mutation]:
    mothers = f.quiet(f.mothers)
    if len(mothers):
        mother = int(mothers[0])
        ended = inserted("event", int(f.cycle[mother]), f.event(mother, ABSORBED))
        yield breaks("absorbed-ends", "/segments/parent", "absorbed, with children", ended)
        children = np.flatnonzero(f.parent == mother)
        stray = edited("/segments/state", put(int(children[0]), 0))
        yield breaks("recycled-children", "/segments/state", "restarted without being recycled", stray)
        restart = f.event(mother, RECYCLED, source_state=f.restart_state())
        forgotten = inserted("event", int(f.cycle[mother]), restart)
        yield breaks("recycled-children", "/segments/state", "recycled, and gone on", forgotten)
    sources = f.quiet(np.setdiff1d(f.run.read("/merges/from"), f.mothers))
    if len(sources):
        ended = inserted("event", int(f.cycle[sources[0]]), f.event(int(sources[0]), ABSORBED))
        yield breaks("absorbed-ends", "/merges/from", "absorbed, and merged", ended)
    quiet = f.quiet(np.arange(f.n_segments))
    if len(quiet):
        one = int(quiet[0])
        cycle = int(f.cycle[one])
        for rule, column, what, event in _wrong_events(f, one):
            yield breaks(rule, f"/events/{column}", what, inserted("event", cycle, event))


def _wrong_events(f: Facts, one: int) -> Iterator[tuple[str, str, str, dict[str, object]]]:
    """Yield rule, column, words and row of events that cannot be, at a segment that has none."""
    yield "event-rows", "weight", "of another weight", f.event(one, FAILED, weight=f.weight[one] * (1 + 1e-9))
    yield "event-rows", "frame", "at another frame", f.event(one, FAILED, frame=-1 if f.last_frame(one) >= 0 else 0)
    yield "event-states", "source_state", "recycled to nowhere", f.event(one, RECYCLED)
    yield "event-states", "source_state", "failed, and restarted", f.event(one, FAILED, source_state=0)
    yield "event-states", "target", "a target that is none", f.event(one, FAILED, target=0)
    wrong = np.flatnonzero(f.state_kind != (SOURCE if (f.state_kind == SOURCE).any() else INITIAL))
    if len(wrong):
        event = f.event(one, RECYCLED, source_state=int(wrong[-1]))
        yield "event-states", "source_state", "recycled to a state of another kind", event


def _known_events(f: Facts) -> Iterator[Mutation]:
    if not len(f.event_segment):
        return
    segment, kind = int(f.event_segment[0]), int(f.event_kind[0])
    cycle = int(f.cycle[segment])
    source = int(f.run.read("/events/source_state")[0])
    again = inserted("event", cycle, f.event(segment, kind, source_state=source))
    yield breaks("event-rows", "/events/segment", "the same walker again", again)
    other = int(f.stops[cycle]) if cycle + 1 < f.n_cycles else int(f.stops[cycle - 1]) - 1
    if f.n_cycles > 1:
        path = "/events/segment"
        yield breaks("event-rows", path, "a walker of another cycle", changed(path, 0, other))


def _bins(f: Facts) -> Iterator[Mutation]:
    n_bins = f.run.rows("bin")
    path = "/segments/bin"
    if n_bins:
        yield breaks("bin-rows", "/bins/cycle", "made in another cycle", edited("/bins/cycle", lambda a: a + 1))
        yield breaks("bin-rows", "/bins/parent", "its own parent", changed("/bins/parent", n_bins - 1, n_bins - 1))
        twin = {f"/bins/{name}": f.run.read(f"/bins/{name}")[0] for name in ("index", "parent", "level")}
        again = inserted("bin", f.n_cycles - 1, {**twin, "/bins/cycle": f.n_cycles - 1})
        yield breaks("bin-rows", "/bins/index", "the same bin again", again)
        balanced = np.setdiff1d(np.arange(f.n_segments), f.absorbed)
        if len(balanced) > 1:
            yield breaks("bin-known", path, "one walker without a bin", changed(path, int(balanced[-1]), -1))
        if f.run.stops("bin")[0] < n_bins:
            yield breaks("bin-known", path, "a bin of the future", changed(path, 0, n_bins - 1))
    else:
        yield breaks("bin-known", path, "a bin that was never made", changed(path, 0, 0))


def _workers(f: Facts) -> Iterator[Mutation]:
    n_workers = f.run.rows("worker")
    path = "/segments/worker"
    if n_workers and f.run.stops("worker")[0] < n_workers:
        yield breaks("worker-rows", path, "a worker of the future", changed(path, 0, n_workers - 1))
    yield breaks("worker-rows", path, "a worker never seen", changed(path, f.n_segments - 1, n_workers))
    if n_workers:
        twin = {f"/workers/{name}": f.run.read(f"/workers/{name}")[0] for name in ("host", "pid", "platform")}
        again = inserted("worker", f.n_cycles - 1, twin)
        yield breaks("worker-rows", "/workers/pid", "the same worker again", again)


def _frames(f: Facts) -> Iterator[Mutation]:
    n_frames, segment = f.run.rows("frame"), f.run.read("/frames/segment")
    path = "/segments/frame_stop"
    yield breaks("frame-rows", "/cycles/frame_stop", "a frame more", edited(path, added(f.n_segments - 1, 1)))
    if f.n_segments > 1:
        falling = edited(path, lambda a: np.concatenate([a[:1] + a[-1] + 1, a[1:]]))
        yield breaks("frame-rows", path, "falling", falling)
    if not n_frames:
        return
    if f.n_segments > 1:
        other = 0 if segment[-1] else 1
        yield breaks("frame-rows", "/frames/segment", "of another segment", changed("/frames/segment", n_frames - 1, other))  # fmt: skip # noqa: E501
    path = "/frames/index"
    yield breaks("frame-order", path, "a number left out", edited(path, added(n_frames - 1, 1)))
    if n_frames > 1:
        path = "/frames/total_time"
        yield breaks("frame-order", path, "aggregate time standing still", edited(path, np.zeros_like))
    if (np.diff(segment) == 0).any():
        for path in ("/frames/md_step", "/frames/time"):
            yield breaks("frame-order", path, "standing still", edited(path, np.zeros_like))
    if ORDER_PARAMETER in f.run.header.layout.growing:
        kept = int(segment[-1])
        path = "/segments/progress"
        yield breaks("progress-last-frame", path, "another value", edited(path, added(kept, 1)))
        yield breaks("progress-last-frame", path, "another frame", edited(ORDER_PARAMETER, lambda a: a + 1))


def _states(f: Facts) -> Iterator[Mutation]:
    path = "/states/probability"
    for kind, word in ((INITIAL, "initial"), (SOURCE, "source")):
        if (f.state_kind == kind).any():
            halved = edited(path, lambda a, kind=kind: np.where(f.state_kind == kind, a / 2, a))  # type: ignore[misc]
            yield breaks("state-probabilities", path, f"{word} states halved", halved)
    if (f.state_kind == TARGET).any():
        row = int(np.flatnonzero(f.state_kind == TARGET)[0])
        yield breaks("state-probabilities", path, "a target with a chance", changed(path, row, 0.5))
