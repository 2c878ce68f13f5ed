"""Who descends from whom: everything that can be asked of the walker trees of one run, or of several."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.lineage import climb, subtree
from wepy_data.query.lineage.coalescence import Genealogy, coalescence, drawing, genealogy, linkage
from wepy_data.query.lineage.flow import Flows, flow_back
from wepy_data.query.lineage.forest import NONE, Forest, Ids
from wepy_data.query.rows import Cycles, cycle_range

if TYPE_CHECKING:
    from collections.abc import Callable

    import networkx as nx

    from wepy_data.query.graph import Attributes


class Lineage:
    """The history forest: of one run, or of runs that continue each other.

    Of several runs, "the final walkers" are those of the last run where an answer is for one cycle (`trace_all`,
    `survivor_curve`, `weight_origin`), and those of all runs otherwise (`survivors`, `compressed`, `graph`).

    Segment ids are int32 while these hold them all: use `astype(np.int64)` before any arithmetic that might leave that
    range. -1 stands for no segment.

    Parameters
    ----------
    parent : (n_segments,) integer
        Segment id that each segment continues, -1 for a founder.
    segment_stop : (n_cycles,) integer
        End of each cycle's segments; of several runs: of each run's cycles, run after run.
    attributes : mapping of str to (n_segments,) array or callable, optional
        What is known of the segments by name (`weight`, `bin`, `continuous`), for graphs and for queries that need it.
    flows : callable, optional
        Returns the weight that moved by merging.
    previous : (n_layers,) integer, optional
        Of several runs: position in `segment_stop` of the cycle that each one continues, -1 for none.
    run_stop : (n_runs,) integer, optional
        Of several runs: end of each one's cycles in `segment_stop`.

    Raises
    ------
    DamagedRunError
        If a parent is not in the cycle before its child: following it might never end.

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
        self,
        parent: ArrayLike,
        segment_stop: ArrayLike,
        attributes: Attributes | None = None,
        *,
        flows: Callable[[], Flows] | None = None,
        previous: ArrayLike | None = None,
        run_stop: ArrayLike | None = None,
    ) -> None:
        self._forest = Forest(parent, segment_stop, previous)
        self._attributes = dict(attributes or {})
        self._flows = flows
        self._window: tuple[int, int] | None = None  # see `windowed`
        self._run_stop = [self._forest.n_layers] if run_stop is None else np.asarray(run_stop).tolist()

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return self._forest.n_segments

    @property
    def n_runs(self) -> int:
        """Number of runs."""
        return len(self._run_stop)

    @property
    def n_cycles(self) -> int:
        """Number of cycles; of several runs, on the longest way from founders to the end of a run."""
        return max(self._forest.depth, default=NONE) + 1

    @property
    def parent(self) -> Ids:
        """Parent of each segment, (n_segments,), -1 for a founder."""
        return self._forest.parent

    @cached_property
    def continuous(self) -> Lineage:
        """The same segments by their dynamics: those that started from a source state are founders.

        Raises
        ------
        SelectionError
            If it is not known which do.
        """
        cut = np.where(self.attribute("continuous").astype(bool), self.parent, NONE)
        return Lineage(
            cut, self._forest.starts[1:], self._attributes, previous=self._forest.previous, run_stop=self._run_stop
        )

    def append(self, parent: ArrayLike) -> None:
        """Add a cycle to the last run, in time for its own segments only.

        Parameters
        ----------
        parent : (n,) integer
            Segment of the cycle before that each continues, -1 for none.

        Raises
        ------
        DamagedRunError
            If a parent is not in that cycle; nothing is added then.
        """
        self._forest.append(parent)
        self._run_stop[-1] += 1
        self.__dict__.pop("continuous", None)

    def known(self, segments: ArrayLike, least: int = 0) -> NDArray[np.int64]:
        """Return ids of segments, int64; refuse what is none, or less than `least`.

        Raises
        ------
        SelectionError
            If there is no such segment, or they are not whole numbers; says what there is.
        """
        try:
            found = np.asarray(segments)
        except (ValueError, OverflowError) as error:
            raise SelectionError(f"no segments {segments!r}: expected ids") from error
        if found.size and found.dtype.kind not in "iu":
            mask = " (of a mask, np.flatnonzero(mask) is the ids)" if found.dtype.kind == "b" else ""
            raise SelectionError(f"segments are given as {found.dtype}: expected ids, whole numbers{mask}")
        if found.size and (found.min() < least or found.max() >= self.n_segments):
            wrong = found[(found < least) | (found >= self.n_segments)]
            raise SelectionError(_no_such("segment", int(wrong.flat[0]), self.n_segments))
        return found.astype(np.int64, copy=False)

    def cycle_of(self, segments: ArrayLike) -> NDArray[np.int64]:
        """Return the cycle of each segment, counted from the first founders; -1 (no segment) has the cycle -1."""
        depth = np.array([*self._forest.depth, NONE])
        return depth[self._forest.layer_of(self.known(segments, least=NONE))]

    def walker_of(self, segments: ArrayLike) -> NDArray[np.int64]:
        """Return the position of each segment within its cycle; -1 (no segment) has the position -1."""
        known = self.known(segments, least=NONE)
        layer = self._forest.layer_of(known)
        return np.where(known < 0, NONE, known - self._forest.starts[np.maximum(layer, 0)])

    def run_of(self, segments: ArrayLike) -> NDArray[np.int64]:
        """Return the run of each segment, by its position among the runs; -1 (no segment) has the run -1."""
        layer = self._forest.layer_of(self.known(segments, least=NONE))
        return np.where(layer < 0, NONE, np.searchsorted(self._run_stop, layer, side="right"))

    def segments_of(self, cycle: int, run: int = -1) -> Ids:
        """Return the segments of a cycle on the way to the end of a run; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If there is no such cycle or run; says what there is.
        """
        return self._forest.layer(self._layer(cycle, run))

    def segment_id(self, cycle: int, walker: int, run: int = -1) -> int:
        """Return the id of a walker's segment; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If there is no such cycle, walker or run; says what there is.
        """
        layer = self._layer(cycle, run)
        begin, end = self._forest.start[layer], self._forest.start[layer + 1]
        if not begin - end <= walker < end - begin:
            raise SelectionError(_no_such("walker", walker, end - begin, f"cycle {self._forest.depth[layer]}"))
        return begin + walker % (end - begin)

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
            raise SelectionError(_no_such("cycle", cycle, own + 1, "this lineage"))
        return climb.ancestor(self._forest, ends, layer, _whole("a cycle", cycle))

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

    def effective_ancestors(
        self, segments: ArrayLike | None = None, weights: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return the effective number of ancestors in each cycle up to that of the segments, (n_cycles_so_far,).

        It is 1 / sum of W_a^2, where W_a is the share of the segments' weight that descends from the ancestor a: how
        many equally important lineages there are. It grows from the number of independent histories, in the first
        cycle, to that of the segments themselves. In cycles before any founder it is NaN.

        Parameters
        ----------
        segments : (n,) int, optional
            Different segments of one cycle; the final walkers by default.
        weights : (n,) float, optional
            Weight of each; their weights in the run by default.

        Raises
        ------
        SelectionError
            If there is no such segment, they are not of one cycle, or there are no weights for them.
        """
        ends, _ = self._ends(segments)
        found = self.attribute("weight")[ends] if weights is None else np.asarray(weights, np.float64)
        if found.shape != ends.shape:
            raise SelectionError(f"{found.size} weights of {len(ends)} segments: expected one for each")
        if not (found > 0).all():
            raise SelectionError("weights must be positive: there is one that is not, or NaN")
        return self._along(ends, found, lambda tree: tree.effective, np.float64(np.nan))

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
        if _whole("a lag", lag) < 1:
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
        if _whole("a length", length) < 1:
            raise SelectionError(f"windows of {length} cycles: they must have 1 or more")
        return climb.windows(self._forest, length, *cycle_range(cycles, self.n_cycles))

    def transition_counts(
        self,
        states: ArrayLike,
        lag: int,
        n_states: int | None = None,
        weights: ArrayLike | None = None,
        cycles: Cycles | None = None,
    ) -> NDArray[np.float64]:
        """Return the weight that went from state to state within `lag` cycles, (n_states, n_states).

        Each pair of a segment and its ancestor carries the segment's weight (see `pairs`).

        Parameters
        ----------
        states : (n_segments,) int
            State of each segment, negative for none: pairs with such a segment are left out.
        lag : int
            Cycles between the two.
        n_states : int, optional
            Number of states; what `states` needs by default.
        weights : (n_segments,) float, optional
            Weight of each segment; those of the run by default.
        cycles : int, slice, or (first, stop), optional
            Only pairs within these cycles; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If `lag` is less than 1, there are no such cycles, no weights, not one state for each segment, or more
            states than `n_states`.
        """
        state = self._each("states", states)
        if state.dtype.kind not in "iu":
            raise SelectionError(f"states are {state.dtype}: expected whole numbers, negative for none")
        weight = self.attribute("weight") if weights is None else self._each("weights", weights)
        needed = int(state.max(initial=NONE)) + 1
        count = max(needed, 1) if n_states is None else _whole("a number of states", n_states)
        if count < needed:
            raise SelectionError(
                f"state {needed - 1} of {count} states: expected 0 to {count - 1}, or n_states={needed}"
            )
        state = state.astype(np.int64)
        found = np.zeros(count * count)
        for before, after in self.pairs(lag, cycles):
            first, last = state[before], state[after]
            counted = (first >= 0) & (last >= 0)
            found += np.bincount((first * count + last)[counted], weight[after][counted], count * count)
        return found.reshape(count, count)

    def weight_origin(
        self, cycle: int, segments: ArrayLike | None = None, values: ArrayLike | None = None
    ) -> NDArray[np.float64]:
        """Return how much of the weight of segments of one cycle was in each walker of an earlier cycle, (n_walkers,).

        Weight is followed through parents and merges: what merged into a walker is shared among its sources as they
        contributed. All of it adds up to that of the segments.

        Parameters
        ----------
        cycle : int
            The earlier cycle.
        segments : (n,) int, optional
            Different segments of one cycle; the final walkers by default.
        values : (n,) float, optional
            What is followed instead of the segments' weights, in proportion to weight.

        Raises
        ------
        SelectionError
            If there is no such segment or cycle, they are not of one cycle, or weights or merges are not known.
        """
        flows = self.flows
        ends, layer = self._ends(segments)
        if layer < 0:
            raise SelectionError("the weight of no segments: give one or more")
        weight = self.attribute("weight")
        begin, end = self._forest.start[layer], self._forest.start[layer + 1]
        carried = np.zeros(end - begin)
        carried_by = weight[ends] if values is None else np.asarray(values, np.float64)
        if carried_by.shape != ends.shape:
            raise SelectionError(f"{carried_by.size} values of {len(ends)} segments: expected one for each")
        carried[ends - begin] = carried_by
        depth = self._cycle(cycle, self._forest.depth[layer] + 1, "this lineage")
        return flow_back(self._forest, weight, flows, carried, layer, depth)

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

    def within(self) -> Ids:
        """Return all segments, or those of the cycles that a graph is of."""
        if self._window is None:
            return np.arange(self.n_segments, dtype=self.parent.dtype)
        first, stop = self._window
        depths, start = self._forest.depth, self._forest.start
        layers = [layer for layer, depth in enumerate(depths) if first <= depth < stop]
        parts = [np.arange(start[layer], start[layer + 1]) for layer in layers]
        return np.concatenate([np.empty(0, np.int64), *parts]).astype(self.parent.dtype)

    def graph(
        self,
        which: str = "compressed",
        *,
        cycles: Cycles | None = None,
        attributes: Sequence[str] | None = None,
        max_nodes: int = 200_000,
    ) -> nx.DiGraph[Any]:
        """Return the history forest as a networkx graph, edges from parent to child, with a `length` in cycles.

        Nodes are segment ids with the attributes `cycle` and `walker`, `run` if there are several, and those asked for.

        Parameters
        ----------
        which : {"compressed", "survivors", "all"}
            Tips, branchings and founders of the final walkers' lineages; all ancestors of the final walkers; or all
            segments.
        cycles : int, slice, or (first, stop), optional
            Only these cycles, as if the run had begun and ended with them; negative numbers count from the end.
        attributes : sequence of str, optional
            Names of columns of the segments table, or of observables of one number per segment, that nodes carry;
            weight and bin by default.
        max_nodes : int
            Limit on the number of nodes.

        Raises
        ------
        SelectionError
            If there is no such kind of graph, attribute or cycle, or the graph is larger than `max_nodes`.
        """
        from wepy_data.query.graph import lineage_graph

        chosen = self if cycles is None else windowed(self, cycles)
        return lineage_graph(chosen, which, self._names(attributes), max_nodes)

    def weight_graph(
        self,
        which: str = "compressed",
        *,
        cycles: Cycles | None = None,
        attributes: Sequence[str] | None = None,
        max_nodes: int = 200_000,
    ) -> nx.DiGraph[Any]:
        """Return the flow of weight as a networkx graph: to children, and by merges into the children of others.

        Edges have a `weight`, a `kind` ("continued" or "merged") and a `length` in cycles. Of "all" and "compressed",
        what leaves a node is its weight, unless it is of the last cycle or was absorbed.

        Parameters
        ----------
        which : {"compressed", "survivors", "all"}
            All segments but those through which weight just passes, with one flow in and one out; the ancestors of the
            final walkers, and what merged into them; or all segments.
        cycles, attributes, max_nodes
            As for `graph`.

        Raises
        ------
        SelectionError
            If there is no such kind of graph, attribute or cycle, or the graph is larger than `max_nodes`.
        """
        from wepy_data.query.graph import weight_graph

        chosen = self if cycles is None else windowed(self, cycles)
        return weight_graph(chosen, which, self._names(attributes), max_nodes)

    def view(self, attributes: Sequence[str] | None = None) -> nx.DiGraph[Any]:
        """Return all segments as a read-only networkx graph that looks up what is asked for, and builds nothing.

        For functions that touch few nodes of a large run: `networkx.ancestors`, `networkx.has_path`, subgraphs.

        Parameters
        ----------
        attributes : sequence of str, optional
            As for `graph`.

        Raises
        ------
        SelectionError
            If there is no such attribute.
        """
        from wepy_data.query.graph import view

        return view(self, self._names(attributes))

    def children(self, segment: int) -> Ids:
        """Return the children of a segment.

        Raises
        ------
        SelectionError
            If there is no such segment; says what there is.
        """
        return subtree.children(self._forest, self._one(segment))

    @property
    def flows(self) -> Flows:
        """Weight that moved by merging.

        Raises
        ------
        SelectionError
            If it is not known.
        """
        if self._flows is None:
            raise SelectionError("merges are not known to this lineage: ask that of a run's whole one, run.lineage")
        found = self._flows()
        known = int(np.searchsorted(found.into, self.n_segments))  # a record may have grown since
        return Flows(into=found.into[:known], source=found.source[:known], weight=found.weight[:known])

    def attribute(self, name: str) -> NDArray[Any]:
        """Return what is known of the segments by name, (n_segments,).

        Raises
        ------
        SelectionError
            If there is no such attribute; names those that exist.
        """
        found = self._attributes.get(name)
        if found is None:
            exist = (
                f"it knows {', '.join(self._attributes)}" if self._attributes else "it knows nothing of them: ask a run"
            )
            raise SelectionError(f"no attribute {name!r} of segments in this lineage: {exist}")
        return np.asarray(found() if callable(found) else found)[: self.n_segments]  # a record may have grown since

    def _names(self, attributes: Sequence[str] | None) -> Sequence[str]:
        from wepy_data.query.graph import USUAL

        if attributes is None:
            return [name for name in USUAL if name in self._attributes]
        return [attributes] if isinstance(attributes, str) else attributes

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

    def _tips(self, segments: ArrayLike | None) -> Ids:
        """Return different segments, sorted; the final ones of all runs by default."""
        if segments is None:
            last = -1 if self._window is None else self._window[1] - 1
            found = [self.segments_of(last, run) for run in range(self.n_runs) if self._has(last, run)]
            return np.unique(np.concatenate([np.empty(0, self.parent.dtype), *found]))
        return np.unique(self.known(segments)).astype(self.parent.dtype, copy=False)

    def _layer(self, cycle: int, run: int) -> int:
        """Return the layer of a cycle on the way to the end of a run."""
        if not -self.n_runs <= run < self.n_runs:
            raise SelectionError(_no_such("run", run, self.n_runs, "there"))
        path = self._path(run % self.n_runs)
        where = "this run" if self.n_runs == 1 else f"the way to the end of run {run % self.n_runs}"
        return path[self._cycle(cycle, len(path), where)]

    def _path(self, run: int) -> Sequence[int]:
        """Return the layers on the way to the end of a run; none, if it has no cycles."""
        begin, stop = (self._run_stop[run - 1] if run else 0), self._run_stop[run]
        if self.n_runs == 1:
            return range(stop)
        return self._forest.path(stop - 1) if begin < stop else []

    def _has(self, cycle: int, run: int) -> bool:
        count = len(self._path(run))
        return -count <= cycle < count

    def _cycle(self, cycle: int, count: int, where: str) -> int:
        if not -count <= _whole("a cycle", cycle) < count:
            raise SelectionError(_no_such("cycle", cycle, count, where))
        return cycle % count

    def _each(self, what: str, values: ArrayLike) -> NDArray[Any]:
        """Return values of which each segment has one; refuse others."""
        found = np.asarray(values)
        if found.shape != (self.n_segments,):
            raise SelectionError(f"{found.size} {what} of {self.n_segments} segments: expected one for each")
        return found

    def _ends(self, segments: ArrayLike | None) -> tuple[Ids, int]:
        """Return segments of one layer, the final ones by default, and the layer; -1 if there are no segments."""
        if segments is None:
            runs = [run for run in range(self.n_runs) if self._path(run)]
            if not runs:
                return np.empty(0, self.parent.dtype), NONE
            layer = self._layer(-1 if self._window is None else self._window[1] - 1, runs[-1])
            return self._forest.layer(layer), layer
        ends = self.known(segments).ravel()
        if not len(ends):
            return ends.astype(self.parent.dtype), NONE
        layers = self._forest.layer_of([ends.min(), ends.max()]).tolist()
        if layers[0] != layers[1]:
            first, last = (self._forest.depth[layer] for layer in layers)
            among = f"segments of cycles {first} to {last}" if first != last else "segments of several runs"
            raise SelectionError(f"{among}: they must be of one cycle{' of one run' if self.n_runs > 1 else ''}")
        return ends.astype(self.parent.dtype), layers[0]

    def _one(self, segment: int) -> int:
        found = self.known(segment)
        if found.size != 1:
            raise SelectionError(f"{found.size} segments: this is asked of one")
        return int(found.flat[0])


def windowed(lineage: Lineage, cycles: Cycles) -> Lineage:
    """Return the same segments with those of the first of some cycles as founders, and those of the last as final ones.

    What graphs ask of it is answered for these cycles: `within`, `survivors`, `compressed`, `genealogy`.

    Raises
    ------
    SelectionError
        If there are no such cycles.
    """
    first, stop = cycle_range(cycles, lineage.n_cycles)
    if first >= stop:
        there = _no_such("cycle", first, lineage.n_cycles).partition(": ")[2]
        raise SelectionError(f"no cycles {cycles}: {there}")
    found = copy.copy(lineage)
    found.__dict__.pop("continuous", None)
    found._run_stop = list(lineage._run_stop)
    found._forest = lineage._forest.only(first, stop)
    found._window = first, stop
    return found


def _whole(what: str, number: int) -> int:
    """Return a whole number; refuse others."""
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise SelectionError(f"{what} of {number!r}: expected a whole number")
    return int(number)


def _no_such(what: str, number: int, count: int, where: str = "this run") -> str:
    exist = f"{what}s 0 to {count - 1}" if count else f"no {what}s yet"
    return f"no {what} {number}: {where} has {exist}"
