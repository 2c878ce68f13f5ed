"""A live OpenMM context and what a segment does with it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy.engine.openmm.platform import make_context, platform_of
from wepy.engine.openmm.source import integrator_temperature, load_openmm, seeded_objects
from wepy.errors import ConfigurationError, SegmentError
from wepy.protocols import Frames, Segment, State
from wepy.streams import Stream

Array = NDArray[np.float64]

# The Reference platform draws from one random number generator for the whole process: one segment at a time there.
_REFERENCE = threading.Lock()

_SEEDS = 2**31 - 1
_FARTHEST = 1e6  # nm; a particle that is a millimetre away has exploded, though its position is still a number


class Simulation:
    """An OpenMM context, for one process and thread; not to be pickled.

    Parameters
    ----------
    system, integrator : openmm.System, openmm.Integrator
        Of this simulation alone.
    platform : str
        OpenMM's name of the platform.
    properties : mapping of str to str
        Properties of the platform.

    Attributes
    ----------
    platform : str
        What it computes on: the process's environment may have overridden the platform and properties given.

    Raises
    ------
    ConfigurationError
        The platform is not there or does not know the properties.
    """

    def __init__(self, system: Any, integrator: Any, platform: str, properties: Mapping[str, str]) -> None:
        self.n_atoms: int = system.getNumParticles()
        self.periodic = bool(system.usesPeriodicBoundaryConditions())
        self.timestep = float(integrator.getStepSize()._value)
        self.temperature = integrator_temperature(integrator)
        self.has_velocities = _has_velocities(integrator)
        self._system = system
        self._integrator = integrator
        self._seeded = seeded_objects(system, integrator)
        with _REFERENCE:  # a context of the Reference platform seeds that generator when it is made
            self._context = make_context(system, integrator, platform, properties)
        self.platform = platform_of(self._context)

    def alone(self) -> AbstractContextManager[Any]:
        """Return what to hold while segments run: on the Reference platform, no two may at the same time."""
        return _REFERENCE if self.platform == "Reference" else nullcontext()

    def reset(self, stream: Stream) -> int:
        """Make the context as new, every generator in it seeded from `stream`; return one more seed."""
        seeds = (1 + stream.generator().integers(_SEEDS, size=len(self._seeded) + 1)).tolist()
        for part, seed in zip(self._seeded, seeds, strict=False):
            part.setRandomNumberSeed(seed)
        self._context.reinitialize()  # without it a context goes on with the generators it has
        self._context.setTime(0.0)
        self._context.setStepCount(0)
        return int(seeds[-1])

    def place(self, state: State, seed: int) -> None:
        """Set positions, box and velocities of `state`; velocities that are missing are drawn with `seed`."""
        if "positions" not in state or not set(state) <= {"positions", "velocities", "box"}:
            raise ConfigurationError(f"OpenMM: state: expected positions, velocities and box, found {sorted(state)}")
        box = self._system.getDefaultPeriodicBoxVectors()
        if self.periodic and "box" in state:
            box = _checked("box", state["box"], (3, 3))
        self._context.setPeriodicBoxVectors(*box)
        self._context.setPositions(_checked("positions", state["positions"], (self.n_atoms, 3)))
        if "velocities" in state:
            self._context.setVelocities(_checked("velocities", state["velocities"], (self.n_atoms, 3)))
        elif self.has_velocities:
            self.warm(self.temperature, seed)

    def warm(self, temperature: float | None, seed: int) -> None:
        """Draw velocities from the Boltzmann distribution, constraints satisfied."""
        if temperature is None:
            kind = type(self._integrator).__name__
            raise ConfigurationError(f"OpenMM: {kind} has no temperature to draw velocities from: give velocities")
        self._context.setVelocitiesToTemperature(temperature, seed)

    def settle(self, *, minimise: bool) -> None:
        """Satisfy the constraints, at the nearest minimum of the energy if wanted."""
        self._context.computeVirtualSites()
        if minimise:
            load_openmm().LocalEnergyMinimizer.minimize(self._context)
        self._context.applyConstraints(self._integrator.getConstraintTolerance())

    def advance(
        self, steps: NDArray[np.int64], stream: Stream, *, keep_velocities: bool, observables: tuple[str, ...]
    ) -> Segment:
        """Run to each of `steps` in turn and return the frames there; `stream` names the walker in errors."""
        n_frames = len(steps)
        positions = np.empty((n_frames, self.n_atoms, 3))
        velocities = np.empty((n_frames, self.n_atoms, 3)) if keep_velocities else None
        box = np.empty((n_frames, 3, 3)) if self.periodic else None
        energies = {name: np.empty(n_frames) for name in observables}
        done = 0
        for row, step in enumerate(steps.tolist()):
            self._integrator.step(step - done)
            done = step
            # positions, velocities, forces, energy: by place, as the names of these arguments differ between versions
            found = self._context.getState(True, keep_velocities, False, bool(observables))
            positions[row] = _finite(found.getPositions(asNumpy=True)._value, stream, step)
            if velocities is not None:
                velocities[row] = found.getVelocities(asNumpy=True)._value
            if box is not None:
                box[row] = found.getPeriodicBoxVectors(asNumpy=True)._value
            for name, values in energies.items():
                values[row] = _ENERGIES[name](found)._value
        frames = Frames(
            positions=positions,
            step=steps,
            time=steps.astype(np.float64) * self.timestep,
            box=box,
            velocities=velocities,
        )
        return Segment(state=self.state(), frames=frames, observables=energies)

    def state(self) -> State:
        """Return positions, velocities if the integrator uses them, and box if there is one."""
        found = self._context.getState(True, self.has_velocities)
        state = {"positions": np.array(found.getPositions(asNumpy=True)._value, np.float64)}
        if self.has_velocities:
            state["velocities"] = np.array(found.getVelocities(asNumpy=True)._value, np.float64)
        if self.periodic:
            state["box"] = np.array(found.getPeriodicBoxVectors(asNumpy=True)._value, np.float64)
        return state


_ENERGIES = {
    "potential_energy": lambda state: state.getPotentialEnergy(),
    "kinetic_energy": lambda state: state.getKineticEnergy(),
}


def state_shapes(system: Any, integrator: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the arrays of a state at a segment's end."""
    n_atoms = system.getNumParticles()
    velocities = {"velocities": (n_atoms, 3)} if _has_velocities(integrator) else {}
    return {
        "positions": (n_atoms, 3),
        **velocities,
        **({"box": (3, 3)} if system.usesPeriodicBoundaryConditions() else {}),
    }


def _has_velocities(integrator: Any) -> bool:
    return type(integrator).__name__ != "BrownianIntegrator"


def walker_name(stream: Stream) -> str:
    """Return the name of the walker that a stream belongs to, for errors."""
    return f"walker {stream.walker} of cycle {stream.cycle}"


def _checked(name: str, value: Any, shape: tuple[int, int]) -> Array:
    array = np.ascontiguousarray(value, np.float64)
    if array.shape != shape:
        raise ConfigurationError(f"OpenMM: state: {name}: expected shape {shape}, found {array.shape}")
    if not np.isfinite(array).all():
        raise ConfigurationError(f"OpenMM: state: {name}: expected finite numbers, found others")
    return array


def _finite(positions: Array, stream: Stream, step: int) -> Array:
    wrong = ~(np.abs(positions) < _FARTHEST).all(axis=1)  # catches what is not a number, too
    if wrong.any():
        atom = int(np.flatnonzero(wrong)[0])
        raise SegmentError(
            f"{walker_name(stream)}: after {step} steps {int(wrong.sum())} particles have exploded: "
            f"particle {atom} is at {positions[atom].tolist()} nm; start from a minimised state or shorten the timestep"
        )
    return positions
