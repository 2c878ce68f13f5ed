"""Metrics made from their descriptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wepy.errors import ConfigurationError
from wepy.metric.atom_pairs import AtomPairs
from wepy.metric.euclidean import Euclidean
from wepy.metric.ligand_rmsd import LigandRMSD
from wepy.metric.periodic import Periodic
from wepy.protocols import Metric

_KINDS: dict[str, Callable[..., Metric]] = {
    "euclidean": Euclidean,
    "periodic": Periodic,
    "atom-pairs": AtomPairs,
    "ligand-rmsd": LigandRMSD,
}


def metric_from_description(description: Mapping[str, Any]) -> Metric:
    """Return the metric that `describe` described.

    Raises
    ------
    ConfigurationError
        If there is no such kind, or a setting is missing, unknown or does not fit.

    Examples
    --------
    >>> metric_from_description({"kind": "periodic", "period": 360.0})
    Periodic(period=360.0, dims=None)
    """
    settings = dict(description)
    kind = settings.pop("kind", None)
    if kind not in _KINDS:
        raise ConfigurationError(f"metric: expected one of the kinds {sorted(_KINDS)}, got {kind!r}")
    try:
        return _KINDS[kind](**settings)
    except TypeError as error:
        raise ConfigurationError(f"metric {kind}: missing or unknown settings: {error}") from error
