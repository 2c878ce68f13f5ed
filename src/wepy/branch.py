"""Branching: a new run that goes on from any cycle of another one."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd
from wepy.bins import bins_before
from wepy.ensemble import StartState, unstacked
from wepy.errors import ResumeError
from wepy.protocols import Description, Engine, Frames, FromFrame, KnownBins, State

_STATES, _ENDS, _NEXT = "/states/arrays/", "/segments/arrays/", "/next/arrays/"
_TOLERANCE = 1e-9
_KINDS = {0: "initial", 1: "source"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BranchPoint:
    """The walkers planned after a cycle of a run: the founders of a new one.

    Parameters
    ----------
    continues : wepy_data.Continues
        Which run and cycle.
    states : tuple of StartState
        Where each walker starts, one for each.
    weight : (n,) float64
        Weights.
    sources : tuple of StartState
        Where recycled walkers restart: the run's source states, or its initial ones.
    exact : bool
        Whether all states are in full precision. If not, they are of stored frames, and the new run differs from the
        old one from the first step on.
    bins : mapping of int to Bin
        Bins that the run has made by then.
    binner : Description or None
        What made them: a branch with the same adaptive binner goes on with them.
    """

    continues: wd.Continues
    states: tuple[StartState, ...]
    weight: NDArray[np.float64]
    sources: tuple[StartState, ...]
    exact: bool
    bins: KnownBins = field(default_factory=dict)
    binner: Description | None = None

    @classmethod
    def of(cls, header: wd.Header, continues: wd.Continues) -> BranchPoint:
        """Return where a run began that is a branch itself, to go on with it before its first cycle is known."""
        states = start_states(header, "initial")
        return cls(
            continues=continues,
            states=states,
            weight=np.array(_began(header).get("weights", [state.probability for state in states])),  # bit for bit
            sources=start_states(header, "source"),
            exact=True,
        )

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of `Simulation` that make it start here."""
        return {"states": self.states, "walkers": len(self.states), "sources": self.sources, "origin": self}


def branch_point(path: str | os.PathLike[str], cycle: int, engine: Engine) -> BranchPoint:
    """Return where a new run goes on from a run, after one of its cycles.

    Parameters
    ----------
    path : path
        The run's file: growing, stopped or sealed.
    cycle : int
        The last cycle that both runs share; negative numbers count from the end.
    engine : Engine
        Of the new run. It makes states of stored frames if the run has not kept them in full precision.

    Raises
    ------
    ResumeError
        If there is no such cycle, its walkers are not known, or the engine cannot start from a frame.
    """
    where = Path(path)
    with wd.FileRun(where) as run:
        last = run.n_cycles - (1 if run.sealed else 2)
        index = cycle + run.n_cycles if cycle < 0 else cycle
        if not 0 <= index <= last:
            more = "" if run.sealed else " (the walkers after the last cycle of a run that is not sealed are not known)"
            there = f"cycles 0 to {last}" if last >= 0 else "no cycle"
            raise ResumeError(f"no cycle {cycle} to branch from: {where} has {there}{more}")
        weight, states, exact = _planned(run, index, engine)
        if not len(weight):
            raise ResumeError(f"{where}: no walker is left to go on with after cycle {index}: all were absorbed")
        segments = _parents(run, index)
        header = run.header
        before = (header.continues.cycles_before if header.continues is not None else 0) + index + 1
        continues = wd.Continues(
            run_id=header.run_id, cycle=index, file=where.name, digest=_digest(where) if run.sealed else "",
            cycles_before=before,
        )  # fmt: skip
        total = math.fsum(weight.tolist())
        total = 1.0 if abs(total - 1.0) < _TOLERANCE else total  # a probability is its weight, bit for bit
        return BranchPoint(
            continues=continues,
            states=tuple(
                StartState(label=f"{header.run_id}:{segment}", probability=share / total, arrays=state)
                for segment, share, state in zip(segments, weight.tolist(), states, strict=True)
            ),
            weight=weight,
            sources=start_states(header, "source") or start_states(header, "initial"),
            exact=exact,
            bins=bins_before(run, index),
            binner=header.provenance[-1].get("components", {}).get("binner") if header.provenance else None,
        )


def _began(header: wd.Header) -> Mapping[str, Any]:
    """Return what the provenance says of the run's first start."""
    return header.provenance[0] if header.provenance else {}


def start_settings(header: wd.Header) -> dict[str, Any]:
    """Return arguments of `Simulation` that make it start as the run with this header did."""
    if header.continues is not None:
        return BranchPoint.of(header, header.continues).settings
    return {"states": start_states(header, "initial"), "sources": start_states(header, "source")}


def start_states(header: wd.Header, kind: str) -> tuple[StartState, ...]:
    """Return the initial or source states that a run's file holds, in full precision."""
    found = {p.removeprefix(_STATES): values for p, values in header.static.items() if p.startswith(_STATES)}
    arrays = unstacked(found, len(header.static["/states/kind"]))  # type: ignore[arg-type]  # the schema has only f8
    rows = [row for row, code in enumerate(header.static["/states/kind"].tolist()) if _KINDS.get(code) == kind]
    labels, probability = header.static["/states/label"].tolist(), header.static["/states/probability"].tolist()
    return tuple(
        StartState(label=labels[row].decode("utf-8", "replace"), probability=probability[row], arrays=arrays[row])
        for row in rows
    )


def _planned(run: wd.FileRun, cycle: int, engine: Engine) -> tuple[NDArray[np.float64], list[State], bool]:
    """Return weights and states of the walkers after a cycle, and whether the states are in full precision."""
    if cycle == run.n_cycles - 1:
        planned = run.planned or {}
        arrays = {p.removeprefix(_NEXT): values for p, values in planned.items() if p.startswith(_NEXT)}
        weight = np.asarray(planned["/next/weight"], np.float64)
        return weight, list(unstacked(arrays, len(weight))), True  # type: ignore[arg-type]  # the schema has only f8
    rows = _segments(run, cycle + 1)
    start, parent = run.read("/segments/state", *rows), run.read("/segments/parent", *rows)
    sources = {p.removeprefix(_STATES): v for p, v in run.header.static.items() if p.startswith(_STATES)}
    restarts = unstacked(sources, len(run.header.static["/states/kind"]))  # type: ignore[arg-type]
    first, stop = _segments(run, cycle)
    kept = {p.removeprefix(_ENDS): run.read(p, first, stop) for p in run.layout.growing if p.startswith(_ENDS)}
    ends = unstacked(kept, stop - first) if kept else tuple(_from_frames(run, (first, stop), engine))
    states = [restarts[s] if s >= 0 else ends[p - first] for s, p in zip(start.tolist(), parent.tolist(), strict=True)]
    return run.read("/segments/weight", *rows), states, bool(kept) or bool((start >= 0).all())


def _parents(run: wd.FileRun, cycle: int) -> list[int]:
    if cycle == run.n_cycles - 1:
        found: list[int] = (run.planned or {})["/next/parent"].tolist()
        return found
    parents: list[int] = run.read("/segments/parent", *_segments(run, cycle + 1)).tolist()
    return parents


def _segments(run: wd.FileRun, cycle: int) -> tuple[int, int]:
    stops = run.stops("segment")
    return (int(stops[cycle - 1]) if cycle else 0), int(stops[cycle])


def _from_frames(run: wd.FileRun, rows: tuple[int, int], engine: Engine) -> Iterator[State]:
    """Yield the states of the last frames of segments, in the frames' precision."""
    if not isinstance(engine, FromFrame):
        raise ResumeError(
            f'{run.path} has not kept states in full precision (storage: states = "all"), and the engine '
            f"{type(engine).__name__} cannot start from a frame: branch from the last cycle"
        )
    frames = run.read("/segments/frame_stop", *rows) - 1
    for frame in frames.tolist():
        yield engine.state_of(_frame(run, frame))


def _frame(run: wd.FileRun, row: int) -> Frames:
    def values(path: str) -> NDArray[np.float64] | None:
        if path not in run.layout.growing:
            return None
        found = run.read(path, row, row + 1).astype(np.float64)
        return found / 1000.0 if run.layout.growing[path].unit == "pm" else found

    positions = values("/particles/trajectory/position/value")
    if positions is None or len(run.header.static.get("/particles/trajectory/id", ())):
        raise ResumeError(
            f"{run.path} has not kept all atoms, nor states in full precision: branch from the last cycle"
        )
    return Frames(
        positions=positions,
        step=np.zeros(1, np.int64),
        time=np.zeros(1),
        box=values("/particles/trajectory/box/edges/value"),
        velocities=values("/particles/trajectory/velocity/value"),
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
