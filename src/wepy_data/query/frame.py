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


def frame_rows(run: RunReader, segments: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows of the segments' frames in order of the segments, and the segment of each.

    Raises
    ------
    SelectionError
        If there is no such segment.
    """
    wanted = np.atleast_1d(np.asarray(segments, np.int64))
    total = run.rows("segment")
    unknown = wanted[(wanted < 0) | (wanted >= total)]
    if len(unknown):
        exist = f"segments 0 to {total - 1}" if total else "no segments yet"
        raise SelectionError(f"no segment {unknown[0]}: this run has {exist}")
    stops = run.read("/segments/frame_stop")
    stop = stops[wanted]
    start = np.where(wanted > 0, stops[np.maximum(wanted - 1, 0)], 0)
    count = stop - start
    if len(wanted) and (count.min() < 0 or stop.max() > run.rows("frame")):
        raise damaged(run, "/segments/frame_stop: ends of frames that are not there")
    offset = np.repeat(start - np.concatenate([np.zeros(1, np.int64), np.cumsum(count)[:-1]]), count)
    return np.arange(int(count.sum())) + offset, np.repeat(wanted, count)


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
    growing = run.header.layout.growing
    if POSITIONS not in growing:
        raise SelectionError("this run stores no coordinates: it has /observables and tables only")
    xyz = positions_of(run, rows)
    if atoms is not None:
        chosen = np.unique(np.asarray(atoms, np.int64))  # sorted, as a topology's subset is
        wrong = chosen[(chosen < 0) | (chosen >= xyz.shape[1])]
        if len(wrong):
            raise SelectionError(f"no atom {wrong[0]}: this run has atoms 0 to {xyz.shape[1] - 1}")
        xyz, topology = xyz[:, chosen], topology.subset(chosen)
    boxes = {}
    if "/cell_lengths" in growing:
        boxes = {
            "unitcell_lengths": read_rows(run, "/cell_lengths", rows),
            "unitcell_angles": read_rows(run, "/cell_angles", rows),
        }
    return md.Trajectory(xyz, topology, time=read_rows(run, "/frames/time", rows), **boxes)


def positions_of(run: RunReader, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the positions of chosen frames in nm, (n_frames, n_atoms, 3), whatever unit they are stored in."""
    found: NDArray[Any] = read_rows(run, POSITIONS, rows)
    return (found / 1000).astype(np.float32) if run.header.layout.growing[POSITIONS].unit == "pm" else found


def blocks(rows: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    """Yield the rows in blocks of at most `size`."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
