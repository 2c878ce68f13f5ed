"""A simulation built from a configuration."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wepy.binning import KMeansBins
from wepy.config.balancer import balancer_of, dimension_problems
from wepy.config.binner import binner_of
from wepy.config.boundary import RecycleSection, boundaries_of, fit_problems
from wepy.config.engine import OpenMMSettings, engine_of
from wepy.config.idle import idle_problems, stuck_problems
from wepy.config.inputs import read_inputs
from wepy.config.metric import metric_of
from wepy.config.model import Configuration, DispatchSection, StateSection
from wepy.config.order_parameter import order_parameter_of
from wepy.dispatch import Processes, Scoop, Serial, hosts_of, read_hosts
from wepy.engine import OpenMM
from wepy.engine.openmm.source import pdb_positions, read_pdb
from wepy.ensemble import StartState
from wepy.errors import ConfigurationError, refuse
from wepy.protocols import Dispatcher, Engine
from wepy.simulation import Simulation
from wepy.storage import Storage
from wepy.streams import Purpose, Stream


def build_simulation(
    config: Configuration,
    folder: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    store: str | os.PathLike[str] | None = None,
    begin: Callable[[Engine], Mapping[str, Any]] | None = None,
) -> Simulation:
    """Return the simulation that a configuration describes.

    Parameters
    ----------
    config : Configuration
        What to run.
    folder : path
        Where relative paths in it start.
    overwrite : bool
        Whether an existing run file is replaced.
    store : path, optional
        The run's file, instead of the configuration's.
    begin : callable, optional
        Gives, for the engine, arguments of `Simulation` that say where walkers start (`states`, `sources`, ...),
        instead of the configuration's states.

    Raises
    ------
    ConfigurationError
        If something in it does not fit: a missing file, a platform that is not there, wrong dimensions.
    """
    base = Path(folder)
    engine = engine_of(config.engine, base)
    order_parameter = order_parameter_of(config.order_parameter, base)
    binner: Any = binner_of(config.binner)  # a fixed or an adaptive one: the loop takes both
    _check_fit(config, binner, order_parameter.labels)
    if begin is None:
        refuse(stuck_problems(config))
    start = _start(config, engine, base) if begin is None else begin(engine)
    settings: dict[str, Any] = {"walkers": config.run.walkers, **start}
    return Simulation(
        **settings,
        engine=engine,
        order_parameter=order_parameter,
        binner=binner,
        balancer=balancer_of(config.balancer),
        boundaries=boundaries_of(config.recycling, config.boundaries),
        steps=config.run.steps,
        seed=config.run.seed,
        dispatcher=build_dispatcher(config.dispatch, base, base / config.run.output if store is None else Path(store)),
        storage=Storage(**config.storage.model_dump()),
        store=base / config.run.output if store is None else store,
        overwrite=overwrite,
        config=_kept(config, base),
        inputs=read_inputs(config, base),
        author=config.run.author,
    )


def restart_states(config: Configuration, engine: Engine, folder: str | os.PathLike[str]) -> tuple[StartState, ...]:
    """Return the states that recycled walkers restart from: the sources, or the initial states if there are none."""
    start = _start(config, engine, Path(folder))
    found: tuple[StartState, ...] = start["sources"] or start["states"]
    return found


def _start(config: Configuration, engine: Engine, base: Path) -> dict[str, Any]:
    return {
        "states": _states(config.states, engine, config, base) or _default_state(engine, config),
        "sources": _states(config.sources, engine, config, base),
    }


def _kept(config: Configuration, base: Path) -> dict[str, Any]:
    """Return the configuration as the run's file keeps it: what opens a door or starts a program must be said anew."""
    given = config.dispatch
    hostfile = None if given.hostfile is None else (base / given.hostfile).absolute()
    dispatch = given.model_copy(update={"insecure": False, "ssh": "ssh", "hostfile": hostfile})
    return config.model_copy(update={"dispatch": dispatch}).model_dump(mode="json")


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise ConfigurationError(f"ssh: expected a command as a shell takes it, got {command!r}: {error}") from error


def build_dispatcher(section: DispatchSection, base: Path, store: Path) -> Dispatcher:
    """Return the dispatcher that `[dispatch]` asks for; the key for workers that join is written beside the run."""
    if section.kind == "processes":
        return Processes(workers=section.workers)
    if section.kind == "scoop":
        hosts = [host for text in section.hosts for host in hosts_of(text)]
        if section.hostfile is not None:
            hosts += read_hosts(base / section.hostfile)
        return Scoop(
            workers=section.workers,
            hosts=hosts,
            listen=section.listen,
            key_file=store.with_name(f"{store.name}.key"),
            environment=section.environment,
            insecure=section.insecure,
            ssh=_words(section.ssh),
        )
    return Serial()


def recycles(config: Configuration) -> bool:
    """Return whether walkers restart from source states."""
    return config.recycling is not None or any(isinstance(one, RecycleSection) for one in config.boundaries)


def _check_fit(config: Configuration, binner: Any, labels: Sequence[str]) -> None:
    """Raise `ConfigurationError` unless bins and target have the order parameter's dimensions, and sources a use."""
    found = {}
    n_dims = getattr(binner, "n_dims", None)  # None: any number will do
    if n_dims is not None:
        found["binner"] = n_dims
    if config.recycling is not None:
        found["recycling.lower"] = len(config.recycling.lower)
    wanted = f"one entry for each dimension of the order parameter ({', '.join(labels)})"
    problems = [f"{key}: expected {wanted}, found {count}" for key, count in found.items() if count != len(labels)]
    problems += [*fit_problems(config.boundaries, len(labels)), *dimension_problems(config.balancer, labels)]
    if isinstance(binner, KMeansBins):
        problems += [f"binner.{problem}" for problem in binner.misfits(len(labels))]
    for where, section in (("binner", config.binner), ("balancer", config.balancer)):
        try:
            if metric := getattr(section, "metric", None):
                metric_of(metric).images(np.zeros((1, len(labels))))
        except ConfigurationError as error:
            problems.append(f"{where}.metric: {error}")
    problems += idle_problems(config, binner)
    if config.sources and not recycles(config):
        problems.append("sources: nothing restarts from them without [recycling]; add it, or leave them out")
    refuse(problems)


def _states(
    sections: Sequence[StateSection], engine: Engine, config: Configuration, base: Path
) -> tuple[StartState, ...]:
    return tuple(_state(section, engine, config, base) for section in sections)


def _state(section: StateSection, engine: Engine, config: Configuration, base: Path) -> StartState:
    if section.x is not None:
        if isinstance(engine, OpenMM):
            raise ConfigurationError(f"states: {section.label!r}: x is for toy engines; give a pdb file")
        arrays = {"x": np.array(section.x, np.float64)}
    else:
        if not isinstance(engine, OpenMM):
            raise ConfigurationError(f"states: {section.label!r}: a toy engine has no pdb; give x = [...]")
        arrays = _prepared(engine, config, base / str(section.pdb))
    return StartState(label=section.label, probability=section.probability, arrays=arrays)


def _default_state(engine: Engine, config: Configuration) -> tuple[StartState, ...]:
    if not isinstance(engine, OpenMM):
        raise ConfigurationError("states: missing; add [[states]] with label and x")
    return (StartState(label="start", arrays=_prepared(engine, config, None)),)


def _prepared(engine: OpenMM, config: Configuration, pdb: Path | None) -> dict[str, Any]:
    """Positions (and box) of a start state; each walker that starts from it draws its own velocities."""
    section = config.engine
    minimise = section.minimise if isinstance(section, OpenMMSettings) else True
    positions = None if pdb is None else pdb_positions(read_pdb(pdb))
    state = engine.prepare(Stream(config.run.seed, Purpose.PREPARATION), positions=positions, minimise=minimise)
    return {name: values for name, values in state.items() if name != "velocities"}
