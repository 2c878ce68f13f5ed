"""States that discontinuous segments started from, as a trajectory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.query.frame import chosen_atoms, frame_rows, known_segments
from wepy_data.query.rows import read_rows, refuse_dangling
from wepy_data.query.topology import import_mdtraj
from wepy_data.record.protocols import RunReader

if TYPE_CHECKING:
    import mdtraj

STATE_POSITIONS = "/states/arrays/positions"
_ATOM_IDS = "/particles/trajectory/id"


def starts(
    run: RunReader, segments: ArrayLike, topology: mdtraj.Topology, atoms: ArrayLike | None = None
) -> mdtraj.Trajectory:
    """Return the start states of those segments that are discontinuous, in order of the segments.

    Parameters
    ----------
    run : RunReader
        The run.
    segments : int or (n,) int
        Segment ids; those that started where their parent ended are left out.
    topology : mdtraj.Topology
        Of the stored atoms.
    atoms : (n,) int, optional
        Atoms to keep, in the order of the topology; all by default.

    Returns
    -------
    mdtraj.Trajectory
        Positions in nm, times in ps on each segment's lineage; no frames if the states have no positions.

    Raises
    ------
    SelectionError
        If there is no such segment or atom, or the run stores no coordinates.
    DamagedRunError
        If a segment started from a state that is not there.
    """
    md = import_mdtraj("reading frames")
    chosen = chosen_atoms(run, atoms)
    stored = _stored_positions(run)
    wanted = known_segments(run, segments)
    wanted = wanted[read_rows(run, "/segments/continuous", wanted) == 0]
    states = read_rows(run, "/segments/state", wanted)
    refuse_dangling(run, "/segments/state", states, len(run.header.static["/states/kind"]))
    if stored is None:
        wanted, states = wanted[:0], states[:0]
        stored = np.zeros((0, run.header.layout.sizes["atom"], 3), np.float32)
    xyz = stored[states] if chosen is None else stored[states][:, chosen]
    return md.Trajectory(xyz, topology if chosen is None else topology.subset(chosen), time=_times(run, wanted))


def _stored_positions(run: RunReader) -> NDArray[np.float32] | None:
    """Return the positions of the states, of the atoms that frames have; None if they are not known."""
    values, n_atoms = run.header.static.get(STATE_POSITIONS), run.header.layout.sizes["atom"]
    if values is None or np.ndim(values) != 3 or np.shape(values)[2] != 3:
        return None
    ids = run.header.static.get(_ATOM_IDS)
    if ids is not None and len(ids) and int(np.max(ids)) < values.shape[1]:
        values = values[:, ids]
    return np.asarray(values, np.float32) if values.shape[1] == n_atoms else None


def _times(run: RunReader, segments: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the time at which segments began: their parents' last frames', 0 for founders, NaN if those have none."""
    parent = read_rows(run, "/segments/parent", segments)
    found = np.zeros(len(segments))
    for i in np.flatnonzero(parent >= 0):
        rows, _ = frame_rows(run, parent[i : i + 1], which="last")
        found[i : i + 1] = read_rows(run, "/frames/time", rows) if len(rows) else np.nan
    return found
