"""Rectilinear bins: a grid of half-open boxes in any number of dimensions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wepy.binning.interval import edges_from_json, edges_to_json, interval_label
from wepy.errors import BinningError, ConfigurationError
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
    target_counts: int | Mapping[int, int] | None = field(default=None, kw_only=True, hash=False)
    _grid: tuple[NDArray[np.float64], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        edges = _checked_edges(self.edges)
        object.__setattr__(self, "edges", edges)
        object.__setattr__(self, "_grid", tuple(_frozen(np.array(one, np.float64)) for one in edges))
        object.__setattr__(self, "target_counts", _checked_targets(self.target_counts, self.n_bins))

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
        values = np.asarray(order_parameter, np.float64)
        if values.ndim != 2 or values.shape[1] != self.n_dims:
            raise BinningError(
                f"order parameter: expected shape (n_walkers, {self.n_dims}), one column for each dimension of the"
                f" bins, got {values.shape}"
            )
        index = np.zeros(len(values), np.int64)
        outside = ~np.isfinite(values)
        for dim, edges in enumerate(self._grid):
            place = np.searchsorted(edges, values[:, dim], side="right") - 1
            outside[:, dim] |= (place < 0) | (place >= len(edges) - 1)
            index = index * (len(edges) - 1) + place
        if outside.any():
            raise BinningError(self._complaint(values, outside))
        return index

    def bin(self, index: int) -> Bin:
        """Return label, centre (NaN in unbounded dimensions) and target count of a bin.

        Raises
        ------
        BinningError
            If there is no such bin.
        """
        if not 0 <= index < self.n_bins:
            raise BinningError(f"no bin {index}: these bins are 0 to {self.n_bins - 1}")
        places = np.unravel_index(index, self.shape)
        sides = [(float(e[i]), float(e[i + 1])) for e, i in zip(self._grid, places, strict=True)]
        return Bin(
            label=" x ".join(interval_label(*side) for side in sides),
            centre=_frozen(np.array([_middle(*side) for side in sides])),
            target_count=self._target_count(index),
        )

    def describe(self) -> Description:
        """Return kind, edges and target counts as strict JSON values; infinite edges are "-inf" and "inf"."""
        targets: Any = self.target_counts
        if isinstance(targets, Mapping):
            targets = {str(index): count for index, count in targets.items()}
        return {"kind": "rectilinear", "edges": [edges_to_json(one) for one in self.edges], "target_counts": targets}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the binner that `describe` described.

        Raises
        ------
        ConfigurationError
            If the description is of another kind, has missing or unknown keys, or values that do not fit.
        """
        if description.get("kind") != "rectilinear":
            raise ConfigurationError(f"kind: expected 'rectilinear', got {description.get('kind')!r}")
        wrong = sorted({"kind", "edges", "target_counts"} ^ {"target_counts", *description})
        if wrong:
            raise ConfigurationError(f"rectilinear bins need kind, edges, target_counts; missing or unknown: {wrong}")
        return cls(edges=description["edges"], target_counts=description.get("target_counts"))

    def _target_count(self, index: int) -> int:
        if isinstance(self.target_counts, Mapping):
            return self.target_counts.get(index, -1)
        return -1 if self.target_counts is None else self.target_counts

    def _complaint(self, values: NDArray[np.float64], outside: NDArray[np.bool_]) -> str:
        lines = ["walkers that fit no bin:"]
        for walker, dim in np.argwhere(outside).tolist():
            edges, value = self.edges[dim], float(values[walker, dim])
            what = "lies outside" if math.isfinite(value) else "is not a finite number; expected a value in"
            lines.append(f"  walker {walker}: dimension {dim}: {value!r} {what} {interval_label(edges[0], edges[-1])}")
        out = np.isfinite(values)[outside]
        if out.any():
            lines.append("  way out: add -inf as the first or inf as the last edge of that dimension")
        if not out.all():
            lines.append("  way out: find out why the order parameter is not finite; no bin can hold such a walker")
        return "\n".join(lines)


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
    if problems:
        raise ConfigurationError("\n".join(problems))
    return grid


def _checked_targets(targets: object, n_bins: int) -> int | dict[int, int] | None:
    if targets is None or _is_count(targets):
        return targets  # type: ignore[return-value]
    if not isinstance(targets, Mapping):
        raise ConfigurationError(
            f"target_counts: expected a number of walkers or a mapping of bin to number, got {targets!r}"
        )
    checked: dict[int, int] = {}
    problems = []
    for key, count in targets.items():
        index = int(key) if isinstance(key, str) and key.isdecimal() else key
        if not _is_count(index) or index >= n_bins:
            problems.append(f"target_counts: no bin {key!r}: these bins are 0 to {n_bins - 1}")
        elif not _is_count(count):
            problems.append(f"target_counts[{key}]: expected a whole number, 0 or more, got {count!r}")
        else:
            checked[int(index)] = int(count)
    if problems:
        raise ConfigurationError("\n".join(problems))
    return checked


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 0


def _middle(lower: float, upper: float) -> float:
    return 0.5 * lower + 0.5 * upper if math.isfinite(lower) and math.isfinite(upper) else math.nan


def _frozen(array: NDArray[np.float64]) -> NDArray[np.float64]:
    array.setflags(write=False)
    return array
