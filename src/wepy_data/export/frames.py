"""Frames of segments as a trajectory in the format that the file's name asks for, with what explains it beside it."""

from __future__ import annotations

import os
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from wepy_data.errors import SelectionError
from wepy_data.export.content import Content
from wepy_data.export.frame_table import write_frame_table
from wepy_data.export.mdtraj_file import write_topology
from wepy_data.export.script import refuse_unseen, write_scripts
from wepy_data.export.shaping import Shaping, Wishes, shaping
from wepy_data.export.stream import WITH_TOPOLOGY, WITH_VELOCITIES, Progress, refuse_format, write_frames
from wepy_data.export.table import require_folder
from wepy_data.query.frame import frame_rows
from wepy_data.query.path import since_jump
from wepy_data.store.path import appearing, refuse_existing

if TYPE_CHECKING:
    import mdtraj

    from wepy_data.query.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export has written.

    Parameters
    ----------
    trajectory : Path
        The trajectory.
    topology : Path
        What its atoms are; the trajectory itself if its format says it.
    table : Path
        What its frames are.
    n_frames : int
        Number of frames in the trajectory, and of rows in the table.
    scripts : tuple of Path
        Scripts that load it into VMD and PyMOL, if they were asked for.
    """

    trajectory: Path
    topology: Path
    table: Path
    n_frames: int
    scripts: tuple[Path, ...] = field(default=())


def export_frames(
    run: Run,
    segments: ArrayLike,
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    atoms: ArrayLike | None = None,
    stride: int = 1,
    which: str = "all",
    align: ArrayLike | None = None,
    reference: mdtraj.Trajectory | None = None,
    whole: bool = False,
    image: bool = False,
    cut: bool = False,
    scripts: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write the frames of segments as a trajectory, with a topology and a table that says what each frame is.

    The name of the file says the format: `.dcd`; `.xtc`; `.pdb` and `.cif` (a model for each frame, so not too many);
    `.h5` (mdtraj's); `.h5md` (of one lineage, whose steps increase; with order parameters and weights as observables);
    or `.npz` (for numpy: `positions` in nm, `time_ps`, `segment`, `cycle`, `walker`, `weight`, `order_parameter`,
    boxes, `atoms`). The last three have velocities, too, if the run keeps them, unless frames are superposed.

    Frames are copied block by block, so that memory does not grow with their number. Beside the trajectory appear the
    topology `<stem>.pdb`, which holds the first frame, unless the format has one of its own; and the table
    `<stem>.csv` with a row for each frame: `frame`, `segment`, `cycle`, `walker`, `weight`, `time_ps` and `md_step` on
    the frame's own lineage, and the order parameter, its names followed by its unit (`phi_rad`). Positions are those of
    the run, unless something else is asked for: never wrapped, and without a unit cell if the system has none.

    Parameters
    ----------
    run : Run
        The run.
    segments : int or (n,) int
        Segment ids, as `run.lineage.trace` returns them.
    path : path
        The trajectory.
    overwrite : bool
        Whether existing files are replaced.
    atoms : (n,) int, optional
        Atoms to keep, in the topology's order; all by default.
    stride : int
        Every how many-th frame is kept, counted over all segments.
    which : {"all", "last"}
        All frames of each segment, or its last one.
    align : (n,) int, optional
        Atoms on which each frame is superposed on the first one, or on `reference`. Boxes stay as they are.
    reference : mdtraj.Trajectory, optional
        Its first frame, with as many atoms as the run stores.
    whole, image : bool
        Whether molecules that the box cuts are made whole; whether they are brought into one box around the largest.
    cut : bool
        Whether only what follows the last discontinuity of the segments (a recycling) is written.
    scripts : bool
        Whether `<stem>.tcl` and `<stem>.pml` are written: they load it into VMD and PyMOL, coloured by weight.
    progress : callable, optional
        Called with the number of frames written so far and in all.

    Raises
    ------
    SelectionError
        If there are no such segments, atoms or format, no frames, the run stores no coordinates, or the format has no
        room for what is asked for; says what can be done instead.
    RunExistsError
        If one of the files exists and `overwrite` is false; nothing is written then.
    FileNotFoundError
        If their folder does not exist.
    MissingPackageError
        If mdtraj is not installed.
    """
    target = Path(path)
    refuse_format(target)
    if scripts:
        refuse_unseen(target)
    planned = planned_files(target, scripts=scripts)
    for file in files_of(planned):
        refuse_existing(file, overwrite=overwrite)
    require_folder(target)
    rows, owners = frame_rows(run.reader, since_jump(run, segments) if cut else segments, stride, which)
    if not len(rows):
        raise SelectionError(f"nothing to export to {target}: {np.size(segments)} segments without any frame")
    wishes = Wishes(atoms=atoms, align=align, reference=reference, whole=whole, image=image)
    shaped = shaping(run, wishes, int(rows[0]))
    content = Content(
        run=run, rows=rows, owners=owners, atoms=shaped.kept, topology=shaped.kept_topology,
        velocities=shaped.velocities and target.suffix in WITH_VELOCITIES,
    )  # fmt: skip
    _write(shaped, content, planned, overwrite=overwrite, progress=progress)
    return replace(planned, n_frames=len(rows))


def planned_files(target: Path, *, scripts: bool = False, topology: Path | None = None) -> Exported:
    """Return the files that go with a trajectory; the topology beside it unless there is one already."""
    own = target if target.suffix in WITH_TOPOLOGY else topology or target.with_suffix(".pdb")
    more = (target.with_suffix(".tcl"), target.with_suffix(".pml")) if scripts else ()
    return Exported(trajectory=target, topology=own, table=target.with_suffix(".csv"), n_frames=0, scripts=more)


def files_of(planned: Exported) -> tuple[Path, ...]:
    """Return the files of an export, each once, the trajectory first."""
    return tuple(dict.fromkeys((planned.trajectory, planned.topology, planned.table, *planned.scripts)))


def _write(shaped: Shaping, content: Content, planned: Exported, *, overwrite: bool, progress: Progress | None) -> None:
    with ExitStack() as stack:  # what is entered first appears last: the trajectory
        files = {file: stack.enter_context(appearing(file, overwrite=overwrite)) for file in files_of(planned)}
        if planned.topology != planned.trajectory:
            write_topology(files[planned.topology], content, shaped.block(content.rows[:1]).positions)
        suffix = planned.trajectory.suffix
        write_frames(shaped, [content], [files[planned.trajectory]], suffix, progress)
        write_frame_table(files[planned.table], content)
        if planned.scripts:
            write_scripts(planned, [files[file] for file in planned.scripts])
