"""The Euclidean metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.protocols import Description


@dataclass(frozen=True, slots=True)
class Euclidean:
    """The straight distance between order parameters, in their unit.

    Examples
    --------
    >>> metric = Euclidean()
    >>> metric.between(np.array([[0.0, 0.0]]), np.array([[3.0, 4.0], [0.0, 1.0]])).tolist()
    [[5.0, 1.0]]
    """

    def images(self, order_parameter: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the points themselves, (n, n_dims)."""
        return np.asarray(order_parameter, np.float64)

    def between(self, images_a: NDArray[np.float64], images_b: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return all distances, (n_a, n_b)."""
        difference = images_a[:, None, :] - images_b[None, :, :]
        return np.asarray(np.sqrt((difference * difference).sum(axis=2)))

    def describe(self) -> Description:
        """Return the kind as a JSON value."""
        return {"kind": "euclidean"}
