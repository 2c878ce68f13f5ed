"""Straight distances in the space of the order parameter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.metric.column import checked_indices, chosen_columns
from wepy.protocols import Description

Array = NDArray[np.float64]

_AT_ONCE = 2**15  # numbers in one step of the loop below: they stay in a core's cache


@dataclass(frozen=True, slots=True)
class Euclidean:
    """Euclidean distance of order parameters.

    Parameters
    ----------
    dims : sequence of int or None
        Dimensions of the order parameter that count; None for all.
    scale : float, sequence of float, or None
        What each of them is divided by before, one number or one for each: dimensions in different units, or of
        different extent, then weigh the same.

    Raises
    ------
    ConfigurationError
        If a setting is no index or no positive number; on use, if the order parameter has not these dimensions.

    Examples
    --------
    >>> metric = Euclidean(scale=[1.0, 10.0])
    >>> images = metric.images(np.array([[0.0, 0.0], [3.0, 40.0]]))
    >>> metric.between(images, images).tolist()
    [[0.0, 5.0], [5.0, 0.0]]
    """

    dims: Sequence[int] | None = None
    scale: float | Sequence[float] | None = None

    def __post_init__(self) -> None:
        if self.dims is not None:
            object.__setattr__(self, "dims", checked_indices("Euclidean: dims", self.dims))
        if self.scale is not None:
            object.__setattr__(self, "scale", checked_lengths("Euclidean: scale", self.scale, self.dims))

    def images(self, order_parameter: Array) -> Array:
        """Return the scaled dimensions, (n_walkers, n_dims)."""
        values = chosen_columns("Euclidean", order_parameter, None if self.dims is None else tuple(self.dims))
        if self.scale is None:
            return values
        return values / fitting("Euclidean: scale", self.scale, values)

    def between(self, images_a: Array, images_b: Array) -> Array:
        """Return the distances of all pairs, (n_a, n_b), in units of the scale."""
        return straight_distances(images_a, images_b)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "euclidean", "dims": listed(self.dims), "scale": listed(self.scale)}


def straight_distances(a: Array, b: Array, fold: Callable[[Array, Any], Array] | None = None) -> Array:
    """Return the Euclidean distances of the rows of `a` from those of `b`, (n_a, n_b).

    Differences are taken before squares: exact for equal rows and good to the last digits for near ones, which
    a^2 + b^2 - 2ab is not.

    Parameters
    ----------
    a, b : (n_a, n_dims), (n_b, n_dims) float64
        The points.
    fold : callable, optional
        Called with differences and the dimension they are of, `...` for the last axis; returns what counts of them.
    """
    if len(a) * len(b) * a.shape[1] <= _AT_ONCE:
        away = a[:, None] - b
        if fold is not None:
            away = fold(away, ...)
        away *= away
        near: Array = np.sqrt(away.sum(axis=-1))
        return near
    square = np.zeros((len(a), len(b)))
    across = np.ascontiguousarray(b.T)
    rows = max(1, _AT_ONCE // len(b))
    for start in range(0, len(a), rows):
        here = square[start : start + rows]
        for dim in range(a.shape[1]):
            away = a[start : start + rows, dim, None] - across[dim]
            if fold is not None:
                away = fold(away, dim)
            away *= away
            here += away
    return np.sqrt(square, out=square)


def checked_lengths(where: str, lengths: object, dims: Sequence[int] | None) -> float | tuple[float, ...]:
    """Return one positive number, or one for each dimension; infinity is a number."""
    try:
        found = np.array(lengths, np.float64)
    except (TypeError, ValueError):
        found = np.empty((0, 0))
    if found.ndim > 1 or found.size == 0 or not (found > 0).all():
        raise ConfigurationError(f"{where}: expected a positive number, or one for each dimension, found {lengths!r}")
    if found.ndim == 1 and dims is not None and len(found) != len(dims):
        raise ConfigurationError(f"{where}: expected {len(dims)} numbers, one for each of dims, found {len(found)}")
    return float(found) if found.ndim == 0 else tuple(found.tolist())


def fitting(where: str, lengths: float | Sequence[float], values: Array) -> Array:
    """Return one length for each column of `values`; `ConfigurationError` if there are more or fewer."""
    found = np.array(lengths, np.float64)
    if found.ndim and len(found) != values.shape[1]:
        raise ConfigurationError(
            f"{where}: expected {values.shape[1]} numbers, one for each dimension of the order parameter,"
            f" found {len(found)}"
        )
    return np.broadcast_to(found, values.shape[1:])


def listed(values: float | Sequence[Any] | None) -> Any:
    """Return the values as JSON has them: a list, a number, or null."""
    return list(values) if isinstance(values, Sequence) else values
