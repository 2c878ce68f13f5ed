"""What is done to frames on their way into a file: molecules made whole, frames superposed, atoms left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.export.content import Block
from wepy_data.query.frame import VELOCITIES, boxes_of, chosen_atoms, edges_of, positions_of, velocities_of
from wepy_data.query.rows import read_rows
from wepy_data.query.topology import import_mdtraj

if TYPE_CHECKING:
    import mdtraj

    from wepy_data.query.run import Run


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wishes:
    """What a user wants of the frames that are written.

    Parameters
    ----------
    atoms : (n,) int, optional
        Atoms to keep; all by default.
    align : (n,) int, optional
        Atoms on which each frame is superposed.
    reference : mdtraj.Trajectory, optional
        On whose first frame, with as many atoms as the run stores; on the first frame written by default.
    whole : bool
        Whether molecules that the box cuts are made whole.
    image : bool
        Whether, besides, they are brought together in one box.
    """

    atoms: ArrayLike | None = None
    align: ArrayLike | None = None
    reference: mdtraj.Trajectory | None = None
    whole: bool = False
    image: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shaping:
    """The wishes, bound to a run.

    Parameters
    ----------
    run : Run
        The run.
    read : (n_read,) int64
        Atoms that are read.
    kept : (n_atoms,) int64
        Atoms that are written.
    topology : mdtraj.Topology
        Of the atoms that are read.
    fit : (n,) int64 or None
        Places, among those, of the atoms that frames are superposed on.
    reference : mdtraj.Trajectory or None
        Of these atoms, one frame.
    molecules : mapping of str to value or None
        How mdtraj is to image molecules, or make them whole; None if it is not to.
    image : bool
        Which of the two.
    """

    run: Run
    read: NDArray[np.int64]
    kept: NDArray[np.int64]
    topology: mdtraj.Topology
    fit: NDArray[np.int64] | None = None
    reference: mdtraj.Trajectory | None = None
    molecules: dict[str, Any] | None = None
    image: bool = False

    @property
    def velocities(self) -> bool:
        """Whether frames come with velocities: if they are stored, and nothing was turned."""
        return self.fit is None and VELOCITIES in self.run.header.layout.growing

    @property
    def kept_topology(self) -> mdtraj.Topology:
        """Topology of the atoms that are written."""
        return self.topology if len(self.kept) == len(self.read) else self.topology.subset(self._place)

    def block(self, rows: NDArray[np.int64], *, velocities: bool = False) -> Block:
        """Return frames, ready to be written; with velocities if they are wanted and there are any."""
        reader = self.run.reader
        atoms = None if len(self.read) == reader.header.layout.sizes["atom"] else self.read
        positions, boxes = positions_of(reader, rows, atoms), boxes_of(reader, rows)
        if self.molecules is not None or self.fit is not None:
            positions = self._shaped(positions, boxes)
        if len(self.kept) != len(self.read):
            positions = positions[:, self._place]
        return Block(
            positions=positions,
            time=read_rows(reader, "/frames/time", rows),
            step=read_rows(reader, "/frames/md_step", rows),
            lengths=boxes.get("unitcell_lengths"),
            angles=boxes.get("unitcell_angles"),
            edges=edges_of(reader, rows),
            velocities=velocities_of(reader, rows, self.kept) if velocities and self.velocities else None,
        )

    @property
    def _place(self) -> NDArray[np.int64]:
        return np.searchsorted(self.read, self.kept)

    def _shaped(self, positions: NDArray[np.float32], boxes: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        md = import_mdtraj("superposing frames")
        frames = md.Trajectory(np.array(positions), self.topology, **boxes)  # a copy: it is changed in place
        if self.molecules is not None:
            (frames.image_molecules if self.image else frames.make_molecules_whole)(inplace=True, **self.molecules)
        if self.fit is not None and self.reference is not None:
            frames.superpose(self.reference, atom_indices=self.fit, ref_atom_indices=slice(None), parallel=False)
        found: NDArray[np.float32] = frames.xyz
        return found


def shaping(run: Run, wishes: Wishes, first: int) -> Shaping:
    """Return how frames are to be shaped.

    Parameters
    ----------
    run : Run
        The run.
    wishes : Wishes
        What is wanted.
    first : int
        Row of the frame that is written first.

    Raises
    ------
    SelectionError
        If the run has no coordinates, no such atoms, no box, or no bonds to make molecules of; or the reference has
        another number of atoms.
    """
    total = np.arange(run.header.layout.sizes["atom"])
    kept, fit = _atoms(run, wishes.atoms, "atoms"), _atoms(run, wishes.align, "atoms to superpose on")
    molecules = wishes.whole or wishes.image
    read = total if kept is None or molecules else kept if fit is None else np.union1d(kept, fit)
    topology = run.topology if len(read) == len(total) else run.topology.subset(read)
    made = Shaping(
        run=run, read=read, kept=total if kept is None else kept, topology=topology,
        molecules=_molecules(run, topology, image=wishes.image) if molecules else None, image=wishes.image,
    )  # fmt: skip
    if fit is None:
        return made
    places = np.searchsorted(read, fit)
    reference = _reference(made, wishes.reference, first, fit, places)
    return Shaping(
        run=run, read=read, kept=made.kept, topology=topology, molecules=made.molecules, image=made.image,
        fit=places, reference=reference,
    )  # fmt: skip


def _atoms(run: Run, atoms: ArrayLike | None, what: str) -> NDArray[np.int64] | None:
    chosen = chosen_atoms(run.reader, atoms)
    if chosen is not None and not len(chosen):
        raise SelectionError(f"nothing to export: no {what} are selected")
    return chosen


def _reference(
    made: Shaping, given: mdtraj.Trajectory | None, first: int, fit: NDArray[np.int64], places: NDArray[np.int64]
) -> mdtraj.Trajectory:
    """Return the frame that others are superposed on, its atoms being those to superpose."""
    if given is None:
        md, topology = import_mdtraj("superposing frames"), made.topology.subset(places)
        frame = Shaping(
            run=made.run, read=made.read, kept=made.read, topology=made.topology, molecules=made.molecules,
            image=made.image,
        )  # fmt: skip
        return md.Trajectory(frame.block(np.array([first])).positions[:, places], topology)
    n_atoms = made.run.header.layout.sizes["atom"]
    if given.n_atoms != n_atoms or not given.n_frames:
        found = f"{given.n_frames} frames of {given.n_atoms} atoms"
        raise SelectionError(f"the reference has {found}, expected one of {n_atoms}: those that the run stores")
    return given[0].atom_slice(fit)


def _molecules(run: Run, topology: mdtraj.Topology, *, image: bool) -> dict[str, Any]:
    """Return what mdtraj wants to know, which takes longer to find out than to use."""
    if "/cell_lengths" not in run.header.layout.growing:
        raise SelectionError("this run has no box: its molecules are whole as they are")
    if not topology.n_bonds:
        raise SelectionError("the topology of this run has no bonds: nobody knows what its molecules are")
    bonds = _bonds_outwards(topology)
    if not image:
        return {"sorted_bonds": bonds}
    try:
        anchors = topology.guess_anchor_molecules()
    except ValueError as error:
        raise SelectionError("no molecule is larger than the others, to gather them around it: use whole") from error
    others = [molecule for molecule in topology.find_molecules() if molecule not in anchors]
    return {"sorted_bonds": bonds, "anchor_molecules": anchors, "other_molecules": others}


def _bonds_outwards(topology: mdtraj.Topology) -> NDArray[np.int32]:
    """Return the bonds that span each molecule, from its first atom outwards: the nearer atom of each comes first."""
    import networkx as nx

    graph: nx.Graph[int] = nx.Graph()
    graph.add_edges_from((first.index, second.index) for first, second in topology.bonds)
    starts = [min(molecule) for molecule in nx.connected_components(graph)]
    found = [edge for start in sorted(starts) for edge in nx.bfs_edges(graph, start)]
    return np.array(found, np.int32).reshape(-1, 2)
