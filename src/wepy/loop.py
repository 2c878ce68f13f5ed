"""The manager's loop: a weighted-ensemble simulation as a generator of cycles.

It does this and no more: plan, dispatch, collect, recycle, bin, balance, commit. Each step is recorded as it happens.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

import wepy_data as wd
from wepy.dispatch import Serial
from wepy.ensemble import Walkers
from wepy.errors import BinningError, ConfigurationError, SegmentError, WepyError, WorkerLost
from wepy.pace import Pace
from wepy.protocols import Dispatcher, Engine, OrderParameter
from wepy.recorder import Recorder
from wepy.resampling import Resampling
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
    resampling : Resampling
        What becomes of the walkers between two cycles.
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
    dispatcher: Dispatcher
    steps: int
    seed: int
    kept: Kept
    resampling: Resampling
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
                if not len(walkers):  # all were absorbed
                    break
                cycle, walkers = self._cycle(index, walkers)
                yield cycle
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
            walkers = self.resampling.step(standing.cycle, walkers, results, first_segment, self.recorder).planned
        yield from self.run(walkers, standing.n_cycles, stop)

    def _cycle(self, index: int, walkers: Walkers) -> tuple[wd.Cycle, Walkers]:
        self.recorder.plan(index, walkers)
        results = self._dynamics(index, walkers)
        found = self.resampling.step(index, walkers, results, self.recorder.first_segment, self.recorder)
        self.pace.learn(
            np.array([result.wall_time for result in results]),
            [result.worker for result in results],
            found.planned.parent - self.recorder.first_segment,
        )
        self.recorder.balanced(index, found.planned)
        return self.recorder.commit(walkers, results, found.events, found.bins), found.planned

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


def _failure(cycle: int, walkers: tuple[int, ...], error: BaseException | None) -> WepyError:
    if isinstance(error, SegmentError):  # it names cycle and walker itself
        return SegmentError(str(error))
    who = f"walker {walkers[0]}" if len(walkers) == 1 else f"walkers {walkers[0]} to {walkers[-1]}"
    kind = WorkerLost if isinstance(error, WorkerLost) else SegmentError
    return kind(f"cycle {cycle}, {who}: {in_words(error)}")
