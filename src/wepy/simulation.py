"""The manager: a weighted-ensemble simulation as a generator of cycles.

It does this and no more: plan, dispatch, collect, recycle, bin, balance, commit. Each step is recorded as it happens.
"""

from __future__ import annotations

import itertools
import json
import operator
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd
from wepy.balancing import NoBalancing
from wepy.dispatch import Serial
from wepy.ensemble import NONE, StartState, Walkers, balanced, check_balance, founders, probabilities
from wepy.errors import BinningError, ConfigurationError, SegmentError, WepyError, WorkerLost
from wepy.facts import Events
from wepy.heading import run_header
from wepy.protocols import Balancer, Binner, Dispatcher, Engine, OrderParameter, State
from wepy.recorder import Recorder
from wepy.recycling import Recycling
from wepy.streams import Purpose, Stream
from wepy.work import WalkerResult, Work, in_words, tasks


class Simulation:
    """A weighted-ensemble simulation.

    Parameters
    ----------
    engine : Engine
        Advances a walker by a segment.
    order_parameter : OrderParameter
        Features of frames, computed on the workers.
    states : sequence of StartState
        Where the founders start; probabilities sum to 1.
    walkers : int
        Number of founders.
    steps : int
        Steps of dynamics in a segment.
    seed : int
        Everything random follows from it: the same seed gives the same run, however it is dispatched.
    binner : Binner, optional
        Maps order parameters to bins; without it, all walkers are in one bin that is not recorded.
    balancer : Balancer, optional
        Clones and merges walkers; without it, walkers go on as they are.
    recycling : Recycling, optional
        Sends walkers in the target back to a source state.
    sources : sequence of StartState, optional
        Where recycled walkers restart; the initial states by default.
    dispatcher : Dispatcher, optional
        Brings segments to workers; serial by default. Entered when the run starts, left when it ends.
    store : path, optional
        The run's HDF5 file; without it, the run is in memory only.
    overwrite : bool
        Whether an existing file is replaced.
    config : mapping, optional
        The configuration this comes from, JSON values, kept in the file.
    author : str
        Who runs it, kept in the file.

    Examples
    --------
    >>> from wepy import *
    >>> simulation = Simulation(
    ...     engine=OverdampedLangevin(DoubleWell(), timestep=1e-3),
    ...     order_parameter=Coordinates(),
    ...     binner=Rectilinear([[-np.inf, *np.arange(-1.0, 1.01, 0.1), np.inf]]),
    ...     balancer=HuberKim(4),
    ...     states=[StartState(label="left", arrays={"x": np.array([-1.0])})],
    ...     walkers=4, steps=5, seed=1,
    ... )
    >>> [cycle.n_walkers for cycle in simulation.run(cycles=3)][0]
    4
    """

    def __init__(
        self,
        *,
        engine: Engine,
        order_parameter: OrderParameter,
        states: Sequence[StartState],
        walkers: int,
        steps: int,
        seed: int,
        binner: Binner | None = None,
        balancer: Balancer | None = None,
        recycling: Recycling | None = None,
        sources: Sequence[StartState] = (),
        dispatcher: Dispatcher | None = None,
        store: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        config: Mapping[str, Any] | None = None,
        author: str = "unknown",
    ) -> None:
        self.steps, self.walkers, self.seed = _whole("steps", steps), _whole("walkers", walkers), _whole("seed", seed)
        if self.steps < 1:
            raise ConfigurationError(f"steps: expected at least 1, got {steps}")
        try:
            json.dumps(config, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ConfigurationError(f"config: expected JSON values: {error}") from error
        if not 0 <= self.seed < 2**64:
            raise ConfigurationError(f"seed: expected 0 <= seed < 2**64, got {seed}")
        self.engine, self.order_parameter = engine, order_parameter
        self.binner, self.balancer = binner, balancer or NoBalancing()
        self.recycling, self.dispatcher = recycling, dispatcher or Serial()
        self.states, self.sources = tuple(states), tuple(sources)
        self.config, self.author = dict(config or {}), author
        self.system = engine.system
        self._founders = founders(self.states, self.walkers)
        if self.sources:
            probabilities(self.sources, "source")
        self._store, self._overwrite = store, overwrite
        self.recorder: Recorder | None = None

    @property
    def record(self) -> wd.RunRecord:
        """The run in memory so far; the frames of a run with a store are in its file only."""
        if self.recorder is None:
            raise WepyError("the run has no record yet: iterate over run() first")
        return self.recorder.record

    def run(self, cycles: int | None = None) -> Iterator[wd.Cycle]:
        """Run, yielding each committed cycle; stop by `cycles`, or by leaving the loop: both end the run in order.

        Parameters
        ----------
        cycles : int, optional
            Number of cycles; without it, the run goes on until the caller leaves the loop.

        Raises
        ------
        SegmentError
            If a walker's dynamics failed; the cycle is not committed, finished segments stay in the journal.
        BinningError
            If a walker fits no bin; the same holds, unless it is the first cycle: then no file is left.
        ConfigurationError
            If there is no cycle to run, a start state cannot be used, or the store's folder is missing; nothing has
            been started then.
        wepy_data.RunExistsError
            If the store, or a journal of it, is there and must not be replaced; nothing has been started then.
        wepy_data.RunBusyError
            If another process is writing to the store.
        """
        if self.recorder is not None:
            raise WepyError("this simulation has run: make a new one")
        if cycles is not None and _whole("cycles", cycles) < 1:
            raise ConfigurationError(f"cycles: expected at least 1, got {cycles}")
        self._check_store()
        self._restart = self._restart_features()
        walkers = self._founders
        with self.dispatcher:
            self.recorder = recorder = Recorder(run_header(self), self._store, overwrite=self._overwrite)
            try:
                for index in itertools.count() if cycles is None else range(cycles):
                    cycle, walkers = self._cycle(recorder, index, walkers)
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

    def _cycle(self, recorder: Recorder, index: int, walkers: Walkers) -> tuple[wd.Cycle, Walkers]:
        recorder.plan(index, walkers)
        results = self._dynamics(recorder, index, walkers)
        features = np.stack([result.order_parameter[-1] for result in results])
        events = self._recycled(index, walkers, features)
        ends: list[State] = [result.state for result in results]
        start = np.full(len(walkers), NONE, np.int64)
        start[events.walker] = events.source
        for walker, source in zip(events.walker.tolist(), events.source.tolist(), strict=True):
            ends[walker] = self._restart_states[source].arrays
            features[walker] = self._restart[source]
        bins, rows = self._binned(recorder, index, walkers, features)
        plan = self.balancer.plan(walkers.weight, bins, features)
        balance = plan.draw(Stream(self.seed, Purpose.BALANCING, index))
        check_balance(balance, walkers.weight, index)
        planned = balanced(
            balance,
            ends=ends,
            start=start,
            step=walkers.step + self.steps,
            time=walkers.time + self.steps * self.system.timestep,
            first_segment=recorder.first_segment,
        )
        recorder.balanced(index, planned)
        return recorder.commit(walkers, results, events, rows), planned

    def _dynamics(self, recorder: Recorder, index: int, walkers: Walkers) -> list[WalkerResult]:
        streams = [Stream(self.seed, Purpose.DYNAMICS, index, walker) for walker in range(len(walkers))]
        items = tasks(walkers.states, streams, self.steps, self.engine, self.dispatcher.slots)
        work = Work(self.engine, self.order_parameter)
        found: dict[int, WalkerResult] = {}
        for outcome in self.dispatcher.run(work, items):
            if outcome.error is not None or outcome.value is None:
                raise _failure(index, items[outcome.index].walkers, outcome.error) from outcome.error
            recorder.collected(index, outcome.value)
            found.update((result.walker, result) for result in outcome.value)
        return [found[walker] for walker in range(len(walkers))]

    def _recycled(self, index: int, walkers: Walkers, features: NDArray[np.float64]) -> Events:
        if self.recycling is None:
            return Events.none()
        probability = [state.probability for state in self.sources or self.states]
        hits = self.recycling.recycle(features, walkers.weight, probability, seed=self.seed, cycle=index)
        first = len(self.states) if self.sources else 0  # state rows: initial, source, target
        target = len(self.states) + len(self.sources)
        return Events(walker=hits.walker, source=hits.source + first, target=np.full(len(hits), target, np.int64))

    def _binned(
        self, recorder: Recorder, index: int, walkers: Walkers, features: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if self.binner is None:
            return np.zeros(len(walkers), np.int64), np.full(len(walkers), NONE, np.int64)
        try:
            bins = self.binner.assign(features, walkers.weight)
        except BinningError as error:
            raise BinningError(f"cycle {index}: {error}") from error
        return bins, recorder.binned(index, bins, self.binner.bin)

    @property
    def _restart_states(self) -> tuple[StartState, ...]:
        return self.states + self.sources

    def _restart_features(self) -> NDArray[np.float64]:
        """Order parameter of every state that a walker may restart from, in order of the state rows."""
        features = np.stack([self._features_of(state) for state in self._restart_states])
        if self.recycling is not None:
            there = self.recycling.target.reached(features)
            first = len(self.states) if self.sources else 0
            for state, wrong in zip(self._restart_states[first:], there[first:].tolist(), strict=True):
                if wrong:
                    raise ConfigurationError(f"state {state.label!r} is in the target: nothing can restart there")
        return features

    def _features_of(self, state: StartState) -> NDArray[np.float64]:
        wanted = (1, len(self.order_parameter.labels))
        try:
            values = np.asarray(self.order_parameter(self.engine.frame(state.arrays)), np.float64)
        except Exception as error:
            raise ConfigurationError(f"state {state.label!r}: it has no order parameter: {in_words(error)}") from error
        if values.shape != wanted or not np.isfinite(values).all():
            raise ConfigurationError(
                f"state {state.label!r}: order parameter: expected finite numbers of shape {wanted}, "
                f"got {values.tolist()} of shape {values.shape}"
            )
        return values.reshape(-1)

    def _check_store(self) -> None:
        if self._store is not None:
            if Path(self._store).is_dir():
                raise ConfigurationError(f"{self._store} is a folder: name a file in it")
            wd.refuse_existing(self._store, overwrite=self._overwrite)
            wd.refuse_journal(wd.journal_path(self._store), overwrite=self._overwrite)
            if not Path(self._store).absolute().parent.is_dir():
                raise ConfigurationError(
                    f"{self._store}: its folder is missing: make it first, or choose another place"
                )


def _whole(name: str, value: int) -> int:
    try:
        return operator.index(value)  # numpy's integers too, which JSON does not know
    except TypeError:
        raise ConfigurationError(f"{name}: expected a whole number, got {value!r}") from None


def _failure(cycle: int, walkers: tuple[int, ...], error: BaseException | None) -> WepyError:
    if isinstance(error, SegmentError):  # it names cycle and walker itself
        return SegmentError(str(error))
    who = f"walker {walkers[0]}" if len(walkers) == 1 else f"walkers {walkers[0]} to {walkers[-1]}"
    kind = WorkerLost if isinstance(error, WorkerLost) else SegmentError
    return kind(f"cycle {cycle}, {who}: {in_words(error)}")
