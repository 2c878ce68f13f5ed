"""Distance from a reference structure after superposition."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.order_parameter.feature import checked_atoms, checked_indices, checked_labels, checked_values
from wepy.order_parameter.trajectory import load_mdtraj
from wepy.protocols import Description, Frames

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class RMSD:
    """Root mean square distance of atoms from where a reference has them, nm, after superposition by mdtraj.

    If frames have a box, each atom is first put at the image nearest to the atom named before it, beginning with the
    atoms that are superposed: name them in an order without leaps of half a box, as along a molecule.

    Parameters
    ----------
    reference : (n_atoms, 3) float or path
        Positions of all atoms of the system, nm, or a PDB file with them (the first model).
    atoms : sequence of int
        Atoms whose distance counts.
    superpose_atoms : sequence of int or None
        Atoms that are superposed, at least 3; by default `atoms`. A ligand's RMSD in the frame of its receptor has
        the ligand as `atoms` and the receptor as `superpose_atoms`.
    labels : sequence of str
        One name.
    """

    reference: NDArray[np.floating] | str | Path = field(repr=False)
    atoms: Sequence[int]
    superpose_atoms: Sequence[int] | None = None
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        atoms = checked_indices("RMSD: atoms", self.atoms)
        fitted = (
            atoms if self.superpose_atoms is None else checked_indices("RMSD: superpose_atoms", self.superpose_atoms)
        )
        if len(fitted) < 3:
            raise ConfigurationError(f"RMSD: superpose_atoms: expected at least 3 atoms, found {len(fitted)}: {fitted}")
        reference = _positions(self.reference)
        checked_atoms("RMSD: reference", np.array(atoms + fitted), len(reference))
        object.__setattr__(self, "reference", reference)
        object.__setattr__(self, "atoms", atoms)
        object.__setattr__(self, "superpose_atoms", fitted)
        object.__setattr__(self, "labels", checked_labels("RMSD", self.labels, ["rmsd"]))

    @property
    def unit(self) -> str:
        """Nanometres."""
        return "nm"

    def __call__(self, frames: Frames) -> Array:
        """Return the distance, (n_frames, 1)."""
        fitted, reference = self._resolved()
        order = np.array(list(dict.fromkeys((*fitted, *self.atoms))))
        checked_atoms("RMSD", order, frames.positions.shape[1])
        chosen = frames.positions[:, order].astype(np.float64)
        if frames.box is not None:
            chosen = _whole(chosen, frames.box)
        mdtraj = load_mdtraj()
        moved = mdtraj.Trajectory((chosen - chosen[:, :1]).astype(np.float32), None)
        fixed = mdtraj.Trajectory((reference[order] - reference[order[0]]).astype(np.float32)[None], None)
        moved.superpose(fixed, atom_indices=np.arange(len(fitted)), parallel=False)
        counted = np.flatnonzero(np.isin(order, self.atoms))
        away = moved.xyz[:, counted].astype(np.float64) - fixed.xyz[:, counted]
        return checked_values("RMSD", np.sqrt((away * away).sum(axis=2).mean(axis=1))[:, None], frames, 1)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        fitted, reference = self._resolved()
        return {
            "kind": "RMSD",
            "reference_sha256": hashlib.sha256(reference.astype("<f8").tobytes()).hexdigest(),
            "atoms": list(self.atoms),
            "superpose_atoms": list(fitted),
            "labels": list(self.labels),
        }

    def _resolved(self) -> tuple[Sequence[int], Array]:
        """Return what construction made of the arguments: the superposed atoms and the reference's positions."""
        return self.superpose_atoms or self.atoms, np.asarray(self.reference, np.float64)


def _positions(reference: NDArray[np.floating] | str | Path) -> Array:
    if isinstance(reference, str | Path):
        mdtraj = load_mdtraj()
        try:
            reference = mdtraj.load_pdb(str(reference), frame=0).xyz[0]
        except Exception as error:  # a PDB file can be wrong in more ways than mdtraj has errors for
            raise ConfigurationError(f"RMSD: reference: cannot read {reference}: {error}") from error
    positions = np.array(reference, np.float64)
    if positions.ndim != 2 or positions.shape[1] != 3 or not np.isfinite(positions).all():
        raise ConfigurationError(
            f"RMSD: reference: expected finite positions of shape (n_atoms, 3), found shape {positions.shape}"
        )
    positions.setflags(write=False)
    return positions


def _whole(positions: Array, box: Array) -> Array:
    """Return positions with each atom at the image nearest to the atom before it."""
    leap = np.diff(positions, axis=1)
    for axis in (2, 1, 0):  # OpenMM's reduced boxes are lower triangular: the last vector alone reaches along z
        count = np.round(leap[:, :, axis] / box[:, None, axis, axis])
        leap -= count[:, :, None] * box[:, None, axis]
    return np.concatenate([positions[:, :1], positions[:, :1] + np.cumsum(leap, axis=1)], axis=1)
