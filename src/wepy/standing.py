"""Where a run stands: what its file and its journal hold for a resume."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import wepy_data as wd
from wepy.backup import PLAN, SEGMENTS, SETTINGS, START, finished_segments, planned_walkers
from wepy.ensemble import Walkers, unstacked
from wepy.errors import ResumeError
from wepy.work import WalkerResult


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Standing:
    """What is known of a run that was left, by a crash, a stop or in order.

    Parameters
    ----------
    path : Path
        The run's file.
    header : wepy_data.Header
        What does not grow; with the records of starts, and the configuration, that so far are in the journal only.
    cycles : tuple of wepy_data.Cycle
        The committed cycles, without coordinates.
    sealed : bool
        Whether the run had ended in order.
    starts : tuple of mapping
        Records of starts that the file does not hold yet.
    settings : wepy_data.Entry or None
        The journal's entry of a changed configuration that the file does not hold yet.
    cycle : int
        Cycle that `walkers` belong to: the next one, or the last committed one if it was committed but the next one
        had not begun; then it is only to be balanced again.
    walkers : Walkers or None
        Its walkers; None for founders.
    finished : mapping of int to WalkerResult
        Its segments that are done, by walker.
    segments : tuple of wepy_data.Entry
        The journal's entries of these.
    """

    path: Path
    header: wd.Header
    cycles: tuple[wd.Cycle, ...]
    sealed: bool
    starts: tuple[Mapping[str, Any], ...]
    settings: wd.Entry | None
    cycle: int
    walkers: Walkers | None
    finished: Mapping[int, WalkerResult]
    segments: tuple[wd.Entry, ...]

    @property
    def n_cycles(self) -> int:
        """Number of committed cycles."""
        return len(self.cycles)

    @property
    def in_words(self) -> str:
        """What was found, for people."""
        ended = "it was sealed" if self.sealed else "it had not ended in order"
        running = len(self.finished) if self.cycle == self.n_cycles else 0
        rest = f" and {running} finished segment{'s' if running != 1 else ''} of the next" if running else ""
        return f"{self.path} holds {self.n_cycles} cycle{'s' if self.n_cycles != 1 else ''}{rest}; {ended}"


def known_header(path: str | os.PathLike[str], header: wd.Header) -> wd.Header:
    """Return a run's header with what so far is in its journal only; nothing is locked or changed.

    Parameters
    ----------
    path : path
        The run's file.
    header : wepy_data.Header
        What it holds.
    """
    head: list[wd.Entry] = []
    with contextlib.suppress(OSError, wd.DataError):  # none, not ours to read, or damaged: a resume says so
        for entry in wd.read_journal(wd.journal_path(path)):
            head.append(entry)
            if entry.step == PLAN:
                return _known(header, head) if entry.facts.get("run_id") == header.run_id else header
    return header


def lone_journal(path: str | os.PathLike[str]) -> str | None:
    """Return what can be done if a run's journal is there and its file is not; None if this is not so."""
    journal = wd.journal_path(path)
    if Path(path).exists() or not journal.exists():
        return None
    return (
        f"{path} is missing, and {journal.name} is beside its place: if the file was moved, put it back and go on with "
        "it (wepy resume); if a start was killed before there was one, start anew (wepy run --overwrite)"
    )


def target_cycles(header: wd.Header) -> int | None:
    """Return how many cycles a run is to have in the end: by its last start, else by its configuration."""
    last: Mapping[str, Any] = header.provenance[-1] if header.provenance else {}
    run = header.config.get("run")
    cycles = last.get("cycles", run.get("cycles") if isinstance(run, dict) else None)
    return cycles if isinstance(cycles, int) and not isinstance(cycles, bool) and cycles > 0 else None


def _known(header: wd.Header, found: Sequence[wd.Entry]) -> wd.Header:
    changed = _settings(found)
    return replace(
        header,
        provenance=(*header.provenance, *_starts(header, found)),
        config=header.config if changed is None else changed.facts["config"],
        inputs=header.inputs if changed is None else changed.facts["inputs"],
    )


def _settings(found: Sequence[wd.Entry]) -> wd.Entry | None:
    return next((entry for entry in reversed(found) if entry.step == SETTINGS and _is_whole(entry)), None)


def _is_whole(entry: wd.Entry) -> bool:
    return all(isinstance(entry.facts.get(key), dict) for key in ("config", "inputs"))


def _starts(header: wd.Header, found: Sequence[wd.Entry]) -> tuple[Mapping[str, Any], ...]:
    return tuple(entry.facts for entry in found if entry.step == START and entry.facts not in header.provenance)


def read_standing(path: str | os.PathLike[str], found: Sequence[wd.Entry]) -> Standing:
    """Return where a run stands.

    Parameters
    ----------
    path : path
        The run's file: crashed, stopped or sealed.
    found : sequence of wepy_data.Entry
        What its journal held.

    Raises
    ------
    ResumeError
        If file and journal do not fit together; says what can be done.
    """
    where = Path(path)
    with wd.FileRun(where) as run:
        header, sealed = replace(run.header, inputs=dict(run.header.inputs)), run.sealed
        cycles = tuple(wd.read_cycles(run, blocks=False))
        next_walkers = _next_walkers(run) if sealed else None
    plan = next((entry for entry in reversed(found) if entry.step == PLAN), None)
    segments: tuple[wd.Entry, ...] = ()
    walkers: Walkers | None
    if next_walkers is not None:
        cycle, walkers = len(cycles), next_walkers
    elif plan is None:
        _refuse_lost_journal(where, len(cycles))
        cycle, walkers = 0, None
    else:
        cycle, walkers = int(plan.facts["cycle"]), planned_walkers(plan)
        _refuse_foreign_journal(where, header, plan, len(cycles))
        segments = tuple(e for e in found if e.step == SEGMENTS and e.facts["cycle"] == cycle)
    return Standing(
        path=where,
        header=_known(header, found),
        cycles=cycles,
        sealed=sealed,
        starts=_starts(header, found),
        settings=_settings(found),
        cycle=cycle,
        walkers=walkers,
        finished={result.walker: result for entry in segments for result in finished_segments(entry)},
        segments=segments,
    )


def _next_walkers(run: wd.FileRun) -> Walkers:
    """Return the walkers that a sealed run has planned."""
    planned: Mapping[str, Any] = run.planned or {}
    prefix = "/next/arrays/"
    arrays = {path.removeprefix(prefix): values for path, values in planned.items() if path.startswith(prefix)}
    parent = planned["/next/parent"]
    last = run.read("/segments/frame_stop")[parent] - 1
    return Walkers(
        states=unstacked(arrays, len(parent)),
        weight=planned["/next/weight"],
        parent=parent,
        start=planned["/next/state"],
        step=run.read("/frames/md_step")[last],
        time=run.read("/frames/time")[last],
        merge_into=planned["/next/merges/into"],
        merge_from=planned["/next/merges/from"],
        merge_weight=planned["/next/merges/weight"],
    )


def _refuse_lost_journal(path: Path, n_cycles: int) -> None:
    if n_cycles:
        further = (
            f"wepy branch {path} --cycle {n_cycles - 2} starts a new run from it" if n_cycles > 1 else "start anew"
        )
        raise ResumeError(
            f"{path} was not sealed, and {wd.journal_path(path)}, which held its walkers, is missing or empty: "
            f"put the journal back, or {further}"
        )


def _refuse_foreign_journal(path: Path, header: wd.Header, plan: wd.Entry, n_cycles: int) -> None:
    journal = wd.journal_path(path)
    if plan.facts["run_id"] != header.run_id:
        raise ResumeError(
            f"{journal} belongs to run {plan.facts['run_id']}, and {path} is run {header.run_id}: "
            "put file and journal of the same run together"
        )
    if plan.facts["cycle"] not in (n_cycles, n_cycles - 1):
        raise ResumeError(
            f"{path} holds {n_cycles} cycles, and {journal} is of cycle {plan.facts['cycle']}: one of them is an older "
            "copy, or the disk has lost cycles; put file and journal of the same moment together"
        )
