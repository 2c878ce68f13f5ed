"""Distances of angles and other periodic quantities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy.metric.column import checked_indices, chosen_columns
from wepy.metric.euclidean import checked_lengths, fitting, listed, straight_distances
from wepy.protocols import Description

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Periodic:
    """Euclidean distance in which each dimension takes the shorter way around: torsion angles.

    Parameters
    ----------
    period : float or sequence of float
        The period, one number or one for each dimension: 2 pi for angles in rad. Infinity ("inf" in a description)
        for a dimension that is not periodic.
    dims : sequence of int or None
        Dimensions of the order parameter that count; None for all.

    Raises
    ------
    ConfigurationError
        If a setting is no index or no positive number; on use, if the order parameter has not these dimensions.

    Examples
    --------
    >>> metric = Periodic(360.0)
    >>> images = metric.images(np.array([[-170.0], [170.0]]))
    >>> metric.between(images, images).tolist()
    [[0.0, 20.0], [20.0, 0.0]]
    """

    period: float | Sequence[float]
    dims: Sequence[int] | None = None

    def __post_init__(self) -> None:
        if self.dims is not None:
            object.__setattr__(self, "dims", checked_indices("Periodic: dims", self.dims))
        object.__setattr__(self, "period", checked_lengths("Periodic: period", self.period, self.dims))

    def images(self, order_parameter: Array) -> Array:
        """Return the dimensions that count, (n_walkers, n_dims)."""
        values = chosen_columns("Periodic", order_parameter, None if self.dims is None else tuple(self.dims))
        fitting("Periodic: period", self.period, values)
        return values

    def between(self, images_a: Array, images_b: Array) -> Array:
        """Return the distances of all pairs, (n_a, n_b), each dimension at its nearest image."""
        period = fitting("Periodic: period", self.period, images_a)
        turns = 1.0 / period
        period = np.where(np.isfinite(period), period, 0.0)

        def nearest(away: Array, dim: Any) -> Array:
            away -= np.rint(away * turns[dim]) * period[dim]
            return away

        return straight_distances(images_a, images_b, nearest)

    def describe(self) -> Description:
        """Return kind and settings as strict JSON values, which have no infinity: it becomes "inf"."""
        period: Any = self.period
        spelt = [p if np.isfinite(p) else "inf" for p in (period if isinstance(period, Sequence) else [period])]
        return {
            "kind": "periodic",
            "period": spelt if isinstance(period, Sequence) else spelt[0],
            "dims": listed(self.dims),
        }
