"""Who descends from whom: the walker trees of a run as one parent column."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import DamagedRunError, SelectionError

if TYPE_CHECKING:
    import networkx as nx

    from wepy_data.query.graph import Attributes

NONE = -1


class Lineage:
    """The history forest of a run.

    One parent column answers everything. It has one more slot than there are segments, and that slot holds -1, so that
    "no ancestor" is a fixed point of the gather `parent[...]` and no query needs a mask.

    Parameters
    ----------
    parent : (n_segments,) int64
        Segment id that each segment continues, -1 for a founder.
    segment_stop : (n_cycles,) int64
        End of each cycle's segments.
    attributes : mapping of str to (n_segments,) array or callable, optional
        What graphs say of their nodes besides cycle and walker.

    Raises
    ------
    DamagedRunError
        If a parent does not come before its child: following it might never end.

    Examples
    --------
    Two founders; the first has two children and the second none:

    >>> lineage = Lineage(np.array([-1, -1, 0, 0]), np.array([2, 4]))
    >>> lineage.trace(3).tolist()
    [0, 3]
    >>> lineage.mrca(2, 3)
    0
    """

    def __init__(
        self, parent: NDArray[np.int64], segment_stop: NDArray[np.int64], attributes: Attributes | None = None
    ) -> None:
        wrong = np.flatnonzero((parent < NONE) | (parent >= np.arange(len(parent))))
        if len(wrong):
            raise DamagedRunError(f"segment {wrong[0]} has the parent {parent[wrong[0]]}, expected one before it or -1")
        self._parent = np.empty(len(parent) + 1, np.int64)
        self._parent[:-1], self._parent[-1] = parent, NONE
        self._parent.setflags(write=False)
        self._start = np.concatenate([np.zeros(1, np.int64), np.asarray(segment_stop, np.int64)])
        self._attributes = attributes or {}

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return len(self._parent) - 1

    @property
    def n_cycles(self) -> int:
        """Number of cycles."""
        return len(self._start) - 1

    @property
    def parent(self) -> NDArray[np.int64]:
        """Parent of each segment, (n_segments,), -1 for a founder."""
        return self._parent[:-1]

    def cycle_of(self, segments: ArrayLike) -> NDArray[np.int64]:
        """Return the cycle of each segment; -1 (no segment) has the cycle -1."""
        known = self._known(np.asarray(segments, np.int64), least=NONE)
        return np.asarray(np.searchsorted(self._start, known, side="right") - 1, np.int64)

    def walker_of(self, segments: ArrayLike) -> NDArray[np.int64]:
        """Return the position of each segment within its cycle; -1 (no segment) has the position -1."""
        known, cycle = np.asarray(segments, np.int64), self.cycle_of(segments)
        return np.where(known < 0, NONE, known - self._start[np.maximum(cycle, 0)])

    def segments_of(self, cycle: int) -> NDArray[np.int64]:
        """Return the segments of a cycle; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If there is no such cycle; says what there is.
        """
        if not -self.n_cycles <= cycle < self.n_cycles:
            raise SelectionError(_no_such("cycle", cycle, self.n_cycles))
        cycle %= self.n_cycles
        return np.arange(self._start[cycle], self._start[cycle + 1])

    def segment_id(self, cycle: int, walker: int) -> int:
        """Return the id of a walker's segment; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If there is no such cycle or walker; says what there is.
        """
        segments = self.segments_of(cycle)
        if not -len(segments) <= walker < len(segments):
            raise SelectionError(_no_such("walker", walker, len(segments), f"cycle {cycle % self.n_cycles}"))
        return int(segments[walker])

    def trace(self, segment: int) -> NDArray[np.int64]:
        """Return the ancestry of a segment, founder first, the segment itself last.

        Raises
        ------
        SelectionError
            If there is no such segment; says what there is.
        """
        one = int(self._known(np.asarray(segment, np.int64)))
        parent, found = memoryview(self._parent.data), []
        while one >= 0:
            found.append(one)
            one = parent[one]
        return np.array(found[::-1], np.int64)

    def trace_all(self, segments: ArrayLike | None = None) -> NDArray[np.int64]:
        """Return the ancestries of many segments of one cycle.

        Parameters
        ----------
        segments : (n,) int, optional
            Segments of one cycle; the final walkers by default.

        Returns
        -------
        (n_cycles_so_far, n) int64
            Row c holds the ancestors in cycle c; (0, 0) if there are no segments.

        Raises
        ------
        SelectionError
            If there is no such segment, or they are not of one cycle.
        """
        ends = self._ends(segments)
        cycle = self._one_cycle(ends)
        found = np.empty((cycle + 1, len(ends)), np.int64)
        found[-1:] = ends
        for row in range(cycle, 0, -1):
            self._parent.take(found[row], out=found[row - 1], mode="wrap")
        return found

    def ancestor(self, segments: ArrayLike, cycle: int) -> NDArray[np.int64]:
        """Return the ancestors in a cycle of segments of one cycle; those of its own cycle are themselves.

        Raises
        ------
        SelectionError
            If there is no such segment, they are not of one cycle, or `cycle` is not among those of their lineages.
        """
        ends = self._ends(segments)
        own = self._one_cycle(ends)
        if not len(ends):
            return ends
        if not 0 <= cycle <= own:
            raise SelectionError(_no_such("cycle", cycle, own + 1, "this lineage"))
        found = ends.copy()
        for _ in range(own - cycle):
            found = self._parent.take(found, mode="wrap")
        return found

    def mrca(self, a: int, b: int) -> int:
        """Return the most recent common ancestor of two segments; -1 if they share none."""
        first, second = self.trace(a), self.trace(b)
        shared = min(len(first), len(second))
        same = np.flatnonzero(first[:shared] == second[:shared])
        return int(first[same[-1]]) if len(same) else NONE

    def survivors(self, segments: ArrayLike | None = None) -> NDArray[np.int64]:
        """Return the segments that are ancestors of `segments` (the final walkers by default), and these, sorted."""
        mask = np.zeros(self.n_segments + 1, bool)
        mask[self._ends(segments)] = True
        for cycle in range(self.n_cycles - 1, 0, -1):
            here = slice(self._start[cycle], self._start[cycle + 1])
            mask[self._parent[here][mask[here]]] = True
        return np.flatnonzero(mask[:-1])

    def descendants(self, segment: int, cycle: int = -1) -> NDArray[np.int64]:
        """Return the descendants of a segment in a cycle, the last one by default; none in a cycle before its own.

        Raises
        ------
        SelectionError
            If there is no such segment or cycle; says what there is.
        """
        one = int(self._known(np.asarray(segment, np.int64)))
        ends, own = self.segments_of(cycle), int(self.cycle_of(one))
        if self._one_cycle(ends) < own:
            return np.zeros(0, np.int64)
        found: NDArray[np.int64] = ends[self.ancestor(ends, own) == one]
        return found

    def pairs(self, lag: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield, cycle by cycle, the segments and their ancestors `lag` cycles before, as (ancestors, segments)."""
        if lag < 1:
            raise SelectionError(f"a lag of {lag} cycles: it must be 1 or more")
        return self._pairs(lag)

    def _pairs(self, lag: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        if lag >= self.n_cycles:
            return
        before = self._steps_up(lag)
        for start, stop in itertools.pairwise(self._start[lag:].tolist()):
            yield before[start:stop], np.arange(start, stop)

    def _steps_up(self, count: int) -> NDArray[np.int64]:
        """Return the ancestor of every segment `count` cycles before, -1 if there is none, by repeated squaring."""
        step, found = self._parent, None
        while count:
            if count & 1:
                found = step if found is None else step.take(found, mode="wrap")
            count >>= 1
            if count:
                step = step.take(step, mode="wrap")
        return self._parent if found is None else found

    def compressed(self, segments: ArrayLike | None = None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the surviving tree without its unbranched stretches.

        Returns
        -------
        kept : (n,) int64
            Tips, branchings and founders, sorted.
        above : (n,) int64
            The nearest kept ancestor of each, -1 for a founder.
        """
        ends = self._ends(segments)
        alive = self.survivors(ends)
        above = self._parent[alive]
        children = np.bincount(above[above >= 0], minlength=self.n_segments + 1)
        tip = np.zeros(self.n_segments + 1, bool)
        tip[ends] = True
        keep = np.zeros(self.n_segments + 1, bool)
        keep[alive] = (children[alive] != 1) | (above < 0) | tip[alive]
        nearest = np.full(self.n_segments + 1, NONE, np.int64)
        bounds = np.searchsorted(alive, self._start)
        for start, stop in itertools.pairwise(bounds[1:].tolist()):
            here = alive[start:stop]
            up = self._parent[here]
            nearest[here] = np.where(keep[up], up, nearest[up])
        kept = alive[keep[alive]]
        return kept, nearest[kept]

    def planar_order(self, segments: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return a position for each surviving segment such that no two branches of a drawn tree cross.

        Returns
        -------
        (n_segments,) float64
            Tips at 0, 1, 2, ... with siblings side by side, an ancestor amid its tips; NaN for segments without any.
        """
        ends = np.unique(self._ends(segments))
        place = np.full(self.n_segments + 1, np.nan)
        traced = self.trace_all(ends) if len(ends) else np.zeros((0, 0), np.int64)
        order = np.lexsort(traced[::-1]) if traced.size else np.zeros(0, np.int64)
        rank = np.empty(len(ends))
        rank[order] = np.arange(len(ends))
        for row in traced:
            found, inverse = np.unique(row, return_inverse=True)
            place[found] = np.bincount(inverse, rank) / np.bincount(inverse)
        return place[:-1]

    def graph(self, which: str = "compressed", *, max_nodes: int = 200_000) -> nx.DiGraph[Any]:
        """Return the history forest as a networkx graph, edges from parent to child.

        Parameters
        ----------
        which : {"compressed", "survivors", "all"}
            Tips, branchings and founders of the final walkers' lineages (edges have a `length` in cycles); all
            ancestors of the final walkers; or all segments.
        max_nodes : int
            Limit on the number of nodes.

        Raises
        ------
        SelectionError
            If there is no such kind of graph, or it is larger than `max_nodes`.
        """
        from wepy_data.query.graph import lineage_graph

        return lineage_graph(self, which, self._attributes, max_nodes)

    def _ends(self, segments: ArrayLike | None) -> NDArray[np.int64]:
        if segments is None:
            return self.segments_of(-1) if self.n_cycles else np.zeros(0, np.int64)
        return self._known(np.atleast_1d(np.asarray(segments, np.int64)))

    def _known(self, segments: NDArray[np.int64], least: int = 0) -> NDArray[np.int64]:
        """Return the segments if there are such; refuse them otherwise."""
        wrong = segments[(segments < least) | (segments >= self.n_segments)]
        if wrong.size:
            raise SelectionError(_no_such("segment", int(wrong.flat[0]), self.n_segments))
        return segments

    def _one_cycle(self, ends: NDArray[np.int64]) -> int:
        """Return the cycle that all segments are of; -1 if there are none."""
        if not len(ends):
            return NONE
        first, last = self.cycle_of([ends.min(), ends.max()]).tolist()
        if first != last:
            raise SelectionError(f"segments of cycles {first} to {last}: they must be of one cycle")
        return int(first)


def _no_such(what: str, number: int, count: int, where: str = "this run") -> str:
    exist = f"{what}s 0 to {count - 1}" if count else f"no {what}s yet"
    return f"no {what} {number}: {where} has {exist}"
