"""A copy of a run up to its last commit, for programs that cannot open a file while it is written."""

from __future__ import annotations

import os
from pathlib import Path

from wepy_data.errors import SelectionError
from wepy_data.store.journal import writing
from wepy_data.store.path import refuse_existing
from wepy_data.store.reader import FileRun
from wepy_data.store.writer import write_run


def snapshot(path: str | os.PathLike[str], output: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Copy a run up to its last commit to a file that is closed and packed; the run's writer is not disturbed.

    Parameters
    ----------
    path : path
        The run's HDF5 file: growing, crashed or sealed.
    output : path
        The copy; it is sealed if the run is. It appears whole or not at all.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    RunExistsError
        If the copy exists and `overwrite` is false.
    RunBusyError
        If a process is writing another run in the place of the copy.
    SelectionError
        If the copy would take the place of the run.
    FileNotFoundError, NotARunError, DamagedRunError, VersionTooOldError, VersionTooNewError
        If there is no run to be read in the file.
    """
    target = Path(output)
    with FileRun(path) as run:
        if target.exists() and target.samefile(path):
            raise SelectionError(f"{target} is the run itself: choose another name for the copy")
        refuse_existing(target, overwrite=overwrite)
        with writing(target):  # a run that starts in the place of the copy would lose its file to it
            return write_run(target, run, overwrite=overwrite)
