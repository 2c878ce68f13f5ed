"""Damages that only rules across tables can find: one or more for each rule of the schema."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from wepy_data.record.protocols import RunReader
from wepy_data.testing.facts import Facts
from wepy_data.testing.mutation import Mutation, added, breaks, changed, edited, inserted, moved, refresh_crc, scaled
from wepy_data.testing.table_mutation import table_mutations

if TYPE_CHECKING:
    import h5py

_COUNTED = ("segment", "frame", "merge", "event", "bin", "worker")


def rule_mutations(run: RunReader) -> Iterator[Mutation]:
    """Yield damages that break rules, as far as the run has what they need."""
    if run.n_cycles:
        facts = Facts(run)
        for source in (_cycles, _segments, _atoms, _flow, table_mutations, _next, _checksums):
            yield from source(facts)


def _cycles(f: Facts) -> Iterator[Mutation]:
    yield breaks("cycles-consecutive", "/cycles/index", "counted from 7", edited("/cycles/index", lambda a: a + 7))
    wrong = f.run.read("/cycles/total_weight")[0] * (1 + 1e-9)
    path = "/cycles/total_weight"
    yield breaks("weights-sum", path, "a total that is off", changed(path, 0, wrong))
    heaviest = int(np.argmax(f.weight[: f.stops[0]]))  # a light one may be lost in the sum's rounding
    yield breaks("weights-sum", path, "a weight that is off", edited("/segments/weight", scaled(heaviest, 1 + 1e-9)))
    if f.n_cycles > 1:
        yield breaks("weight-kept", path, "all of a cycle heavier", _heavier(f.n_cycles - 1))
        for dim in _COUNTED:
            stops = f.run.stops(dim)
            path = f"/cycles/{dim}_stop"
            yield breaks("stops-cumulative", path, "more than the next", changed(path, 0, stops[1] + 1))
            yield breaks("stops-cumulative", path, "a negative one", changed(path, 0, -1))
        empty = changed("/cycles/segment_stop", 0, f.stops[1])
        yield breaks("cycles-consecutive", "/cycles/segment_stop", "a cycle without walkers", empty)


def _heavier(cycle: int) -> Callable[[h5py.File], None]:
    def damage(file: h5py.File) -> None:
        stops, weight = file["/cycles/segment_stop"][()], file["/segments/weight"][()]
        total = file["/cycles/total_weight"][()]
        weight[stops[cycle - 1] : stops[cycle]] *= 2
        total[cycle] *= 2
        file["/segments/weight"][...] = weight
        file["/cycles/total_weight"][...] = total
        refresh_crc(file)

    return damage


def _segments(f: Facts) -> Iterator[Mutation]:
    last = f.n_segments - 1
    for name, by in (("cycle", 1), ("walker", 1)):
        path = f"/segments/{name}"
        yield breaks("segment-rows", path, "one more than it is", edited(path, added(last, by)))
    path = "/segments/parent"
    yield breaks("parent-in-previous-cycle", path, "a founder with a parent", changed(path, 0, 0))
    if f.n_cycles > 1:
        yield breaks("parent-in-previous-cycle", path, "a late founder", changed(path, last, -1))
        yield breaks("parent-in-previous-cycle", path, "its own parent", changed(path, last, last))
    if f.n_cycles > 2:
        yield breaks("parent-in-previous-cycle", path, "a grandparent", changed(path, last, 0))
    yield breaks("start-state", "/segments/state", "a founder without a state", changed("/segments/state", 0, -1))
    yield breaks("start-state", "/segments/state", "a continuous founder", changed("/segments/continuous", 0, 1))
    flipped = edited("/segments/continuous", lambda a: np.concatenate([a[:-1], 1 - a[-1:]]))
    yield breaks("start-state", "/segments/state", "continuity denied", flipped)
    if f.n_segments > 1:
        root = f.run.read("/segments/root")
        path = "/segments/root"
        yield breaks("root-of-tree", path, "another founder", changed(path, last, 0 if root[last] else 1))


def _atoms(f: Facts) -> Iterator[Mutation]:
    path = "/particles/trajectory/id"
    if len(f.run.header.static.get(path, ())) > 1:
        yield breaks("atom-ids", path, "stored atoms turned round", edited(path, lambda a: a[::-1]))


def _flow(f: Facts) -> Iterator[Mutation]:
    path = "/segments/weight"
    givers = np.setdiff1d(np.arange(f.last), f.absorbed)
    givers = givers[np.argsort(-f.weight[givers], kind="stable")]  # the heaviest: light ones are lost in rounding
    if len(givers):
        yield breaks("weight-flow", path, "weight from nowhere", edited(path, scaled(int(givers[0]), 1 + 1e-6)))
    first = givers[f.cycle[givers] == 0]
    if len(first) > 1:
        a, b = first[:2].tolist()
        yield breaks("weight-flow", path, "weight moved to a neighbour", edited(path, moved(a, b)))
    into, source = f.run.read("/merges/into"), f.run.read("/merges/from")
    if len(into):
        where, moves = "/merges/weight", f.run.read("/merges/weight")
        if moves.max() > 1e-9:
            halved = edited(where, scaled(int(np.argmax(moves)), 0.5))
            yield breaks("weight-flow", path, "a merge of half the weight", halved)
        yield breaks("merge-rows", path, "a merge of more than all", edited(where, lambda a: a + 10))
        parent = int(f.parent[into[0]])
        yield breaks("merge-rows", "/merges/from", "from the parent", changed("/merges/from", 0, parent))
        yield breaks("merge-rows", "/merges/from", "from its own cycle", changed("/merges/from", 0, into[0]))
        cycle = int(f.cycle[into[0]])
        again: dict[str, object] = {"/merges/into": into[0], "/merges/from": source[0], "/merges/weight": 1e-30}
        yield breaks("merge-rows", "/merges/into", "the same pair again", inserted("merge", cycle, again))
        if f.n_cycles > cycle + 1:
            late = edited("/cycles/merge_stop", lambda a: np.where(np.arange(len(a)) == cycle, a - 1, a))
            yield breaks("merge-rows", "/merges/into", "a row of the cycle after", late)
    if f.n_cycles > 1:
        first_child = int(f.stops[0])
        stray: dict[str, object] = {"/merges/into": 0, "/merges/from": first_child, "/merges/weight": 1e-30}
        yield breaks("merge-rows", "/merges/from", "back in time", inserted("merge", 1, stray))


def _next(f: Facts) -> Iterator[Mutation]:
    rule = "next-walkers"
    if not f.run.planned:
        yield breaks(rule, "/next", "said to be sealed", _sealed(1))
        return
    yield breaks(rule, "/next", "nothing planned", _dropped)
    yield breaks(rule, "/next", "said not to be sealed", _sealed(0))
    planned = f.run.planned
    if len(planned["/next/weight"]):
        heavier = edited("/next/weight", lambda a: a * (1 + 1e-6))
        yield breaks(rule, "/segments/weight", "weight from nowhere", heavier)
        states = planned["/next/state"]
        wrong = changed("/next/continuous", 0, 1 if states[0] >= 0 else 0)
        yield breaks(rule, "/next/state", "continuity denied", wrong)
        yield breaks(rule, "/next/state", "started elsewhere", _restarted(-1 if states[0] >= 0 else 0))
        if f.last:
            yield breaks(rule, "/next/parent", "of a cycle long past", changed("/next/parent", 0, 0))
    into = planned["/next/merges/into"]
    if len(into):
        path = "/next/merges/from"
        yield breaks(rule, path, "from the parent", changed(path, 0, planned["/next/parent"][into[0]]))
        yield breaks(rule, "/segments/weight", "half of a merge", edited("/next/merges/weight", scaled(0, 0.5)))
        if f.last:
            yield breaks(rule, path, "from a cycle long past", changed(path, 0, 0))


def _restarted(state: int) -> Callable[[h5py.File], None]:
    def damage(file: h5py.File) -> None:
        file["/next/state"][0] = state
        file["/next/continuous"][0] = state < 0

    return damage


def _dropped(file: h5py.File) -> None:
    del file["/next"]


def _sealed(value: int) -> Callable[[h5py.File], None]:
    def damage(file: h5py.File) -> None:
        file.attrs["sealed"] = np.int64(value)

    return damage


def _checksums(f: Facts) -> Iterator[Mutation]:
    """Yield a flipped bit in each growing dataset, checksums left as they were."""
    layout = f.run.header.layout
    for path, column in layout.growing.items():
        if f.run.rows(column.dim) and not path.endswith("_stop"):
            yield breaks("crc", "/cycles/crc", f"a bit flipped in {path}", _flipped(path))
    stored = {**f.run.header.static, **(f.run.planned or {})}
    for path, values in stored.items():
        if np.size(values):
            yield breaks("header-crc", "/@header_crc", f"a bit flipped in {path}", _flipped(path))
    for path in ("/config", "/schema"):
        yield breaks("header-crc", "/@header_crc", f"another text in {path}", _rewritten(path))
    yield breaks("schema-text", "/schema@sha256", "another text in /schema", _rewritten("/schema"))
    for path, name in (("/", "created"), ("/schema", "sha256"), ("/h5md/author", "name")):
        yield breaks("header-crc", "/@header_crc", f"another {name} of {path}", _renamed(path, name))
    yield breaks("schema-text", "/schema@sha256", "another sha256 of /schema", _renamed("/schema", "sha256"))


def _rewritten(path: str) -> Callable[[h5py.File], None]:
    def damage(file: h5py.File) -> None:
        file[path][...] = '{"another": "text"}'

    return damage


def _renamed(path: str, name: str) -> Callable[[h5py.File], None]:
    def damage(file: h5py.File) -> None:
        file[path].attrs[name] = file[path].attrs[name] + "x"

    return damage


def _flipped(path: str) -> Callable[[h5py.File], None]:
    def damage(file: h5py.File) -> None:
        values = file[path][()]
        values.view(np.uint8).reshape(-1)[-values.itemsize] ^= 1
        file[path][...] = values

    return damage
