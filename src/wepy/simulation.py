"""The front door of the manager: what to simulate, and where it is kept."""

from __future__ import annotations

import json
import operator
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd
from wepy.backup import settings_entry
from wepy.balancing import NoBalancing
from wepy.boundary import Boundary, Exits, Recycling, exits
from wepy.branch import BranchPoint
from wepy.difference import allowed_changes
from wepy.dispatch import Serial
from wepy.ensemble import StartState, founders, probabilities
from wepy.errors import ConfigurationError, ResumeError, WepyError
from wepy.heading import resume_record, run_header
from wepy.loop import Loop
from wepy.protocols import AdaptiveBinner, Balancer, Binner, Dispatcher, Engine, OrderParameter
from wepy.recorder import Recorder
from wepy.resampling import Resampling
from wepy.restart import restart_features
from wepy.standing import Standing, lone_journal, read_standing
from wepy.storage import Storage


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
        Sends walkers in the target back to a source state: short for one boundary.
    boundaries : sequence of Recycling or Absorbing, optional
        Boundary conditions: several targets, each with its sources, or ends. A walker meets the one whose target it
        reached first, and of these the first in this order.
    sources : sequence of StartState, optional
        Where recycled walkers restart; the initial states by default.
    dispatcher : Dispatcher, optional
        Brings segments to workers; serial by default. Entered when the run starts, left when it ends.
    storage : Storage, optional
        What of each segment the file keeps, and how precisely; every atom and frame of the engine's by default.
    store : path, optional
        The run's HDF5 file; without it, the run is in memory only.
    overwrite : bool
        Whether an existing file is replaced; it is kept beside the new one until that has a cycle.
    config : mapping, optional
        The configuration this comes from, JSON values, kept in the file.
    inputs : mapping of str to str, optional
        Texts of the files that the configuration names, kept in the file.
    author : str
        Who runs it, kept in the file.
    origin : BranchPoint, optional
        Where the run branches from another one: `states` and `walkers` are the ones of the branch point then.

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
        binner: Binner | AdaptiveBinner | None = None,
        balancer: Balancer | None = None,
        recycling: Recycling | None = None,
        boundaries: Sequence[Boundary] = (),
        sources: Sequence[StartState] = (),
        dispatcher: Dispatcher | None = None,
        storage: Storage | None = None,
        store: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
        config: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
        author: str = "unknown",
        origin: BranchPoint | None = None,
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
        self.boundaries = (*(() if recycling is None else (recycling,)), *boundaries)
        self.dispatcher = dispatcher or Serial()
        self.states, self.sources = tuple(states), tuple(sources)
        self.config, self.inputs, self.author = dict(config or {}), dict(inputs or {}), author
        self.origin = origin
        self._cycles_before = 0 if origin is None else origin.continues.cycles_before
        self.system = engine.system
        self.storage = storage or Storage()
        self.kept = self.storage.kept(self.system)
        if self.storage.stride > 1 and any(boundary.every_frame for boundary in self.boundaries):
            raise ConfigurationError(
                f"storage.stride: a target that is tested at every frame needs them all: expected 1, got "
                f"{self.storage.stride}; take fewer frames by the engine's stride, and the target is tested less often"
            )
        self._founders = founders(self.states, self.walkers, None if origin is None else origin.weight)
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
            If a walker fits no bin; the same holds, unless it is the first cycle: then no file is left, or the one that
            was to be overwritten is put back.
        ConfigurationError
            If there is no cycle to run, a start state cannot be used, or the store's folder is missing; nothing has
            been started then.
        wepy_data.RunExistsError
            If the store, or a journal of it, is there and must not be replaced; nothing has been started then.
        wepy_data.RunBusyError
            If another process is writing to the store.
        """
        self._check_cycles(cycles)
        self.check_store()
        restart = self._restart()
        with self.dispatcher:
            recorder = Recorder(run_header(self, cycles), self._store, overwrite=self._overwrite)
            yield from self._loop(recorder, restart).run(self._founders, 0, cycles)

    def resume(
        self, cycles: int | None = None, *, force: bool = False, tell: Callable[[str], object] | None = None
    ) -> Iterator[wd.Cycle]:
        """Go on with the run in the store, yielding each further cycle; whatever ended it, nothing finished runs again.

        The simulation must be the one that the run was started with; workers, dispatcher and `cycles` may differ.

        Parameters
        ----------
        cycles : int, optional
            Number of cycles that the run is to have in the end; without it, the run goes on until the caller leaves.
        force : bool
            Whether to go on with another engine, balancer, seed or number of steps. What has changed is kept in the
            provenance. Anything else that is different belongs in a run of its own: see `wepy.branch_point`.
        tell : callable, optional
            Told, in words, what was found, before the run goes on.

        Raises
        ------
        ResumeError
            If file and journal do not fit together, the simulation is another one, or the run has more cycles.
        FileNotFoundError, wepy_data.DataError
            If the store is not there, cannot be read, or is being written by another process (`RunBusyError`).
        WepyError
            As `run` does; committed cycles and finished segments are safe then.
        """
        self._check_cycles(cycles)
        if self._store is None or not Path(self._store).exists():
            alone = None if self._store is None else lone_journal(self._store)
            raise ResumeError(alone or f"{self._store}: there is no run to resume: start it (wepy run)")
        _refuse_read_only(Path(self._store))
        journal = wd.Journal.take_over(wd.journal_path(self._store))
        try:
            standing = read_standing(self._store, journal.found)
            record = self._continued(standing, cycles, force=force)
            restart = self._restart()
            if tell is not None:
                tell(standing.in_words)
            with self.dispatcher:
                settings = settings_entry(self.config, self.inputs) if record["changes"] else None
                loop = self._loop(Recorder.resume(standing, journal, record, settings=settings), restart)
                yield from loop.resume(standing, standing.walkers or self._founders, cycles)
        finally:
            journal.release()  # it is empty if it was made just now, for a resume that was refused

    def check_store(self) -> None:
        """Raise what `run` would raise of the store: a new run cannot be written there."""
        if self._store is None:
            return
        path, journal = Path(self._store), wd.journal_path(self._store)
        if path.is_dir():
            raise ConfigurationError(f"{path} is a folder: name a file in it")
        if path.exists() and not self._overwrite:
            raise wd.RunExistsError(
                f"{path} exists: go on with it (wepy resume), choose another name, "
                "or allow it to be overwritten (overwrite=True, or --overwrite)"
            )
        wd.refuse_journal(journal, overwrite=True)  # whoever writes it
        alone = lone_journal(path)
        if alone and not self._overwrite:
            raise wd.RunExistsError(alone)
        if not path.absolute().parent.is_dir():
            raise ConfigurationError(f"{path}: its folder is missing: make it first, or choose another place")
        _refuse_read_only(path)

    def _loop(self, recorder: Recorder, restart: NDArray[np.float64]) -> Loop:
        self.recorder = recorder
        resampling = Resampling(
            binner=self.binner,
            balancer=self.balancer,
            exits=self._exits(restart),
            states=self.states + self.sources,
            restart=restart,
            seed=self.seed,
            cycles_before=self._cycles_before,
        )
        return Loop(
            engine=self.engine,
            order_parameter=self.order_parameter,
            dispatcher=self.dispatcher,
            steps=self.steps,
            seed=self.seed,
            kept=self.kept,
            resampling=resampling,
            recorder=recorder,
            cycles_before=self._cycles_before,
        )

    def _restart(self) -> NDArray[np.float64]:
        features = restart_features(self.states + self.sources, self.engine, self.order_parameter)
        self._exits(features)  # it refuses boundaries that do not fit, before anything is started
        return features

    def _exits(self, restart: NDArray[np.float64]) -> Exits:
        first = len(self.states) if self.sources else 0
        found = self.sources or self.states
        return exits(
            self.boundaries,
            [state.label for state in found],
            [state.probability for state in found],
            restart[first:],
            first_source=first,
            n_states=len(self.states) + len(self.sources),
        )

    def _check_cycles(self, cycles: int | None) -> None:
        if self.recorder is not None:
            raise WepyError("this simulation has run: make a new one")
        if cycles is not None and _whole("cycles", cycles) < 1:
            raise ConfigurationError(f"cycles: expected at least 1, got {cycles}")

    def _continued(self, standing: Standing, cycles: int | None, *, force: bool) -> dict[str, Any]:
        """Return the provenance record of a resume; refuse one that would be something else."""
        if cycles is not None and cycles < standing.n_cycles:
            raise ResumeError(
                f"{self._store} has {standing.n_cycles} cycles already, and is to have {cycles} in the end: "
                "say how many it is to have, or how many more"
            )
        if standing.walkers is not None and not len(standing.walkers):
            raise ResumeError(f"{self._store}: no walker is left to go on with: all were absorbed")
        found = allowed_changes(standing.path, standing.header, run_header(self), force=force)
        if standing.header.continues is not None:
            self._cycles_before = standing.header.continues.cycles_before
        return resume_record(self, standing, [str(change) for change in found], cycles)


def _refuse_read_only(path: Path) -> None:
    """Raise `ConfigurationError` if a run's file, and the journal beside it, could not be written."""
    folder = path.absolute().parent
    for place in (folder, *(found for found in (path, wd.journal_path(path)) if found.exists())):
        if not os.access(place, os.W_OK):
            raise ConfigurationError(
                f"{path} cannot be written: {place} is read-only, or somebody else's: choose another place, or change "
                "who may write there"
            )


def _whole(name: str, value: int) -> int:
    try:
        return operator.index(value)  # numpy's integers too, which JSON does not know
    except TypeError:
        raise ConfigurationError(f"{name}: expected a whole number, got {value!r}") from None
