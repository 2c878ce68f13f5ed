"""Frames of segments as a DCD trajectory, with a PDB topology and a table that says what each frame is."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.export.table import require_folder
from wepy_data.query.feature import ORDER_PARAMETER, feature_columns
from wepy_data.query.frame import POSITIONS, blocks, frame_rows, positions_of, trajectory
from wepy_data.query.rows import read_rows
from wepy_data.query.topology import import_mdtraj
from wepy_data.store.path import appearing, refuse_existing

if TYPE_CHECKING:
    import mdtraj

    from wepy_data.query.run import Run

ANGSTROM = 10.0  # per nm
_BLOCK = 1 << 24  # bytes of positions held at a time
_PDB_LIMIT = 999.0  # Å on either side of 0 that always fit into a PDB's columns
_COLUMNS = ("frame", "segment", "cycle", "walker", "weight", "time_ps", "md_step")

Progress = Callable[[int, int], None]
"""Told, now and then, how many frames of how many are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What an export has written: three files, and the number of frames in the trajectory and rows of the table."""

    trajectory: Path
    topology: Path
    table: Path
    n_frames: int


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

    Frames are copied block by block, so that memory does not grow with their number. The topology `<stem>.pdb` holds
    the first frame. The table `<stem>.csv` has a row for each frame: `frame`, `segment`, `cycle`, `walker`, `weight`,
    `time_ps` and `md_step` on the frame's own lineage, and the order parameter, its names followed by its unit
    (`phi_rad`). Positions are those of the run: never wrapped, and without a unit cell if the system has none.

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
        raise SelectionError(f"{target}: the only trajectory format so far is DCD: choose a name that ends in .dcd")
    written = Exported(
        trajectory=target, topology=target.with_suffix(".pdb"), table=target.with_suffix(".csv"), n_frames=0
    )
    files = (written.trajectory, written.topology, written.table)  # entered first, appears last: the trajectory
    for file in files:
        refuse_existing(file, overwrite=overwrite)
    require_folder(target)
    rows, owners = frame_rows(run.reader, segments)
    if not len(rows):
        raise SelectionError(f"nothing to export to {target}: {np.size(segments)} segments without any frame")
    kept = None if atoms is None else _chosen(atoms)
    first = trajectory(run.reader, rows[:1], run.topology, kept)
    with ExitStack() as stack:
        dcd, pdb, table = (stack.enter_context(appearing(file, overwrite=overwrite)) for file in files)
        _write_topology(first, pdb)
        _write_frames(run, rows, kept, dcd, progress)
        _write_table(run, rows, owners, table)
    return Exported(trajectory=files[0], topology=files[1], table=files[2], n_frames=len(rows))


def _chosen(atoms: ArrayLike) -> NDArray[np.int64]:
    chosen = np.unique(np.asarray(atoms, np.int64))
    if not len(chosen):
        raise SelectionError("nothing to export: no atoms are selected")
    return chosen


def _write_topology(first: mdtraj.Trajectory, path: Path) -> None:
    if np.abs(first.xyz).max() * ANGSTROM > _PDB_LIMIT:
        first.center_coordinates()
    first.topology = first.topology.copy()  # the run's stays as it is
    for atom in first.topology.atoms:
        if atom.element is import_mdtraj("writing PDB").element.virtual:
            atom.element = None  # its symbol, VS, would be no element to other programs: the columns stay blank
    first.save_pdb(path)


def _write_frames(
    run: Run, rows: NDArray[np.int64], atoms: NDArray[np.int64] | None, path: Path, progress: Progress | None
) -> None:
    md = import_mdtraj("writing DCD")
    growing = run.header.layout.growing
    frame_bytes = int(np.prod(growing[POSITIONS].shape)) * growing[POSITIONS].numpy_dtype.itemsize
    done = 0
    path.touch()  # a folder that must not be written to says so here, in plain words
    with md.formats.DCDTrajectoryFile(os.fspath(path), "w", force_overwrite=True) as file:
        for block in blocks(rows, max(1, _BLOCK // max(1, frame_bytes))):
            positions = positions_of(run.reader, block)
            cell: dict[str, Any] = {}
            if "/cell_lengths" in growing:
                cell["cell_lengths"] = read_rows(run.reader, "/cell_lengths", block) * np.float32(ANGSTROM)
                cell["cell_angles"] = read_rows(run.reader, "/cell_angles", block)
            kept = positions if atoms is None else positions[:, atoms]
            file.write(kept * np.float32(ANGSTROM), **cell)
            done += len(block)
            if progress is not None:
                progress(done, len(rows))


def _write_table(run: Run, rows: NDArray[np.int64], owners: NDArray[np.int64], path: Path) -> None:
    names = feature_columns(run, _COLUMNS)
    size = max(1, _BLOCK // (8 * (len(_COLUMNS) + len(names))))
    done = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_COLUMNS, *names])
        for block in blocks(rows, size):
            writer.writerows(_table_rows(run, block, owners[done : done + len(block)], done))
            done += len(block)


def _table_rows(
    run: Run, rows: NDArray[np.int64], owners: NDArray[np.int64], done: int
) -> Iterator[tuple[int | float, ...]]:
    columns = [
        np.arange(done, done + len(rows)),
        owners,
        run.lineage.cycle_of(owners),
        run.lineage.walker_of(owners),
        read_rows(run.reader, "/segments/weight", owners),
        read_rows(run.reader, "/frames/time", rows),
        read_rows(run.reader, "/frames/md_step", rows),
        *read_rows(run.reader, f"/observables/{ORDER_PARAMETER}/value", rows).reshape(len(rows), -1).T,
    ]
    return zip(*(column.tolist() for column in columns), strict=True)
