"""Dihedral angles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.order_parameter.feature import checked_labels, checked_tuples, checked_values
from wepy.order_parameter.trajectory import load_mdtraj, renumbered, trajectory
from wepy.protocols import Description, Frames


@dataclass(frozen=True, slots=True)
class Dihedral:
    """Dihedral angles, rad, above -pi and up to pi, by mdtraj; nearest images if frames have a box.

    Parameters
    ----------
    atoms : sequence of (int, int, int, int)
        Atom indices of each angle, in IUPAC order.
    labels : sequence of str
        Names, such as phi and psi; by default the atoms.
    """

    atoms: Sequence[Sequence[int]]
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        atoms = checked_tuples("Dihedral: atoms", self.atoms, 4)
        default = ["dihedral " + "-".join(map(str, four)) for four in atoms]
        object.__setattr__(self, "atoms", atoms)
        object.__setattr__(self, "labels", checked_labels("Dihedral", self.labels, default))

    @property
    def unit(self) -> str:
        """Radians."""
        return "rad"

    def __call__(self, frames: Frames) -> NDArray[np.float64]:
        """Return the angles, (n_frames, n_angles)."""
        atoms, places = renumbered(np.array(self.atoms))
        chosen = trajectory("Dihedral", frames, atoms)
        found = load_mdtraj().compute_dihedrals(chosen, places, periodic=frames.box is not None).astype(np.float64)
        # float32's pi is above pi: both ends are pi
        angles = np.where((found <= -np.pi) | (found > np.pi), np.pi, found)
        return checked_values("Dihedral", angles, frames, len(self.atoms))

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "Dihedral", "atoms": [list(four) for four in self.atoms], "labels": list(self.labels)}
