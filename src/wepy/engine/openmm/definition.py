"""Molecular dynamics by OpenMM: the engine's definition."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wepy.engine.batch import frame_steps
from wepy.engine.openmm.simulation import Simulation, state_shapes, walker_name
from wepy.engine.openmm.source import (
    force_field_system,
    integrator_temperature,
    load_openmm,
    particle_charges,
    pdb_positions,
    read_integrator,
    read_pdb,
    read_system,
    read_text,
    seeded_objects,
)
from wepy.engine.setting import check_count, check_positive, check_stride
from wepy.engine.topology import element_symbols, openmm_topology, particle_topology
from wepy.errors import ConfigurationError, SegmentError
from wepy.protocols import Description, Frames, Segment, State, System
from wepy.streams import Stream

Array = NDArray[np.float64]

OBSERVABLES = ("potential_energy", "kinetic_energy")
"""Energies that can be recorded with every frame, kJ/mol."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OpenMM:
    """An OpenMM system and integrator, on a platform.

    A definition of plain values: it pickles, and every process and thread that runs it builds a context of its own
    and keeps it. Before each segment the context is reinitialised with seeds from the walker's stream, so that
    nothing of an earlier segment is left in it. A state has ``positions`` (n_atoms, 3) in nm; ``velocities`` in
    nm/ps, if the integrator uses them; ``box`` (3, 3) in nm, for a periodic system. A state without velocities gets
    fresh ones of the integrator's temperature from the walker's stream, a state without box the system's own. What
    an integrator keeps beyond these (variables of a custom integrator) starts anew with every segment.

    The environment of a process may override the platform there: ``WEPY_OPENMM_PLATFORM=CUDA`` with
    ``WEPY_OPENMM_PROPERTIES=Precision=mixed,DeviceIndex=1``, each by itself or both. Properties there are put over
    those given here, which are left out on another platform. Platforms differ in the last bits: a run whose workers
    use several of them is not the same run bit for bit when it is repeated.

    Parameters
    ----------
    system_xml, integrator_xml : str
        XML texts by `openmm.XmlSerializer`. Seeds in them are not used.
    topology : str
        mdtraj's JSON text of the topology; by default particles of no element, one residue each.
    start : (n_atoms, 3) float64 or None
        Positions that `prepare` begins with, nm.
    platform : str
        OpenMM's name of the platform, where the environment names none: Reference, CPU, CUDA, HIP, OpenCL.
    properties : mapping of str to str
        Properties of the platform, such as ``{"Threads": "1"}``.
    stride : int or None
        Steps between frames; None for the end frame alone. The end is always a frame.
    keep_velocities : bool
        Whether frames carry velocities.
    observables : tuple of str
        Energies to record with every frame, kJ/mol, out of `OBSERVABLES`.

    Raises
    ------
    ConfigurationError
        A setting that does not fit; OpenMM is not installed; on use, a platform that is not there.
    """

    system_xml: str = field(repr=False)
    integrator_xml: str = field(repr=False)
    topology: str = field(default="", repr=False)
    start: Array | None = field(default=None, repr=False)
    platform: str = "Reference"
    properties: Mapping[str, str] = field(default_factory=dict)
    stride: int | None = None
    keep_velocities: bool = False
    observables: tuple[str, ...] = ()
    _local: threading.local = field(init=False, repr=False)

    def __post_init__(self) -> None:
        check_stride("OpenMM: stride", self.stride)
        if unknown := sorted(set(self.observables) - set(OBSERVABLES)):
            raise ConfigurationError(f"OpenMM: observables: expected some of {OBSERVABLES}, found {unknown}")
        system = read_system(self.system_xml)
        seeded_objects(system, read_integrator(self.integrator_xml))
        n_atoms = system.getNumParticles()
        values = {
            "topology": self.topology or particle_topology(n_atoms),
            "observables": tuple(self.observables),
            "properties": {str(key): str(value) for key, value in self.properties.items()},
            "start": None if self.start is None else np.array(self.start, np.float64),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "_local", threading.local())
        if (found := len(element_symbols(self.topology))) != n_atoms:
            raise ConfigurationError(f"OpenMM: topology: expected the system's {n_atoms} particles, found {found}")
        if self.start is not None and self.start.shape != (n_atoms, 3):
            raise ConfigurationError(f"OpenMM: start: expected shape {(n_atoms, 3)}, found {self.start.shape}")

    def __getstate__(self) -> dict[str, Any]:
        return {value.name: getattr(self, value.name) for value in fields(self) if value.init}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _local=threading.local())

    @classmethod
    def from_files(
        cls, *, system: str | Path, integrator: str | Path, pdb: str | Path | None = None, **settings: Any
    ) -> Self:
        """Return the engine of XML files and a PDB file (topology and `start`); `settings` as for the class."""
        if pdb is not None:
            structure = read_pdb(pdb)
            settings = {"topology": openmm_topology(structure.topology), "start": pdb_positions(structure), **settings}
        return cls(
            system_xml=read_text(system, "system"), integrator_xml=read_text(integrator, "integrator"), **settings
        )

    @classmethod
    def from_force_field(
        cls,
        *,
        pdb: str | Path,
        force_field: Sequence[str],
        temperature: float,
        friction: float,
        timestep: float,
        constraints: str | None = "HBonds",
        nonbonded: str = "NoCutoff",
        cutoff: float | None = None,
        hydrogen_mass: float | None = None,
        **settings: Any,
    ) -> Self:
        """Return the engine of a PDB file with a force field and Langevin dynamics (LangevinMiddleIntegrator).

        Parameters
        ----------
        pdb : path
            Topology and `start`; complete, hydrogens included.
        force_field : sequence of str
            OpenMM's names of force field files, implicit solvent being one of them.
        temperature, friction, timestep : float
            K, 1/ps, ps.
        constraints : str or None
            HBonds, AllBonds or HAngles.
        nonbonded : str
            NoCutoff, CutoffNonPeriodic, CutoffPeriodic, Ewald, PME or LJPME.
        cutoff : float or None
            Cutoff of nonbonded interactions, nm, if `nonbonded` has one; OpenMM's own (1 nm) if None.
        hydrogen_mass : float or None
            Mass of hydrogens, dalton, taken from the atoms they are bound to; None to leave masses alone.
        **settings
            As for the class.
        """
        for name, value in (("temperature", temperature), ("friction", friction), ("timestep", timestep)):
            check_positive(f"OpenMM: {name}", value)
        if cutoff is not None and nonbonded == "NoCutoff":
            raise ConfigurationError(
                f'OpenMM: cutoff: nonbonded is "NoCutoff", so none is made: expected another nonbonded, or no cutoff,'
                f" found {cutoff}"
            )
        structure = read_pdb(pdb)
        system = force_field_system(
            structure,
            [force_field] if isinstance(force_field, str) else list(force_field),
            nonbonded=nonbonded,
            cutoff=cutoff,
            constraints=constraints,
            hydrogen_mass=hydrogen_mass,
        )
        openmm = load_openmm()
        integrator = openmm.LangevinMiddleIntegrator(temperature, friction, timestep)
        return cls(
            system_xml=openmm.XmlSerializer.serialize(system),
            integrator_xml=openmm.XmlSerializer.serialize(integrator),
            topology=openmm_topology(structure.topology),
            start=pdb_positions(structure),
            **settings,
        )

    @property
    def system(self) -> System:
        """The particles, their charges being those of the system's NonbondedForce."""
        system = read_system(self.system_xml)
        element = load_openmm().app.element.Element
        symbols = element_symbols(self.topology)
        return System(
            species=np.array([0 if s == "VS" else element.getBySymbol(s).atomic_number for s in symbols], np.int32),
            mass=np.array([system.getParticleMass(i)._value for i in range(len(symbols))], np.float64),
            charge=particle_charges(system),
            topology=self.topology,
            periodic=bool(system.usesPeriodicBoundaryConditions()),
            timestep=float(read_integrator(self.integrator_xml).getStepSize()._value),
            velocities=self.keep_velocities,
            observables=dict.fromkeys(self.observables, "kJ mol-1"),
            stride=self.stride,
            state=state_shapes(system, read_integrator(self.integrator_xml)),
        )

    def frame(self, state: State) -> Frames:
        """Return the frame of a state itself, at step 0."""
        system = read_system(self.system_xml)
        box = None
        if system.usesPeriodicBoundaryConditions():
            own = [list(vector._value) for vector in system.getDefaultPeriodicBoxVectors()]
            box = np.array(state.get("box", own), np.float64).reshape(1, 3, 3)
        return Frames(positions=state["positions"][None], step=np.zeros(1, np.int64), time=np.zeros(1), box=box)

    def state_of(self, frames: Frames) -> State:
        """Return the state of the last frame, in its precision; without velocities if the frame has none."""
        found = {"positions": frames.positions, "velocities": frames.velocities, "box": frames.box}
        return {name: np.array(values[-1], np.float64) for name, values in found.items() if values is not None}

    def run(self, state: State, steps: int, stream: Stream) -> Segment:
        """Advance `state` by `steps`.

        Raises
        ------
        SegmentError
            Coordinates that are no longer finite or have exploded, or any error of OpenMM; names the walker.
        ConfigurationError
            A state that does not fit the system, or a platform that is not there.
        """
        check_count("OpenMM: steps", steps)
        simulation = self._simulation()
        with simulation.alone():
            try:
                simulation.place(state, simulation.reset(stream))
                return simulation.advance(
                    frame_steps(int(steps), self.stride),
                    stream,
                    keep_velocities=self.keep_velocities,
                    observables=self.observables,
                )
            except load_openmm().OpenMMException as error:
                del self._local.simulation  # its context may be beyond use
                raise SegmentError(f"{walker_name(stream)}: OpenMM: {error}") from error

    def prepare(
        self,
        stream: Stream,
        *,
        positions: Array | None = None,
        minimise: bool = True,
        temperature: float | None = None,
    ) -> State:
        """Return a state to start from: energy minimised, constraints satisfied, fresh Boltzmann velocities.

        Parameters
        ----------
        stream : Stream
            Where the velocities are drawn from.
        positions : (n_atoms, 3) float64 or None
            Positions to begin with, nm; by default `start`.
        minimise : bool
            Whether to go to the nearest minimum of the energy.
        temperature : float or None
            Of the velocities, K; by default the integrator's.
        """
        begin = self.start if positions is None else positions
        if begin is None:
            raise ConfigurationError("OpenMM: no positions to prepare a state from: give `positions` or `start`")
        if temperature is not None:
            check_positive("OpenMM: temperature", temperature)
        simulation = self._simulation()
        with simulation.alone():
            seed = simulation.reset(stream)
            simulation.place({"positions": begin, "velocities": np.zeros_like(begin)}, seed)
            simulation.settle(minimise=minimise)
            if simulation.has_velocities:
                simulation.warm(simulation.temperature if temperature is None else temperature, seed)
            return simulation.state()

    def describe(self) -> Description:
        """Return kind, settings and what is promised about reproducibility, as JSON values."""
        system, integrator = read_system(self.system_xml), read_integrator(self.integrator_xml)
        return {
            "kind": "OpenMM",
            "openmm": load_openmm().version.full_version,
            "platform": self.platform,
            "properties": dict(self.properties),
            "integrator": type(integrator).__name__,
            "temperature": integrator_temperature(integrator),
            "timestep": float(integrator.getStepSize()._value),
            "n_particles": system.getNumParticles(),
            "n_constraints": system.getNumConstraints(),
            "periodic": bool(system.usesPeriodicBoundaryConditions()),
            "system_sha256": _sha256(self.system_xml),
            "integrator_sha256": _sha256(self.integrator_xml),
            "topology_sha256": _sha256(self.topology),
            "stride": self.stride,
            "keep_velocities": self.keep_velocities,
            "observables": list(self.observables),
            "reproducible": self.reproducible,
        }

    @property
    def platform_in_use(self) -> str:
        """What this thread of this process computes on (`CPU`, `CUDA mixed`); empty until it has run a segment."""
        return self._local.simulation.platform if hasattr(self._local, "simulation") else ""

    @property
    def reproducible(self) -> bool:
        """Whether the same input gives the same bits on this platform: on Reference, and on CPU with one thread.

        Two threads of the CPU platform differed from run to run even with DeterministicForces. A worker whose
        environment names another platform, or other properties, is not covered; nor is a run on several platforms.
        """
        threads = {key.lower(): value for key, value in self.properties.items()}.get("threads")
        return self.platform == "Reference" or (self.platform == "CPU" and threads == "1")

    def _simulation(self) -> Simulation:
        if not hasattr(self._local, "simulation"):
            system, integrator = read_system(self.system_xml), read_integrator(self.integrator_xml)
            self._local.simulation = Simulation(system, integrator, self.platform, self.properties)
        simulation: Simulation = self._local.simulation
        return simulation


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
