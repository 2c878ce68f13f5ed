"""What makes advice from a run doubtful."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from wepy_data.analysis.arrival import Arrivals
    from wepy_data.analysis.transition import Observed

_FEW_EVENTS, _FEW_EXITS = 5, 20


def doubts(came: Arrivals, seen: Observed, settled: int | None, n_cycles: int, burn_in: int) -> Iterator[str]:
    """Yield sentences on what is too little, or does not agree.

    Parameters
    ----------
    came : Arrivals
        What has arrived after the burn-in.
    seen : Observed
        The chain of cells.
    settled : int or None
        After how many cycles its flux is steady.
    n_cycles, burn_in : int
        Cycles of the run, and those left out.
    """
    if came.independent < _FEW_EVENTS:
        yield (
            f"only {came.independent} independent arrivals ({came.count} walkers, relatives counted once): the flux "
            "and all gains may be wrong by factors; run on, or run several with other seeds"
        )
    if came.largest > 0.5 and came.independent > 1:
        yield (
            f"one event has {came.largest:.0%} of the weight that arrived: the flux is that event's. "
            "Run on, or run several"
        )
    if came.count and not 1 / 1.25 < seen.chain.flux / came.flux < 1.25:
        yield (
            f"the chain of cells has a flux of {seen.chain.flux:.3g}, counted are {came.flux:.3g} per cycle: "
            "the run is not in its steady state, or cells are too coarse (--cells)"
        )
    if settled is None or settled > n_cycles / 2:
        when = "longer than can be seen" if settled is None else f"about {settled} cycles"
        yield f"the flux takes {when} to settle, and this run has {n_cycles}: run on, and leave out more (--burn-in)"
    elif burn_in < settled - 1:
        yield f"the flux settles after about {settled} cycles, and only {burn_in} are left out (--burn-in)"
    deviation = seen.chain.stationary * np.sqrt(seen.chain.variance)
    thin = seen.exits < _FEW_EXITS
    if deviation[thin].sum() > 0.1 * deviation.sum():
        yield (
            f"{int(thin.sum())} cells are known from fewer than {_FEW_EXITS} segments, and matter: "
            "take fewer cells (--cells), or run on"
        )
    if seen.lost > 0.01 * seen.chain.flux:
        yield f"cells that were never left, or never reached again, are left out: {seen.lost:.2g} of the weight"
