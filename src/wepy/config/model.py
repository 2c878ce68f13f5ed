"""The configuration of a run: what a TOML file may say, with types, defaults and bounds."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    model_validator,
)

from wepy.binning.interval import edges_to_json


class Section(BaseModel):
    """A table of the configuration; keys it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=True)


def _edge_from_json(edge: object) -> object:
    return float(edge) if edge in ("inf", "-inf") else edge


def _edge_to_json(edge: float) -> float | str:
    return edges_to_json([edge])[0]


# strict: TOML has types of its own, so "5" is no number and true is no count
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False, strict=True)]
Finite = Annotated[float, Field(allow_inf_nan=False, strict=True)]
Edge = Annotated[
    float,
    Field(strict=True),
    BeforeValidator(_edge_from_json),
    PlainSerializer(_edge_to_json, when_used="json"),  # JSON has no infinity
]
Count = Annotated[int, Field(ge=1, strict=True)]
Index = Annotated[int, Field(ge=0, strict=True)]
Flag = Annotated[bool, Field(strict=True)]
Atoms = Annotated[list[Index], Field(min_length=1)]


class RunSection(Section):
    """`[run]`: how long, how many, and where to."""

    cycles: Count = Field(100, description="number of cycles")
    walkers: Count = Field(8, le=10**7, description="number of founders")
    steps: Count = Field(description="steps of dynamics in a segment")
    seed: int = Field(ge=0, lt=2**64, strict=True, description="everything random follows from it")
    output: Path = Field(Path("run.h5"), description="the run's file, beside the configuration unless absolute")
    author: str = Field("unknown", description="kept in the file")


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


class DoubleWellSection(Section):
    """`[engine] kind = "double-well"`: overdamped Langevin dynamics in U = height (x^2 - 1)^2 kT."""

    kind: Literal["double-well"]
    height: Positive = 9.0
    timestep: Positive = 1e-3
    diffusion: Positive = 1.0
    stride: Count | None = None


class RandomWalkSection(Section):
    """`[engine] kind = "random-walk"`: a step up with probability `up`, else down, reflected at 0."""

    kind: Literal["random-walk"]
    dimensions: Count = 1
    up: float = Field(0.25, gt=0, lt=1, strict=True)
    stride: Count | None = None


EngineSection = Annotated[
    OpenMMSection | OpenMMFilesSection | DoubleWellSection | RandomWalkSection, Field(discriminator="kind")
]


class CoordinatesSection(Section):
    """`[order_parameter] kind = "coordinates"`: chosen coordinates of the particles, x0 y0 z0 x1 ..."""

    kind: Literal["coordinates"]
    indices: Atoms = [0]
    labels: list[str] = []
    unit: str = ""


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


OrderParameterSection = Annotated[
    CoordinatesSection | DistanceSection | MinimumDistanceSection | DihedralSection | RMSDSection | FunctionSection,
    Field(discriminator="kind"),
]


class Grid(Section):
    """Equal bins from `start` to `stop`; with `open`, one more bin on each side takes all that lies beyond."""

    start: Finite
    stop: Finite
    bins: Count
    open: Flag = True

    @model_validator(mode="after")
    def _ordered(self) -> Grid:
        if not self.start < self.stop:
            raise ValueError(f"expected start < stop, got {self.start} and {self.stop}")
        return self


def _form(edges: object) -> str:
    return "numbers" if isinstance(edges, list) else "grid"


Edges = Annotated[Annotated[Grid, Tag("grid")] | Annotated[list[Edge], Tag("numbers")], Discriminator(_form)]


class RectilinearSection(Section):
    """`[binner] kind = "rectilinear"`: edges for each dimension, as numbers or as a grid."""

    kind: Literal["rectilinear"]
    edges: list[Edges] = Field(min_length=1)

    @model_validator(mode="after")
    def _increasing(self) -> RectilinearSection:
        for dim, edges in enumerate(self.edges):
            if isinstance(edges, list) and (len(edges) < 2 or not all(a < b for a, b in pairwise(edges))):
                raise ValueError(f"expected at least 2 edges, strictly increasing, in edges[{dim}]")
        return self


class HuberKimSection(Section):
    """`[balancer] kind = "huber-kim"`: the same number of walkers in every bin, of nearly equal weight."""

    kind: Literal["huber-kim"]
    target_count: Count = 4
    split_threshold: Positive = 2.0
    merge_threshold: Positive = 1.0
    adjust_counts: Flag = True
    min_weight: Positive = 1e-310
    max_weight: Positive = 1.0


class NoBalancingSection(Section):
    """`[balancer] kind = "none"`: walkers go on as they are."""

    kind: Literal["none"]


BalancerSection = Annotated[HuberKimSection | NoBalancingSection, Field(discriminator="kind")]


class RegionSection(Section):
    """`[recycling]`: walkers whose order parameter lies in lower <= x < upper restart from a source state."""

    lower: list[Edge] = Field(min_length=1)
    upper: list[Edge] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> RegionSection:
        upper = [inf] * len(self.lower) if self.upper is None else self.upper
        if len(upper) != len(self.lower):
            raise ValueError("expected as many upper edges as lower ones")
        if not all(low < high for low, high in zip(self.lower, upper, strict=True)):
            raise ValueError("expected lower < upper in every dimension")
        return self


class StateSection(Section):
    """`[[states]]` and `[[sources]]`: where walkers start and restart; arrays for toys, a PDB file for molecules."""

    label: str = "start"
    probability: float = Field(1.0, gt=0, le=1, strict=True)
    x: list[Finite] | None = None
    pdb: Path | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> StateSection:
        if (self.x is None) == (self.pdb is None):
            raise ValueError("expected one of x (coordinates of a toy) and pdb (a file)")
        return self


class DispatchSection(Section):
    """`[dispatch]`: who runs the segments."""

    kind: Literal["serial", "processes", "scoop"] = "serial"
    workers: Index | None = None
    hosts: list[Annotated[str, Field(min_length=1)]] = []
    hostfile: Path | None = None
    listen: str = ""
    environment: list[dict[str, str]] = []
    insecure: Flag = False
    ssh: str = "ssh"

    @model_validator(mode="after")
    def _workers_of_something(self) -> DispatchSection:
        if self.kind == "serial" and self.workers is not None:
            raise ValueError('expected kind = "processes" or "scoop" with workers; serial dispatch has none')
        if self.workers == 0 and not (self.kind == "scoop" and self.has_others):
            raise ValueError("expected at least 1 worker; 0 needs hosts or listen, for workers of other hosts")
        if self.kind != "scoop" and (self.has_others or self.environment or self.insecure):
            raise ValueError('expected kind = "scoop" with hosts, hostfile, listen, environment or insecure')
        return self

    @property
    def has_others(self) -> bool:
        """Whether workers of other hosts may take part."""
        return bool(self.hosts or self.hostfile or self.listen)


ChosenAtoms = Annotated[
    Annotated[str, Field(min_length=1), Tag("text")] | Annotated[Atoms, Tag("numbers")],
    Discriminator(lambda value: "text" if isinstance(value, str) else "numbers"),
]


class StorageSection(Section):
    """`[storage]`: what of each segment the file keeps, and how precisely."""

    precision: Literal["single", "pm"] = "single"
    atoms: ChosenAtoms | None = None
    stride: Count = 1
    velocities: Flag | None = None
    states: Literal["last", "all"] = "last"
    compression: Literal["gzip", "none"] = "gzip"


class Configuration(Section):
    """A whole configuration."""

    run: RunSection
    engine: EngineSection
    order_parameter: OrderParameterSection
    binner: RectilinearSection | None = None
    balancer: BalancerSection = HuberKimSection(kind="huber-kim")
    recycling: RegionSection | None = None
    states: list[StateSection] = []
    sources: list[StateSection] = []
    dispatch: DispatchSection = DispatchSection()
    storage: StorageSection = StorageSection()
