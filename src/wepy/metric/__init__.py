"""Metrics: distances between order parameters."""

from wepy.metric.euclidean import Euclidean, metric_from_description

__all__ = ["Euclidean", "metric_from_description"]
