"""Frames of segments as a DCD trajectory, with a PDB topology and a table that says what each frame is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from numpy.typing import ArrayLike

from wepy_data.errors import SelectionError
from wepy_data.export.frames import Exported, export_frames
from wepy_data.export.stream import Progress

if TYPE_CHECKING:
    from wepy_data.query.run import Run


def export_dcd(
    run: Run,
    segments: ArrayLike,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    atoms: ArrayLike | None = None,
    progress: Progress | None = None,
) -> Exported:
    """Write the frames of segments as a DCD trajectory (Å, float32) with its topology and a table beside it.

    The same as `export_frames` with a name that ends in `.dcd`.

    Parameters
    ----------
    run : Run
        The run.
    segments : int or (n,) int
        Segment ids, as `run.lineage.trace` returns them.
    path : path
        The trajectory, `<stem>.dcd`.
    overwrite : bool
        Whether existing files are replaced.
    atoms : (n,) int, optional
        Atoms to keep, in the topology's order; all by default.
    progress : callable, optional
        Called with the number of frames written so far and in all.

    Raises
    ------
    SelectionError
        If there are no such segments or atoms, no frames, or the run stores no coordinates.
    RunExistsError
        If one of the three files exists and `overwrite` is false; nothing is written then.
    FileNotFoundError
        If their folder does not exist.
    MissingPackageError
        If mdtraj is not installed.
    """
    target = Path(path)
    if target.suffix != ".dcd":
        raise SelectionError(f"{target}: this writes DCD: choose a name that ends in .dcd, or export_frames")
    return export_frames(run, segments, target, overwrite=overwrite, atoms=atoms, progress=progress)
