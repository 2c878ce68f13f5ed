"""Trajectory files that mdtraj writes: XTC, its own HDF5, PDB and mmCIF with several models."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import MissingPackageError, SelectionError
from wepy_data.export.content import Block, Content
from wepy_data.query.topology import import_mdtraj

if TYPE_CHECKING:
    import mdtraj

ANGSTROM = np.float32(10)  # per nm
PDB_LIMIT = 999.0  # Å on either side of 0 that always fit into a PDB's columns
_MOST_LINES = 5_000_000  # of a text file, one for each atom of each frame: some 400 MB
_MOST_FRAMES = 10_000  # models of a text file: PDB has four digits for them


class XtcFile:
    """An XTC file: nm, rounded to 0.001, with time and step; without a box, its vectors are zero.

    Parameters
    ----------
    path : path
        The file; replaced.
    content : Content
        What it is to hold.
    """

    def __init__(self, path: Path, content: Content) -> None:
        md = import_mdtraj("writing XTC")
        self._file = md.formats.XTCTrajectoryFile(os.fspath(path), "w", force_overwrite=True)

    def write(self, block: Block) -> None:
        """Append frames."""
        box = np.zeros((len(block), 3, 3), np.float32) if block.edges is None else block.edges
        step = np.minimum(block.step, np.iinfo(np.int32).max).astype(np.int32)  # the format has no more
        positions = np.ascontiguousarray(block.positions)
        self._file.write(positions, time=block.time.astype(np.float32), step=step, box=box)

    def close(self) -> None:
        """End the file."""
        self._file.close()


class MdtrajFile:
    """mdtraj's HDF5: topology, positions, times, boxes, and velocities if they are kept.

    Parameters
    ----------
    path : path
        The file; replaced.
    content : Content
        What it is to hold.
    """

    def __init__(self, path: Path, content: Content) -> None:
        md = import_mdtraj("writing mdtraj's HDF5")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the file's name for now, and long texts in attributes: both are meant
            try:
                self._file = md.formats.HDF5TrajectoryFile(os.fspath(path), "w", force_overwrite=True)
            except ImportError as error:
                raise MissingPackageError("writing mdtraj's HDF5", "tables", "md") from error
            self._file.topology = content.topology

    def write(self, block: Block) -> None:
        """Append frames."""
        self._file.write(
            block.positions, block.time.astype(np.float32), block.lengths, block.angles, velocities=block.velocities
        )

    def close(self) -> None:
        """End the file."""
        self._file.close()


class TextFile:
    """PDB or mmCIF, a model for each frame.

    Parameters
    ----------
    path : path
        The file; replaced.
    content : Content
        What it is to hold.
    suffix : {".pdb", ".cif"}
        The format.

    Raises
    ------
    SelectionError
        If it would have too many frames or atoms, or positions that have no room in a PDB's columns.
    """

    def __init__(self, path: Path, content: Content, suffix: str) -> None:
        refuse_long(content, suffix)
        md = import_mdtraj(f"writing {suffix}")
        self._topology, self._models = printable(content.topology), 0 if content.n_frames > 1 else None
        self._suffix = suffix
        writer = md.formats.PDBTrajectoryFile if suffix == ".pdb" else md.formats.PDBxTrajectoryFile
        self._file = writer(os.fspath(path), "w", force_overwrite=True)

    def write(self, block: Block) -> None:
        """Append frames."""
        scale = ANGSTROM if self._suffix == ".pdb" else np.float32(1)
        if self._suffix == ".pdb" and np.abs(block.positions).max(initial=0) * ANGSTROM > PDB_LIMIT:
            raise SelectionError(
                f"positions beyond {PDB_LIMIT:g} Å have no room in a PDB: choose .cif, or superpose the frames (align)"
            )
        for i in range(len(block)):
            self._file.write(block.positions[i] * scale, self._topology, **self._more(block, i, scale))

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _more(self, block: Block, i: int, scale: np.float32) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if block.lengths is not None and block.angles is not None:
            found = {"unitcell_lengths": block.lengths[i] * scale, "unitcell_angles": block.angles[i]}
        if self._suffix == ".pdb" and self._models is not None:
            self._models += 1
            found["modelIndex"] = self._models
        return found


def refuse_long(content: Content, suffix: str) -> None:
    """Raise `SelectionError` if a text file would be too long to be of use."""
    most = min(_MOST_FRAMES - 1, max(1, _MOST_LINES // max(1, len(content.atoms))))
    if content.n_frames > most:
        raise SelectionError(
            f"{content.n_frames} frames of {len(content.atoms)} atoms are too many for {suffix}, at most {most}: "
            f"choose a stride of {math.ceil(content.n_frames / most)} or more, or another format (.dcd, .xtc)"
        )


def printable(topology: mdtraj.Topology) -> mdtraj.Topology:
    """Return a copy whose particles without an element have none: `VS` would be no element to other programs."""
    copy = topology.copy()
    virtual = import_mdtraj("a topology").element.virtual
    for atom in copy.atoms:
        if atom.element is virtual:
            atom.element = None
    return copy


def write_topology(path: Path, content: Content, positions: NDArray[np.float32]) -> None:
    """Write the atoms of a trajectory as a PDB, with the positions of a frame, (1, n_atoms, 3) nm."""
    md = import_mdtraj("writing PDB")
    first = md.Trajectory(positions, printable(content.topology))
    if np.abs(first.xyz).max(initial=0) * ANGSTROM > PDB_LIMIT:
        first.center_coordinates()
        first.xyz = np.clip(first.xyz, -PDB_LIMIT / ANGSTROM, PDB_LIMIT / ANGSTROM)  # the atoms matter here, not where
    first.save_pdb(path)
