"""The manager's loop: a weighted-ensemble simulation as a generator of cycles.

It does this and no more: plan, dispatch, collect, recycle, bin, balance, commit. Each step is recorded as it happens.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd
from wepy.binning.cycle import binned
from wepy.boundary import Events, Exits
from wepy.dispatch import Serial
from wepy.ensemble import NONE, StartState, Walkers, balanced, check_balance
from wepy.errors import BinningError, ConfigurationError, SegmentError, WepyError, WorkerLost
from wepy.pace import Pace
from wepy.protocols import (
    AdaptiveBinner,
    Balance,
    Balancer,
    Binner,
    Dispatcher,
    Engine,
    InformedBalancer,
    KnownBins,
    OrderParameter,
    State,
)
from wepy.recorder import Recorder
from wepy.standing import Standing
from wepy.storage import Kept
from wepy.streams import Purpose, Stream
from wepy.work import WalkerResult, Work, in_words, tasks


@dataclass(slots=True, kw_only=True, eq=False)
class Loop:
    """What a cycle needs; see `wepy.Simulation` for the parts.

    Parameters
    ----------
    kept : Kept
        What of each segment comes back from the workers.
    restart : (n_states, n_dims) float64
        Order parameter of the initial states, then the sources.
    recorder : Recorder
        Records each step.
    cycles_before : int
        Cycles in the runs that this one continues: streams of random numbers count on from there.
    finished : mapping of int to WalkerResult
        Segments of the next cycle that are done already, by walker.
    pace : Pace
        How long segments take.
    """

    engine: Engine
    order_parameter: OrderParameter
    binner: Binner | AdaptiveBinner | None
    balancer: Balancer
    exits: Exits
    dispatcher: Dispatcher
    steps: int
    seed: int
    kept: Kept
    states: tuple[StartState, ...]
    sources: tuple[StartState, ...]
    restart: NDArray[np.float64]
    recorder: Recorder
    cycles_before: int
    finished: Mapping[int, WalkerResult] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)

    def run(self, walkers: Walkers, first: int, stop: int | None) -> Iterator[wd.Cycle]:
        """Yield the committed cycles from `first` to `stop`, or until the caller leaves; the recorder is closed then.

        Parameters
        ----------
        walkers : Walkers
            What the first of these cycles starts with.
        first, stop : int, int or None
            Numbers of the cycles.
        """
        recorder = self.recorder
        try:
            for index in itertools.count(first) if stop is None else range(first, stop):
                cycle, walkers = self._cycle(index, walkers)
                yield cycle
                if not len(walkers):  # all were absorbed
                    break
            recorder.seal(walkers)
        except GeneratorExit:  # the caller has left the loop between two cycles
            recorder.seal(walkers)
            raise
        except (BinningError, ConfigurationError):
            if not recorder.record.n_cycles:  # a mistake in the set-up: no file is left in the way of the next try
                recorder.discard()
            raise
        finally:
            recorder.close()

    def resume(self, standing: Standing, walkers: Walkers, stop: int | None) -> Iterator[wd.Cycle]:
        """Yield further cycles of a run, from where it stands, as `run` does; `walkers` are those of its cycle."""
        self.finished = standing.finished
        if standing.cycle < standing.n_cycles:  # committed, but what follows from it was not backed up
            results = self._dynamics(standing.cycle, walkers)  # none is missing, unless power failed too
            first_segment = self.recorder.first_segment - len(walkers)
            walkers = self._balanced(standing.cycle, walkers, results, first_segment).planned
        yield from self.run(walkers, standing.n_cycles, stop)

    def _cycle(self, index: int, walkers: Walkers) -> tuple[wd.Cycle, Walkers]:
        self.recorder.plan(index, walkers)
        results = self._dynamics(index, walkers)
        balanced = self._balanced(index, walkers, results, self.recorder.first_segment)
        self.pace.learn(
            np.array([result.wall_time for result in results]),
            [result.worker for result in results],
            balanced.planned.parent - self.recorder.first_segment,
        )
        self.recorder.balanced(index, balanced.planned)
        return self.recorder.commit(walkers, results, balanced.events, balanced.bins), balanced.planned

    def _balanced(self, index: int, walkers: Walkers, results: Sequence[WalkerResult], first_segment: int) -> _Balanced:
        """Recycle, bin and balance the walkers of a cycle."""
        passed = [result.order_parameter for result in results]
        events = self.exits.events(passed, seed=self.seed, cycle=self.cycles_before + index)
        ends: list[State] = [result.state for result in results]
        features = np.stack([values[-1] for values in passed])
        start = np.full(len(walkers), NONE, np.int64)
        start[events.walker] = events.source
        for walker in np.flatnonzero(start >= 0).tolist():
            ends[walker] = (self.states + self.sources)[start[walker]].arrays
            features[walker] = self.restart[start[walker]]
        staying = events.staying(len(walkers))
        rows = np.full(len(walkers), NONE, np.int64)
        balance = _nobody()
        if len(staying):
            weight = walkers.weight[staying]
            bins, known, rows[staying] = self._binned(index, weight, features[staying])
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
        return _Balanced(events=events, bins=rows, planned=planned)

    def _dynamics(self, index: int, walkers: Walkers) -> list[WalkerResult]:
        count, cycle = len(walkers), self.cycles_before + index
        found, self.finished = dict(self.finished), {}
        missing = [walker for walker in range(count) if walker not in found]
        streams = [Stream(self.seed, Purpose.DYNAMICS, cycle, walker) for walker in range(count)]
        pace = None if isinstance(self.dispatcher, Serial) else self.pace  # here, sending costs nothing
        items = tasks(walkers.states, streams, self.steps, self.engine, self.dispatcher.slots, missing, pace)
        work = Work(self.engine, self.order_parameter, self.kept)
        for outcome in self.dispatcher.run(work, items) if items else ():
            if outcome.error is not None or outcome.value is None:
                raise _failure(index, items[outcome.index].walkers, outcome.error) from outcome.error
            self.recorder.collected(index, outcome.value)
            found.update((result.walker, result) for result in outcome.value)
        return [found[walker] for walker in range(count)]

    def _binned(
        self, index: int, weight: NDArray[np.float64], features: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], KnownBins, NDArray[np.int64]]:
        """Return the walkers' bins, all bins made so far, and the rows in /bins of the walkers' own."""
        if self.binner is None:
            return np.zeros(len(weight), np.int64), {}, np.full(len(weight), NONE, np.int64)
        try:
            binning = binned(self.binner, self.recorder.known_bins(index), features, weight)
        except BinningError as error:
            raise BinningError(f"cycle {index}: {error}") from error
        rows = self.recorder.binned(index, binning)
        return binning.index, self.recorder.known_bins(index + 1), rows


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Balanced:
    """What became of a cycle's walkers: who reached the target, their rows in /bins, who goes on."""

    events: Events
    bins: NDArray[np.int64]
    planned: Walkers


def _failure(cycle: int, walkers: tuple[int, ...], error: BaseException | None) -> WepyError:
    if isinstance(error, SegmentError):  # it names cycle and walker itself
        return SegmentError(str(error))
    who = f"walker {walkers[0]}" if len(walkers) == 1 else f"walkers {walkers[0]} to {walkers[-1]}"
    kind = WorkerLost if isinstance(error, WorkerLost) else SegmentError
    return kind(f"cycle {cycle}, {who}: {in_words(error)}")


def _nobody() -> Balance:
    """Return the balance of a cycle whose walkers were all absorbed."""
    empty, nothing = np.zeros(0, np.int64), np.zeros(0)
    return Balance(parent=empty, weight=nothing, merge_into=empty, merge_from=empty, merge_weight=nothing)
