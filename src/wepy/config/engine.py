"""The engine of a configuration: toys, and OpenMM."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from wepy.config.section import Count, Flag, Positive, Section
from wepy.engine import DoubleWell, MuellerBrown, Odld, OpenMM, OverdampedLangevin, Potential, RandomWalk
from wepy.protocols import Engine


class OpenMMSettings(Section):
    """What both ways to OpenMM share: structure, platform, and what is kept of each segment."""

    pdb: Path
    platform: str = "Reference"
    properties: dict[str, str] = {}
    stride: Count | None = None
    keep_velocities: Flag = False
    observables: list[Literal["potential_energy", "kinetic_energy"]] = []
    minimise: Flag = True


class OpenMMSection(OpenMMSettings):
    """`[engine] kind = "openmm"`: a PDB file with a force field, Langevin dynamics."""

    kind: Literal["openmm"]
    force_field: list[str] = Field(min_length=1)
    temperature: Positive
    friction: Positive = 1.0
    timestep: Positive = 0.002
    constraints: Literal["HBonds", "AllBonds", "HAngles", "none"] = "HBonds"
    nonbonded: Literal["NoCutoff", "CutoffNonPeriodic", "CutoffPeriodic", "Ewald", "PME", "LJPME"] = "NoCutoff"
    cutoff: Positive | None = None
    hydrogen_mass: Positive | None = None


class OpenMMFilesSection(OpenMMSettings):
    """`[engine] kind = "openmm-files"`: a serialised System and Integrator, and a PDB file."""

    kind: Literal["openmm-files"]
    system: Path
    integrator: Path


class DiffusionSettings(Section):
    """What toys of overdamped Langevin dynamics share."""

    timestep: Positive = 5e-4
    diffusion: Positive = 1.0
    stride: Count | None = None


class DoubleWellSection(DiffusionSettings):
    """`[engine] kind = "double-well"`: overdamped Langevin dynamics in U = height (x^2 - 1)^2 kT."""

    kind: Literal["double-well"]
    height: Positive = 9.0
    timestep: Positive = 1e-3


class MuellerBrownSection(DiffusionSettings):
    """`[engine] kind = "mueller-brown"`: overdamped Langevin dynamics on the surface of Mueller and Brown."""

    kind: Literal["mueller-brown"]
    temperature: Positive = 12.0


class OdldSection(DiffusionSettings):
    """`[engine] kind = "odld"`: WESTPA's one-dimensional example, wells that deepen towards 0."""

    kind: Literal["odld"]
    mirror: Positive | None = 10.0


class RandomWalkSection(Section):
    """`[engine] kind = "random-walk"`: a step up with probability `up`, else down, reflected at 0."""

    kind: Literal["random-walk"]
    dimensions: Count = 1
    up: float = Field(0.25, gt=0, lt=1, strict=True)
    stride: Count | None = None


EngineSection = Annotated[
    OpenMMSection | OpenMMFilesSection | DoubleWellSection | MuellerBrownSection | OdldSection | RandomWalkSection,
    Field(discriminator="kind"),
]


def engine_of(section: EngineSection, base: Path) -> Engine:
    """Return the engine that a section describes; relative paths start at `base`."""
    if isinstance(section, DiffusionSettings):
        mirror = section.mirror if isinstance(section, OdldSection) else None
        return OverdampedLangevin(
            _potential(section), section.timestep, diffusion=section.diffusion, stride=section.stride, mirror=mirror
        )
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


def _potential(section: DiffusionSettings) -> Potential:
    if isinstance(section, DoubleWellSection):
        return DoubleWell(height=section.height)
    if isinstance(section, MuellerBrownSection):
        return MuellerBrown(temperature=section.temperature)
    return Odld()
