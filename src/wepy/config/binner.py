"""The bins of a configuration."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import numpy as np
from pydantic import Discriminator, Field, Tag, model_validator

from wepy.binning import Rectilinear
from wepy.config.section import Count, Edge, Finite, Flag, Section
from wepy.protocols import Binner


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


def binner_of(section: RectilinearSection) -> Binner:
    """Return the binner that a section describes."""
    return Rectilinear([_edges(edges) for edges in section.edges])


def _edges(edges: Grid | list[float]) -> list[float]:
    if isinstance(edges, list):
        return edges
    inner = np.linspace(edges.start, edges.stop, edges.bins + 1).tolist()
    return [-np.inf, *inner, np.inf] if edges.open else inner
