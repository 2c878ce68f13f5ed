"""Weight as it flows: from parents to children, and by merges into the children of others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy_data.query.lineage.forest import Forest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Flows:
    """Weight that moved between lineages by merging.

    Parameters
    ----------
    into, source : (n_merges,) integer
        Segments that received weight, in order of their layers, and where it came from.
    weight : (n_merges,) float64
        How much.
    """

    into: NDArray[np.int64]
    source: NDArray[np.int64]
    weight: NDArray[np.float64]


def flow_back(
    forest: Forest, weight: NDArray[np.float64], flows: Flows, values: NDArray[np.float64], layer: int, depth: int
) -> NDArray[np.float64]:
    """Return what of the values on a layer's segments came from each segment of a layer on its path, at a depth.

    A segment's value goes to its parent and to what merged into it, in proportion to the weight that each gave.
    """
    bounds, start = np.searchsorted(flows.into, forest.starts), forest.start
    while forest.depth[layer] > depth:
        before = forest.previous[layer]
        begin, end = start[layer], start[layer + 1]
        merges = slice(bounds[layer], bounds[layer + 1])
        shift = start[before] - 1  # the first slot takes what comes from nowhere: founders have no parent
        slots = start[before + 1] - shift
        place = np.maximum(forest.column[begin:end] - shift, 0)
        if merges.stop > merges.start:
            into = flows.into[merges] - begin
            moved = flows.weight[merges] / weight[flows.into[merges]] * values[into]
            kept = values - np.bincount(into, moved, end - begin)
            found = np.bincount(place, kept, slots) + np.bincount(flows.source[merges] - shift, moved, slots)
        else:
            found = np.bincount(place, values, slots)
        values, layer = found[1:].astype(np.float64, copy=False), before
    return values
