"""Periodic boxes: lengths and angles of their vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def cell_lengths(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the lengths of box vectors (rows), (n, 3), in the unit of the vectors.

    Examples
    --------
    >>> cell_lengths(np.diag([1.0, 2.0, 3.0])[None]).tolist()
    [[1.0, 2.0, 3.0]]
    """
    return np.asarray(np.linalg.norm(edges, axis=2))


def cell_angles(edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the angles between box vectors b and c, a and c, a and b, (n, 3), in degrees.

    Examples
    --------
    >>> cell_angles(np.diag([1.0, 2.0, 3.0])[None]).tolist()
    [[90.0, 90.0, 90.0]]
    """
    unit = edges / cell_lengths(edges)[:, :, None]
    a, b, c = unit[:, 0], unit[:, 1], unit[:, 2]
    cosines = np.stack([(b * c).sum(axis=1), (a * c).sum(axis=1), (a * b).sum(axis=1)], axis=1)
    return np.asarray(np.degrees(np.arccos(np.clip(cosines, -1.0, 1.0))))
