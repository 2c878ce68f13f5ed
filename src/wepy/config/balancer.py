"""The balancer of a configuration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wepy.balancing import HuberKim, NoBalancing
from wepy.config.section import Count, Flag, Positive, Section
from wepy.protocols import Balancer


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


def balancer_of(section: BalancerSection) -> Balancer:
    """Return the balancer that a section describes."""
    if isinstance(section, HuberKimSection):
        return HuberKim(**section.model_dump(exclude={"kind"}))
    return NoBalancing()
