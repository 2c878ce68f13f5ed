"""Coordinates of particles as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.order_parameter.feature import checked_indices, checked_labels, checked_values
from wepy.protocols import Description, Frames


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Chosen coordinates: the order parameter of toy systems.

    Parameters
    ----------
    indices : sequence of int
        Which coordinates of the flattened positions: 3 * atom + axis.
    labels : sequence of str
        Names; by default x0, x1, ...
    unit : str
        Their unit in H5MD spelling; empty if dimensionless.

    Examples
    --------
    >>> one = Frames(positions=np.array([[[0.1, 0.2, 0.3]]]), step=np.array([1]), time=np.array([0.0]))
    >>> Coordinates(indices=(2, 0))(one).tolist()
    [[0.3, 0.1]]
    """

    indices: Sequence[int] = (0,)
    labels: Sequence[str] = ()
    unit: str = ""

    def __post_init__(self) -> None:
        indices = checked_indices("Coordinates: indices", self.indices)
        labels = checked_labels("Coordinates", self.labels, [f"x{index}" for index in indices])
        object.__setattr__(self, "indices", indices)
        object.__setattr__(self, "labels", labels)

    def __call__(self, frames: Frames) -> NDArray[np.float64]:
        """Return the coordinates, (n_frames, n_indices)."""
        flat = frames.positions.reshape(len(frames), -1)
        if max(self.indices) >= flat.shape[1]:
            there = f"frames have coordinates 0 to {flat.shape[1] - 1}"
            raise ConfigurationError(f"Coordinates: no coordinate {max(self.indices)}: {there}")
        return checked_values("Coordinates", flat[:, list(self.indices)], frames, len(self.indices))

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {
            "kind": "Coordinates",
            "indices": list(self.indices),
            "labels": list(self.labels),
            "unit": self.unit,
        }
