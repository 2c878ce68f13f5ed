"""The metric of a configuration's bins."""

from __future__ import annotations

from typing import Literal

from wepy.config.section import Section
from wepy.metric import Euclidean
from wepy.protocols import Metric


class EuclideanSection(Section):
    """`metric = {kind = "euclidean"}`: the straight distance, in the order parameter's unit."""

    kind: Literal["euclidean"]


MetricSection = EuclideanSection


def metric_of(section: MetricSection) -> Metric:
    """Return the metric that a section describes."""
    return Euclidean()
