"""The distances of all pairs of walkers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wepy.protocols import Metric

_ROWS = 128


def distance_matrix(metric: Metric, order_parameter: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the walkers' distances from each other, (n_walkers, n_walkers): symmetric to the bit, 0 on the diagonal.

    Each pair is computed once.

    Examples
    --------
    >>> from wepy.metric import Euclidean
    >>> distance_matrix(Euclidean(), np.array([[0.0], [3.0], [4.0]])).tolist()
    [[0.0, 3.0, 4.0], [3.0, 0.0, 1.0], [4.0, 1.0, 0.0]]
    """
    images = metric.images(order_parameter)
    found = np.empty((len(images), len(images)))
    for start in range(0, len(images), _ROWS):
        rows = slice(start, start + _ROWS)
        block = metric.between(images[rows], images[start:])
        square = np.triu(block[:, : len(block)], 1)
        block[:, : len(block)] = square + square.T
        found[rows, start:] = block
        found[start:, rows] = block.T
    return found
