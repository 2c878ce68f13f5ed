"""Several order parameters side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.protocols import Description, Frames, OrderParameter


@dataclass(frozen=True, slots=True)
class Joined:
    """The dimensions of several order parameters, one after the other.

    What tells walkers apart and what says that they have arrived need not be the same: coordinates of a ligand for
    the metric of WExplore, and its distance from the receptor for the boundary condition.

    Parameters
    ----------
    parts : sequence of OrderParameter
        At least one; their labels are distinct.

    Raises
    ------
    ConfigurationError
        No parts, or labels that occur twice.

    Examples
    --------
    >>> from wepy.order_parameter import Coordinates
    >>> joined = Joined([Coordinates([0], labels=["x"], unit="nm"), Coordinates([1], labels=["y"], unit="nm")])
    >>> joined.labels, joined.unit
    (('x', 'y'), 'nm')
    """

    parts: Sequence[OrderParameter]

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", tuple(self.parts))
        labels = self.labels
        if not labels:
            raise ConfigurationError("Joined: parts: expected at least one order parameter, found none")
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ConfigurationError(f"Joined: labels: expected distinct names, found twice: {', '.join(twice)}")

    @property
    def labels(self) -> tuple[str, ...]:
        """Labels of all parts, in order."""
        return tuple(label for part in self.parts for label in part.labels)

    @property
    def unit(self) -> str:
        """The parts' unit if it is the same for all, else empty."""
        units = {part.unit for part in self.parts}
        return units.pop() if len(units) == 1 else ""

    def __call__(self, frames: Frames) -> NDArray[np.float64]:
        """Return all features of every frame, (n_frames, n_labels)."""
        return np.concatenate([part(frames) for part in self.parts], axis=1)

    def describe(self) -> Description:
        """Return kind and parts as JSON values."""
        return {"kind": "Joined", "parts": [part.describe() for part in self.parts]}
