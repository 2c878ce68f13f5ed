"""The import of runs from a WepyHDF5 file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from wepy_data.errors import NotARunError, SelectionError
from wepy_data.importers.conduct import Progress, conduct
from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import ImportReport, Notes
from wepy_data.importers.wepy.material import Wishes, material
from wepy_data.importers.wepy.run import continuations, find_run, run_numbers

RUN = "{run}"
"""What stands for a run's number in the names of several outputs."""


def import_wepy(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    run: int | None = None,
    timestep: float | None = None,
    units: Mapping[str, str] | None = None,
    order_parameter: str = "",
    fields: Sequence[str] | None = None,
    last: int | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> ImportReport:
    """Import a run of a file of the other wepy (wepy 1.x).

    Parameters
    ----------
    path : path
        The WepyHDF5 file.
    output : path
        The run's file to write; it appears when it is complete.
    run : int, optional
        Number of the run in the file; may be left out if there is only one.
    timestep : float, optional
        Time of a cycle, in ps; by default what the field `time` says, or else 1.
    units : mapping of str to str, optional
        Units of `order_parameter` and of observables by name, for those that the file does not say.
    order_parameter : str
        Field that is the order parameter (`observables/rmsd`); by default the progress records.
    fields : sequence of str, optional
        Fields of the trajectories to take; by default all, sparse ones if they do not become too large with blanks.
    last : int, optional
        Last cycle to import; all by default.
    overwrite : bool
        Whether an existing file is replaced.
    progress : callable, optional
        Told how many cycles of how many are done.

    Returns
    -------
    ImportReport
        What was taken, what was not and why, what is unknown.

    Raises
    ------
    FileNotFoundError, NotARunError, DamagedRunError
        If it is no such file, or damaged; the message says where, and up to which cycle it can be imported.
    SelectionError
        If it holds several runs and none is chosen, or there is no such run, cycle or field; says what there is.
    RunExistsError, RunBusyError
        If the output exists and `overwrite` is false, or a process is writing a run in its place.
    """
    wishes = Wishes(timestep=timestep, units=units or {}, order_parameter=order_parameter, fields=fields, last=last)
    with Foreign(path) as foreign:
        return _import(foreign, _chosen(foreign, run), Path(output), wishes, overwrite=overwrite, progress=progress)


def import_wepy_runs(
    path: str | os.PathLike[str],
    output: str,
    *,
    timestep: float | None = None,
    units: Mapping[str, str] | None = None,
    order_parameter: str = "",
    fields: Sequence[str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[ImportReport]:
    """Import all runs of a file of the other wepy (wepy 1.x), each to a file of its own; see `import_wepy`.

    Parameters
    ----------
    path : path
        The WepyHDF5 file.
    output : str
        Names of the runs' files; `{run}` stands for a run's number.
    timestep, units, order_parameter, fields, overwrite, progress
        As for `import_wepy`.

    Raises
    ------
    SelectionError
        If the names do not differ.
    FileNotFoundError, NotARunError, DamagedRunError, RunExistsError, RunBusyError
        As for `import_wepy`; runs before that one have been imported.
    """
    if RUN not in output:
        raise SelectionError(f"{output}: expected {RUN} in it, for the number of each run: run-{RUN}.h5")
    wishes = Wishes(timestep=timestep, units=units or {}, order_parameter=order_parameter, fields=fields)
    with Foreign(path) as foreign:
        return [
            _import(
                foreign, one, Path(output.replace(RUN, str(one))), wishes, overwrite=overwrite, progress=progress
            )
            for one in _numbers(foreign)
        ]  # fmt: skip


def _numbers(foreign: Foreign) -> list[int]:
    if not foreign.has("/runs"):
        raise NotARunError(f"{foreign.path} is no file of wepy 1.x (it has no /runs): check the name")
    with foreign.reading():
        return run_numbers(foreign)


def _chosen(foreign: Foreign, run: int | None) -> int:
    numbers = _numbers(foreign)
    if run is None and len(numbers) == 1:
        return numbers[0]
    if run is not None and run in numbers:
        return run
    with foreign.reading():
        before, told = continuations(foreign), []
        for number in numbers:
            walkers = foreign.get(f"/runs/{number}/trajectories")
            more = f", continues run {before[number]}" if number in before else ""
            told.append(f"run {number} ({len(walkers) if walkers is not None else 0} walkers{more})")
    wanted = "choose one (run=..., --run)" if run is None else f"there is no run {run}"
    raise SelectionError(
        f"{foreign.path} holds {', '.join(told)}: {wanted}, or import each to a file of its own (-o 'run-{RUN}.h5')"
    )


def _import(
    foreign: Foreign, number: int, output: Path, wishes: Wishes, *, overwrite: bool, progress: Progress | None
) -> ImportReport:
    notes = Notes()
    with foreign.reading():
        found = material(foreign, find_run(foreign, number, notes, wishes.last), wishes, notes)
    return conduct(foreign, found, notes, output, overwrite=overwrite, progress=progress)
