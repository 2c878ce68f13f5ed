"""The boundary conditions of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import inf
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, model_validator

from wepy.boundary import Absorbing, Boundary, FunctionTarget, InBins, Rebinding, Recycling, Region, Unbinding
from wepy.config.binner import BinnerSection, fixed_binner_of
from wepy.config.section import Edge, Finite, Flag, Index, Section
from wepy.errors import BinningError, ConfigurationError
from wepy.protocols import Target

Label = Annotated[str, Field(min_length=1)]


class Box(Section):
    """Edges of a box in the space of the order parameter: lower <= x < upper in every dimension."""

    lower: list[Edge] = Field(min_length=1)
    upper: list[Edge] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Box:
        upper = [inf] * len(self.lower) if self.upper is None else self.upper
        if len(upper) != len(self.lower):
            raise ValueError("expected as many upper edges as lower ones")
        if not all(low < high for low, high in zip(self.lower, upper, strict=True)):
            raise ValueError("expected lower < upper in every dimension")
        return self


class RecyclingSection(Box):
    """`[recycling]`: walkers whose order parameter lies in lower <= x < upper restart from a source state."""

    every_frame: Flag = False


class RegionSection(Box):
    """`target = {kind = "region", ...}`: order parameters in lower <= x < upper."""

    kind: Literal["region"]


class InBinsSection(Section):
    """`target = {kind = "bins", ...}`: certain bins of a grid."""

    kind: Literal["bins"]
    binner: BinnerSection
    bins: list[Index] = Field(min_length=1)


class UnbindingSection(Section):
    """`target = {kind = "unbinding", ...}`: a distance of at least `distance`."""

    kind: Literal["unbinding"]
    distance: Finite
    dim: Index = 0


class RebindingSection(Section):
    """`target = {kind = "rebinding", ...}`: a distance or RMSD of at most `distance`."""

    kind: Literal["rebinding"]
    distance: Finite
    dim: Index = 0


class FunctionTargetSection(Section):
    """`target = {kind = "function", ...}`: your own, `package.module:function`."""

    kind: Literal["function"]
    name: str = Field(pattern=r"^[\w.]+:\w+$")


TargetSection = Annotated[
    RegionSection | InBinsSection | UnbindingSection | RebindingSection | FunctionTargetSection,
    Field(discriminator="kind"),
]


class RecycleSection(Section):
    """`[[boundaries]] kind = "recycle"`: walkers in the target restart from a source state."""

    kind: Literal["recycle"]
    target: TargetSection
    label: Label = "target"
    sources: list[Label] = []
    sources_in: TargetSection | None = None
    every_frame: Flag = False

    @model_validator(mode="after")
    def _one_of_both(self) -> RecycleSection:
        if self.sources and self.sources_in is not None:
            raise ValueError("expected sources (labels) or sources_in (where they are), not both")
        return self


class AbsorbSection(Section):
    """`[[boundaries]] kind = "absorb"`: walkers in the target end there, with their weight."""

    kind: Literal["absorb"]
    target: TargetSection
    label: Label = "target"
    every_frame: Flag = False


BoundarySection = Annotated[RecycleSection | AbsorbSection, Field(discriminator="kind")]


def boundaries_of(recycling: RecyclingSection | None, sections: Sequence[BoundarySection]) -> tuple[Boundary, ...]:
    """Return the boundary conditions that `[recycling]` and `[[boundaries]]` describe, in this order."""
    first: tuple[Boundary, ...] = ()
    if recycling is not None:
        first = (Recycling(Region(recycling.lower, recycling.upper), every_frame=recycling.every_frame),)
    return (*first, *(_boundary(section) for section in sections))


def _boundary(section: BoundarySection) -> Boundary:
    target = _target(section.target)
    if isinstance(section, AbsorbSection):
        return Absorbing(target, label=section.label, every_frame=section.every_frame)
    chosen = section.sources or (None if section.sources_in is None else _target(section.sources_in))
    return Recycling(target, label=section.label, sources=chosen, every_frame=section.every_frame)


def _target(section: TargetSection) -> Target:
    if isinstance(section, RegionSection):
        return Region(section.lower, section.upper)
    if isinstance(section, InBinsSection):
        return InBins(fixed_binner_of(section.binner), section.bins)
    if isinstance(section, FunctionTargetSection):
        return FunctionTarget(section.name)
    if isinstance(section, UnbindingSection):
        return Unbinding(section.distance, section.dim)
    return Rebinding(section.distance, section.dim)


def fit_problems(sections: Sequence[BoundarySection], n_dims: int) -> Iterator[str]:
    """Yield what in boundary conditions does not fit an order parameter of so many dimensions."""
    for place, section in enumerate(sections):
        targets = {"target": section.target}
        if isinstance(section, RecycleSection) and section.sources_in is not None:
            targets["sources_in"] = section.sources_in
        for key, target in targets.items():
            if isinstance(target, FunctionTargetSection):
                continue  # it may do anything with numbers that no walker has
            try:
                _target(target).reached(np.zeros((1, n_dims)))  # a point like any other
            except ConfigurationError as error:
                yield f"boundaries[{place}].{key}: {error}"
            except BinningError as error:
                if _dimensions(target) not in (None, n_dims):
                    yield f"boundaries[{place}].{key}: {error}"


def _dimensions(section: TargetSection) -> int | None:
    """Return how many dimensions of the order parameter the bins of a target need; None if they do not say."""
    binner = fixed_binner_of(section.binner) if isinstance(section, InBinsSection) else None
    found: int | None = getattr(binner, "n_dims", None)
    return found
