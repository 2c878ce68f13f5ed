"""The history forest of runs as it is held in memory: one column of parents, in layers that may grow."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import DamagedRunError

NONE = -1

Ids = NDArray[np.signedinteger[Any]]
"""Segment ids: int32 as long as that holds them all, which halves what every query moves; then int64."""


class Forest:
    """Segments in layers, and the segment that each one continues.

    A layer holds the walkers of one cycle of one run; their parents are all in one earlier layer: that of the cycle
    before, or the one that a branch goes on from.

    The column of parents has more slots than there are segments, and what lies beyond them is -1. So is what index -1
    finds: "no ancestor" is a fixed point of the gather `column[...]`, and no query needs a mask.

    Segments of one layer are equally deep. So the schedule of skew-binary jump pointers (Myers, Inf. Process. Lett. 17,
    241, 1983) is one for whole layers, which climb in lockstep: O(log cycles) gathers to any ancestor.

    Parameters
    ----------
    parent : (n_segments,) integer
        Segment id that each segment continues, -1 for none.
    segment_stop : (n_layers,) integer
        End of each layer's segments.
    previous : (n_layers,) integer, optional
        Layer that holds the parents of each layer, -1 for none; the one before by default.

    Raises
    ------
    DamagedRunError
        If a parent is not in the layer where it should be: queries might never end.
    """

    def __init__(self, parent: ArrayLike, segment_stop: ArrayLike, previous: ArrayLike | None = None) -> None:
        parents, stops = np.asarray(parent), np.asarray(segment_stop, np.int64)
        self.start: list[int] = [0, *stops.tolist()]
        count = len(stops)
        if (np.diff(stops, prepend=0) < 0).any() or (stops[-1] if count else 0) != len(parents):
            end = int(stops[-1]) if count else 0
            expected = f"expected increasing ends, the last {len(parents)}"
            raise DamagedRunError(f"cycles end at segments up to {end}, of {len(parents)}: {expected}")
        self.previous: list[int] = list(range(-1, count - 1)) if previous is None else np.asarray(previous).tolist()
        self.depth: list[int] = list(range(count)) if previous is None else _depths(self.previous)
        self.column: Ids = _padded(parents, len(parents) + 1)
        self._jump: Ids | None = None
        self._leap: list[int] = []
        self._starts: NDArray[np.int64] | None = None
        self._following: dict[int, list[int]] = {}
        self._followed = 0
        self.has_founders: list[bool] = []
        self._look_at_parents()

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return self.start[-1]

    @property
    def n_layers(self) -> int:
        """Number of layers."""
        return len(self.previous)

    @property
    def parent(self) -> Ids:
        """Parent of each segment, read-only."""
        found = self.column[: self.n_segments]
        found.setflags(write=False)
        return found

    @property
    def starts(self) -> NDArray[np.int64]:
        """First segment of each layer, and the end of the last: (n_layers + 1,)."""
        if self._starts is None or len(self._starts) != len(self.start):
            self._starts = np.array(self.start, np.int64)
        return self._starts

    def append(self, parent: ArrayLike, previous: int | None = None) -> None:
        """Add a layer; takes time for its own segments only, on average.

        Parameters
        ----------
        parent : (n,) integer
            Segment id that each new segment continues, -1 for none.
        previous : int, optional
            The layer that holds these; the last one by default, -1 for none.

        Raises
        ------
        DamagedRunError
            If a parent is not in that layer; nothing is added then.
        """
        new = np.asarray(parent)
        if new.dtype.kind not in "iu" or not new.size:
            raise DamagedRunError(
                f"parents of a new cycle are {new.size} of type {new.dtype}: expected one id or more, or -1"
            )
        before = self.n_layers - 1 if previous is None else previous
        begin, end = self.n_segments, self.n_segments + len(new)
        least, stop = self.start[before : before + 2] if before >= 0 else (0, 0)
        wrong = (new != NONE) & ((new < least) | (new >= stop))
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            raise _misplaced(begin + place, int(new[place]), least, stop)
        self._make_room(end + 1)
        self.column[begin:end] = new
        self.start.append(end)
        self.previous.append(before)
        self.depth.append(self.depth[before] + 1 if before >= 0 else 0)
        self.has_founders.append(bool(new.min(initial=0) < 0))
        if self._jump is not None:
            self._point(self._jump, self.n_layers - 1)

    def layer(self, number: int) -> Ids:
        """Return the segments of a layer."""
        return np.arange(self.start[number], self.start[number + 1], dtype=self.column.dtype)

    def layer_of(self, segments: ArrayLike) -> NDArray[np.intp]:
        """Return the layer of each segment; -1 (no segment) has the layer -1."""
        return np.searchsorted(self.starts, segments, side="right") - 1

    def only(self, first: int, stop: int) -> Forest:
        """Return the same layers without parents in or above those of depth `first`, nor in those from `stop` on."""
        column = self.column.copy()
        for layer, depth in enumerate(self.depth):
            if not first < depth < stop:
                column[self.start[layer] : self.start[layer + 1]] = NONE
        return Forest(column[: self.n_segments], self.starts[1:], self.previous)

    def path(self, layer: int) -> list[int]:
        """Return the layers that lead to a layer, the deepest first, itself last."""
        found = []
        while layer >= 0:
            found.append(layer)
            layer = self.previous[layer]
        return found[::-1]

    def following(self, layer: int) -> list[int]:
        """Return the layers whose parents are in a layer."""
        for number in range(self._followed, self.n_layers):
            self._following.setdefault(self.previous[number], []).append(number)
        self._followed = self.n_layers
        return self._following.get(layer, [])

    @property
    def leap(self) -> list[int]:
        """Layer that the jump pointers of each layer lead to, -1 for none."""
        leap, depth = self._leap, self.depth
        for layer in range(len(leap), self.n_layers):
            before = self.previous[layer]
            middle = leap[before] if before >= 0 else NONE
            far = leap[middle] if middle >= 0 else NONE
            beyond = depth[far] if far >= 0 else NONE
            is_even = middle >= 0 and depth[before] - depth[middle] == depth[middle] - beyond
            leap.append(far if is_even else before)
        return leap

    @property
    def jump(self) -> Ids:
        """The jump pointer of each segment, padded as `column` is; made when first asked for."""
        if self._jump is None:
            self._jump = np.full(len(self.column), NONE, self.column.dtype)
            self._point(self._jump, 0)
        return self._jump

    def _point(self, jump: Ids, first: int) -> None:
        """Fill in the jump pointers of the layers from `first` on."""
        column, leap, start = self.column, self.leap, self.start
        for layer in range(first, self.n_layers):
            here = slice(start[layer], start[layer + 1])
            if leap[layer] == self.previous[layer]:
                jump[here] = column[here]
            else:
                jump[here] = jump.take(jump.take(column[here], mode="wrap"), mode="wrap")

    def _make_room(self, slots: int) -> None:
        too_large = slots > np.iinfo(self.column.dtype).max
        if slots <= len(self.column) and not too_large:
            return
        room = max(slots, 2 * len(self.column))
        self.column = _padded(self.column, room)
        if self._jump is not None:
            self._jump = _padded(self._jump, room)

    def _look_at_parents(self) -> None:
        """Note in which layers segments have none; raise `DamagedRunError` if any is not where it should be."""
        starts, column = self.starts, self.parent
        self.has_founders = [False] * self.n_layers
        full = np.flatnonzero(np.diff(starts) > 0)
        if not len(full):
            return
        before = np.array(self.previous, np.int64)[full]
        lowest = np.minimum.reduceat(column, starts[full])
        highest = np.maximum.reduceat(column, starts[full])
        # -1 is the largest unsigned number: what is left is the lowest parent that is one
        least = np.minimum.reduceat(column.view(f"u{column.itemsize}"), starts[full]).astype(np.int64)
        has_parents = highest >= 0
        wrong = (lowest < NONE) | (has_parents & ((before < 0) | (highest >= starts[before + 1])))
        wrong |= has_parents & (least < starts[np.maximum(before, 0)])
        if wrong.any():
            self._complain(int(full[wrong][0]))
        for layer in full[lowest < 0].tolist():
            self.has_founders[layer] = True

    def _complain(self, layer: int) -> None:
        begin, end, before = self.start[layer], self.start[layer + 1], self.previous[layer]
        least, stop = self.start[before : before + 2] if before >= 0 else (0, 0)
        here = self.column[begin:end]
        place = int(np.flatnonzero((here != NONE) & ((here < least) | (here >= stop)))[0])
        raise _misplaced(begin + place, int(here[place]), least, stop)


def _misplaced(segment: int, parent: int, least: int, stop: int) -> DamagedRunError:
    expected = f"one from {least} to {stop - 1}, or -1" if stop > least else "-1"
    return DamagedRunError(f"segment {segment} has the parent {parent}, expected {expected}")


def _padded(values: NDArray[Any], slots: int) -> Ids:
    """Return ids in a column of so many slots, in the smallest type that holds them."""
    if values.dtype.kind not in "iu" and len(values):
        raise DamagedRunError(f"parents are {values.dtype}: expected segment ids, or -1")
    dtype = np.int32 if slots <= np.iinfo(np.int32).max else np.int64
    if values.dtype.itemsize > np.dtype(dtype).itemsize and len(values):
        least, most = int(values.min()), int(values.max())
        if least < NONE or most >= slots:
            wrong = int(np.flatnonzero((values < NONE) | (values >= slots))[0])
            raise DamagedRunError(f"segment {wrong} has the parent {values[wrong]}, expected one before it or -1")
    found: Ids = np.empty(slots, dtype)
    found[: len(values)] = values
    found[len(values) :] = NONE
    return found


def _depths(previous: list[int]) -> list[int]:
    found: list[int] = []
    for layer, before in enumerate(previous):
        if not NONE <= before < layer:
            raise ValueError(f"layer {layer} continues layer {before}, expected an earlier one or -1")
        found.append(found[before] + 1 if before >= 0 else 0)
    return found
