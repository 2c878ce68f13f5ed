"""Regions in the space of the order parameter, as targets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.binning.interval import checked_box, edges_to_json, in_box
from wepy.errors import ConfigurationError, refuse
from wepy.protocols import Description


@dataclass(frozen=True, slots=True)
class Region:
    """A box in the space of the order parameter: lower <= x < upper in every dimension, half-open like bins.

    A value that is not a number is in no region; the binner complains about it.

    Parameters
    ----------
    lower : sequence of float
        Lower edge in each dimension, in the order parameter's unit; -inf leaves it open.
    upper : sequence of float or None
        Upper edges, greater than the lower ones; None leaves all of them open.

    Raises
    ------
    ConfigurationError
        Naming every pair of edges that holds no interval.

    Examples
    --------
    >>> Region(lower=[1.0]).reached(np.array([[0.9], [1.0], [7.0]])).tolist()
    [False, True, True]
    """

    lower: Sequence[float]
    upper: Sequence[float] | None = None

    def __post_init__(self) -> None:
        lower, upper = checked_box("target", self.lower, self.upper)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    def reached(self, order_parameter: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which walkers are in the region, (n_walkers,).

        Raises
        ------
        ConfigurationError
            If the order parameter has another dimension than the region.
        """
        values = np.asarray(order_parameter, np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.lower):
            raise ConfigurationError(
                f"target: expected an order parameter of shape (n_walkers, {len(self.lower)}), got {values.shape}"
            )
        return in_box(values, self.lower, self.upper or ())

    def describe(self) -> Description:
        """Return kind and edges as strict JSON values; infinite edges are "-inf" and "inf"."""
        return {"kind": "region", "lower": edges_to_json(self.lower), "upper": edges_to_json(self.upper or ())}


@dataclass(frozen=True, slots=True)
class Unbinding:
    """Walkers whose ligand has left: one dimension of the order parameter, a distance, is at least `distance`.

    The boundary of unbinding simulations with `MinimumDistance` as order parameter (Dickson and Lotz, Biophys. J.
    112:620, 2017).

    Parameters
    ----------
    distance : float
        In the order parameter's unit.
    dim : int
        Dimension that is the distance.

    Examples
    --------
    >>> Unbinding(1.0).reached(np.array([[0.9], [1.0]])).tolist()
    [False, True]
    """

    distance: float
    dim: int = 0

    def __post_init__(self) -> None:
        _check_threshold("unbinding", self.distance, self.dim)

    def reached(self, order_parameter: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which walkers have left, (n_walkers,)."""
        return np.asarray(_column("unbinding", order_parameter, self.dim) >= self.distance)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "unbinding", "distance": self.distance, "dim": self.dim}


@dataclass(frozen=True, slots=True)
class Rebinding:
    """Walkers whose ligand is bound: one dimension of the order parameter, such as an RMSD, is at most `distance`.

    Parameters
    ----------
    distance : float
        In the order parameter's unit.
    dim : int
        Dimension that is the distance from the bound structure.

    Examples
    --------
    >>> Rebinding(0.1).reached(np.array([[0.1], [0.2]])).tolist()
    [True, False]
    """

    distance: float
    dim: int = 0

    def __post_init__(self) -> None:
        _check_threshold("rebinding", self.distance, self.dim)

    def reached(self, order_parameter: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which walkers are bound, (n_walkers,)."""
        return np.asarray(_column("rebinding", order_parameter, self.dim) <= self.distance)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "rebinding", "distance": self.distance, "dim": self.dim}


def _check_threshold(kind: str, distance: float, dim: int) -> None:
    problems = []
    if not math.isfinite(distance):
        problems.append(f"{kind}: distance: expected a finite number, got {distance!r}")
    if dim < 0:
        problems.append(f"{kind}: dim: expected a dimension of the order parameter, 0 or more, got {dim!r}")
    refuse(problems)


def _column(kind: str, order_parameter: NDArray[np.float64], dim: int) -> NDArray[np.float64]:
    values = np.asarray(order_parameter, np.float64)
    if values.ndim != 2 or dim >= values.shape[1]:
        raise ConfigurationError(
            f"{kind}: dim: expected an order parameter with a dimension {dim}, got shape {values.shape}"
        )
    return values[:, dim]
