"""A run as WESTPA's west.h5."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from wepy_data.errors import SelectionError
from wepy_data.export.table import require_folder
from wepy_data.export.westpa_block import Points, chosen_points, cycles_of
from wepy_data.export.westpa_states import States
from wepy_data.export.westpa_walk import Walk
from wepy_data.store.path import appearing, refuse_existing
from wepy_data.store.reader import FileRun
from wepy_data.store.west import WestFile, west_file

if TYPE_CHECKING:
    from wepy_data.query.run import Run

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedWestpa:
    """What an export to WESTPA's format has written.

    Parameters
    ----------
    path : Path
        The file.
    n_iterations, n_segments, n_points : int
        Iterations that have been run, their segments, and points of each, the start included.
    prepared : bool
        Whether the iteration after them is there, with the walkers that were planned.
    notes : tuple of str
        What is not in the file, or stands in the place of what is not known.
    """

    path: Path
    n_iterations: int
    n_segments: int
    n_points: int
    prepared: bool
    notes: tuple[str, ...]

    def __str__(self) -> str:
        """Return it as text, a line for each note."""
        counts = f"{self.n_iterations} iterations, {self.n_segments} segments of {self.n_points} points"
        return "\n".join([f"wrote {counts} to {self.path}", *(f"  note: {note}" for note in self.notes)])


def export_westpa(
    run: Run,
    path: str | os.PathLike[str],
    *,
    points: Mapping[str, ArrayLike] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ExportedWestpa:
    """Write a run as a west.h5 of file format 10, for WESTPA's programs and what else reads its files.

    Cycle c becomes iteration c + 1, walkers keep their order. The progress coordinate of a segment is its order
    parameter: where it starts, then its frames, or its end alone if segments have different numbers of frames. Other
    observables become auxiliary data, per point or per segment. Recycled walkers start from initial states, and are in
    `new_weights` of the iteration that follows; a sealed run's planned walkers are the prepared iteration.
    Where segments start is known from their parents' ends and from the states' points; where it is not, the first
    stored point stands for the start.

    A west.h5 cannot hold: coordinates and velocities; units, and times of frames; how much weight each of several
    walkers gave to one (who gave is there, and amounts follow from the weights unless who gave to whom has loops, or
    weights differ by more than their digits), and by which of several targets walkers were absorbed; workers;
    configuration and provenance; bins (WESTPA keeps a mapper as a pickle, which is not written: give its programs their
    bins, `--bins-from-expr`), except how many walkers each was to have; events of failed walkers. Absorbed walkers end
    like those that were recycled (endpoint type 3), nothing follows them, and the weights of later iterations sum to
    less than one. Probabilities of initial and source states stay those within their kind: initial states are valid in
    the first iteration, sources from the second one on. An observable per segment with as many rows as points looks
    like one per point.

    Parameters
    ----------
    run : Run
        The run.
    path : path
        The file to write; it appears when it is complete.
    points : mapping of str to (n_features,) array, optional
        Order parameter of states by label, of start states and of targets; by default what the run says of them.
    overwrite : bool
        Whether an existing file is replaced.
    progress : callable, optional
        Told how many cycles of how many are written.

    Returns
    -------
    ExportedWestpa
        What was written, and what could not be; `print` it.

    Raises
    ------
    SelectionError
        If the run has no cycles, no state is called so, or the file is the run's own.
    RunExistsError
        If the file exists and `overwrite` is false.
    FileNotFoundError
        If its folder does not exist.

    Examples
    --------
    ```python
    print(wd.export_westpa(run, "west.h5", points={"left": [-1.0], "right": [1.0]}))
    ```
    """
    target = Path(path)
    _refuse(run, target, overwrite=overwrite)
    states, chosen = States(run.header, points or {}), chosen_points(run)
    walk = Walk(states, chosen)
    with appearing(target, overwrite=overwrite) as temporary, _opened(temporary, states) as file:
        n_segments = _write(run, walk, chosen, file, progress)
    return ExportedWestpa(
        path=target,
        n_iterations=walk.n_cycles,
        n_segments=n_segments,
        n_points=chosen.count + 1,
        prepared=run.reader.planned is not None,
        notes=tuple(_notes(run, states, chosen, walk)),
    )


def _refuse(run: Run, target: Path, *, overwrite: bool) -> None:
    if not run.n_cycles:
        raise SelectionError(f"nothing to export to {target}: this run has no cycles yet")
    if isinstance(run.reader, FileRun) and target.exists() and target.samefile(run.reader.path):
        raise SelectionError(f"{target} is the run's own file: choose another name")
    refuse_existing(target, overwrite=overwrite)
    require_folder(target)


def _opened(path: Path, states: States) -> AbstractContextManager[WestFile]:
    return west_file(path, states.basis(), states.target_labels, states.target_points)


def _write(run: Run, walk: Walk, chosen: Points, file: WestFile, progress: Progress | None) -> int:
    """Write all iterations, each once it is known what follows it; return the number of segments."""
    total, before = run.n_cycles, None
    for here in cycles_of(run, chosen):
        if before is not None:
            file.append(walk.iteration(before, here.rows["segments/parent"], here.rows["segments/continuous"]))
            if progress is not None:
                progress(before.index + 1, total)
        before = here
    if before is None:  # pragma: no cover (refused before)
        return 0
    planned = run.reader.planned
    if planned is None:
        file.append(walk.iteration(before, None, None))
    else:
        parent, continuous = planned["/next/parent"].astype(np.int64), planned["/next/continuous"].astype(np.int64)
        file.append(walk.iteration(before, parent, continuous))
        if len(planned["/next/weight"]):
            file.append(walk.prepared(before, planned))
    file.end(walk.states.initial())
    if progress is not None:
        progress(total, total)
    return before.stop


def _notes(run: Run, states: States, chosen: Points, walk: Walk) -> list[str]:
    notes = ["bins: none, as WESTPA keeps them as pickles; its programs take them from --bins-from-expr or -file"]
    if chosen.fewest != chosen.most:
        notes.append(f"points: the segments' ends alone, as segments have {chosen.fewest} to {chosen.most} frames")
    elif not chosen.frames:
        notes.append("points: the segments' ends alone, as no frames are stored")
    if states.unknown:
        which = ", ".join(dict.fromkeys(map(repr, states.unknown)))
        notes.append(f"starts at the states {which}: the first stored point (points=..., or --point)")
    if walk.n_absorbed:
        notes.append(f"{walk.n_absorbed} absorbed walkers: they end as recycled ones, and nothing follows them")
    if walk.n_other:
        notes.append(f"{walk.n_other} events of failed walkers: left out")
    if run.reader.planned is None:
        notes.append("the iteration after the last: not there, as the run is not sealed")
        if walk.n_pending:
            notes.append(f"restarts of {walk.n_pending} walkers that were recycled in the last cycle: not there either")
    return notes
