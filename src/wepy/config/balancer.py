"""The balancer of a configuration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from wepy.balancing import REVO, EqualWeights, HuberKim, NoBalancing, OptimalAllocation, VarianceAlong, WExplore
from wepy.config.binner import BinnerSection, fixed_binner_of
from wepy.config.metric import EuclideanSection, MetricSection, metric_of
from wepy.config.section import BinKey, Finite, Flag, Index, Many, Positive, Section
from wepy.errors import ConfigurationError
from wepy.protocols import Balancer

TargetCounts = dict[BinKey, Index]
Variance = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]


class _HuberKimRules(Section):
    kind: Literal["huber-kim"]
    split_threshold: Positive = 2.0
    merge_threshold: Positive = 1.0
    adjust_counts: Flag = True
    min_weight: Positive = 1e-310
    max_weight: Positive = 1.0
    subgroups: BinnerSection | None = None


class HuberKimSection(_HuberKimRules):
    """`[balancer] kind = "huber-kim"`: the same number of walkers in every bin, of nearly equal weight."""

    target_count: Many = 4
    target_counts: TargetCounts | None = None


class _DrawnRules(Section):
    kind: Literal["multinomial", "residual"]


class DrawnSection(_DrawnRules):
    """`[balancer] kind = "multinomial"` and `"residual"`: equal weights in every bin, children drawn one by one."""

    target_count: Many = 4
    target_counts: TargetCounts | None = None


class _SortedRules(Section):
    kind: Literal["stratified", "systematic"]
    sort_by: Index | None = None


class SortedSection(_SortedRules):
    """`[balancer] kind = "stratified"` and `"systematic"`: equal weights in every bin, one child of each part."""

    target_count: Many = 4
    target_counts: TargetCounts | None = None


class VarianceAlongSection(Section):
    """`[balancer.variance_along]`: variance at points along a dimension of the order parameter, linear between them."""

    points: list[Finite] = Field(min_length=1)
    values: list[Variance] = Field(min_length=1)
    dimension: Index = 0


class OptimalAllocationSection(Section):
    """`[balancer] kind = "optimal-allocation"`: a number of walkers in all, shared among bins by the variance there."""

    kind: Literal["optimal-allocation"]
    n_walkers: Many
    variance: dict[BinKey, Variance] | None = None
    variance_along: VarianceAlongSection | None = None
    default_variance: Variance = 0.0
    least: Many = 1
    within: Annotated[_HuberKimRules | _DrawnRules | _SortedRules, Field(discriminator="kind")] = _HuberKimRules(
        kind="huber-kim"
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> OptimalAllocationSection:
        if (self.variance is None) == (self.variance_along is None):
            raise ValueError("expected one of variance (of bins) and variance_along (a coordinate)")
        return self


class NoBalancingSection(Section):
    """`[balancer] kind = "none"`: walkers go on as they are."""

    kind: Literal["none"]


class WExploreSection(Section):
    """`[balancer] kind = "wexplore"`: walkers spread evenly over bins, level by level."""

    kind: Literal["wexplore"]
    pmin: Positive = 1e-12
    pmax: Positive = 0.1
    n_walkers: Many | None = None


class REVOSection(Section):
    """`[balancer] kind = "revo"`: walkers far from each other, without bins."""

    kind: Literal["revo"]
    merge_distance: Positive
    characteristic_distance: Positive = 1.0
    exponent: Positive = 4.0
    pmin: Positive = 1e-12
    pmax: Positive = 0.1
    merge: Literal["pairs", "greedy"] = "pairs"
    metric: MetricSection = EuclideanSection(kind="euclidean")


BalancerSection = Annotated[
    HuberKimSection
    | DrawnSection
    | SortedSection
    | OptimalAllocationSection
    | WExploreSection
    | REVOSection
    | NoBalancingSection,
    Field(discriminator="kind"),
]


def balancer_of(section: BalancerSection) -> Balancer:
    """Return the balancer that a section describes.

    Raises
    ------
    ConfigurationError
        If its settings do not fit together.
    """
    if isinstance(section, OptimalAllocationSection):
        return _optimal_allocation(section)
    if isinstance(section, NoBalancingSection):
        return NoBalancing()
    if isinstance(section, WExploreSection):
        return WExplore(**section.model_dump(exclude={"kind"}))
    if isinstance(section, REVOSection):
        return REVO(**section.model_dump(exclude={"kind", "metric"}), metric=metric_of(section.metric))
    return _within_bins(section)


def dimension_problems(section: BalancerSection, labels: Sequence[str]) -> Iterator[str]:
    """Yield what in a section does not fit the order parameter, whose dimensions have these labels."""
    inner: Any = section.within if isinstance(section, OptimalAllocationSection) else section
    where = "balancer.within" if isinstance(section, OptimalAllocationSection) else "balancer"
    named = f"dimensions of the order parameter ({', '.join(labels)})"
    if isinstance(inner, _HuberKimRules) and inner.subgroups is not None:
        count = getattr(fixed_binner_of(inner.subgroups), "n_dims", len(labels))
        if count != len(labels):
            yield f"{where}.subgroups: expected one entry for each of the {named}, found {count}"
    if isinstance(inner, _SortedRules) and inner.sort_by is not None and inner.sort_by >= len(labels):
        yield f"{where}.sort_by: expected one of the {named}, counted from 0, found {inner.sort_by}"
    along = section.variance_along if isinstance(section, OptimalAllocationSection) else None
    if along is not None and along.dimension >= len(labels):
        yield f"balancer.variance_along.dimension: expected one of the {named}, counted from 0, found {along.dimension}"


def _within_bins(section: _HuberKimRules | _DrawnRules | _SortedRules) -> HuberKim | EqualWeights:
    settings: dict[str, Any] = section.model_dump(exclude={"kind", "subgroups"})
    if settings.get("target_counts"):
        settings["target_counts"] = {int(index): count for index, count in settings["target_counts"].items()}
    if isinstance(section, _HuberKimRules):
        return HuberKim(**settings, subgroups=None if section.subgroups is None else fixed_binner_of(section.subgroups))
    return EqualWeights(section.kind, **settings)


def _optimal_allocation(section: OptimalAllocationSection) -> OptimalAllocation:
    along, by_bin = section.variance_along, section.variance or {}
    try:
        variance = None if along is None else VarianceAlong(along.points, along.values, along.dimension)
    except ConfigurationError as error:
        raise ConfigurationError(f"balancer.variance_along: {error}") from error
    return OptimalAllocation(
        section.n_walkers,
        {int(index): value for index, value in by_bin.items()} if variance is None else variance,
        default_variance=section.default_variance,
        least=section.least,
        within=_within_bins(section.within),
    )
