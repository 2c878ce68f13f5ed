"""What can be asked of walker trees alone: who descends from whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.lineage import climb, subtree
from wepy_data.query.lineage.coalescence import Genealogy, coalescence, drawing, genealogy, linkage
from wepy_data.query.lineage.forest import NONE, Ids
from wepy_data.query.lineage.places import Places, no_such, whole
from wepy_data.query.rows import Cycles, cycle_range


class Trees(Places):
    """The walker trees of one run, or of runs that continue each other; see `Lineage`."""

    def trace(self, segment: int) -> Ids:
        """Return the ancestry of a segment, founder first, the segment itself last.

        Raises
        ------
        SelectionError
            If there is no such segment; says what there is.
        """
        return climb.trace(self._forest, self._one(segment))

    def trace_all(self, segments: ArrayLike | None = None) -> Ids:
        """Return the ancestries of many segments of one cycle.

        Parameters
        ----------
        segments : (n,) int, optional
            Segments of one cycle; the final walkers by default.

        Returns
        -------
        (n_cycles_so_far, n) integer
            Row c holds the ancestors in cycle c, -1 for none; (0, 0) if there are no segments.

        Raises
        ------
        SelectionError
            If there is no such segment, or they are not of one cycle.
        """
        ends, layer = self._ends(segments)
        return climb.trace_all(self._forest, ends, layer) if layer >= 0 else np.empty((0, 0), ends.dtype)

    def ancestor(self, segments: ArrayLike | None, cycle: int) -> Ids:
        """Return the ancestors in a cycle of segments of one cycle; those of its own cycle are themselves.

        Raises
        ------
        SelectionError
            If there is no such segment, they are not of one cycle, or `cycle` is not among those of their lineages.
        """
        ends, layer = self._ends(segments)
        if layer < 0:
            return ends
        own = self._forest.depth[layer]
        if not 0 <= cycle <= own:
            raise SelectionError(no_such("cycle", cycle, own + 1, "this lineage"))
        return climb.ancestor(self._forest, ends, layer, whole("a cycle", cycle))

    @overload
    def mrca(self, a: int, b: int) -> int: ...

    @overload
    def mrca(self, a: ArrayLike, b: ArrayLike) -> Ids: ...

    def mrca(self, a: ArrayLike, b: ArrayLike) -> Ids | int:
        """Return the most recent common ancestor of two segments, or of each of many pairs; -1 if they share none.

        Raises
        ------
        SelectionError
            If there is no such segment; says what there is.
        """
        one, other = self.known(a), self.known(b)
        if one.ndim == other.ndim == 0:
            return climb.common_ancestor(self._forest, int(one), int(other))
        one, other = np.broadcast_arrays(one, other)
        found = climb.common_ancestors(self._forest, one.ravel(), other.ravel())
        return found.reshape(one.shape)

    def founder(self, segments: ArrayLike | None = None) -> Ids:
        """Return the founder of each segment; of all by default."""
        found = subtree.founders(self._forest)
        return found if segments is None else found[self.known(segments)]

    def survivors(self, segments: ArrayLike | None = None) -> Ids:
        """Return the segments that are ancestors of `segments` (the final walkers by default), and these, sorted.

        Raises
        ------
        SelectionError
            If there is no such segment; says what there is.
        """
        return self.genealogy(segments).ancestor

    def survivor_curve(self, segments: ArrayLike | None = None) -> NDArray[np.int64]:
        """Return U(s|t): how many different ancestors segments of one cycle t have in each cycle s up to it, (t + 1,).

        Raises
        ------
        SelectionError
            If there is no such segment, or they are not of one cycle.
        """
        return self._along(segments, None, lambda tree: tree.count, np.int64(0))

    def coalescence(self, segments: ArrayLike | None = None) -> NDArray[np.int32]:
        """Return the cycle of the most recent common ancestor of each pair of segments; the final walkers by default.

        Returns
        -------
        (n, n) int32
            In order of the segments; their own cycle on the diagonal, -1 for pairs without a common ancestor.

        Raises
        ------
        SelectionError
            If there is no such segment; says what there is.
        """
        ends = self._ends(None)[0] if segments is None else self.known(segments).ravel()
        tips, inverse = np.unique(ends, return_inverse=True)
        found = coalescence(self._forest, genealogy(self._forest, tips.astype(self.parent.dtype)))
        is_sorted = len(tips) == len(ends) and bool((inverse[1:] > inverse[:-1]).all())
        return found if is_sorted else found[np.ix_(inverse, inverse)]

    def linkage(self, segments: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return the tree of different segments of one cycle as scipy's hierarchical clustering keeps it.

        For `scipy.cluster.hierarchy`: `dendrogram`, `fcluster`, `cophenet`. Heights are cycles back to the common
        ancestor; segments without one join at a height above the first cycle.

        Parameters
        ----------
        segments : (n,) int, optional
            Segments of one cycle, sorted: observation i is the i-th of them; the final walkers by default.

        Returns
        -------
        (n - 1, 4) float64
            As `scipy.cluster.hierarchy.linkage` returns it.

        Raises
        ------
        SelectionError
            If there is no such segment, or they are not of one cycle.
        """
        ends, _ = self._ends(segments)
        return linkage(self._forest, genealogy(self._forest, np.unique(ends)))

    def clusters(self, segments: ArrayLike | None = None, *, within: int) -> NDArray[np.int64]:
        """Return which segments are related: whose lineages meet within so many cycles before each of them.

        Arrivals at a target that are related are one event seen several times; their clusters count independent ones.

        Parameters
        ----------
        segments : (n,) int, optional
            Segments of any cycles; the final walkers by default.
        within : int
            Cycles back from each segment. Relatives of relatives are related, too.

        Returns
        -------
        (n,) int64
            Number of each one's cluster, from 0, in order of their common ancestors.

        Raises
        ------
        SelectionError
            If there is no such segment, or `within` is negative.
        """
        if whole("a number of cycles", within) < 0:
            raise SelectionError(f"relatives within {within} cycles: it must be 0 or more")
        ends = self._tips(None) if segments is None else self.known(segments).ravel()
        tops = subtree.clusters(self._forest, ends, min(within, self._forest.n_layers))
        return np.unique(tops, return_inverse=True)[1].astype(np.int64, copy=False)

    def descendants(self, segment: int, cycle: int = -1, run: int = -1) -> Ids:
        """Return the descendants of a segment in a cycle, the last one by default; none in a cycle before its own.

        Raises
        ------
        SelectionError
            If there is no such segment, cycle or run; says what there is.
        """
        one, layer = self._one(segment), self._layer(cycle, run)
        own = int(self._forest.layer_of(one))
        ends, depth = self._forest.layer(layer), self._forest.depth
        if depth[layer] < depth[own]:
            return ends[:0]
        found: Ids = ends[climb.ancestor(self._forest, ends, layer, depth[own]) == one]
        return found

    def family_sizes(self, cycle: int, later: int = -1, run: int = -1) -> NDArray[np.int64]:
        """Return how many descendants each walker of a cycle has in a later one, the last by default.

        Raises
        ------
        SelectionError
            If there is no such cycle or run, or `later` is before `cycle`.
        """
        end = self._layer(later, run)
        early = self._cycle(cycle, self._forest.depth[end] + 1, "this run up to the later cycle")
        begin = early if self.n_runs == 1 else self._forest.path(end)[early]
        return subtree.family_sizes(self._forest, begin, end)

    def children(self, segment: int) -> Ids:
        """Return the children of a segment.

        Raises
        ------
        SelectionError
            If there is no such segment; says what there is.
        """
        return subtree.children(self._forest, self._one(segment))

    def children_count(self) -> NDArray[np.int64]:
        """Return the number of children of each segment, (n_segments,)."""
        return subtree.children_count(self._forest)

    def extinction(self) -> NDArray[np.int32]:
        """Return the cycle of the last descendant of each segment, (n_segments,); its own, if it has none."""
        return subtree.last_depths(self._forest)

    def subtree_sum(self, values: ArrayLike | None = None) -> NDArray[Any]:
        """Return, for each segment, the sum of values over itself and all its descendants, (n_segments,).

        Parameters
        ----------
        values : (n_segments,) float, optional
            A value for each segment; 1 by default, so that sizes of subtrees come back.
        """
        if values is None:
            return subtree.subtree_sums(self._forest, None)
        return subtree.subtree_sums(self._forest, self._each("values", values).astype(np.float64, copy=False))

    def pairs(self, lag: int, cycles: Cycles | None = None) -> Iterator[tuple[Ids, Ids]]:
        """Yield, some cycles at a time, the segments with an ancestor `lag` cycles before, as (ancestors, segments).

        A transition from one to the other carries the weight of the descendant, `weight[segments]`: that of the
        ancestor would count clones twice. `lineage.continuous.pairs` leaves out pairs with a restart between them.

        Parameters
        ----------
        lag : int
            Cycles between the two.
        cycles : int, slice, or (first, stop), optional
            Only pairs within these cycles; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If `lag` is less than 1, or there are no such cycles.
        """
        if whole("a lag", lag) < 1:
            raise SelectionError(f"a lag of {lag} cycles: it must be 1 or more")
        return climb.pairs(self._forest, lag, *cycle_range(cycles, self.n_cycles))

    def windows(self, length: int, cycles: Cycles | None = None) -> Iterator[Ids]:
        """Yield, some cycles at a time, the last `length` segments of each lineage that is so long, (n, length).

        Each segment ends one window, so that none comes twice. It carries the weight of its last segment.

        Parameters
        ----------
        length : int
            Segments of a window.
        cycles : int, slice, or (first, stop), optional
            Only windows within these cycles; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If `length` is less than 1, or there are no such cycles.
        """
        if whole("a length", length) < 1:
            raise SelectionError(f"windows of {length} cycles: they must have 1 or more")
        return climb.windows(self._forest, length, *cycle_range(cycles, self.n_cycles))

    def compressed(self, segments: ArrayLike | None = None) -> tuple[Ids, Ids]:
        """Return the surviving tree without its unbranched stretches.

        Returns
        -------
        kept : (n,) integer
            Tips, branchings and founders, sorted.
        above : (n,) integer
            The nearest kept ancestor of each, -1 for a founder.

        Raises
        ------
        SelectionError
            If there is no such segment; says what there is.
        """
        tree = self.genealogy(segments)
        above = np.append(tree.node, tree.node.dtype.type(NONE))[tree.above]
        order = np.argsort(tree.node)
        return tree.node[order], above[order]

    def genealogy(self, segments: ArrayLike | None = None) -> Genealogy:
        """Return the tree of segments, the final walkers by default, as arrays.

        Raises
        ------
        SelectionError
            If there is no such segment; says what there is.
        """
        return genealogy(self._forest, self._tips(segments))

    def planar_order(self, segments: ArrayLike | None = None) -> NDArray[np.float64]:
        """Return a position for each surviving segment such that no two branches of a drawn tree cross.

        Returns
        -------
        (n_segments,) float64
            Tips at 0, 1, 2, ... with siblings side by side, an ancestor amid its tips; NaN for segments without any.

        Raises
        ------
        SelectionError
            If there is no such segment; says what there is.
        """
        tree = self.genealogy(segments)
        place = np.full(self.n_segments, np.nan)
        place[tree.ancestor] = drawing(tree).place[tree.below]
        return place

    def _along(
        self,
        segments: ArrayLike | None,
        weight: NDArray[np.float64] | None,
        values: Callable[[Genealogy], NDArray[Any]],
        fill: np.generic,
    ) -> NDArray[Any]:
        """Return what a genealogy says of each cycle up to that of the segments."""
        ends, layer = self._ends(segments)
        tips, inverse = np.unique(ends, return_inverse=True)
        shares = None if weight is None else np.bincount(inverse, weight, len(tips)).astype(np.float64, copy=False)
        found = values(genealogy(self._forest, tips, shares))
        depth = self._forest.depth[layer] + 1 if layer >= 0 else 0
        return np.concatenate([np.full(depth - len(found), fill), found])

    def _each(self, what: str, values: ArrayLike) -> NDArray[Any]:
        """Return values of which each segment has one; refuse others."""
        found = np.asarray(values)
        if found.shape != (self.n_segments,):
            raise SelectionError(f"{found.size} {what} of {self.n_segments} segments: expected one for each")
        return found
