"""Cells of a run: where each segment ends, once what has arrived in the target has restarted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.rows import refuse_dangling

if TYPE_CHECKING:
    from wepy_data.query.run import Run

_RECYCLED, _ABSORBED = 0, 1  # kinds of events
_FEWEST, _MOST = 20, 400  # cells of a grid that is chosen here
_SEGMENTS_PER_CELL = 50
_LIMIT = 1500  # cells: time grows as the third power
_CELLS_PER_STEP = 4  # how much finer than what walkers move in a cycle


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Cells of order parameters, and one more for each source state: walkers that have just restarted are there.

    Parameters
    ----------
    cell : (n_segments,) int64
        Where each segment ends, after recycling; -1 for nowhere.
    n_inside : int
        Number of cells of order parameters; those of the sources follow.
    states : (n_sources,) int64
        Row in /states of each source that walkers restart from.
    arrived : (n_segments,) bool
        Whether the segment ended in the target.
    dim : int or None
        Dimension of the order parameter that is divided; None for the run's own bins.
    edges : (n_inside + 1,) float64 or None
        Edges along it.
    """

    cell: NDArray[np.int64]
    n_inside: int
    states: NDArray[np.int64]
    arrived: NDArray[np.bool_]
    dim: int | None = None
    edges: NDArray[np.float64] | None = None

    @property
    def n_cells(self) -> int:
        """Number of cells, sources included."""
        return self.n_inside + len(self.states)

    @property
    def centre(self) -> NDArray[np.float64] | None:
        """Middle of each cell of order parameters, (n_inside,)."""
        return None if self.edges is None else (self.edges[1:] + self.edges[:-1]) / 2


def cells_of(run: Run, dim: int | None = None, cells: int | Literal["bins"] | None = None) -> Cells:
    """Return the cells of a run that recycles.

    Parameters
    ----------
    run : Run
        The run.
    dim : int, optional
        Dimension of the order parameter to divide into equal cells. By default the run's own bins are taken, if its
        order parameter has several dimensions and there are bins; else the first dimension.
    cells : int or "bins", optional
        Number of equal cells; by default four for what a walker moves in a cycle, but 50 segments in each. "bins" for
        the run's own bins.

    Raises
    ------
    SelectionError
        If there is no such dimension, there would be fewer than two cells or too many, or nothing has been recycled.
    """
    n_bins = run.reader.rows("bin")
    if cells != "bins" and dim is None and (len(run.features) == 1 or cells is not None or not n_bins):
        dim = 0
    _refuse(dim, cells, n_bins)
    arrived, source, states = _arrivals(run)
    if dim is None:
        bins = run.reader.read("/segments/bin")
        refuse_dangling(run.reader, "/segments/bin", bins, n_bins, none=True)
        place, n_inside, edges = np.asarray(bins, np.int64), n_bins, None
    else:
        place, edges = _grid(run, dim, cells if isinstance(cells, int) else None, arrived)
        n_inside = len(edges) - 1
    place = np.where(arrived, n_inside + source, place)
    return Cells(cell=place, n_inside=n_inside, states=states, arrived=arrived, dim=dim, edges=edges)


def _refuse(dim: int | None, cells: int | str | None, n_bins: int) -> None:
    """Raise `SelectionError` for a number of cells that makes no chain, or one that takes too long."""
    if cells == "bins" and dim is not None:
        raise SelectionError(f"cells that are bins, and dimension {dim}: choose one of both")
    if cells == "bins" and not n_bins:
        raise SelectionError("this run has no bins: choose a dimension of the order parameter to divide")
    if isinstance(cells, int) and cells < 2:
        raise SelectionError(f"{cells} cells: expected at least 2")
    count = n_bins if dim is None else cells
    if isinstance(count, int) and count > _LIMIT:
        what = "bins of this run" if dim is None else "cells"
        raise SelectionError(f"{count} {what}: up to {_LIMIT} can be cells; divide one dimension (dim) into fewer")


def _arrivals(run: Run) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Return which segments arrived, the number of the source that each restarts from, and the sources' states."""
    kind, segment, state = (run.reader.read(f"/events/{name}") for name in ("kind", "segment", "source_state"))
    if (kind == _ABSORBED).any():
        raise SelectionError("this run absorbs walkers: there is advice for runs that recycle all that arrives")
    recycled = kind == _RECYCLED
    segment, state = segment[recycled], state[recycled]
    refuse_dangling(run.reader, "/events/segment", segment, run.n_segments)
    if not len(segment):
        raise SelectionError(
            "no walker has arrived in the target: there is no flux to learn from. Run on (wepy resume), or bring the "
            "target nearer"
        )
    states, number = np.unique(state, return_inverse=True)
    arrived, source = np.zeros(run.n_segments, bool), np.zeros(run.n_segments, np.int64)
    arrived[segment] = True
    source[segment] = number
    return arrived, source, states


def _grid(
    run: Run, dim: int, cells: int | None, arrived: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    names = run.features
    if not 0 <= dim < len(names):
        there = ", ".join(f"{i} ({feature.heading})" for i, feature in enumerate(names))
        raise SelectionError(f"no dimension {dim} of the order parameter: this run has {there}")
    x = np.asarray(run.reader.read("/segments/progress")[:, dim], np.float64)
    low, high = float(x[~arrived].min(initial=np.inf)), float(x[~arrived].max(initial=-np.inf))
    if not low < high:
        raise SelectionError(f"all walkers are at one place along {names[dim].heading}: choose another dimension")
    count = _fitting(run, x, high - low, arrived) if cells is None else cells
    edges = np.linspace(low, high, count + 1)
    return np.clip(np.searchsorted(edges, x, side="right") - 1, 0, count - 1), edges


def _fitting(run: Run, x: NDArray[np.float64], extent: float, arrived: NDArray[np.bool_]) -> int:
    parent = run.lineage.parent
    moved = np.flatnonzero((parent >= 0) & ~arrived[parent])
    step = float(np.sqrt(np.mean((x[moved] - x[parent[moved]]) ** 2))) if len(moved) else extent
    wanted = min(_MOST, _CELLS_PER_STEP * extent / max(step, extent / _MOST), len(x) / _SEGMENTS_PER_CELL)
    return max(_FEWEST, round(wanted))
