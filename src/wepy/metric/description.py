"""Metrics made from their descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wepy.errors import ConfigurationError
from wepy.metric.euclidean import Euclidean
from wepy.protocols import Metric


def metric_from_description(description: Mapping[str, Any]) -> Metric:
    """Return the metric that `describe` described; `ConfigurationError` if no metric is described so."""
    if dict(description) != {"kind": "euclidean"}:
        raise ConfigurationError(f"metric: expected {{'kind': 'euclidean'}}, got {dict(description)!r}")
    return Euclidean()
