"""Distances between atoms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.order_parameter.feature import checked_indices, checked_labels, checked_tuples, checked_values
from wepy.order_parameter.trajectory import load_mdtraj, renumbered, trajectory
from wepy.protocols import Description, Frames


@dataclass(frozen=True, slots=True)
class Distance:
    """Distances of atom pairs, nm, by mdtraj; of nearest images if frames have a box.

    Parameters
    ----------
    pairs : sequence of (int, int)
        Atom indices.
    labels : sequence of str
        Names; by default the pairs.
    """

    pairs: Sequence[Sequence[int]]
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        pairs = checked_tuples("Distance: pairs", self.pairs, 2)
        labels = checked_labels("Distance", self.labels, [f"distance {i}-{j}" for i, j in pairs])
        object.__setattr__(self, "pairs", pairs)
        object.__setattr__(self, "labels", labels)

    @property
    def unit(self) -> str:
        """Nanometres."""
        return "nm"

    def __call__(self, frames: Frames) -> NDArray[np.float64]:
        """Return the distances, (n_frames, n_pairs)."""
        return checked_values("Distance", _distances("Distance", frames, np.array(self.pairs)), frames, len(self.pairs))

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "Distance", "pairs": [list(pair) for pair in self.pairs], "labels": list(self.labels)}


@dataclass(frozen=True, slots=True)
class MinimumDistance:
    """The smallest distance between an atom of one group and one of another, nm; nearest images if there is a box.

    Parameters
    ----------
    group_a, group_b : sequence of int
        Atom indices; no atom in both.
    labels : sequence of str
        One name.
    """

    group_a: Sequence[int]
    group_b: Sequence[int]
    labels: Sequence[str] = ()

    def __post_init__(self) -> None:
        group_a = checked_indices("MinimumDistance: group_a", self.group_a)
        group_b = checked_indices("MinimumDistance: group_b", self.group_b)
        if both := sorted(set(group_a) & set(group_b)):
            raise ConfigurationError(f"MinimumDistance: expected groups without common atoms, found {both} in both")
        object.__setattr__(self, "group_a", group_a)
        object.__setattr__(self, "group_b", group_b)
        object.__setattr__(self, "labels", checked_labels("MinimumDistance", self.labels, ["minimum distance"]))

    @property
    def unit(self) -> str:
        """Nanometres."""
        return "nm"

    def __call__(self, frames: Frames) -> NDArray[np.float64]:
        """Return the smallest distance, (n_frames, 1)."""
        pairs = np.stack(np.meshgrid(self.group_a, self.group_b, indexing="ij"), axis=-1).reshape(-1, 2)
        smallest = _distances("MinimumDistance", frames, pairs).min(axis=1, keepdims=True)
        return checked_values("MinimumDistance", smallest, frames, 1)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {
            "kind": "MinimumDistance",
            "group_a": list(self.group_a),
            "group_b": list(self.group_b),
            "labels": list(self.labels),
        }


def _distances(where: str, frames: Frames, pairs: NDArray[np.int64]) -> NDArray[np.float32]:
    atoms, places = renumbered(pairs)
    chosen = trajectory(where, frames, atoms)
    found: NDArray[np.float32] = load_mdtraj().compute_distances(chosen, places, periodic=frames.box is not None)
    return found
