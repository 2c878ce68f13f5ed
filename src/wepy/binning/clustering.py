"""K-means clustering of points, without any chance in it (Lloyd, IEEE Trans. Inf. Theory 28, 129, 1982)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MAX_ROUNDS = 100


def k_means(points: NDArray[np.float64], n_groups: int) -> NDArray[np.int64]:
    """Return the group of each point, (n,), groups being numbered from 0 without gaps.

    Groups begin with the points that `spread` chooses. Then each point joins the nearest mean, the first of equally
    near ones, and means are taken anew, until nothing changes or 100 rounds are done.

    Parameters
    ----------
    points : (n, n_dims) float64
        Finite points.
    n_groups : int
        Number of groups, 1 or more; fewer are made if there are fewer different points.

    Examples
    --------
    >>> k_means(np.array([[0.0], [0.1], [9.0], [9.1], [9.2]]), 2).tolist()
    [1, 1, 0, 0, 0]
    """
    if len(points) == 0:
        return np.zeros(0, np.int64)
    points = _scaled(points)
    means = points[spread(points, n_groups)]
    group = _nearest(points, means)
    for _ in range(_MAX_ROUNDS):
        counts = np.bincount(group, minlength=len(means))
        sums = np.stack([np.bincount(group, column, minlength=len(means)) for column in points.T], axis=1)
        means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], means)
        again = _nearest(points, means)
        if (again == group).all():
            break
        group = again
    return np.unique(group, return_inverse=True)[1].reshape(-1).astype(np.int64)


def spread(points: NDArray[np.float64], count: int) -> list[int]:
    """Return up to `count` different points far from each other (Gonzalez, Theor. Comput. Sci. 38, 293, 1985).

    The first is the one nearest to the mean, each next one that furthest from those before it, the lowest index
    counting among equals.
    """
    mean = (points / len(points)).sum(axis=0)
    chosen = [int(np.argmin(_squares(points, mean)))]
    distance = _squares(points, points[chosen[0]])
    while len(chosen) < count and distance.max() > 0:
        chosen.append(int(np.argmax(distance)))
        distance = np.minimum(distance, _squares(points, points[chosen[-1]]))
    return chosen


def _scaled(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the points times a power of two, so that squares neither overflow nor vanish; that rounds nothing."""
    largest = float(np.abs(points).max(initial=0.0))
    return points if largest == 0 else np.ldexp(points, -int(np.frexp(largest)[1]))


def _nearest(points: NDArray[np.float64], means: NDArray[np.float64]) -> NDArray[np.int64]:
    distances = np.stack([_squares(points, mean) for mean in means], axis=1)
    return np.asarray(distances.argmin(axis=1), np.int64)


def _squares(points: NDArray[np.float64], to: NDArray[np.float64]) -> NDArray[np.float64]:
    difference = points - to
    return np.asarray((difference * difference).sum(axis=1))
