"""Down the history forest: children, families, sums over all that descends from a segment."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.query.lineage.climb import ancestor
from wepy_data.query.lineage.forest import NONE, Forest, Ids


def children_count(forest: Forest) -> NDArray[np.int64]:
    """Return the number of children of each segment."""
    return np.bincount(forest.parent + 1, minlength=forest.n_segments + 1)[1:]


def children(forest: Forest, segment: int) -> Ids:
    """Return the children of a segment, by a look at the parents of the layers that may have any."""
    found = [np.empty(0, forest.column.dtype)]
    for layer in forest.following(int(forest.layer_of(segment))):
        begin, end = forest.start[layer], forest.start[layer + 1]
        found.append((np.flatnonzero(forest.column[begin:end] == segment) + begin).astype(forest.column.dtype))
    return np.concatenate(found)


def family_sizes(forest: Forest, layer: int, later: int) -> NDArray[np.int64]:
    """Return the number of descendants in a later layer of each segment of a layer on its path."""
    begin, end = forest.start[layer], forest.start[layer + 1]
    above = ancestor(forest, forest.layer(later), later, forest.depth[layer])
    return np.bincount(np.maximum(above - (begin - 1), 0), minlength=end - begin + 1)[1:]


def subtree_sums(forest: Forest, values: NDArray[Any] | None) -> NDArray[Any]:
    """Return, for each segment, the sum of values over itself and its descendants; their number by default."""
    sums = np.ones(forest.n_segments, np.int64) if values is None else np.array(values, np.float64)
    column, start = forest.parent, forest.start
    for layer in range(forest.n_layers - 1, -1, -1):
        before = forest.previous[layer]
        if before < 0:
            continue
        here = slice(start[layer], start[layer + 1])
        place = column[here] - (start[before] - 1)  # the first slot takes those without parent
        if place.min(initial=0) < 0:
            place = np.maximum(place, 0)
        weights = None if values is None and layer == forest.n_layers - 1 else sums[here]
        found = np.bincount(place, weights, start[before + 1] - start[before] + 1)[1:]
        sums[start[before] : start[before + 1]] += found.astype(sums.dtype, copy=False)
    return sums


def founders(forest: Forest) -> Ids:
    """Return the founder of each segment."""
    found = np.empty(len(forest.column), forest.column.dtype)
    found[-1] = NONE
    column, start = forest.column, forest.start
    for layer in range(forest.n_layers):
        here = slice(start[layer], start[layer + 1])
        above = found.take(column[here], mode="wrap") if forest.previous[layer] >= 0 else column[here]
        if above.min(initial=0) < 0:
            above = np.where(above < 0, forest.layer(layer), above)
        found[here] = above
    return found[: forest.n_segments]


def last_depths(forest: Forest) -> NDArray[np.int32]:
    """Return the depth of the last descendant of each segment; its own, if it has none."""
    found = np.repeat(np.array(forest.depth, np.int32), np.diff(forest.starts))
    column, start = forest.parent, forest.start
    for layer in range(forest.n_layers - 1, 0, -1):
        begin, end = start[layer], start[layer + 1]
        parent, last = column[begin:end], found[begin:end]
        if forest.has_founders[layer]:
            parent, last = parent[parent >= 0], last[parent >= 0]
        order = np.argsort(last, kind="stable")
        parent, last = parent[order], last[order]
        found[parent] = np.maximum(found[parent], last)  # of what is written to one place, the last stays
    return found


def clusters(forest: Forest, segments: Ids, memory: int) -> Ids:
    """Return, for each segment, the top of the tree that the last `memory` generations of all these lineages make.

    Segments whose lineages meet within that many generations have the same.
    """
    left = np.full(forest.n_segments, NONE, np.int32)  # how many generations back lineages go on from here
    left[segments] = memory
    column, start = forest.parent, forest.start
    for layer in range(forest.n_layers - 1, -1, -1):
        begin, end = start[layer], start[layer + 1]
        goes_on = (left[begin:end] > 0) & (column[begin:end] >= 0)
        if goes_on.any():
            parent, rest = column[begin:end][goes_on], left[begin:end][goes_on] - 1
            order = np.argsort(rest, kind="stable")
            parent, rest = parent[order], rest[order]
            left[parent] = np.maximum(left[parent], rest)  # of what is written to one place, the last stays
    top = np.arange(forest.n_segments, dtype=column.dtype)
    for layer in range(forest.n_layers):
        begin, end = start[layer], start[layer + 1]
        inner = np.flatnonzero((left[begin:end] > 0) & (column[begin:end] >= 0)) + begin
        top[inner] = top[column[inner]]
    return top[segments]
