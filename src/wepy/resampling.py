"""Resampling: what becomes of walkers between two cycles; they are recycled or absorbed, binned, and balanced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wepy.binning.cycle import binned
from wepy.boundary import Events, Exits
from wepy.ensemble import NONE, StartState, Walkers, balanced, check_balance
from wepy.errors import BinningError
from wepy.protocols import AdaptiveBinner, Balance, Balancer, Binner, InformedBalancer, KnownBins, State
from wepy.recorder import Recorder
from wepy.streams import Purpose, Stream
from wepy.work import WalkerResult


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resampled:
    """What became of a cycle's walkers: who reached a target, their rows in /bins, who goes on."""

    events: Events
    bins: NDArray[np.int64]
    planned: Walkers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resampling:
    """How walkers are resampled; it keeps nothing of the cycles.

    Parameters
    ----------
    binner, balancer : Binner or AdaptiveBinner or None, Balancer
        As for `wepy.Simulation`.
    exits : Exits
        The boundary conditions.
    states : tuple of StartState
        Initial states, then sources.
    restart : (n_states, n_dims) float64
        Their order parameter.
    seed : int
        The run's.
    cycles_before : int
        Cycles in the runs that this one continues.
    """

    binner: Binner | AdaptiveBinner | None
    balancer: Balancer
    exits: Exits
    states: tuple[StartState, ...]
    restart: NDArray[np.float64]
    seed: int
    cycles_before: int

    def step(
        self, index: int, walkers: Walkers, results: Sequence[WalkerResult], first_segment: int, recorder: Recorder
    ) -> Resampled:
        """Recycle or absorb, bin and balance the walkers of a cycle; the recorder knows the bins made before.

        Raises
        ------
        BinningError
            If a walker fits no bin.
        WepyError
            If weight is lost or made by the balancer.
        """
        passed = [result.order_parameter for result in results]
        events = self.exits.events(passed, seed=self.seed, cycle=self.cycles_before + index)
        ends: list[State] = [result.state for result in results]
        features = np.stack([values[-1] for values in passed])
        start = np.full(len(walkers), NONE, np.int64)
        start[events.walker] = events.source
        for walker in np.flatnonzero(start >= 0).tolist():
            ends[walker] = self.states[start[walker]].arrays
            features[walker] = self.restart[start[walker]]
        staying = events.staying(len(walkers))
        rows = np.full(len(walkers), NONE, np.int64)
        balance = _nobody()
        if len(staying):
            weight = walkers.weight[staying]
            bins, known, rows[staying] = self._binned(index, weight, features[staying], recorder)
            balancer = self.balancer.informed(known) if isinstance(self.balancer, InformedBalancer) else self.balancer
            plan = balancer.plan(weight, bins, features[staying])
            balance = plan.draw(Stream(self.seed, Purpose.BALANCING, self.cycles_before + index))
            check_balance(balance, weight, index)
        planned = balanced(
            replace(balance, parent=staying[balance.parent], merge_from=staying[balance.merge_from]),
            ends=ends,
            start=start,
            step=walkers.step + np.array([result.frames.step[-1] for result in results], np.int64),
            time=walkers.time + np.array([result.frames.time[-1] for result in results]),
            first_segment=first_segment,
        )
        return Resampled(events=events, bins=rows, planned=planned)

    def _binned(
        self, index: int, weight: NDArray[np.float64], features: NDArray[np.float64], recorder: Recorder
    ) -> tuple[NDArray[np.int64], KnownBins, NDArray[np.int64]]:
        """Return the walkers' bins, all bins made so far, and the rows in /bins of the walkers' own."""
        if self.binner is None:
            return np.zeros(len(weight), np.int64), {}, np.full(len(weight), NONE, np.int64)
        try:
            binning = binned(self.binner, recorder.known_bins(index), features, weight)
        except BinningError as error:
            raise BinningError(f"cycle {index}: {error}") from error
        rows = recorder.binned(index, binning)
        return binning.index, recorder.known_bins(index + 1), rows


def _nobody() -> Balance:
    """Return the balance of a cycle whose walkers were all absorbed."""
    empty, nothing = np.zeros(0, np.int64), np.zeros(0)
    return Balance(parent=empty, weight=nothing, merge_into=empty, merge_from=empty, merge_weight=nothing)
