"""One run of a WepyHDF5 file: its parts, and how many of its cycles are complete."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np

from wepy_data.errors import SelectionError
from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import Notes
from wepy_data.importers.wepy.decision import Resampling
from wepy_data.importers.wepy.field import WEIGHTS, Field, Trajectories, frames_needed
from wepy_data.importers.wepy.reading import Ints, shorter
from wepy_data.importers.wepy.record import ProgressRecords, Warping, progress_names, read_warping


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundRun:
    """A run of a file.

    Parameters
    ----------
    number : int
        Its number.
    path : str
        Its group.
    n_walkers : (n_cycles,) int64
        Number of walkers of each cycle that can be imported.
    resampling : Resampling
        Who was cloned and merged.
    warping : Warping or None
        Who was recycled; None if nobody was.
    progress : ProgressRecords or None
        The order parameter; None if there is none.
    trajectories : Trajectories
        The frames.
    weights : Field
        The field of weights.
    fields : tuple of Field
        All other fields.
    """

    number: int
    path: str
    n_walkers: Ints
    resampling: Resampling
    warping: Warping | None
    progress: ProgressRecords | None
    trajectories: Trajectories
    weights: Field
    fields: tuple[Field, ...]

    @property
    def n_cycles(self) -> int:
        """Number of cycles that can be imported."""
        return len(self.n_walkers)

    @property
    def sealed(self) -> bool:
        """Whether it is known what was planned after the last of them."""
        return 0 < self.n_cycles <= self.resampling.n_cycles


def run_numbers(foreign: Foreign) -> list[int]:
    """Return the numbers of a file's runs.

    Raises
    ------
    DamagedRunError
        If there are none.
    """
    group = foreign.get("/runs")
    names = list(group) if isinstance(group, h5py.Group) else []
    found = sorted(
        int(name) for name in names if name.isdecimal() and isinstance(foreign.get(f"/runs/{name}"), h5py.Group)
    )
    if not found:
        raise foreign.damaged("/runs", "no runs", "at least run 0", "run the simulation first")
    return found


def continuations(foreign: Foreign) -> dict[int, int]:
    """Return which run each run continues."""
    path = "/_settings/continuations"
    if not foreign.has(path):
        return {}
    pairs = foreign.read(path, ndim=2, kinds="iu")
    return {int(run): int(before) for run, before in pairs[:, :2].tolist()}


def find_run(foreign: Foreign, number: int, notes: Notes, last: int | None = None) -> FoundRun:
    """Return a run.

    Parameters
    ----------
    foreign : Foreign
        The file.
    number : int
        Which run.
    notes : Notes
        Told of what is not complete.
    last : int, optional
        Last cycle that is wanted; all by default.

    Raises
    ------
    DamagedRunError
        If the records and frames do not fit together.
    SelectionError
        If there is no such cycle.
    """
    path = f"/runs/{number}"
    trajectories, resampling = Trajectories(foreign, path), Resampling(foreign, path, notes)
    fields = trajectories.fields(notes)
    weights = next((field for field in fields if field.path == WEIGHTS), None)
    if weights is None or weights.sparse or weights.shape not in ((), (1,)):
        raise foreign.damaged(f"{path}/trajectories/0/{WEIGHTS}", "no weights", "one for each frame")
    lengths, known = trajectories.lengths(weights), resampling.n_walkers(last)
    names = progress_names(foreign, path, int(known[0]) if len(known) else trajectories.n, notes)
    progress = ProgressRecords(foreign, path, names) if names else None
    n_walkers = _complete(foreign, resampling, path, known, lengths, progress, notes, last)
    if not len(n_walkers):
        raise foreign.damaged(path, "no complete cycle", "at least one", "run the simulation first")
    if last is not None and not 0 <= last < len(n_walkers):
        raise SelectionError(f"no cycle {last}: run {number} of {foreign.path} has cycles 0 to {len(n_walkers) - 1}")
    return FoundRun(
        number=number,
        path=path,
        n_walkers=n_walkers[: None if last is None else last + 1],
        resampling=resampling,
        warping=read_warping(foreign, path, notes),
        progress=progress,
        trajectories=trajectories,
        weights=weights,
        fields=tuple(field for field in fields if field is not weights),
    )


def _complete(
    foreign: Foreign, resampling: Resampling, path: str, known: Ints, lengths: Ints,
    progress: ProgressRecords | None, notes: Notes, last: int | None,
) -> Ints:  # fmt: skip
    """Return the numbers of walkers of the cycles that are complete.

    `known` are those of cycles, up to the last one wanted, that have resampling records, `lengths` the numbers of
    frames of the trajectories. wepy writes frames first and resampling records last: a run that was killed may have
    frames of one more cycle.
    """
    needed = frames_needed(known)
    there = np.zeros(max(len(needed), len(lengths)), np.int64)
    there[: len(lengths)] = lengths
    short = np.flatnonzero(there[: len(needed)] < needed)
    if len(short):
        place = int(short[np.argmin(there[short])])
        found, cycle = f"{there[place]} frames", int(there[place])
        raise foreign.damaged(
            f"{path}/trajectories/{place}", found, f"{needed[place]}, as many as records", shorter(cycle)
        )
    if progress is not None and progress.n_cycles < len(known):
        found, cycle = f"{progress.n_cycles} cycles", progress.n_cycles
        raise foreign.damaged(f"{path}/progress", found, f"{len(known)}, as in the resampling records", shorter(cycle))
    if last is not None and last < len(known):
        return known
    more = there.copy()
    more[: len(needed)] -= needed
    if more.max(initial=0) > 1:
        found = f"records of {len(known)} cycles, and frames of {len(known) + int(more.max())}"
        raise foreign.damaged(f"{path}/resampling", found, "records of each cycle", shorter(len(known)))
    count, cycle = int((more > 0).sum()), len(known)
    if not count:
        return known
    wanted = len(resampling.outcome(cycle - 1, int(known[-1])).parent) if cycle else count
    return _with_last(known, more, wanted, progress, notes)


def _with_last(known: Ints, more: Ints, wanted: int, progress: ProgressRecords | None, notes: Notes) -> Ints:
    """Return the numbers of walkers with that of a last cycle that has frames, and no resampling records yet."""
    count, cycle = int((more > 0).sum()), len(known)
    whole = (more[:count] > 0).all() and count == wanted
    if not whole or (progress is not None and progress.n_cycles <= cycle):
        notes.leave(f"cycle {cycle}: it is not complete, wepy was ended while writing it")
        return known
    notes.miss("who was cloned and merged after the last cycle: wepy was ended before it wrote that")
    return np.append(known, count)
