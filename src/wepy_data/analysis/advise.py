"""Advice from a run: what it predicts, and what the next one should be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from wepy_data.analysis.advice import Advice, Profile
from wepy_data.analysis.arrival import arrivals
from wepy_data.analysis.cell import Cells, cells_of
from wepy_data.analysis.doubt import doubts
from wepy_data.analysis.prediction import bins_of, divided, facts_of, lagged, schemes
from wepy_data.analysis.transition import Observed, observed
from wepy_data.errors import SelectionError

if TYPE_CHECKING:
    from wepy_data.query.run import Run

_LAGS = (1, 2, 4, 8)


def advise(
    run: Run,
    *,
    burn_in: int | None = None,
    dim: int | None = None,
    cells: int | Literal["bins"] | None = None,
    lags: Sequence[int] | None = None,
    n_walkers: int | None = None,
    n_bins: int | None = None,
) -> Advice:
    """Return what a run that recycles predicts: how much each way to resample gains, and what to change.

    The run's transitions between cells make a Markov chain with a steady state. From it follow the flux; h, what a
    walker in each cell adds to it in the long run; v^2, the variance of that over one cycle; and the variance of the
    flux for any numbers of walkers in any bins (Aristoff and Zuckerman, Multiscale Model. Simul. 18, 646, 2020). It is
    an estimate from what the run has seen: what it has never reached is not in it.

    Cells that are wide against what a walker moves in a cycle blur this: v^2 is averaged over a cell, and takes the
    spread of h within it for chance. Along one dimension cells are therefore fine ones by default, whatever the bins of
    the run; of order parameters of several dimensions, bins are taken unless one dimension is named.

    Parameters
    ----------
    run : Run
        A run that recycles, finished or growing.
    burn_in : int, optional
        Cycles to leave out; until the chain's flux is within 1 % of the steady state, but not more than half, by
        default.
    dim : int, optional
        Dimension of the order parameter to divide into cells. By default the first if it is the only one or the run
        has no bins, else the run's own bins are the cells.
    cells : int or "bins", optional
        Number of cells along it; four for what a walker moves in a cycle by default, fewer of a short run. "bins" for
        the run's own bins.
    lags : sequence of int, optional
        Multiples of the run's cycle to predict longer cycles for; 1, 2, 4 and 8 by default, as the run is long enough.
    n_walkers : int, optional
        Walkers to share among bins; as many as the run had by default.
    n_bins : int, optional
        Number of advised bins; as many as the run had by default, but 10 walkers in each.

    Raises
    ------
    SelectionError
        If nothing has been recycled, or there is no such dimension, burn-in or lag.
    """
    _refuse(run, burn_in, lags or (), n_walkers, n_bins)
    found = cells_of(run, dim, cells)
    seen = observed(run, found, burn_in or 0)
    settled = _settled(run, found, seen)
    if burn_in is None:
        half = run.n_cycles // 2
        burn_in = half if settled is None else min(settled, half)
        seen = observed(run, found, burn_in)
        settled = _settled(run, found, seen)
    facts = facts_of(run, found, seen, burn_in)
    advised = divided(facts, n_walkers or round(facts.n_walkers), n_bins)
    came = arrivals(run, found, burn_in)
    steps, ps = _duration(run)
    return Advice(
        n_cycles=run.n_cycles,
        burn_in=burn_in,
        settled=settled,
        steps=steps,
        ps=ps,
        n_walkers=facts.n_walkers,
        arrivals=came,
        flux=seen.chain.flux,
        dim=found.dim,
        label="" if found.dim is None else run.features[found.dim].heading,
        profile=_profile(found, seen),
        schemes=schemes(facts, advised),
        lags=tuple(lagged(facts, lag) for lag in lags or _fitting(facts.n_cycles)),
        bins=bins_of(facts, n_walkers or round(facts.n_walkers)),
        division=advised,
        warnings=(*_several_targets(run), *doubts(came, seen, settled, run.n_cycles, burn_in)),
    )


def _several_targets(run: Run) -> Iterator[str]:
    count = len(np.unique(run.reader.read("/events/target")))
    if count > 1:
        yield f"walkers have arrived in {count} targets: flux and gains are those of all of them together"


def _fitting(n_cycles: int) -> list[int]:
    return [lag for lag in _LAGS if lag < n_cycles]


def _refuse(run: Run, burn_in: int | None, lags: Sequence[int], n_walkers: int | None, n_bins: int | None) -> None:
    problems = []
    if run.n_cycles < 2:
        problems.append(f"this run has {run.n_cycles} cycles: there is advice from 2 on")
    elif burn_in is not None and not 0 <= burn_in < run.n_cycles - 1:
        problems.append(f"burn-in of {burn_in} cycles: expected 0 to {run.n_cycles - 2}")
    problems += [f"a lag of {lag} cycles: expected 1 or more" for lag in lags if lag < 1]
    for name, count in (("n_walkers", n_walkers), ("n_bins", n_bins)):
        if count is not None and count < 1:
            problems.append(f"{name} {count}: expected 1 or more")
    if problems:
        raise SelectionError("; ".join(problems))


def _settled(run: Run, cells: Cells, seen: Observed) -> int | None:
    """Return how many cycles the run's flux takes to settle, from where its first cycle ended."""
    first = run.lineage.segments_of(0)
    start = np.bincount(cells.cell[first], run.reader.read("/segments/weight", 0, len(first)), cells.n_cells)[seen.kept]
    found = seen.chain.settled(start.astype(np.float64)) if start.sum() > 0 else None
    return None if found is None else found + 1


def _profile(cells: Cells, seen: Observed) -> Profile:
    inner, chain = slice(seen.n_inside), seen.chain
    kept = seen.kept[inner]
    return Profile(
        cell=kept,
        centre=np.full(len(kept), np.nan) if cells.centre is None else cells.centre[kept],
        weight=chain.stationary[inner],
        variance=chain.variance[inner],
        discrepancy=chain.discrepancy[inner],
        passage=chain.passage[inner],
        exits=seen.exits[inner],
    )


def _duration(run: Run) -> tuple[float | None, float | None]:
    """Return the steps of a cycle and its picoseconds, by a walker's last frames of the last two cycles."""
    if not run.n_frames:
        return None, None
    last = int(run.lineage.segments_of(-1)[0])
    ends = [
        int(run.reader.read("/segments/frame_stop", s, s + 1)[0]) - 1 for s in (int(run.lineage.parent[last]), last)
    ]
    steps, ps = ([float(run.reader.read(f"/frames/{name}", e, e + 1)[0]) for e in ends] for name in ("md_step", "time"))
    if not steps[1] > steps[0]:  # not every segment has frames
        return None, None
    return steps[1] - steps[0], ps[1] - ps[0]
