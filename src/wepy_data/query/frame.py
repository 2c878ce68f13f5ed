"""Frames of segments as mdtraj trajectories, and their rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.rows import damaged, read_rows
from wepy_data.query.topology import import_mdtraj
from wepy_data.record.protocols import RunReader

if TYPE_CHECKING:
    import mdtraj

POSITIONS = "/particles/trajectory/position/value"
VELOCITIES = "/particles/trajectory/velocity/value"
EDGES = "/particles/trajectory/box/edges/value"
BLOCK_BYTES = 1 << 22  # positions read in one go: more does not fit into a processor's cache, and is not faster


def frame_rows(
    run: RunReader, segments: ArrayLike, stride: int = 1, which: str = "all"
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the segments' frames in order of the segments, and the segment of each.

    Parameters
    ----------
    run : RunReader
        The run.
    segments : int or (n,) int
        Segment ids.
    stride : int
        Every how many-th of these frames is kept, counted over all segments; the first one always is.
    which : {"all", "last"}
        All frames of each segment, or its last one.

    Raises
    ------
    SelectionError
        If there is no such segment, or the stride or `which` make no sense.
    """
    if stride < 1:
        raise SelectionError(f"a stride of {stride}: it must be 1 or more")
    if which not in ("all", "last"):
        raise SelectionError(f"no frames {which!r}: there are 'all' and 'last'")
    wanted = known_segments(run, segments)
    stops = run.read("/segments/frame_stop")
    stop = stops[wanted]
    start = np.where(wanted > 0, stops[np.maximum(wanted - 1, 0)], 0)
    if len(wanted) and ((stop - start).min() < 0 or stop.max() > run.rows("frame")):
        raise damaged(run, "/segments/frame_stop: ends of frames that are not there")
    if which == "last":
        start = np.maximum(start, stop - 1)
    count = stop - start
    offset = np.repeat(start - np.concatenate([np.zeros(1, np.int64), np.cumsum(count)[:-1]]), count)
    rows = np.arange(int(count.sum()))
    rows += offset
    return rows[::stride], np.repeat(wanted, count)[::stride]


def known_segments(run: RunReader, segments: ArrayLike) -> NDArray[np.int64]:
    """Return segment ids as an array of one dimension.

    Raises
    ------
    SelectionError
        If there is no such segment; says what there is.
    """
    wanted = np.atleast_1d(np.asarray(segments, np.int64))
    total = run.rows("segment")
    unknown = wanted[(wanted < 0) | (wanted >= total)]
    if len(unknown):
        exist = f"segments 0 to {total - 1}" if total else "no segments yet"
        raise SelectionError(f"no segment {unknown[0]}: this run has {exist}")
    return wanted


def trajectory(
    run: RunReader, rows: NDArray[np.int64], topology: mdtraj.Topology, atoms: ArrayLike | None = None
) -> mdtraj.Trajectory:
    """Return chosen frames as a trajectory, with the time on each frame's lineage and its box.

    Atoms stay in the order of the topology, whatever the order in which they are asked for.

    Raises
    ------
    SelectionError
        If the run stores no coordinates, or has no such atom.
    """
    md = import_mdtraj("reading frames")
    chosen = chosen_atoms(run, atoms)
    return md.Trajectory(
        positions_of(run, rows, chosen),
        topology if chosen is None else topology.subset(chosen),
        time=read_rows(run, "/frames/time", rows),
        **boxes_of(run, rows),
    )


def chosen_atoms(run: RunReader, atoms: ArrayLike | None) -> NDArray[np.int64] | None:
    """Return atoms sorted and each once, as a topology's subset has them; None if all are wanted.

    Raises
    ------
    SelectionError
        If the run stores no coordinates, or has no such atom.
    """
    layout = run.header.layout
    if POSITIONS not in layout.growing:
        raise SelectionError("this run stores no coordinates: it has /observables and tables only")
    if atoms is None:
        return None
    chosen, total = np.unique(np.asarray(atoms, np.int64)), layout.sizes["atom"]
    wrong = chosen[(chosen < 0) | (chosen >= total)]
    if len(wrong):
        raise SelectionError(f"no atom {wrong[0]}: this run has atoms 0 to {total - 1}")
    return chosen


def positions_of(
    run: RunReader, rows: NDArray[np.int64], atoms: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    """Return the positions of chosen frames in nm, (n_frames, n_atoms, 3), whatever unit they are stored in."""
    return _vectors(run, POSITIONS, rows, atoms)


def velocities_of(
    run: RunReader, rows: NDArray[np.int64], atoms: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    """Return the velocities of chosen frames in nm/ps, (n_frames, n_atoms, 3).

    Raises
    ------
    SelectionError
        If the run stores none.
    """
    if VELOCITIES not in run.header.layout.growing:
        raise SelectionError("this run stores no velocities: a run keeps them only if its engine was told to")
    return _vectors(run, VELOCITIES, rows, atoms)


def boxes_of(run: RunReader, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
    """Return lengths (nm) and angles (deg) of chosen frames' boxes, as mdtraj names them; empty without a box."""
    if "/cell_lengths" not in run.header.layout.growing:
        return {}
    return {
        "unitcell_lengths": read_rows(run, "/cell_lengths", rows),
        "unitcell_angles": read_rows(run, "/cell_angles", rows),
    }


def edges_of(run: RunReader, rows: NDArray[np.int64]) -> NDArray[np.float32] | None:
    """Return the box vectors of chosen frames in nm, (n_frames, 3, 3), vectors as rows; None without a box."""
    if EDGES not in run.header.layout.growing:
        return None
    found = np.empty((len(rows), 3, 3), np.float32)
    _to_nm(read_rows(run, EDGES, rows), run.header.layout.growing[EDGES].unit, found)
    return found


def frame_bytes(run: RunReader) -> int:
    """Return the bytes of a frame's positions as they are stored; 1 at least."""
    return max(1, run.header.layout.growing[POSITIONS].row_bytes)


def blocks(rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows in blocks of at most `size`."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _vectors(
    run: RunReader, path: str, rows: NDArray[np.int64], atoms: NDArray[np.int64] | None
) -> NDArray[np.float32]:
    """Return a vector for each atom, float32; all atoms are never in memory for more than a block of frames."""
    column = run.header.layout.growing[path]
    if atoms is None and column.unit != "pm":
        return np.asarray(read_rows(run, path, rows), np.float32)
    part = slice(int(atoms[0]), int(atoms[-1]) + 1) if atoms is not None and len(atoms) else None
    n_atoms = column.shape[0] if atoms is None else len(atoms)
    found = np.empty((len(rows), n_atoms, 3), np.float32)
    done = 0
    for block in blocks(rows, max(1, BLOCK_BYTES // max(1, column.row_bytes))):
        values, target = read_rows(run, path, block, part), found[done : done + len(block)]
        if atoms is not None and values.shape[1] != n_atoms:
            values = values[:, atoms - (part.start if part else 0)]
        _to_nm(values, column.unit, target)
        done += len(block)
    return found


def _to_nm(values: NDArray[Any], unit: str, target: NDArray[np.float32]) -> None:
    if unit == "pm":
        np.divide(values, 1000.0, out=target, casting="same_kind")
    else:
        target[...] = values
