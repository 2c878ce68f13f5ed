"""The metric of a binner or a balancer in a configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from wepy.config.section import Atoms, Edge, Index, Positive, Section
from wepy.metric import metric_from_description
from wepy.protocols import Metric


def _form(value: object) -> str:
    return "numbers" if isinstance(value, list) else "number"


Period = Annotated[Edge, Field(gt=0)]
Scale = Annotated[Annotated[Positive, Tag("number")] | Annotated[list[Positive], Tag("numbers")], Discriminator(_form)]
Periods = Annotated[Annotated[Period, Tag("number")] | Annotated[list[Period], Tag("numbers")], Discriminator(_form)]


class EuclideanSection(Section):
    """`metric = {kind = "euclidean"}`: straight distance of order parameters."""

    kind: Literal["euclidean"]
    dims: Atoms | None = None
    scale: Scale | None = None


class PeriodicSection(Section):
    """`metric = {kind = "periodic"}`: each dimension the shorter way around; inf for one that has no period."""

    kind: Literal["periodic"]
    period: Periods
    dims: Atoms | None = None


class AtomPairsSection(Section):
    """`metric = {kind = "atom-pairs"}`: root mean square difference of distances between pairs of atoms."""

    kind: Literal["atom-pairs"]
    pairs: list[tuple[Index, Index]] = Field(min_length=1)
    first: Index = 0


class LigandRMSDSection(Section):
    """`metric = {kind = "ligand-rmsd"}`: deviation of a ligand after receptors are superposed."""

    kind: Literal["ligand-rmsd"]
    ligand: Atoms
    receptor: list[Index] = Field(min_length=3)
    first: Index = 0


MetricSection = Annotated[
    EuclideanSection | PeriodicSection | AtomPairsSection | LigandRMSDSection, Field(discriminator="kind")
]


def metric_of(section: MetricSection) -> Metric:
    """Return the metric that a section describes."""
    return metric_from_description(section.model_dump())
