"""Arrivals in the target: which of them are independent, how long their crossings were, what flux they make."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wepy_data.analysis.cell import Cells
    from wepy_data.query.run import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrivals:
    """What arrived in the target after the burn-in.

    Parameters
    ----------
    count : int
        Number of walkers that arrived.
    independent : int
        Number of different ancestors that they had when they left the sources' bins for good: clones made on the way
        arrive together.
    effective : float
        1 / sum of the squared shares of the weight by these ancestors: how many equally important ones there are.
    largest : float
        Share of the weight that has the most important of them; NaN if nothing arrived.
    flux : float
        Weight per cycle.
    crossing : float
        Mean duration, weighted, from leaving the sources' bins for good to the arrival, cycles; NaN if nothing arrived.
    """

    count: int
    independent: int
    effective: float
    largest: float
    flux: float
    crossing: float


def arrivals(run: Run, cells: Cells, burn_in: int = 0) -> Arrivals:
    """Return what has arrived in the target since a cycle.

    Parameters
    ----------
    run : Run
        The run.
    cells : Cells
        Its cells, which know what arrived.
    burn_in : int
        Cycles to leave out.
    """
    lineage = run.lineage
    left = _left_home(run, cells)
    segment = np.flatnonzero(cells.arrived)
    cycle = np.asarray(lineage.cycle_of(segment), np.int64)
    segment, cycle = segment[cycle >= burn_in], cycle[cycle >= burn_in]
    weight = run.reader.read("/segments/weight")[segment]
    total = float(weight.sum())
    _, group = np.unique(left[segment], return_inverse=True)
    shares = np.bincount(group, weight) / total if len(segment) else np.zeros(0)
    duration = cycle - np.asarray(lineage.cycle_of(left[segment]), np.int64) + 1
    return Arrivals(
        count=len(segment),
        independent=len(shares),
        effective=float(1 / (shares**2).sum()) if len(segment) else 0.0,
        largest=float(shares.max()) if len(segment) else float("nan"),
        flux=total / max(1, run.n_cycles - burn_in),
        crossing=float(duration @ weight / total) if len(segment) else float("nan"),
    )


def _left_home(run: Run, cells: Cells) -> NDArray[np.int64]:
    """Return the first segment of each one's lineage after the last that ended in a source's bin, (n_segments,)."""
    lineage, bins = run.lineage, run.reader.read("/segments/bin")
    home = cells.arrived | (np.isin(bins, np.unique(bins[cells.arrived])) & (bins >= 0))
    left = np.arange(run.n_segments)
    for cycle in range(1, run.n_cycles):
        here = lineage.segments_of(cycle)
        parent = lineage.parent[here]
        left[here] = np.where(home[parent], here, left[parent])
    return left
