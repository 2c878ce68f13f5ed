"""Predictions from a run's chain: variances of ways to resample, of longer cycles, and walkers of bins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.analysis import variance as of
from wepy_data.analysis.advice import (
    AS_RUN,
    BRUTE_FORCE,
    LEVEL_SETS,
    MAXIMUM,
    OPTIMAL,
    UNIFORM,
    BinAdvice,
    Division,
    Lag,
    Scheme,
)
from wepy_data.analysis.cell import Cells
from wepy_data.analysis.division import division
from wepy_data.analysis.merging import merging_variance
from wepy_data.analysis.transition import Observed, lagged_variance
from wepy_data.errors import SelectionError

if TYPE_CHECKING:
    from wepy_data.query.run import Run

Floats = NDArray[np.float64]
_WALKERS_PER_BIN = 10  # fewer lose much of the gain within the bins
_LEAST = 2  # walkers of a bin
_FINER = 5  # advised edges lie between cells, too


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Facts:
    """What predictions are made of: the chain, and the run's walkers after the burn-in.

    Parameters
    ----------
    run : Run
        The run.
    cells : Cells
        Its cells.
    seen : Observed
        Their chain.
    burn_in : int
        Cycles that are left out; at least the first, whose segments continue none.
    begin : int
        The first segment after them.
    bins : (n_segments,) int64
        Row of each segment's bin in /bins; 0 if there are none.
    share : (n_kept, n_bins) float64
        Share of each cell's weight in each bin.
    """

    run: Run
    cells: Cells
    seen: Observed
    burn_in: int
    begin: int
    bins: NDArray[np.int64]
    share: Floats

    @property
    def n_cycles(self) -> int:
        """Number of cycles after the burn-in."""
        return self.run.n_cycles - self.burn_in

    @property
    def n_walkers(self) -> float:
        """Walkers per cycle, on the average."""
        return (self.run.n_segments - self.begin) / self.n_cycles

    def spread(self, values: Floats) -> Floats:
        """Return values of kept cells as values of all of them."""
        found = np.zeros(self.cells.n_cells)
        found[self.seen.kept] = values
        return found


def facts_of(run: Run, cells: Cells, seen: Observed, burn_in: int) -> Facts:
    """Return what predictions are made of."""
    bins, n_bins = np.asarray(run.reader.read("/segments/bin"), np.int64), run.reader.rows("bin")
    if not n_bins:
        bins, n_bins = np.zeros(run.n_segments, np.int64), 1
    begin = int(run.reader.stops("segment")[burn_in - 1]) if burn_in else len(run.lineage.segments_of(0))
    row = np.full(cells.n_cells, -1)
    row[seen.kept] = np.arange(len(seen.kept))
    before = int(run.lineage.parent[begin:].min())  # where segments after the burn-in started
    place, where = row[cells.cell[before:]], bins[before:]
    both = (place >= 0) & (where >= 0)
    weight = run.reader.read("/segments/weight", before)[both]
    share = np.bincount(place[both] * n_bins + where[both], weight, len(seen.kept) * n_bins).reshape(-1, n_bins)
    total = share.sum(1, keepdims=True)
    share = np.divide(share, total, out=np.full_like(share, 1 / n_bins), where=total > 0)
    return Facts(run=run, cells=cells, seen=seen, burn_in=max(1, burn_in), begin=begin, bins=bins, share=share)


def schemes(facts: Facts, advised: Division | None) -> tuple[Scheme, ...]:
    """Return the ways to resample, with their variances and gains."""
    chain = facts.seen.chain
    omega, v2, h = chain.stationary, chain.variance, chain.discrepancy
    brute, bound = of.brute_force(omega, v2), of.best(omega, v2)
    own, added = _as_run(facts)
    found = {BRUTE_FORCE: (brute, brute), AS_RUN: (own, own + added)}
    found[UNIFORM] = _both(facts.share, omega, v2, h, uniform=True)
    found[OPTIMAL] = _both(facts.share, omega, v2, h)
    if advised is not None and facts.cells.edges is not None:
        found[LEVEL_SETS] = _both(_overlap(facts, advised.edges), omega, v2, h)
    found[MAXIMUM] = (bound, bound)
    return tuple(
        Scheme(name=name, variance=plain, gain=brute / plain, gain_drawn=brute / drawn)
        for name, (plain, drawn) in found.items()
    )


def _both(share: Floats, omega: Floats, v2: Floats, h: Floats, *, uniform: bool = False) -> tuple[float, float]:
    """Return the variance with as many walkers in each bin, or the best numbers; and with drawing them anew."""
    weight, term = of.bin_terms(share, omega, v2)
    used = weight > 0
    weight, term = weight[used], term[used]
    drawn = term + weight * of.within_bins(share, omega, h)[used]
    plain, full = (np.ones(len(weight)) if uniform else of.optimal_walkers(weight, part) for part in (term, drawn))
    return of.allocated(weight, term, plain), of.allocated(weight, drawn, full)


def _as_run(facts: Facts) -> tuple[float, float]:
    """Return the variance with the run's own weights, and what its merges have added, of one walker in one cycle."""
    run, chain = facts.run, facts.seen.chain
    started = facts.cells.cell[run.lineage.parent[facts.begin :]]
    weight = run.reader.read("/segments/weight", facts.begin)
    own = weight**2 @ np.where(started >= 0, facts.spread(chain.variance)[started], 0.0)
    h = np.where(facts.cells.cell >= 0, facts.spread(chain.discrepancy)[facts.cells.cell], 0.0)
    centre = facts.cells.centre
    if centre is not None and facts.cells.dim is not None:  # what merges is close together: within a cell, too
        x = np.asarray(run.reader.read("/segments/progress")[:, facts.cells.dim], np.float64)
        smooth = np.interp(x, _inside_centres(facts), chain.discrepancy[: facts.seen.n_inside])
        h = np.where(facts.cells.arrived, h, smooth)
    scale = facts.n_walkers / facts.n_cycles
    return float(own) * scale, merging_variance(run, h, facts.burn_in) * scale


def _inside_centres(facts: Facts) -> Floats:
    centre = facts.cells.centre
    kept = facts.seen.kept[: facts.seen.n_inside]
    return np.full(len(kept), np.nan) if centre is None else centre[kept]


def lagged(facts: Facts, lag: int) -> Lag:
    """Return the gains of longer cycles.

    Raises
    ------
    SelectionError
        If there are not so many cycles after the burn-in.
    """
    chain = facts.seen.chain
    if facts.n_cycles <= lag:
        raise SelectionError(f"a lag of {lag} cycles: {facts.n_cycles} cycles are left after the burn-in")
    v2 = chain.variance if lag == 1 else lagged_variance(facts.run, facts.cells, facts.seen, lag, facts.burn_in)
    omega, h = chain.stationary, chain.discrepancy
    brute = of.brute_force(omega, v2)
    return Lag(
        lag=lag,
        maximum=brute / of.best(omega, v2),
        optimal=brute / _both(facts.share, omega, v2, h)[0],
        uniform=brute / _both(facts.share, omega, v2, h, uniform=True)[0],
    )


def bins_of(facts: Facts, n_walkers: int) -> tuple[BinAdvice, ...]:
    """Return the run's bins in order of their index, with the walkers that each has had and should have."""
    run, chain, share = facts.run, facts.seen.chain, facts.share
    weight, term = of.bin_terms(share, chain.stationary, chain.variance)
    drawn = term + weight * of.within_bins(share, chain.stationary, chain.discrepancy)
    started = facts.bins[run.lineage.parent[facts.begin :]]
    walkers = np.bincount(started[started >= 0], minlength=len(weight)) / facts.n_cycles
    place = np.full(len(weight), np.nan)
    if facts.cells.dim is not None:
        x, where = run.reader.read("/segments/progress", facts.begin)[:, facts.cells.dim], facts.bins[facts.begin :]
        counted = (where >= 0) & ~facts.cells.arrived[facts.begin :]
        total, count = (np.bincount(where[counted], part, len(weight)) for part in (x[counted], None))
        place = np.divide(total, count, out=place, where=count > 0)
    used = np.flatnonzero(weight > 0)
    advised = _whole(of.optimal_walkers(weight[used], drawn[used]), n_walkers)
    index = run.reader.read("/bins/index") if run.reader.rows("bin") else np.zeros(1, np.int64)
    order = np.argsort(index[used], kind="stable")
    return tuple(
        BinAdvice(
            bin=int(index[u]), place=float(place[u]), weight=float(weight[u]),
            deviation=float(np.sqrt(term[u] / weight[u])), walkers=float(walkers[u]), advised=count,
        )
        for u, count in zip(used[order], np.array(advised)[order].tolist(), strict=True)
    )  # fmt: skip


def divided(facts: Facts, n_walkers: int, n_bins: int | None) -> Division | None:
    """Return advised bins along the divided dimension with their walkers; None if none is divided."""
    edges, inner, chain = facts.cells.edges, slice(facts.seen.n_inside), facts.seen.chain
    if edges is None:
        return None
    used = int((facts.share[inner].sum(0) > 0).sum())
    count = max(2, min(used, n_walkers // _WALKERS_PER_BIN)) if n_bins is None else n_bins
    place, fine = _inside_centres(facts), np.linspace(edges[0], edges[-1], _FINER * (len(edges) - 1) + 1)
    middle = (fine[1:] + fine[:-1]) / 2
    omega, v2, h = (
        np.interp(middle, place, part[inner]) for part in (chain.stationary, chain.variance, chain.discrepancy)
    )
    begins = division(omega, v2, h, count)
    digits = 3 - math.floor(math.log10(edges[-1] - edges[0]))
    cuts = tuple(sorted({round(float(edge), digits) + 0.0 for edge in fine[begins]}))  # 0.0, not -0.0
    share = _overlap(facts, cuts)
    weight, term = of.bin_terms(share, chain.stationary, chain.variance)
    drawn = term + weight * of.within_bins(share, chain.stationary, chain.discrepancy)
    return Division(edges=cuts, walkers=tuple(_whole(of.optimal_walkers(weight, drawn), n_walkers)))


def _overlap(facts: Facts, cuts: Sequence[float]) -> Floats:
    """Return the share of each kept cell that lies in each bin between cuts; the sources' cells are in the first."""
    edges, kept = facts.cells.edges, facts.seen.kept[: facts.seen.n_inside]
    share = np.zeros((len(facts.seen.kept), len(cuts) + 1))
    share[:, 0] = 1.0  # the sources' own weight is that of the flux: next to nothing
    if edges is not None:
        low, high = edges[kept][:, None], edges[kept + 1][:, None]
        begin, end = np.array([-np.inf, *cuts]), np.array([*cuts, np.inf])
        share[: len(kept)] = (np.minimum(high, end) - np.maximum(low, begin)).clip(min=0) / (high - low)
    return share


def _whole(share: Floats, n_walkers: int) -> list[int]:
    """Return whole numbers of walkers by shares, at least two each: the largest remainders are rounded up."""
    due = share * max(0, n_walkers - _LEAST * len(share))
    counts = np.floor(due).astype(np.int64)
    left = max(0, n_walkers - _LEAST * len(share)) - int(counts.sum())
    counts[np.argsort(-(due - counts), kind="stable")[:left]] += 1
    return [int(count) + _LEAST for count in counts]
