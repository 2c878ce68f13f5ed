"""Limits of walkers' weights, and the check of what a balancer is given."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError

_SMALLEST = 1e-300  # below this, float64 soon has too few digits left to share a weight


def limit_problems(pmin: float, pmax: float) -> Iterator[str]:
    """Yield what is wrong with the least and the greatest weight that a balancer may make."""
    if not _SMALLEST <= pmin < pmax < np.inf:
        yield f"pmin, pmax: expected {_SMALLEST} <= pmin < pmax, finite, got {pmin} and {pmax}"
    else:
        yield from greatest_problems("pmax", pmax)


def greatest_problems(name: str, greatest: float) -> Iterator[str]:
    """Yield what is wrong with a limit that no walker can exceed."""
    if greatest > 1:
        yield f"{name}: expected at most 1, got {greatest}: walkers weigh 1 together; 1 sets no limit"


def checked_weights(weights: NDArray[np.float64], n_walkers: int) -> NDArray[np.float64]:
    """Return the weights as float64; `ValueError` unless positive, finite and one for each of some walkers."""
    weights = np.asarray(weights, np.float64)
    if weights.shape != (n_walkers,) or n_walkers == 0:
        raise ValueError(f"weights: expected one for each of at least one walker, got {weights.shape} for {n_walkers}")
    bad = np.flatnonzero(~((weights > 0) & np.isfinite(weights)))
    if len(bad):
        raise ValueError(f"weights: expected positive finite numbers, found {weights[bad[0]]} of walker {bad[0]}")
    return weights


def checked_column(where: str, order_parameter: NDArray[np.float64], dim: int) -> NDArray[np.float64]:
    """Return one dimension of the walkers' order parameters, (n_walkers,); `ConfigurationError` if it is not there."""
    values = np.asarray(order_parameter, np.float64)
    if values.ndim != 2 or dim >= values.shape[1]:
        raise ConfigurationError(f"{where}: no dimension {dim}: the order parameter has shape {values.shape}")
    return values[:, dim]


def most_copies(weights: NDArray[np.float64], pmin: float, most: int) -> NDArray[np.int64]:
    """Return into how many walkers, none lighter than `pmin`, each can be divided: 1 to `most`, (n_walkers,)."""
    copies = np.clip(weights / pmin, 1, most).astype(np.int64)
    copies -= (copies > 1) & (weights / copies < pmin)  # the quotient may have been rounded over a whole number
    return np.asarray(copies + ((copies < most) & (weights / (copies + 1) >= pmin)), np.int64)
