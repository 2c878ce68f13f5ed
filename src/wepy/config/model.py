"""The configuration of a run: what a TOML file may say, with types, defaults and bounds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from wepy.config.balancer import BalancerSection, HuberKimSection
from wepy.config.binner import BinnerSection
from wepy.config.boundary import BoundarySection, RecyclingSection
from wepy.config.engine import EngineSection
from wepy.config.order_parameter import OrderParameterSection
from wepy.config.section import Atoms, Count, Finite, Flag, Index, Section


class RunSection(Section):
    """`[run]`: how long, how many, and where to."""

    cycles: Count = Field(100, description="number of cycles")
    walkers: Count = Field(8, le=10**7, description="number of founders")
    steps: Count = Field(description="steps of dynamics in a segment")
    seed: int = Field(ge=0, lt=2**64, strict=True, description="everything random follows from it")
    output: Path = Field(Path("run.h5"), description="the run's file, beside the configuration unless absolute")
    author: str = Field("unknown", description="kept in the file")


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
        if self.kind != "scoop" and (self.has_others or self.environment or self.insecure or self.ssh != "ssh"):
            raise ValueError('expected kind = "scoop" with hosts, hostfile, listen, environment, insecure or ssh')
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
    binner: BinnerSection | None = None
    balancer: BalancerSection = HuberKimSection(kind="huber-kim")
    recycling: RecyclingSection | None = None
    boundaries: list[BoundarySection] = []
    states: list[StateSection] = []
    sources: list[StateSection] = []
    dispatch: DispatchSection = DispatchSection()
    storage: StorageSection = StorageSection()
