"""The order parameter of a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from wepy.config.section import Atoms, Index, Section
from wepy.order_parameter import RMSD, Coordinates, Dihedral, Distance, Function, Joined, MinimumDistance
from wepy.protocols import OrderParameter


class CoordinatesSection(Section):
    """`[order_parameter] kind = "coordinates"`: chosen coordinates (x0 y0 z0 x1 ...), or all three of some atoms."""

    kind: Literal["coordinates"]
    indices: Atoms = [0]
    atoms: list[Index] = []
    labels: list[str] = []
    unit: str = ""

    @model_validator(mode="after")
    def _one_of_both(self) -> CoordinatesSection:
        if self.atoms and self.indices != [0]:
            raise ValueError("expected indices (of coordinates) or atoms (all three of each), not both")
        return self


class DistanceSection(Section):
    """`[order_parameter] kind = "distance"`: distances of pairs of atoms, nm."""

    kind: Literal["distance"]
    pairs: list[tuple[Index, Index]] = Field(min_length=1)
    labels: list[str] = []


class MinimumDistanceSection(Section):
    """`[order_parameter] kind = "minimum-distance"`: the smallest distance between two groups of atoms, nm."""

    kind: Literal["minimum-distance"]
    group_a: Atoms
    group_b: Atoms
    labels: list[str] = []


class DihedralSection(Section):
    """`[order_parameter] kind = "dihedral"`: torsion angles of four atoms each, rad."""

    kind: Literal["dihedral"]
    atoms: list[tuple[Index, Index, Index, Index]] = Field(min_length=1)
    labels: list[str] = []


class RMSDSection(Section):
    """`[order_parameter] kind = "rmsd"`: root mean square deviation from the structure of a PDB file, nm."""

    kind: Literal["rmsd"]
    reference: Path
    atoms: Atoms
    superpose_atoms: Atoms | None = None
    labels: list[str] = []


class FunctionSection(Section):
    """`[order_parameter] kind = "function"`: your own, `package.module:function`; workers must be able to import it."""

    kind: Literal["function"]
    name: str = Field(pattern=r"^[\w.]+:\w+$")
    labels: list[str] = Field(min_length=1)
    unit: str = ""


class JoinedSection(Section):
    """`[order_parameter] kind = "joined"`: several order parameters side by side, `[[order_parameter.parts]]`."""

    kind: Literal["joined"]
    parts: list[OrderParameterSection] = Field(min_length=1)


OrderParameterSection = Annotated[
    CoordinatesSection
    | DistanceSection
    | MinimumDistanceSection
    | DihedralSection
    | RMSDSection
    | FunctionSection
    | JoinedSection,
    Field(discriminator="kind"),
]


def order_parameter_of(section: OrderParameterSection, base: Path) -> OrderParameter:
    """Return the order parameter that a section describes; relative paths start at `base`."""
    if isinstance(section, CoordinatesSection):
        indices = [3 * atom + axis for atom in section.atoms for axis in range(3)] or section.indices
        return Coordinates(indices, labels=section.labels, unit=section.unit or ("nm" if section.atoms else ""))
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
    if isinstance(section, JoinedSection):
        return Joined([order_parameter_of(part, base) for part in section.parts])
    raise TypeError(f"no order parameter is made from {type(section).__name__}")
