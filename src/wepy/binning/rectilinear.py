"""Rectilinear bins: a grid of half-open boxes in any number of dimensions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wepy.binning.interval import edges_from_json, edges_to_json, interval_label, middle
from wepy.binning.misfit import misfits, points
from wepy.binning.target import TargetCounts, checked_targets, target_of, targets_to_json
from wepy.binning.value import checked_bin, checked_settings, frozen
from wepy.errors import ConfigurationError, refuse
from wepy.protocols import Bin, Description


@dataclass(frozen=True, slots=True)
class Rectilinear:
    """A grid of bins [a, b) along each dimension, numbered in C order (the last dimension runs fastest).

    Parameters
    ----------
    edges : sequence of sequences of float
        For each dimension at least two strictly increasing edges, in the order parameter's unit. -inf as the first
        and inf as the last edge leave a dimension unbounded.
    target_counts : int, mapping of int to int, or None
        Walkers wanted in every bin, or in the named bins; None leaves it to the balancer.

    Raises
    ------
    ConfigurationError
        Naming every problem of `edges` and `target_counts`.

    Examples
    --------
    >>> binner = Rectilinear(edges=[[0.0, 1.0, 2.0], [0.0, 5.0, float("inf")]])
    >>> binner.assign(np.array([[0.5, 7.0], [1.0, 0.0]]), np.array([0.5, 0.5])).tolist()
    [1, 2]
    >>> binner.bin(1).label
    '[0, 1) x [5, inf)'
    """

    edges: Sequence[Sequence[float]]
    target_counts: TargetCounts = field(default=None, kw_only=True, hash=False)
    _grid: tuple[NDArray[np.float64], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        edges = _checked_edges(self.edges)
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "_grid", tuple(frozen(np.array(one, np.float64)) for one in edges))
        object.__setattr__(self, "target_counts", checked_targets(self.target_counts, self.n_bins))

    @property
    def n_dims(self) -> int:
        """Dimension of the order parameter that is binned."""
        return len(self._grid)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of bins along each dimension."""
        return tuple(len(edges) - 1 for edges in self._grid)

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return math.prod(self.shape)

    def assign(self, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return each walker's bin.

        Parameters
        ----------
        order_parameter : (n_walkers, n_dims) float64
            Order parameter of each walker.
        weights : (n_walkers,) float64
            Not used: these bins do not depend on the ensemble.

        Raises
        ------
        BinningError
            Naming every walker that is not finite or lies outside the edges.
        """
        values = points(order_parameter, self.n_dims)
        index = np.zeros(len(values), np.int64)
        outside = ~np.isfinite(values)
        for dim, edges in enumerate(self._grid):
            place = np.searchsorted(edges, values[:, dim], side="right") - 1
            outside[:, dim] |= (place < 0) | (place >= len(edges) - 1)
            index = index * (len(edges) - 1) + place
        if outside.any():
            ranges = [interval_label(edges[0], edges[-1]) for edges in self.edges]
            raise misfits(values, outside, ranges, "add -inf as the first or inf as the last edge of that dimension")
        return index

    def bin(self, index: int) -> Bin:
        """Return label, centre (NaN in unbounded dimensions) and target count of a bin.

        Raises
        ------
        BinningError
            If there is no such bin.
        """
        places = np.unravel_index(checked_bin(index, self.n_bins), self.shape)
        sides = [(float(e[i]), float(e[i + 1])) for e, i in zip(self._grid, places, strict=True)]
        return Bin(
            label=" x ".join(interval_label(*side) for side in sides),
            centre=frozen(np.array([middle(*side) for side in sides])),
            target_count=target_of(self.target_counts, index),
        )

    def describe(self) -> Description:
        """Return kind, edges and target counts as strict JSON values; infinite edges are "-inf" and "inf"."""
        targets = targets_to_json(self.target_counts)
        return {"kind": "rectilinear", "edges": [edges_to_json(one) for one in self.edges], "target_counts": targets}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the binner that `describe` described.

        Raises
        ------
        ConfigurationError
            If the description is of another kind, has missing or unknown keys, or values that do not fit.
        """
        return cls(**checked_settings(description, "rectilinear", needed=["edges"], optional=["target_counts"]))


def _checked_edges(edges: object) -> tuple[tuple[float, ...], ...]:
    if isinstance(edges, str) or not isinstance(edges, Sequence | np.ndarray) or len(edges) == 0:
        raise ConfigurationError(f"edges: expected one list of edges for each dimension, got {edges!r}")
    grid = tuple(edges_from_json(one, f"edges[{dim}]") for dim, one in enumerate(edges))
    problems = []
    for dim, one in enumerate(grid):
        if len(one) < 2:
            problems.append(f"edges[{dim}]: expected at least 2 edges, got {len(one)}")
        if any(math.isnan(edge) for edge in one):
            problems.append(
                f"edges[{dim}]: expected numbers, got nan at position {list(map(math.isnan, one)).index(True)}"
            )
        problems += [
            f"edges[{dim}]: expected strictly increasing edges, got {a:g} followed by {b:g} at position {place}"
            for place, (a, b) in enumerate(pairwise(one))
            if a >= b
        ]
    refuse(problems)
    return grid
