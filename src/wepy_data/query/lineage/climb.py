"""Up the history forest: ancestors of segments, one generation, some, or all the way."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from wepy_data.query.lineage.forest import NONE, Forest, Ids

_FEW = 6  # lineages below which a loop over numbers is faster than gathers
_LONG = 64  # generations above which that is so
_NEAR = 16  # generations up to which one gather after the other is faster than jumps that differ from layer to layer
_BLOCK = 1 << 15  # segments


def trace(forest: Forest, segment: int) -> Ids:
    """Return the ancestry of a segment, founder first."""
    parent, found, one = memoryview(forest.column.data), [], segment
    while one >= 0:
        found.append(one)
        one = parent[one]
    return np.array(found[::-1], forest.column.dtype)


def trace_all(forest: Forest, ends: Ids, layer: int) -> Ids:
    """Return the ancestors of segments of one layer, (depth of the layer + 1, n): one row for each generation."""
    depth = forest.depth[layer]
    if len(ends) <= _FEW and depth > _LONG:
        found = np.full((depth + 1, len(ends)), NONE, forest.column.dtype)
        for place, end in enumerate(ends.tolist()):
            line = trace(forest, end)
            found[depth + 1 - len(line) :, place] = line
        return found
    found = np.empty((depth + 1, len(ends)), forest.column.dtype)
    found[-1] = ends
    take = forest.column.take
    for row in range(depth, 0, -1):
        take(found[row], out=found[row - 1], mode="wrap")
    return found


def ancestor(forest: Forest, segments: Ids, layer: int, depth: int) -> Ids:
    """Return the ancestors, at a depth, of segments of one layer that is at least as deep."""
    depths, previous, leap = forest.depth, forest.previous, forest.leap
    parent_of, jump_from = forest.column.take, forest.jump.take
    while depths[layer] > depth:
        far = leap[layer]
        if far >= 0 and depths[far] >= depth:
            segments, layer = jump_from(segments, mode="wrap"), far
        else:
            segments, layer = parent_of(segments, mode="wrap"), previous[layer]
    return segments


def common_ancestor(forest: Forest, a: int, b: int) -> int:
    """Return the most recent common ancestor of two segments, -1 if there is none."""
    jump, column = memoryview(forest.jump.data), memoryview(forest.column.data)
    depth, previous, leap = forest.depth, forest.previous, forest.leap
    layers = [bisect_right(forest.start, segment) - 1 for segment in (a, b)]
    level = min(depth[layer] for layer in layers)
    ends = []
    for segment, layer in zip((a, b), layers, strict=True):
        while segment >= 0 and depth[layer] > level:
            far = leap[layer]
            if far >= 0 and depth[far] >= level:
                segment, layer = jump[segment], far
            else:
                segment, layer = column[segment], previous[layer]
        ends.append(segment)
    one, other = ends
    while one != other:
        if one < 0 or other < 0:
            return NONE
        if jump[one] != jump[other]:
            one, other = jump[one], jump[other]
        else:
            one, other = column[one], column[other]
    return one


def common_ancestors(forest: Forest, a: Ids, b: Ids) -> Ids:
    """Return the most recent common ancestor of each pair, -1 if there is none."""
    column, jump, depth = forest.column, forest.jump, np.array(forest.depth)
    one, other = a.astype(column.dtype), b.astype(column.dtype)
    layer_one, layer_other = forest.layer_of(one), forest.layer_of(other)
    level = np.minimum(depth[layer_one], depth[layer_other])
    _climb(forest, one, layer_one, level)
    _climb(forest, other, layer_other, level)
    apart = np.flatnonzero(one != other)
    while len(apart):
        first, second = one[apart], other[apart]
        far_first, far_second = jump.take(first, mode="wrap"), jump.take(second, mode="wrap")
        is_far = far_first != far_second  # so the common ancestor lies beyond both
        one[apart] = first = np.where(is_far, far_first, column.take(first, mode="wrap"))
        other[apart] = second = np.where(is_far, far_second, column.take(second, mode="wrap"))
        apart = apart[first != second]
    return one


def _climb(forest: Forest, segments: Ids, layer: NDArray[np.intp], level: NDArray[np.int64]) -> None:
    """Replace segments by their ancestors at the depths `level`."""
    column, jump, depth = forest.column, forest.jump, np.array(forest.depth)
    previous, leap = np.array(forest.previous), np.array(forest.leap)
    deep = np.flatnonzero(depth[layer] > level)
    while len(deep):
        here = layer[deep]
        far = leap[here]
        is_far = (far >= 0) & (depth[far] >= level[deep])
        one = segments[deep]
        segments[deep] = np.where(is_far, jump.take(one, mode="wrap"), column.take(one, mode="wrap"))
        layer[deep] = np.where(is_far, far, previous[here])
        deep = deep[depth[layer[deep]] > level[deep]]


def pairs(forest: Forest, lag: int, first: int, stop: int) -> Iterator[tuple[Ids, Ids]]:
    """Yield, some layers at a time, the segments that have an ancestor `lag` generations before, and it, first.

    Both are of a depth from `first` up to, not including, `stop`.
    """
    for layers in _blocks(forest, first + lag, stop):
        segments = np.arange(forest.start[layers[0]], forest.start[layers[-1] + 1], dtype=forest.column.dtype)
        if lag <= _NEAR:
            before = segments
            for _ in range(lag):
                before = forest.column.take(before, mode="wrap")
        else:
            before = _back(forest, segments, layers, lag)
        if before.min(initial=0) < 0:
            segments, before = segments[before >= 0], before[before >= 0]
        if len(segments):
            yield before, segments


def _back(forest: Forest, segments: Ids, layers: range, lag: int) -> Ids:
    """Return the ancestors, `lag` generations before, of the segments of successive layers."""
    depths, previous, leap, start = forest.depth, forest.previous, forest.leap, forest.start
    parent_of, jump_from, origin = forest.column.take, forest.jump.take, forest.start[layers[0]]
    found = []
    for number in layers:
        here, layer = segments[start[number] - origin : start[number + 1] - origin], number
        depth = depths[number] - lag
        while depths[layer] > depth:
            far = leap[layer]
            if far >= 0 and depths[far] >= depth:
                here, layer = jump_from(here, mode="wrap"), far
            else:
                here, layer = parent_of(here, mode="wrap"), previous[layer]
        found.append(here)
    return np.concatenate(found)


def windows(forest: Forest, length: int, first: int, stop: int) -> Iterator[Ids]:
    """Yield, some layers at a time, the last `length` segments of each lineage that is so long: (n, length).

    All are of a depth from `first` up to, not including, `stop`.
    """
    for layers in _blocks(forest, first + length - 1, stop):
        begin, end = forest.start[layers[0]], forest.start[layers[-1] + 1]
        found = np.empty((length, end - begin), forest.column.dtype)
        found[-1] = np.arange(begin, end)
        for row in range(length - 1, 0, -1):
            forest.column.take(found[row], out=found[row - 1], mode="wrap")
        window = found[:, found[0] >= 0].T if found[0].min(initial=0) < 0 else found.T
        if len(window):
            yield window


def _blocks(forest: Forest, depth: int, stop: int) -> Iterator[range]:
    """Yield ranges of successive layers of a depth within bounds, of some ten thousand segments each."""
    first = 0
    for layer in range(forest.n_layers):
        if not depth <= forest.depth[layer] < stop:
            if first < layer:
                yield range(first, layer)
            first = layer + 1
        elif forest.start[layer + 1] - forest.start[first] >= _BLOCK:
            yield range(first, layer + 1)
            first = layer + 1
    if first < forest.n_layers and forest.start[first] < forest.n_segments:
        yield range(first, forest.n_layers)
