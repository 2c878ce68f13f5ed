"""Many paths through a run, each as a trajectory of its own, with an index of them."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.export.content import Content
from wepy_data.export.frame_table import write_frame_table
from wepy_data.export.frames import Exported, files_of, planned_files
from wepy_data.export.mdtraj_file import write_topology
from wepy_data.export.script import refuse_unseen, write_scripts
from wepy_data.export.shaping import Shaping, Wishes, shaping
from wepy_data.export.stream import WITH_TOPOLOGY, WITH_VELOCITIES, Progress, refuse_format, write_frames
from wepy_data.export.table import require_folder
from wepy_data.query.frame import frame_rows, known_segments
from wepy_data.query.path import since_jump
from wepy_data.query.rows import read_rows
from wepy_data.store.path import appearing, refuse_existing

if TYPE_CHECKING:
    import mdtraj

    from wepy_data.query.run import Run

INDEX = ("file", "tip", "cycle", "walker", "weight", "n_frames")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedPaths:
    """What an export of many paths has written.

    Parameters
    ----------
    index : Path
        The table of the files: `file`, `tip` (the path's last segment), its `cycle`, `walker` and `weight`, `n_frames`.
    files : tuple of Exported
        The files, in the order of the paths.
    """

    index: Path
    files: tuple[Exported, ...]

    @property
    def n_frames(self) -> int:
        """Number of frames in all files."""
        return sum(file.n_frames for file in self.files)


def export_paths(
    run: Run,
    paths: Sequence[ArrayLike],
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
) -> ExportedPaths:
    """Write many paths, each as a trajectory of its own, and an index of them; frames that they share are read once.

    A name `all.dcd` gives `all-c99-w3.dcd` with its table `all-c99-w3.csv` for the path that ends with walker 3 of
    cycle 99, and so on; one topology `all.pdb`, if the format needs one; and the index `all.csv`, with a row for each
    path: `file`, `tip` (its last segment), the tip's `cycle`, `walker` and `weight`, and `n_frames`. A path without
    frames has no file, only a row. Frames are superposed on the first frame of the first path by default.

    Parameters
    ----------
    run : Run
        The run.
    paths : sequence of (n,) int
        Segment ids of each path: `run.lineage.trace_all().T`, `successful_paths(run)`, `branch_paths(run, ancestor)`.
    path : path
        What the files are called; its suffix says the format.
    overwrite, atoms, stride, which, align, reference, whole, image, cut, scripts, progress
        As `export_frames` takes them.

    Raises
    ------
    SelectionError, RunExistsError, FileNotFoundError, MissingPackageError
        As `export_frames` says; and if two paths end with the same segment.

    Examples
    --------
    ```python
    wd.export_paths(run, run.lineage.trace_all().T, "final.xtc", stride=10)
    wd.export_paths(run, wd.successful_paths(run), "success.dcd")
    ```
    """
    target = Path(path)
    refuse_format(target)
    if scripts:
        refuse_unseen(target)
    segments = [since_jump(run, one) if cut else known_segments(run.reader, one) for one in paths]
    names = _names(run, target, segments)
    found = [frame_rows(run.reader, one, stride, which) for one in segments]
    planned = [_planned(name, target, len(rows), scripts=scripts) for name, (rows, _) in zip(names, found, strict=True)]
    there = [number for number, (rows, _) in enumerate(found) if len(rows)]
    if not there:
        raise SelectionError(f"nothing to export to {target}: {len(paths)} paths without any frame")
    index = target.with_suffix(".csv")
    wanted = dict.fromkeys([index, *(file for number in there for file in files_of(planned[number]))])
    for file in wanted:
        refuse_existing(file, overwrite=overwrite)
    require_folder(target)
    wishes = Wishes(atoms=atoms, align=align, reference=reference, whole=whole, image=image)
    shaped = shaping(run, wishes, int(found[there[0]][0][0]))
    with ExitStack() as stack:  # what is entered first appears last: the index
        files = {file: stack.enter_context(appearing(file, overwrite=overwrite)) for file in wanted}
        _write(shaped, [found[number] for number in there], [planned[number] for number in there], files, progress)
        _write_index(run, files[index], np.array([one[-1] for one in segments]), planned)
    return ExportedPaths(index=index, files=tuple(planned[number] for number in there))


def _planned(name: Path, target: Path, n_frames: int, *, scripts: bool) -> Exported:
    files = planned_files(name, scripts=scripts, topology=target.with_suffix(".pdb"))
    return replace(files, n_frames=n_frames)


def _names(run: Run, target: Path, paths: Sequence[NDArray[np.int64]]) -> list[Path]:
    """Return a file for each path, named after its tip; tips of all paths have as many digits."""
    if not paths:
        raise SelectionError(f"nothing to export to {target}: no paths")
    if not all(len(one) for one in paths):
        raise SelectionError("a path without segments: it must have one at least")
    tips = np.array([one[-1] for one in paths])
    values, counts = np.unique(tips, return_counts=True)
    if counts.max() > 1:
        raise SelectionError(f"two paths end with segment {values[counts.argmax()]}: each is named after its end")
    cycle, walker = run.lineage.cycle_of(tips), run.lineage.walker_of(tips)
    wide, narrow = len(str(cycle.max())), len(str(walker.max()))
    return [
        target.with_name(f"{target.stem}-c{c:0{wide}d}-w{w:0{narrow}d}{target.suffix}")
        for c, w in zip(cycle.tolist(), walker.tolist(), strict=True)
    ]


def _write(
    shaped: Shaping, found: Sequence[tuple[NDArray[np.int64], NDArray[np.int64]]], planned: Sequence[Exported],
    files: Mapping[Path, Path], progress: Progress | None,
) -> None:  # fmt: skip
    suffix, topology = planned[0].trajectory.suffix, shaped.kept_topology
    contents = [
        Content(
            run=shaped.run, rows=rows, owners=owners, atoms=shaped.kept, topology=topology,
            velocities=shaped.velocities and suffix in WITH_VELOCITIES,
        )
        for rows, owners in found
    ]  # fmt: skip
    if suffix not in WITH_TOPOLOGY:
        write_topology(files[planned[0].topology], contents[0], shaped.block(contents[0].rows[:1]).positions)
    write_frames(shaped, contents, [files[one.trajectory] for one in planned], suffix, progress)
    for content, one in zip(contents, planned, strict=True):
        write_frame_table(files[one.table], content)
        if one.scripts:
            write_scripts(one, [files[file] for file in one.scripts])


def _write_index(run: Run, path: Path, tips: NDArray[np.int64], planned: Sequence[Exported]) -> None:
    columns = (
        [one.trajectory.name if one.n_frames else "" for one in planned],
        tips.tolist(),
        run.lineage.cycle_of(tips).tolist(),
        run.lineage.walker_of(tips).tolist(),
        read_rows(run.reader, "/segments/weight", tips).tolist(),
        [one.n_frames for one in planned],
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(INDEX)
        writer.writerows(zip(*columns, strict=True))
