"""Weight that went from cell to cell of a run, and the chain that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.analysis.chain import Chain, recurrent
from wepy_data.errors import SelectionError

if TYPE_CHECKING:
    from wepy_data.analysis.cell import Cells
    from wepy_data.query.run import Run

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Observed:
    """The chain of those cells that are left and reached again, as a run has shown it.

    Parameters
    ----------
    chain : Chain
        Over the cells that are kept.
    kept : (n_kept,) int64
        Which of all cells these are; those of the sources come last.
    n_inside : int
        How many of them are cells of order parameters.
    exits : (n_kept,) int64
        Number of segments that started in each.
    lost : float
        Share of the weight that was in cells which are left out.
    """

    chain: Chain
    kept: NDArray[np.int64]
    n_inside: int
    exits: NDArray[np.int64]
    lost: float


def flux_matrix(run: Run, cells: Cells, lag: int = 1, burn_in: int = 0) -> Floats:
    """Return the weight that went from cell to cell within `lag` cycles, in all cycles, (n_cells, n_cells).

    What arrives in the target is in the column of the source state that it restarts from. Each pair of a segment and
    its ancestor carries the segment's weight: the ancestor's would count clones twice.

    Parameters
    ----------
    run : Run
        The run.
    cells : Cells
        Its cells.
    lag : int
        Cycles between start and end.
    burn_in : int
        Cycles to leave out.
    """
    return run.lineage.transition_counts(cells.cell, lag, cells.n_cells, cycles=(burn_in, None))


def observed(run: Run, cells: Cells, burn_in: int = 0) -> Observed:
    """Return the chain that a run has shown, by its transitions within one cycle.

    Raises
    ------
    SelectionError
        If nothing has arrived since the burn-in.
    """
    flow = flux_matrix(run, cells, 1, burn_in)
    begun = _begun(run, cells)
    flow[cells.n_inside :] = begun / begun.sum(1, keepdims=True) * flow[:, cells.n_inside :].sum(0)[:, None]
    keep = recurrent(flow)
    if not keep[cells.n_inside :].any():
        raise SelectionError(f"nothing has arrived in the target after cycle {burn_in}: leave out less, or run on")
    kept = np.flatnonzero(keep)
    n_inside = int(np.count_nonzero(kept < cells.n_inside))
    inner = flow[np.ix_(kept, kept)]
    probability = inner / inner.sum(1, keepdims=True)
    inside = probability.copy()
    inside[:, n_inside:] = 0.0
    started = cells.cell[run.lineage.parent[int(run.reader.stops("segment")[burn_in]) :]]
    exits = np.bincount(started[started >= 0], minlength=cells.n_cells)
    exits[cells.n_inside :] = begun.sum(1)
    return Observed(
        chain=Chain(inside, probability[:, n_inside:], np.eye(len(kept))[n_inside:]),
        kept=kept,
        n_inside=n_inside,
        exits=exits[kept],
        lost=max(0.0, float(1 - inner.sum() / flow.sum())),
    )


def _begun(run: Run, cells: Cells) -> Floats:
    """Return how many segments that began in each source ended in each cell, (n_sources, n_cells).

    All begin at the same place, so that their weights tell nothing: founders count, too. Light walkers that arrive
    among heavy ones are often merged away at once: if no segment has begun in a source, those count that began in its
    bin.
    """
    state, found = run.reader.read("/segments/state"), np.zeros((len(cells.states), cells.n_cells))
    bins, parent = run.reader.read("/segments/bin"), run.lineage.parent
    for row, source in enumerate(cells.states.tolist()):
        mine = state == source
        if not mine.any():
            home = bins[cells.cell == cells.n_inside + row][0]
            mine = (parent >= 0) & (bins[parent] == home)
        ends = cells.cell[mine]
        found[row] = np.bincount(ends[ends >= 0], minlength=cells.n_cells)
    return found


def lagged_variance(run: Run, cells: Cells, seen: Observed, lag: int, burn_in: int = 0) -> Floats:
    """Return the variance over `lag` cycles of the arrivals plus h at the end, of each cell that is kept, (n_kept,).

    As for a step of the chain, which is the lag 1, but from the pairs of segments and their ancestors `lag` cycles
    before: cells need not be Markovian. A cell from which no pair starts gets the variance of the chain.
    """
    row = np.full(cells.n_cells, -1)
    row[seen.kept] = np.arange(len(seen.kept))
    place = row[cells.cell]
    h, weight, count = seen.chain.discrepancy, run.lineage.attribute("weight"), arrivals_so_far(run, cells)
    sums = np.zeros((3, len(seen.kept)))
    for before, after in run.lineage.pairs(lag, (burn_in, None)):
        both = (place[before] >= 0) & (place[after] >= 0)
        before, after = before[both], after[both]
        start, w = place[before], weight[after]
        gain = count[after] - count[before] + h[place[after]] - h[start]
        sums += [np.bincount(start, w * gain**power, len(seen.kept)) for power in range(3)]
    total, first, second = sums
    known = total > 0
    mean = np.divide(first, total, out=np.zeros_like(first), where=known)
    square = np.divide(second, total, out=np.zeros_like(first), where=known)
    return np.where(known, np.maximum(square - mean**2, 0.0), lag * seen.chain.variance)


def arrivals_so_far(run: Run, cells: Cells) -> NDArray[np.int64]:
    """Return how often each segment's lineage has arrived in the target, its own end included, (n_segments,)."""
    lineage, found = run.lineage, cells.arrived.astype(np.int64)
    for cycle in range(1, lineage.n_cycles):
        here = lineage.segments_of(cycle)
        found[here] += found[lineage.parent[here]]
    return found
