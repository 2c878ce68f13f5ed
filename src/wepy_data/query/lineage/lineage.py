"""Who descends from whom: everything that can be asked of the walker trees of one run, or of several."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.lineage.flow import Flows, flow_back
from wepy_data.query.lineage.forest import NONE, Forest
from wepy_data.query.lineage.places import no_such, whole
from wepy_data.query.lineage.trees import Trees
from wepy_data.query.rows import Cycles, cycle_range

if TYPE_CHECKING:
    from collections.abc import Callable

    import networkx as nx

    from wepy_data.query.graph import Attributes


class Lineage(Trees):
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
        forest = Forest(parent, segment_stop, previous)
        super().__init__(forest, [forest.n_layers] if run_stop is None else np.asarray(run_stop).tolist())
        self._attributes = dict(attributes or {})
        self._flows = flows

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
        count = max(needed, 1) if n_states is None else whole("a number of states", n_states)
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
        there = no_such("cycle", first, lineage.n_cycles).partition(": ")[2]
        raise SelectionError(f"no cycles {cycles}: {there}")
    found = copy.copy(lineage)
    found.__dict__.pop("continuous", None)
    found._run_stop = list(lineage._run_stop)
    found._forest = lineage._forest.only(first, stop)
    found._window = first, stop
    return found
