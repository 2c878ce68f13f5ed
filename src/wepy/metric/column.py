"""The columns of an order parameter that a metric looks at."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from wepy.errors import BinningError, ConfigurationError
from wepy.whole_number import is_count

Array = NDArray[np.float64]


def checked_indices(where: str, indices: object) -> tuple[int, ...]:
    """Return distinct indices counted from 0, at least one; `ConfigurationError` otherwise."""
    found = tuple(indices) if isinstance(indices, Iterable) and not isinstance(indices, str) else ()
    if not found or not all(map(is_count, found)) or len(set(found)) != len(found):
        raise ConfigurationError(f"{where}: expected distinct whole numbers from 0, found {indices!r}")
    return tuple(int(value) for value in found)


def chosen_columns(where: str, order_parameter: Array, dims: tuple[int, ...] | None) -> Array:
    """Return the columns `dims` of an order parameter, all if None; `ConfigurationError` if some are not there."""
    values = np.asarray(order_parameter, np.float64)
    if values.ndim != 2:
        raise ConfigurationError(f"{where}: expected order parameters of shape (n_walkers, n_dims), got {values.shape}")
    if dims is None:
        return values
    if max(dims) >= values.shape[1]:
        raise ConfigurationError(
            f"{where}: no dimension {max(dims)}: the order parameter has dimensions 0 to {values.shape[1] - 1}"
        )
    return values[:, dims]


def atom_positions(where: str, order_parameter: Array, atoms: tuple[int, ...], first: int) -> Array:
    """Return the positions of atoms, whose coordinates x0 y0 z0 x1 ... begin at column `first`, (n, n_atoms, 3)."""
    columns = tuple(first + 3 * atom + axis for atom in atoms for axis in range(3))
    return chosen_columns(where, order_parameter, columns).reshape(len(order_parameter), len(atoms), 3)


def finite_rows(order_parameter: Array) -> Array:
    """Return the order parameter as float64; `BinningError` naming all walkers with values that are not finite."""
    values = np.asarray(order_parameter, np.float64)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=tuple(range(1, values.ndim))))
    if len(bad):
        lines = [f"  walker {walker}: {values[walker].tolist()}" for walker in bad.tolist()]
        raise BinningError(
            "walkers whose order parameter is not a finite number and has no distance from others:\n"
            + "\n".join(lines)
            + "\n  way out: find out why the order parameter is not finite"
        )
    return values
