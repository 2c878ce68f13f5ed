"""How far a ligand has moved in the frame of its receptor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.metric.column import atom_positions, checked_indices
from wepy.metric.superposition import exact_rotations, rotations
from wepy.protocols import Description

Array = NDArray[np.float64]

_AT_ONCE = 2**17  # pairs in one step: their products and rotations take some 20 MB
_NEAR_AT_ONCE = 2**12
_CANCELLED = 1e-5  # a mean square below this part of the sums it is the difference of is computed anew


@dataclass(frozen=True, slots=True)
class LigandRMSD:
    """Root mean square distance of a ligand's atoms after the receptors are superposed.

    The order parameter holds coordinates x0 y0 z0 x1 ... of ligand and receptor. Receptors are superposed by the
    rotation of least squares (Kabsch, Acta Cryst. A 32, 922, 1976), never by a reflection. Molecules must be whole
    and next to each other; nothing is known of a periodic box.

    Parameters
    ----------
    ligand : sequence of int
        Atoms whose distance counts, counted from 0 among those of the order parameter.
    receptor : sequence of int
        Atoms that are superposed; at least 3, not on a line. May be the ligand's own: then this is the RMSD of one
        molecule.
    first : int
        Dimension of the order parameter where the coordinates begin.

    Raises
    ------
    ConfigurationError
        If atoms are no distinct indices, or too few; on use, if the order parameter has not these atoms.
    """

    ligand: Sequence[int]
    receptor: Sequence[int]
    first: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "ligand", checked_indices("LigandRMSD: ligand", self.ligand))
        object.__setattr__(self, "receptor", checked_indices("LigandRMSD: receptor", self.receptor))
        object.__setattr__(self, "first", checked_indices("LigandRMSD: first", [self.first])[0])
        if len(self.receptor) < 3:
            raise ConfigurationError(f"LigandRMSD: receptor: expected at least 3 atoms, found {self.receptor}")

    def images(self, order_parameter: Array) -> Array:
        """Return positions with the receptor's mean at the origin, the receptor first, (n_walkers, 3 n_atoms)."""
        fixed = atom_positions("LigandRMSD", order_parameter, tuple(self.receptor), self.first)
        moving = atom_positions("LigandRMSD", order_parameter, tuple(self.ligand), self.first)
        middle = fixed.mean(axis=1, keepdims=True)
        return np.concatenate([fixed - middle, moving - middle], axis=1).reshape(len(fixed), -1)

    def between(self, images_a: Array, images_b: Array) -> Array:
        """Return the distances of all pairs, (n_a, n_b), in the unit of the coordinates."""
        found = np.empty((len(images_a), len(images_b)))
        rows = max(1, _AT_ONCE // max(1, len(images_b)))
        for start in range(0, len(images_a), rows):
            found[start : start + rows] = self._block(images_a[start : start + rows], images_b)
        return found

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {
            "kind": "ligand-rmsd",
            "ligand": list(self.ligand),
            "receptor": list(self.receptor),
            "first": self.first,
        }

    def _block(self, images_a: Array, images_b: Array) -> Array:
        (fixed_a, moving_a), (fixed_b, moving_b) = self._parts(images_a), self._parts(images_b)
        products = _products(fixed_a, fixed_b)
        rotation = rotations(products.reshape(-1, 3, 3)).reshape(products.shape)
        sums = (moving_a * moving_a).sum(axis=(1, 2))[:, None] + (moving_b * moving_b).sum(axis=(1, 2))
        square = sums - 2.0 * (_products(moving_a, moving_b) * rotation).sum(axis=(2, 3))
        near_a, near_b = np.nonzero(square < _CANCELLED * sums)
        for start in range(0, len(near_a), _NEAR_AT_ONCE):
            a, b = near_a[start : start + _NEAR_AT_ONCE], near_b[start : start + _NEAR_AT_ONCE]
            turned = moving_b[b] @ exact_rotations(products[a, b]).transpose(0, 2, 1)
            square[a, b] = ((moving_a[a] - turned) ** 2).sum(axis=(1, 2))
        distances: Array = np.sqrt(square / len(self.ligand))
        return distances

    def _parts(self, images: Array) -> tuple[Array, Array]:
        """Return the receptor's and the ligand's positions."""
        positions = images.reshape(len(images), -1, 3)
        return positions[:, : len(self.receptor)], positions[:, len(self.receptor) :]


def _products(a: Array, b: Array) -> Array:
    """Return sum_k a_ki b_kj over the atoms k of every pair, (n_a, n_b, 3, 3)."""
    flat_a = a.transpose(0, 2, 1).reshape(-1, a.shape[1])
    flat_b = b.transpose(0, 2, 1).reshape(-1, b.shape[1])
    return (flat_a @ flat_b.T).reshape(len(a), 3, len(b), 3).transpose(0, 2, 1, 3)
