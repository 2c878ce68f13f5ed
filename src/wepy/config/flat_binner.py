"""The bins of a configuration that hold no other binner."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from wepy.binning import MAB, FunctionBins, KMeansBins, Rectilinear, RegionTree, Voronoi
from wepy.config.metric import EuclideanSection, MetricSection, metric_of
from wepy.config.section import BinKey, Edge, Finite, Flag, Index, Many, Positive, Section
from wepy.protocols import AdaptiveBinner, Binner


class Grid(Section):
    """Equal bins from `start` to `stop`; with `open`, one more bin on each side takes all that lies beyond."""

    start: Finite
    stop: Finite
    bins: Many
    open: Flag = True

    @model_validator(mode="after")
    def _ordered(self) -> Grid:
        if not self.start < self.stop:
            raise ValueError(f"expected start < stop, got {self.start} and {self.stop}")
        return self


def _form(edges: object) -> str:
    return "numbers" if isinstance(edges, list) else "grid"


Edges = Annotated[Annotated[Grid, Tag("grid")] | Annotated[list[Edge], Tag("numbers")], Discriminator(_form)]


Targets = Annotated[
    Annotated[Index, Tag("all")] | Annotated[dict[BinKey, Index], Tag("each")],
    Discriminator(lambda value: "each" if isinstance(value, dict) else "all"),
]


class RectilinearSection(Section):
    """`[binner] kind = "rectilinear"`: edges for each dimension, as numbers or as a grid."""

    kind: Literal["rectilinear"]
    edges: list[Edges] = Field(min_length=1)
    target_counts: Targets | None = None

    @model_validator(mode="after")
    def _increasing(self) -> RectilinearSection:
        for dim, edges in enumerate(self.edges):
            if isinstance(edges, list) and (len(edges) < 2 or not all(a < b for a, b in pairwise(edges))):
                raise ValueError(f"expected at least 2 edges, strictly increasing, in edges[{dim}]")
        return self


class VoronoiSection(Section):
    """`[binner] kind = "voronoi"`: the nearest of given centres."""

    kind: Literal["voronoi"]
    centres: list[list[Finite]] = Field(min_length=1)
    metric: MetricSection = EuclideanSection(kind="euclidean")
    target_counts: Targets | None = None


class FunctionBinsSection(Section):
    """`[binner] kind = "function"`: your own, `package.module:function`, of order parameters and weights."""

    kind: Literal["function"]
    name: str = Field(pattern=r"^[\w.]+:\w+$")
    n_bins: Many
    n_dims: Many = 1
    labels: list[str] = []
    target_counts: Targets | None = None


class MABSection(Section):
    """`[binner] kind = "mab"`: minimal adaptive bins, made anew in each cycle."""

    kind: Literal["mab"]
    nbins: list[Many] = Field(min_length=1)
    direction: list[Literal[0, 1, -1, 86]] | None = None
    skip: list[Flag] | None = None
    bottleneck: Flag = True
    target_count: Index | None = None


class KMeansSection(Section):
    """`[binner] kind = "k-means"`: groups of walkers that are alike, made anew in each cycle."""

    kind: Literal["k-means"]
    n_groups: Many
    dims: list[Index] | None = None
    scale: list[Positive] | None = None
    target_count: Index | None = None


class RegionTreeSection(Section):
    """`[binner] kind = "region-tree"`: regions within regions that grow where walkers go."""

    kind: Literal["region-tree"]
    max_region_sizes: list[Positive] = Field(min_length=1)
    max_n_regions: list[Many] = [10, 10, 10, 10]
    metric: MetricSection = EuclideanSection(kind="euclidean")
    order: Literal["two-pass", "sequential"] = "two-pass"

    @model_validator(mode="after")
    def _levels(self) -> RegionTreeSection:
        if len(self.max_region_sizes) != len(self.max_n_regions):
            raise ValueError("expected as many max_region_sizes as max_n_regions, one of each for every level")
        if not all(a > b for a, b in pairwise(self.max_region_sizes)):
            raise ValueError("expected decreasing max_region_sizes")
        return self


FlatBinnerSection = (
    RectilinearSection | VoronoiSection | FunctionBinsSection | MABSection | KMeansSection | RegionTreeSection
)


def flat_binner_of(section: FlatBinnerSection) -> Binner | AdaptiveBinner:
    """Return the binner that a section describes."""
    if isinstance(section, RectilinearSection):
        return Rectilinear([_edges(edges) for edges in section.edges], target_counts=_targets(section.target_counts))
    if isinstance(section, VoronoiSection):
        targets = _targets(section.target_counts)
        return Voronoi(section.centres, metric_of(section.metric), target_counts=targets)
    if isinstance(section, FunctionBinsSection):
        return FunctionBins(
            section.name,
            section.n_bins,
            n_dims=section.n_dims,
            labels=section.labels,
            target_counts=_targets(section.target_counts),
        )
    if isinstance(section, MABSection):
        return MAB(
            section.nbins,
            direction=0 if section.direction is None else section.direction,
            skip=False if section.skip is None else section.skip,
            bottleneck=section.bottleneck,
            target_count=section.target_count,
        )
    if isinstance(section, RegionTreeSection):
        settings = section.model_dump(exclude={"kind", "metric"})
        return RegionTree(**settings, metric=metric_of(section.metric))
    return KMeansBins(**section.model_dump(exclude={"kind"}))


def _edges(edges: Grid | list[float]) -> list[float]:
    if isinstance(edges, list):
        return edges
    inner = np.linspace(edges.start, edges.stop, edges.bins + 1).tolist()
    return [-np.inf, *inner, np.inf] if edges.open else inner


def _targets(targets: int | dict[str, int] | None) -> int | dict[int, int] | None:
    return {int(index): count for index, count in targets.items()} if isinstance(targets, dict) else targets
