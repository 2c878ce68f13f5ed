"""Metrics: distances between order parameters."""

from wepy.metric.description import metric_from_description
from wepy.metric.euclidean import Euclidean

__all__ = ["Euclidean", "metric_from_description"]
