"""The third level of checks: rules across tables, one function for each rule of the schema."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.checksum import HEADER_CRC, crc_of
from wepy_data.schema.problem import Problem
from wepy_data.schema.spec import Spec

if TYPE_CHECKING:
    from wepy_data.schema.check import Tables

Finding = tuple[str, str]
Rule = Callable[["Tables"], Iterator[Finding]]
RULES: dict[str, Rule] = {}
TOLERANCE = 1e-12
RECYCLED, ABSORBED = 0, 1
INITIAL, SOURCE, TARGET = 0, 1, 2
_SHOWN = 5
_COUNTED = 1000  # violations of a rule, after which no more are looked for


class Unavailable(Exception):  # noqa: N818 (a signal, caught below)
    """A dataset that a rule needs and that is missing or malformed: reported by the structure level."""


def rule_problems(spec: Spec, tables: Tables) -> list[Problem]:
    """Return the violations of all rules; rules whose datasets are broken are passed over."""
    problems = []
    for name, sentence in spec.rules.items():
        found: list[Finding] = []
        with contextlib.suppress(Unavailable):
            for finding in itertools.islice(RULES[name](tables), _COUNTED):
                found.append(finding)  # noqa: PERF402 (what was found before a rule is left counts)
        problems += [Problem(path, name, what, sentence) for path, what in found[:_SHOWN]]
        if len(found) > _SHOWN:
            more = f"{len(found) - _SHOWN} more of these{', or many more' if len(found) == _COUNTED else ''}"
            problems.append(Problem(found[0][0].split("[")[0], name, more, sentence))
    return problems


def rule(function: Rule) -> Rule:
    """Register a rule; its id is the function's name with hyphens."""
    RULES[function.__name__.removeprefix("_").replace("_", "-")] = function
    return function


def _rows(path: str, wrong: NDArray[Any], values: NDArray[Any], offset: int = 0) -> Iterator[Finding]:
    for row in np.flatnonzero(wrong).tolist():
        yield f"{path}[{offset + row}]", str(values[row])


def _starts(stops: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, np.int64), stops])[:-1]


def _cycle_of(stops: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Cycle of each row; rows that the stops do not cover have the number of cycles."""
    return np.searchsorted(stops, np.arange(total), side="right")


def _repeated(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows of a table have come before, by these columns of it."""
    codes = [np.unique(column, return_inverse=True)[1] for column in columns]
    repeated = np.ones(len(columns[0]), bool)
    repeated[np.unique(np.stack(codes, axis=1), axis=0, return_index=True)[1]] = False
    return repeated


def _sound(t: Tables, *dims: str) -> None:
    """Leave a rule whose stops cannot be trusted: `stops-cumulative` reports them."""
    for dim in dims:
        stops = t[f"/cycles/{dim}_stop"]
        if len(stops) and (stops[0] < 0 or (np.diff(stops) < 0).any()):
            raise Unavailable(dim)


def _parents(t: Tables) -> NDArray[np.int64]:
    """Parents, all of them -1 or a row; leaves the rule if some are neither."""
    parent = t["/segments/parent"]
    if len(parent) and (parent.min() < -1 or parent.max() >= len(parent)):
        raise Unavailable("/segments/parent")
    return np.asarray(parent)


def _within(path: str, values: NDArray[np.int64], size: int, low: int = 0) -> NDArray[np.int64]:
    if len(values) and (values.min() < low or values.max() >= size):
        raise Unavailable(path)
    return values


@rule
def _cycles_consecutive(t: Tables) -> Iterator[Finding]:
    index = t["/cycles/index"]
    yield from _rows("/cycles/index", index != np.arange(len(index)), index)
    stops = t["/cycles/segment_stop"]
    yield from _rows("/cycles/segment_stop", np.diff(stops, prepend=0) == 0, stops)


@rule
def _stops_cumulative(t: Tables) -> Iterator[Finding]:
    for dim in ("segment", "frame", "merge", "event", "bin", "worker"):
        path = f"/cycles/{dim}_stop"
        try:
            stops = t[path]
        except Unavailable:
            continue
        yield from _rows(path, np.diff(stops, prepend=0) < 0, stops)


@rule
def _segment_rows(t: Tables) -> Iterator[Finding]:
    _sound(t, "segment")
    stops = t["/cycles/segment_stop"]
    cycle, walker = t["/segments/cycle"], t["/segments/walker"]
    expected = _cycle_of(stops, len(cycle))
    yield from _rows("/segments/cycle", cycle != expected, cycle)
    first = _starts(stops)[np.minimum(expected, len(stops) - 1)] if len(stops) else expected
    yield from _rows("/segments/walker", walker != np.arange(len(walker)) - first, walker)


def _cycle_slices(t: Tables) -> Iterator[tuple[int, int, int]]:
    stops = t["/cycles/segment_stop"].tolist()
    for cycle, (start, stop) in enumerate(zip([0, *stops], stops, strict=False)):
        yield cycle, start, stop


@rule
def _weights_sum(t: Tables) -> Iterator[Finding]:
    _sound(t, "segment")
    weight, total = t["/segments/weight"], t["/cycles/total_weight"]
    for cycle, start, stop in _cycle_slices(t):
        found = math.fsum(weight[start:stop].tolist())
        if not abs(found - total[cycle]) <= TOLERANCE * abs(total[cycle]):
            yield f"/cycles/total_weight[{cycle}]", f"{total[cycle]!r}, and weights that sum to {found!r}"


@rule
def _weight_kept(t: Tables) -> Iterator[Finding]:
    _sound(t, "event")
    total = t["/cycles/total_weight"]
    kind, weight, stops = t["/events/kind"], t["/events/weight"], t["/cycles/event_stop"]
    lost = np.zeros(len(total))
    np.add.at(lost, np.minimum(_cycle_of(stops, len(kind)), len(lost) - 1), np.where(kind == ABSORBED, weight, 0.0))
    before, after = (total - lost)[:-1], total[1:]
    wrong = ~(np.abs(after - before) <= TOLERANCE * np.abs(total[:-1]))  # of what there was: nearly all may be absorbed
    yield from _rows("/cycles/total_weight", wrong, after, 1)


@rule
def _parent_in_previous_cycle(t: Tables) -> Iterator[Finding]:
    _sound(t, "segment")
    parent, stops = _parents(t), t["/cycles/segment_stop"]
    own = _cycle_of(stops, len(parent))
    of_parent = np.where(parent >= 0, own[parent] if len(parent) else own, -1)
    yield from _rows("/segments/parent", of_parent != own - 1, parent)


@rule
def _start_state(t: Tables) -> Iterator[Finding]:
    state, continuous, parent = t["/segments/state"], t["/segments/continuous"], t["/segments/parent"]
    wrong = ((state >= 0) != (continuous == 0)) | ((parent < 0) & (continuous != 0))
    yield from _rows("/segments/state", wrong, state)


@rule
def _root_of_tree(t: Tables) -> Iterator[Finding]:
    parent, root = _parents(t), t["/segments/root"]
    if len(root):
        yield from _rows("/segments/root", root != np.where(parent < 0, np.arange(len(root)), root[parent]), root)


@rule
def _recycled_children(t: Tables) -> Iterator[Finding]:
    parent = _parents(t)
    segment, kind, source = t["/events/segment"], t["/events/kind"], t["/events/source_state"]
    _within("/events/segment", segment, len(parent))
    restart = np.full(len(parent) + 1, -1, np.int64)  # the last slot is the founders' parent
    restart[segment[kind == RECYCLED]] = source[kind == RECYCLED]
    state, founder = t["/segments/state"], parent < 0
    yield from _rows("/segments/state", ~founder & (state != restart[parent]), state)


@rule
def _absorbed_ends(t: Tables) -> Iterator[Finding]:
    parent, segment, kind = _parents(t), t["/events/segment"], t["/events/kind"]
    absorbed = segment[kind == ABSORBED]
    yield from _rows("/segments/parent", np.isin(parent, absorbed) & (parent >= 0), parent)
    source = t["/merges/from"]
    yield from _rows("/merges/from", np.isin(source, absorbed), source)


@rule
def _weight_flow(t: Tables) -> Iterator[Finding]:
    _sound(t, "segment")
    parent, weight = _parents(t), t["/segments/weight"]
    n = len(weight)
    into, source, moved = _within("", t["/merges/into"], n), _within("", t["/merges/from"], n), t["/merges/weight"]
    absorbed = t["/events/segment"][t["/events/kind"] == ABSORBED]
    if not t.n_cycles:
        return
    before = int(t["/cycles/segment_stop"][-2]) if t.n_cycles > 1 else 0  # the last cycle's outflow is in /next
    yield from flow_problems(weight, parent, into, source, moved, absorbed, before)


def flow_problems(
    weight: NDArray[np.float64], parent: NDArray[np.int64], into: NDArray[np.int64], source: NDArray[np.int64],
    moved: NDArray[np.float64], absorbed: NDArray[np.int64], before: int,
) -> Iterator[Finding]:  # fmt: skip
    """Yield segments, of the first `before`, that do not give away what they weigh."""
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
        yield f"/segments/weight[{row}]", f"{weight[row].item()!r}, of which {out[row].item()!r} went on"


@rule
def _merge_rows(t: Tables) -> Iterator[Finding]:
    _sound(t, "segment", "merge")
    parent, stops = _parents(t), t["/cycles/segment_stop"]
    n = len(parent)
    into, source = _within("", t["/merges/into"], n), _within("", t["/merges/from"], n)
    cycle = _cycle_of(stops, n)
    made = _cycle_of(t["/cycles/merge_stop"], len(into))
    yield from _rows("/merges/into", cycle[into] != made, into)
    yield from _rows("/merges/from", (cycle[source] != cycle[into] - 1) | (source == parent[into]), source)
    yield from _rows("/merges/into", _again(into, source, n), into)
    weight = t["/segments/weight"]
    received = np.bincount(into, t["/merges/weight"], n) if len(into) else np.zeros(n)
    yield from _rows("/segments/weight", (received > 0) & (received > weight * (1 + TOLERANCE)), weight)


def _again(into: NDArray[np.int64], source: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Whether each pair has come before."""
    pair = into * np.int64(n) + source
    order = np.argsort(pair, kind="stable")
    again = np.zeros(len(pair), bool)
    again[order[1:]] = np.diff(pair[order]) == 0
    return again


@rule
def _event_rows(t: Tables) -> Iterator[Finding]:
    _sound(t, "segment", "event")
    segment, weights = t["/events/segment"], t["/segments/weight"]
    _within("", segment, len(weights))
    made = _cycle_of(t["/cycles/event_stop"], len(segment))
    cycle = _cycle_of(t["/cycles/segment_stop"], len(weights))
    first = np.zeros(len(segment), bool)
    first[np.unique(segment, return_index=True)[1]] = True
    yield from _rows("/events/segment", (cycle[segment] != made) | ~first, segment)
    weight = t["/events/weight"]
    yield from _rows("/events/weight", weight != weights[segment], weight)
    stop = t["/segments/frame_stop"]
    n_frames = np.diff(stop, prepend=0)[segment]
    frame = t["/events/frame"]
    inside = (frame < stop[segment]) & (frame >= stop[segment] - n_frames)
    yield from _rows("/events/frame", ~np.where(n_frames > 0, inside, frame == -1), frame)


@rule
def _event_states(t: Tables) -> Iterator[Finding]:
    kinds, kind = t["/states/kind"], t["/events/kind"]
    source, target = t["/events/source_state"], t["/events/target"]
    _within("", source, len(kinds), -1)
    _within("", target, len(kinds), -1)
    restart = SOURCE if (kinds == SOURCE).any() else INITIAL
    right = np.where(kind == RECYCLED, (source >= 0) & (kinds[source] == restart), source == -1) if len(kinds) else kind < 0  # fmt: skip # noqa: E501
    yield from _rows("/events/source_state", ~right, source)
    if len(kinds):
        yield from _rows("/events/target", (target >= 0) & (kinds[target] != TARGET), target)


@rule
def _bin_rows(t: Tables) -> Iterator[Finding]:
    _sound(t, "bin")
    cycle, parent, index = t["/bins/cycle"], t["/bins/parent"], t["/bins/index"]
    yield from _rows("/bins/cycle", cycle != _cycle_of(t["/cycles/bin_stop"], len(cycle)), cycle)
    yield from _rows("/bins/parent", parent >= np.arange(len(parent)), parent)
    yield from _rows("/bins/index", _repeated(index, parent), index)


@rule
def _bin_known(t: Tables) -> Iterator[Finding]:
    _sound(t, "segment", "bin")
    used, stops = t["/segments/bin"], t["/cycles/bin_stop"]
    cycle = np.minimum(_cycle_of(t["/cycles/segment_stop"], len(used)), max(0, len(stops) - 1))
    if len(used):
        yield from _rows("/segments/bin", used >= stops[cycle], used)
        ended = np.zeros(len(used), bool)
        ended[_within("", t["/events/segment"][t["/events/kind"] == ABSORBED], len(used))] = True
        binned = ~ended & (used >= 0)
        yield from _rows("/segments/bin", binned.any() & ~ended & (used < 0), used)


@rule
def _frame_rows(t: Tables) -> Iterator[Finding]:
    _sound(t, "segment", "frame")
    segment, stop = t["/frames/segment"], t["/segments/frame_stop"]
    yield from _rows("/segments/frame_stop", np.diff(stop, prepend=0) < 0, stop)
    if len(stop) and (np.diff(stop, prepend=0) >= 0).all():
        expected = np.searchsorted(stop, np.arange(len(segment)), side="right")
        yield from _rows("/frames/segment", segment != expected, segment)
        last = t["/cycles/segment_stop"] - 1
        if last.max() < len(stop):
            cycles = t["/cycles/frame_stop"]
            yield from _rows("/cycles/frame_stop", cycles != stop[last], cycles)


@rule
def _frame_order(t: Tables) -> Iterator[Finding]:
    segment = t["/frames/segment"]
    within = np.diff(segment) == 0
    for path in ("/frames/md_step", "/frames/time"):
        values = t[path]
        yield from _rows(path, within & ~(np.diff(values) > 0), values[1:], 1)
    total = t["/frames/total_time"]
    yield from _rows("/frames/total_time", ~(np.diff(total) > 0), total[1:], 1)
    index = t["/frames/index"]
    yield from _rows("/frames/index", index != np.arange(len(index)), index)


@rule
def _progress_last_frame(t: Tables) -> Iterator[Finding]:
    path = "/observables/order_parameter/value"
    if not t.has(path):
        return
    stop = t["/segments/frame_stop"]
    kept = np.diff(stop, prepend=0) > 0
    values = t[path]
    _within("", stop[kept] - 1, len(values))
    progress = t["/segments/progress"]
    last = values[stop[kept] - 1]
    last = last.reshape(len(last), math.prod(last.shape[1:]))
    fits = last.shape[1] == progress.shape[1]
    same = np.all(last == progress[kept], axis=1) if fits else np.zeros(len(last), bool)
    wrong = np.zeros(len(stop), bool)
    wrong[kept] = ~same
    yield from _rows("/segments/progress", wrong, progress)


@rule
def _atom_ids(t: Tables) -> Iterator[Finding]:
    path = "/particles/trajectory/id"
    if t.has(path):
        numbers = t[path]
        yield from _rows(path, np.diff(numbers, prepend=-1) <= 0, numbers)


@rule
def _state_probabilities(t: Tables) -> Iterator[Finding]:
    kinds, probability = t["/states/kind"], t["/states/probability"]
    for kind, word in ((INITIAL, "initial"), (SOURCE, "source")):
        found = math.fsum(probability[kinds == kind].tolist())
        if (kinds == kind).any() and not abs(found - 1) <= 1e-9:
            yield "/states/probability", f"{word} states with a sum of {found!r}"
    yield from _rows("/states/probability", (kinds == TARGET) & (probability != 0), probability)


@rule
def _worker_rows(t: Tables) -> Iterator[Finding]:
    _sound(t, "segment", "worker")
    worker, stops = t["/segments/worker"], t["/cycles/worker_stop"]
    if len(stops):
        cycle = np.minimum(_cycle_of(t["/cycles/segment_stop"], len(worker)), len(stops) - 1)
        yield from _rows("/segments/worker", worker >= stops[cycle], worker)
    host, pid, platform = t["/workers/host"], t["/workers/pid"], t["/workers/platform"]
    yield from _rows("/workers/pid", _repeated(host, pid, platform), pid)


@rule
def _next_walkers(t: Tables) -> Iterator[Finding]:
    if not t.has("/next"):
        if t.sealed and t.n_cycles:
            yield "/next", "nothing in a sealed run"
        return
    if not t.sealed:
        yield "/next", "planned walkers in a run that is not sealed"
    if not t.n_cycles:
        return
    _sound(t, "segment", "event")
    stops = t["/cycles/segment_stop"]
    first, last = int(_starts(stops)[-1]), int(stops[-1])
    before = t["/segments/weight"][first:last]
    weight, parent = t["/next/weight"], t["/next/parent"]
    n = len(weight)
    yield from _rows("/next/parent", (parent < first) | (parent >= last), parent)
    state, continuous = t["/next/state"], t["/next/continuous"]
    yield from _rows("/next/state", (state >= 0) != (continuous == 0), state)
    into, source, moved = t["/next/merges/into"], t["/next/merges/from"], t["/next/merges/weight"]
    yield from _rows("/next/merges/from", (source < first) | (source >= last), source)
    _within("", into, n)
    _within("", parent - first, last - first)
    _within("", source - first, last - first)
    yield from _rows("/next/merges/from", source == parent[into], source)
    yield from _rows("/next/merges/into", _again(into, source, last), into)
    received = np.bincount(into, moved, n) if len(into) else np.zeros(n)
    yield from _rows("/next/weight", (received > 0) & (received > weight * (1 + TOLERANCE)), weight)
    segment, kind = t["/events/segment"], t["/events/kind"]
    recent = segment >= first
    restart = np.full(last - first, -1, np.int64)
    recycled = recent & (kind == RECYCLED)
    _within("", segment[recent] - first, last - first)
    restart[segment[recycled] - first] = t["/events/source_state"][recycled]
    yield from _rows("/next/state", state != restart[parent - first], state)
    joined = np.concatenate([before, weight])
    parents = np.concatenate([np.full(last - first, -1, np.int64), parent - first])
    absorbed = segment[recent & (kind == ABSORBED)] - first
    for path, what in flow_problems(
        joined, parents, into + (last - first), source - first, moved, absorbed, last - first
    ):
        row = int(path.split("[")[1].rstrip("]")) + first
        yield f"/segments/weight[{row}]", what


@rule
def _crc(t: Tables) -> Iterator[Finding]:
    _sound(t, "segment", "frame", "merge", "event", "bin", "worker")
    layout, stored = t.layout, t["/cycles/crc"]
    stops = {dim: t[layout.spec.dims[dim].stop] for dim in layout.by_dim if dim != "cycle"}
    for cycle in range(t.n_cycles):
        bounds = {dim: (int(s[cycle - 1]) if cycle else 0, int(s[cycle])) for dim, s in stops.items()}
        bounds["cycle"] = (cycle, cycle + 1)
        found = crc_of(
            t.block(path, *bounds[c.dim]) if c.spec.storage == "block" else t[path][slice(*bounds[c.dim])]
            for path, c in layout.growing.items()
            if path != "/cycles/crc"
        )
        if found != stored[cycle]:
            yield f"/cycles/crc[{cycle}]", f"{stored[cycle]}, and rows with {found}"


@rule
def _schema_text(t: Tables) -> Iterator[Finding]:
    text, node = t.text("/schema")
    stored, found = node.attributes["sha256"], hashlib.sha256(text.encode("utf-8")).hexdigest()
    if stored != found:
        yield "/schema@sha256", f"{stored}, and a text with {found}"


@rule
def _header_crc(t: Tables) -> Iterator[Finding]:
    found = t.header_crc()
    stored = t.root.attributes[HEADER_CRC]
    if stored != found:
        yield f"/@{HEADER_CRC}", f"{stored}, and contents with {found}"
