"""A simulation built from a configuration."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wepy.balancing import HuberKim, NoBalancing
from wepy.binning import Rectilinear
from wepy.config.inputs import read_inputs
from wepy.config.model import (
    Configuration,
    CoordinatesSection,
    DihedralSection,
    DispatchSection,
    DistanceSection,
    DoubleWellSection,
    FunctionSection,
    Grid,
    HuberKimSection,
    MinimumDistanceSection,
    OpenMMFilesSection,
    OpenMMSettings,
    RandomWalkSection,
    RectilinearSection,
    RMSDSection,
    StateSection,
)
from wepy.dispatch import Processes, Scoop, Serial, hosts_of, read_hosts
from wepy.engine import DoubleWell, OpenMM, OverdampedLangevin, RandomWalk
from wepy.engine.openmm.source import pdb_positions, read_pdb
from wepy.ensemble import StartState
from wepy.errors import ConfigurationError
from wepy.order_parameter import RMSD, Coordinates, Dihedral, Distance, Function, MinimumDistance
from wepy.protocols import Balancer, Binner, Dispatcher, Engine, OrderParameter
from wepy.recycling import Recycling, Region
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
    engine = _engine(config, base)
    order_parameter = _order_parameter(config, base)
    _check_fit(config, order_parameter.labels)
    start = _start(config, engine, base) if begin is None else begin(engine)
    settings: dict[str, Any] = {"walkers": config.run.walkers, **start}
    return Simulation(
        **settings,
        engine=engine,
        order_parameter=order_parameter,
        binner=_binner(config.binner),
        balancer=_balancer(config),
        recycling=None
        if config.recycling is None
        else Recycling(Region(config.recycling.lower, config.recycling.upper)),
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


def _engine(config: Configuration, base: Path) -> Engine:
    section = config.engine
    if isinstance(section, DoubleWellSection):
        well = DoubleWell(height=section.height)
        return OverdampedLangevin(well, section.timestep, diffusion=section.diffusion, stride=section.stride)
    if isinstance(section, RandomWalkSection):
        return RandomWalk(dimensions=section.dimensions, up=section.up, stride=section.stride)
    settings: dict[str, Any] = {
        "platform": section.platform,
        "properties": section.properties,
        "stride": section.stride,
        "keep_velocities": section.keep_velocities,
        "observables": tuple(section.observables),
    }
    if isinstance(section, OpenMMFilesSection):
        return OpenMM.from_files(
            system=base / section.system, integrator=base / section.integrator, pdb=base / section.pdb, **settings
        )
    return OpenMM.from_force_field(
        pdb=base / section.pdb,
        force_field=[str(base / name) if (base / name).exists() else name for name in section.force_field],
        temperature=section.temperature,
        friction=section.friction,
        timestep=section.timestep,
        constraints=None if section.constraints == "none" else section.constraints,
        nonbonded=section.nonbonded,
        cutoff=section.cutoff,
        hydrogen_mass=section.hydrogen_mass,
        **settings,
    )


def _order_parameter(config: Configuration, base: Path) -> OrderParameter:
    section = config.order_parameter
    if isinstance(section, CoordinatesSection):
        return Coordinates(section.indices, labels=section.labels, unit=section.unit)
    if isinstance(section, DistanceSection):
        return Distance(section.pairs, labels=section.labels)
    if isinstance(section, MinimumDistanceSection):
        return MinimumDistance(section.group_a, section.group_b, labels=section.labels)
    if isinstance(section, DihedralSection):
        return Dihedral(section.atoms, labels=section.labels)
    if isinstance(section, RMSDSection):
        return RMSD(base / section.reference, section.atoms, section.superpose_atoms, labels=section.labels)
    if isinstance(section, FunctionSection):
        return Function(section.name, section.labels, unit=section.unit)
    raise TypeError(f"no order parameter is made from {type(section).__name__}")


def _check_fit(config: Configuration, labels: Sequence[str]) -> None:
    """Raise `ConfigurationError` unless bins and target have the order parameter's dimensions, and sources a use."""
    found = {}
    if config.binner is not None:
        found["binner.edges"] = len(config.binner.edges)
    if config.recycling is not None:
        found["recycling.lower"] = len(config.recycling.lower)
    wanted = f"one entry for each dimension of the order parameter ({', '.join(labels)})"
    problems = [f"{key}: expected {wanted}, found {count}" for key, count in found.items() if count != len(labels)]
    if config.sources and config.recycling is None:
        problems.append("sources: nothing restarts from them without [recycling]; add it, or leave them out")
    if problems:
        raise ConfigurationError("\n".join(problems))


def _binner(section: RectilinearSection | None) -> Binner | None:
    return None if section is None else Rectilinear([_edges(edges) for edges in section.edges])


def _edges(edges: Grid | list[float]) -> list[float]:
    if isinstance(edges, list):
        return edges
    inner = np.linspace(edges.start, edges.stop, edges.bins + 1).tolist()
    return [-np.inf, *inner, np.inf] if edges.open else inner


def _balancer(config: Configuration) -> Balancer:
    section = config.balancer
    if isinstance(section, HuberKimSection):
        return HuberKim(**section.model_dump(exclude={"kind"}))
    return NoBalancing()


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
