"""Binners from their descriptions: of whatever kind, from what `describe` returned."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wepy.binning.function import FunctionBins
from wepy.binning.kmeans import KMeansBins
from wepy.binning.mab import MAB
from wepy.binning.nested import fixed
from wepy.binning.piecewise import Piecewise
from wepy.binning.rectilinear import Rectilinear
from wepy.binning.recursive import Recursive
from wepy.binning.region_tree import RegionTree
from wepy.binning.voronoi import Voronoi
from wepy.errors import ConfigurationError
from wepy.protocols import AdaptiveBinner, Binner


def binner_from_description(description: Mapping[str, Any]) -> Binner | AdaptiveBinner:
    """Return the binner that `describe` described.

    Parameters
    ----------
    description : mapping
        JSON values; `kind` says which binner it is of.

    Raises
    ------
    ConfigurationError
        If no binner has that kind; if the description does not fit its kind.

    Examples
    --------
    >>> binner_from_description({"kind": "rectilinear", "edges": [[0.0, 1.0]]}).n_bins
    1
    """
    kind = description.get("kind") if isinstance(description, Mapping) else None
    build = _BUILDERS.get(str(kind))
    if build is None:
        raise ConfigurationError(f"kind: expected one of {', '.join(_BUILDERS)}, got {kind!r}")
    return build(description)


def fixed_from_description(description: Mapping[str, Any]) -> Binner:
    """Return the binner that `describe` described; `ConfigurationError` also if it makes bins as walkers move."""
    found = fixed(binner_from_description(description))
    if found is None:
        raise ConfigurationError(f"expected bins that are the same in every cycle, got {description['kind']!r}")
    return found


_BUILDERS: Mapping[str, Callable[[Mapping[str, Any]], Binner | AdaptiveBinner]] = {
    "rectilinear": Rectilinear.from_description,
    "voronoi": Voronoi.from_description,
    "function": FunctionBins.from_description,
    "piecewise": Piecewise.from_description,
    "recursive": Recursive.from_description,
    "mab": MAB.from_description,
    "k-means": KMeansBins.from_description,
    "region-tree": RegionTree.from_description,
}
