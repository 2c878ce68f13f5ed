"""WESTPA's bin mappers: rebuilt where they are plain data, else described."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.westpa.opcode import Made, Named, Table, array_of, plain, read_pickle, state_of

_COORDINATE = np.float32  # in which WESTPA compares
_DEPTH = 20
_MOST_BINS = 1 << 18
_MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A RectilinearBinMapper: intervals in each dimension, closed below and open above.

    Parameters
    ----------
    boundaries : tuple of (n,) float32 arrays
        Edges of the intervals, increasing.
    """

    boundaries: tuple[NDArray[np.float32], ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of intervals in each dimension."""
        return tuple(len(edges) - 1 for edges in self.boundaries)

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return prod(self.shape)

    def assign(self, points: NDArray[Any]) -> NDArray[np.int64]:
        """Return the bin of each point; -1 outside."""
        index, outside = np.zeros(len(points), np.int64), np.zeros(len(points), bool)
        for column, edges in zip(points.astype(_COORDINATE).T, self.boundaries, strict=True):
            place = np.searchsorted(edges, column, side="right") - 1
            outside |= (place < 0) | (place >= len(edges) - 1) | np.isnan(column)
            index = index * (len(edges) - 1) + place
        return np.where(outside, -1, index)

    def centres(self) -> NDArray[np.float64]:
        """Return the middle of each bin, (n_bins, n_dims); NaN where it has none."""
        with np.errstate(invalid="ignore"):
            middle = [(edges[1:].astype(np.float64) + edges[:-1].astype(np.float64)) / 2 for edges in self.boundaries]
        middle = [np.where(np.isfinite(one), one, np.nan) for one in middle]
        return np.array(list(product(*middle)), np.float64).reshape(-1, len(self.boundaries))


@dataclass(frozen=True, slots=True, eq=False)
class Mapper:
    """A grid, some of whose bins are replaced by mappers of their own, as RecursiveBinMapper does it.

    Parameters
    ----------
    grid : Grid
        The bins of this level.
    inner : mapping of int to Mapper
        What replaces bins of the grid, in WESTPA's order.
    """

    grid: Grid
    inner: dict[int, Mapper]

    @property
    def n_bins(self) -> int:
        """Number of bins that hold walkers."""
        return self.grid.n_bins - len(self.inner) + sum(one.n_bins for one in self.inner.values())


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A mapper as far as it is known.

    Parameters
    ----------
    description : dict
        What is said of it in JSON; `hash` is WESTPA's.
    mapper : Mapper or None
        The mapper itself; None if it is not plain data.
    """

    description: dict[str, Any]
    mapper: Mapper | None


def read_mapper(data: bytes, digest: str, n_dims: int) -> Described:
    """Return a mapper from its pickle, which is read and never loaded.

    Parameters
    ----------
    data : bytes
        The pickle.
    digest : str
        WESTPA's hash of it.
    n_dims : int
        Dimensions of the progress coordinate.
    """
    try:
        found = read_pickle(data)
    except ValueError as error:
        return Described({"kind": "opaque", "hash": digest, "reason": str(error)}, None)
    try:
        mapper = _mapper(found, [_MOST_BINS])
        if any(len(grid.boundaries) != n_dims for grid in _grids(mapper)):
            raise ValueError(f"its dimensions are not the {n_dims} of the progress coordinate")
    except _MALFORMED as error:
        reason = str(error) if type(error) is ValueError else f"it is malformed ({error!r:.80})"
        said = {"kind": "opaque", "class": _class(found), "hash": digest, "reason": reason}
        return Described({**said, "state": plain(found)}, None)
    return Described({**_description(mapper), "class": _class(found), "hash": digest}, mapper)


def _class(value: Any) -> str:
    return str(value.maker) if isinstance(value, Made) and isinstance(value.maker, Named) else type(value).__name__


def _mapper(value: Any, left: list[int], depth: int = 0) -> Mapper:
    """Return a mapper; `left` counts how many more bins there may be, for a pickle may hold one mapper many times."""
    name = value.maker.name if isinstance(value, Made) and isinstance(value.maker, Named) else ""
    state = state_of(value)
    if depth > _DEPTH:
        raise ValueError("mappers that contain each other without end")
    if name == "RectilinearBinMapper":
        grid = _grid(state.get("_boundaries", state.get("boundaries")))
        left[0] -= grid.n_bins
        if left[0] < 0:
            raise ValueError(f"it has more bins than the {_MOST_BINS} that are rebuilt")
        return Mapper(grid, {})
    if name == "NopMapper":
        raise ValueError("it has one bin without edges")
    if name != "RecursiveBinMapper":
        raise ValueError(f"{name or 'an object'} is not plain data: a function says which bin a point is in")
    base, targets = _mapper(state.get("base_mapper"), left, depth + 1), state.get("_recursion_targets")
    if base.inner or not isinstance(targets, Table):
        raise ValueError("a recursive mapper whose base is one, too")
    inner = {int(array_of(key)): _mapper(one, left, depth + 1) for key, one in targets.items}
    if any(not 0 <= place < base.grid.n_bins for place in inner):
        raise ValueError("a mapper in the place of a bin that is not there")
    return Mapper(base.grid, inner)


def _grid(value: Any) -> Grid:
    if not isinstance(value, list) or not value:
        raise ValueError("no boundaries")
    with np.errstate(over="ignore"):
        edges = tuple(np.asarray(array_of(one)).astype(_COORDINATE) for one in value)
    if any(one.ndim != 1 or len(one) < 2 or not (one[1:] > one[:-1]).all() for one in edges):
        raise ValueError("boundaries that do not increase")
    return Grid(edges)


def _grids(mapper: Mapper) -> list[Grid]:
    return [mapper.grid, *(grid for one in mapper.inner.values() for grid in _grids(one))]


def _description(mapper: Mapper) -> dict[str, Any]:
    edges = [plain(one.tolist()) for one in mapper.grid.boundaries]
    inner = {str(place): _description(one) for place, one in mapper.inner.items()}
    return {"kind": "recursive" if inner else "rectilinear", "boundaries": edges, **({"inner": inner} if inner else {})}
