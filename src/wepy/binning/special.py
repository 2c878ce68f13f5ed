"""Walkers that stand out along one dimension: the leading, the lagging, and those at a bottleneck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Standouts:
    """Indices of the walkers that stand out along one dimension; None where nobody does.

    Parameters
    ----------
    leading, lagging : int or None
        The walkers with the largest and the smallest value.
    forward, backward : int or None
        The walkers at the bottleneck, seen by who moves up, and by who moves down.
    """

    leading: int | None = None
    lagging: int | None = None
    forward: int | None = None
    backward: int | None = None


def standouts(values: NDArray[np.float64], weights: NDArray[np.float64]) -> Standouts:
    """Return who stands out.

    Of walkers with the same value the one with the lowest index is ahead of the others, in either direction. Nobody
    stands out if all values are the same, and nobody is at a bottleneck among fewer than three walkers.

    Parameters
    ----------
    values : (n_walkers,) float64
        One dimension of the order parameter, finite.
    weights : (n_walkers,) float64
        Weight of each walker.

    Examples
    --------
    >>> standouts(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0.5, 0.4, 0.05, 0.05]))
    Standouts(leading=3, lagging=0, forward=1, backward=1)
    """
    if len(values) < 2 or values.min() == values.max():
        return Standouts()
    down = np.argsort(-values, kind="stable")
    up = np.argsort(values, kind="stable")
    leading, lagging = int(down[0]), int(up[0])
    return Standouts(
        leading=leading,
        lagging=lagging,
        forward=_bottleneck(down, weights, lagging),
        backward=_bottleneck(up, weights, leading),
    )


def _bottleneck(order: NDArray[np.int64], weights: NDArray[np.float64], rear: int) -> int | None:
    """Return the walker, neither first nor `rear`, with the largest Z: the log of its weight over that ahead of it.

    Of equally large Z, that of the walker furthest behind counts.
    """
    if len(order) < 3:
        return None
    weight = np.maximum(weights[order], 5e-324)
    ahead = np.cumsum(weight)[:-1]
    z = np.log(weight[1:]) - np.log(ahead)
    z[order[1:] == rear] = -np.inf
    return int(order[len(z) - int(np.argmax(z[::-1]))])
