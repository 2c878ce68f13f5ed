"""What an engine is made from: OpenMM itself, its XML texts, PDB files and force fields."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any  # openmm publishes no types: its objects are Any throughout this package

import numpy as np
from numpy.typing import NDArray

from wepy.engine.setting import check_positive
from wepy.errors import ConfigurationError

NONBONDED = ("NoCutoff", "CutoffNonPeriodic", "CutoffPeriodic", "Ewald", "PME", "LJPME")
CONSTRAINTS = ("HBonds", "AllBonds", "HAngles")

_UNFIT = {
    "RPMDIntegrator": "its copies of the system do not fit into one walker's state",
    "VariableLangevinIntegrator": "its steps have no fixed duration",
    "VariableVerletIntegrator": "its steps have no fixed duration",
}


@cache
def load_openmm() -> Any:
    """Return the module `openmm` with its `app`; `ConfigurationError` if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # SWIG's own types, on Python 3.12 and later
            import openmm
            import openmm.app
    except ImportError as error:
        raise ConfigurationError("the OpenMM engine needs openmm: pip install 'wepy-ensemble[openmm]'") from error
    return openmm


def read_system(xml: str) -> Any:
    """Return the `openmm.System` of an XML text."""
    return _deserialised(xml, "system_xml", load_openmm().System)


def read_integrator(xml: str) -> Any:
    """Return the `openmm.Integrator` of an XML text, if walkers can use it."""
    integrator = _deserialised(xml, "integrator_xml", load_openmm().Integrator)
    kind = type(integrator).__name__
    if kind in _UNFIT:
        raise ConfigurationError(f"OpenMM: {kind} does not serve walkers: {_UNFIT[kind]}")
    return integrator


def seeded_objects(system: Any, integrator: Any) -> list[Any]:
    """Return the integrators and forces that draw random numbers; `ConfigurationError` if there are none."""
    count = integrator.getNumIntegrators() if hasattr(integrator, "getNumIntegrators") else 0
    inner = [integrator.getIntegrator(index) for index in range(count)]
    found = [part for part in (integrator, *inner, *system.getForces()) if hasattr(part, "setRandomNumberSeed")]
    if not found:
        raise ConfigurationError(
            f"OpenMM: {type(integrator).__name__} and the system's forces draw no random numbers: clones of a walker "
            "would stay together for ever; use a stochastic integrator such as LangevinMiddleIntegrator"
        )
    return found


def read_text(path: str | Path, what: str) -> str:
    """Return a file's text."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"OpenMM: {what}: cannot read {path}: {error}") from error


def read_pdb(path: str | Path) -> Any:
    """Return the `openmm.app.PDBFile` of a path."""
    app = load_openmm().app
    try:
        return app.PDBFile(str(path))
    except Exception as error:  # a PDB file can be wrong in more ways than OpenMM has errors for
        raise ConfigurationError(f"OpenMM: pdb: cannot read {path}: {error}") from error


def pdb_positions(structure: Any) -> NDArray[np.float64]:
    """Return the first model's positions, nm, (n_atoms, 3)."""
    return np.array(structure.getPositions(asNumpy=True)._value, np.float64)


def force_field_system(
    structure: Any,
    names: Sequence[str],
    *,
    nonbonded: str,
    cutoff: float | None,
    constraints: str | None,
    hydrogen_mass: float | None,
) -> Any:
    """Return the `openmm.System` of a structure with force field files; arguments as in `OpenMM.from_force_field`."""
    app = load_openmm().app
    options = {
        "nonbondedMethod": getattr(app, _choice("nonbonded", nonbonded, NONBONDED)),
        "constraints": constraints and getattr(app, _choice("constraints", constraints, CONSTRAINTS)),
    }
    for name, option, value in (
        ("cutoff", "nonbondedCutoff", cutoff),
        ("hydrogen_mass", "hydrogenMass", hydrogen_mass),
    ):
        if value is not None:
            check_positive(f"OpenMM: {name}", value)
            options[option] = value
    try:
        return app.ForceField(*names).createSystem(structure.topology, **options)
    except Exception as error:  # OpenMM says what is missing, in errors of many kinds
        raise ConfigurationError(f"OpenMM: force field {', '.join(names)}: {error}") from error


def particle_charges(system: Any) -> NDArray[np.float64]:
    """Return the charges of the system's NonbondedForce, elementary charges, zero without one."""
    charges = np.zeros(system.getNumParticles())
    for force in system.getForces():
        if isinstance(force, load_openmm().NonbondedForce):
            charges[:] = [force.getParticleParameters(index)[0]._value for index in range(len(charges))]
    return charges


def integrator_temperature(integrator: Any) -> float | None:
    """Return the integrator's temperature, K; None if it has none."""
    return float(integrator.getTemperature()._value) if hasattr(integrator, "getTemperature") else None


def _deserialised(xml: str, what: str, kind: Any) -> Any:
    try:
        found = load_openmm().XmlSerializer.deserialize(xml)
    except Exception as error:  # OpenMM raises errors of several kinds for broken XML
        raise ConfigurationError(f"OpenMM: {what}: expected an XML text of OpenMM: {error}") from error
    if not isinstance(found, kind):
        raise ConfigurationError(f"OpenMM: {what}: expected {kind.__name__}, found {type(found).__name__}")
    return found


def _choice(name: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise ConfigurationError(f"OpenMM: {name}: expected one of {', '.join(allowed)}, found {value!r}")
    return value
