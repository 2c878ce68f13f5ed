"""The lineage of several runs: each one's own, joined where one continues another."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.lineage.flow import Flows
from wepy_data.query.lineage.forest import NONE
from wepy_data.query.lineage.lineage import Lineage
from wepy_data.query.lineage.source import flows_of, lineage_of, segment_columns
from wepy_data.query.rows import damaged, refuse_dangling
from wepy_data.record.header import Arrays
from wepy_data.record.protocols import RunReader

_ORIGIN = re.compile(r"([0-9a-f-]{36}):(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Joint:
    """Where a run goes on from another one of a set.

    Parameters
    ----------
    run : int
        Position of the continued run.
    cycle : int
        Its cycle whose planned walkers are the founders.
    parent : (n_founders,) int64
        Segment of that run that each founder continues.
    """

    run: int
    cycle: int
    parent: NDArray[np.int64]


def joints(runs: Sequence[RunReader]) -> tuple[Joint | None, ...]:
    """Return where each run goes on from an earlier one of the sequence; None if from none of them.

    Raises
    ------
    SelectionError
        If a run comes twice, or before one that it continues.
    DamagedRunError
        If its founders do not say which segments they continue.
    """
    position = {run.header.run_id: number for number, run in enumerate(runs)}
    if len(position) < len(runs):
        ids = [run.header.run_id for run in runs]
        twice = next(run_id for run_id in ids if ids.count(run_id) > 1)
        raise SelectionError(f"run {twice} comes twice: give each run once")
    return tuple(_joint(runs, number, position) for number in range(len(runs)))


def in_order(runs: Sequence[RunReader]) -> list[int]:
    """Return the positions of runs in an order in which each comes after the one that it continues."""
    position = {run.header.run_id: number for number, run in enumerate(runs)}
    found: dict[int, None] = {}

    def add(number: int, waiting: tuple[int, ...]) -> None:
        continues = runs[number].header.continues
        before = position.get(continues.run_id) if continues is not None else None
        if before is not None and before not in waiting:
            add(before, (*waiting, before))
        found[number] = None

    for number in range(len(runs)):
        add(number, (number,))
    return list(found)


def joined_lineage(runs: Sequence[RunReader], at: Sequence[Joint | None]) -> Lineage:
    """Return the history forest of runs that may continue each other; their segments are numbered on.

    Raises
    ------
    DamagedRunError
        If a parent is not where it should be.
    """
    first = offsets(runs, "segment")
    layers = [0, *itertools.accumulate(run.n_cycles for run in runs)]
    parents, stops, previous = [], [], []
    for number, (run, joint) in enumerate(zip(runs, at, strict=True)):
        own = lineage_of(run).parent.astype(np.int64)  # refuses what is damaged, by the name of its file
        parent = np.where(own < 0, NONE, own + first[number])
        before = np.arange(layers[number] - 1, layers[number + 1] - 1)
        before[:1] = NONE
        if joint is not None and len(before):
            parent[: len(joint.parent)] = joint.parent + first[joint.run]
            before[0] = layers[joint.run] + joint.cycle
        parents.append(parent)
        previous.append(before)
        stops.append(run.stops("segment") + first[number])
    return Lineage(
        np.concatenate(parents),
        np.concatenate(stops),
        _joined_columns(runs, at),
        flows=lambda: _joined_flows(runs, at),
        previous=np.concatenate(previous),
        run_stop=layers[1:],
    )


def offsets(runs: Sequence[RunReader], dim: str) -> list[int]:
    """Return what to add to each run's ids in a dimension; the last entry is the number of all rows."""
    sizes = [_rows(run, dim) for run in runs]
    return [0, *itertools.accumulate(sizes)]


def _rows(run: RunReader, dim: str) -> int:
    if dim == "state":
        return len(run.header.static["/states/kind"])
    return run.rows(dim)


def _joint(runs: Sequence[RunReader], number: int, position: Mapping[str, int]) -> Joint | None:
    run = runs[number]
    continues = run.header.continues
    before = position.get(continues.run_id) if continues is not None else None
    if continues is None or before is None or not run.n_cycles:
        return None
    if before >= number:
        raise SelectionError(f"run {run.header.run_id} comes before {continues.run_id}, which it continues: swap them")
    if continues.cycle >= runs[before].n_cycles:
        raise SelectionError(
            f"run {run.header.run_id} continues cycle {continues.cycle} of {continues.run_id}, which has"
            f" {runs[before].n_cycles} here: give a later copy of that"
        )
    count = int(run.stops("segment")[0])
    states = run.read("/segments/state", 0, count)
    refuse_dangling(run, "/segments/state", states, len(run.header.static["/states/label"]))
    labels = run.header.static["/states/label"][states]
    matches = [_ORIGIN.fullmatch(label.decode("utf-8", "replace")) for label in labels.tolist()]
    found = [int(match[2]) for match in matches if match is not None and match[1] == continues.run_id]
    stops = np.concatenate([[0], runs[before].stops("segment")])
    if len(found) == count:
        parent = np.array(found, np.int64)
        if ((parent >= stops[continues.cycle]) & (parent < stops[continues.cycle + 1])).all():
            return Joint(run=before, cycle=continues.cycle, parent=parent)
    expected = f"that founders start from segments of cycle {continues.cycle} of run {continues.run_id}"
    raise damaged(run, f"/states/label: expected {expected}")


def _joined_columns(runs: Sequence[RunReader], at: Sequence[Joint | None]) -> dict[str, Callable[[], NDArray[Any]]]:
    columns = [segment_columns(run) for run in runs]
    shared = [name for name in columns[0] if all(name in others for others in columns)]

    def joined(name: str) -> NDArray[Any]:
        parts = [numbered_on(runs, number, f"/segments/{name}", found[name]()) for number, found in enumerate(columns)]
        return np.concatenate(parts)

    found = {name: partial(joined, name) for name in shared if name not in ("parent", "root")}
    return {**found, "continuous": lambda: _continuous(runs, at)}


def numbered_on(runs: Sequence[RunReader], number: int, path: str, values: NDArray[Any]) -> NDArray[Any]:
    """Return values of a column of one of several runs; ids, as rows of the tables of all runs."""
    column = runs[number].header.layout.columns.get(path)
    if column is None or not column.spec.ref:
        return values
    return np.where(values < 0, values, values + offsets(runs, column.spec.ref)[number])


def _continuous(runs: Sequence[RunReader], at: Sequence[Joint | None]) -> NDArray[Any]:
    """Return whether each segment starts where its parent ended: a founder of a run does if it was planned to."""
    found = []
    for run, joint in zip(runs, at, strict=True):
        own = run.read("/segments/continuous").copy()
        if joint is not None:
            planned = _planned(runs[joint.run], joint.cycle, "/segments/continuous", "/next/continuous")
            own[: len(joint.parent)] = planned[: len(joint.parent)]
        found.append(own)
    return np.concatenate(found)


def _joined_flows(runs: Sequence[RunReader], at: Sequence[Joint | None]) -> Flows:
    first, found = offsets(runs, "segment"), []
    for number, (run, joint) in enumerate(zip(runs, at, strict=True)):
        if joint is not None:
            found += [
                _shifted(flows, first[number], first[joint.run]) for flows in _into_founders(runs[joint.run], joint)
            ]
        found.append(_shifted(flows_of(run), first[number], first[number]))
    return Flows(
        into=np.concatenate([flows.into for flows in found]),
        source=np.concatenate([flows.source for flows in found]),
        weight=np.concatenate([flows.weight for flows in found]),
    )


def _into_founders(run: RunReader, joint: Joint) -> Iterator[Flows]:
    """Yield what merged into the walkers that a run planned after a cycle, numbered from 0."""
    if joint.cycle + 1 < run.n_cycles:
        begin, end = run.stops("segment")[joint.cycle : joint.cycle + 2].tolist()
        own = flows_of(run)
        here = slice(*np.searchsorted(own.into, [begin, end]))
        yield Flows(into=own.into[here] - begin, source=own.source[here], weight=own.weight[here])
    else:
        planned = _next(run, joint.cycle)
        into = planned["/next/merges/into"].astype(np.int64)
        source = planned["/next/merges/from"].astype(np.int64)
        begin, end = np.concatenate([[0], run.stops("segment")])[joint.cycle : joint.cycle + 2].tolist()
        if ((source < begin) | (source >= end)).any():
            raise damaged(run, f"/next/merges/from: expected segments {begin} to {end - 1}")
        order = np.argsort(into, kind="stable")
        weight = planned["/next/merges/weight"].astype(np.float64)
        yield Flows(into=into[order], source=source[order], weight=weight[order])


def _planned(run: RunReader, cycle: int, kept: str, planned: str) -> NDArray[Any]:
    if cycle + 1 < run.n_cycles:
        return run.read(kept, *run.stops("segment")[cycle : cycle + 2].tolist())
    return np.asarray(_next(run, cycle)[planned])


def _next(run: RunReader, cycle: int) -> Arrays:
    """Return what was planned after the last cycle."""
    if run.planned is None:
        what = f"what run {run.header.run_id} had planned after cycle {cycle}"
        raise SelectionError(f"{what} is not known while that is resumed: wait for its next cycle")
    return run.planned


def _shifted(flows: Flows, into: int, source: int) -> Flows:
    return Flows(into=flows.into + into, source=flows.source + source, weight=flows.weight)
