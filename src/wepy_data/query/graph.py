"""Walker trees, and the flow of weight through them, as networkx graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.lineage.flow import Flows
from wepy_data.query.lineage.forest import NONE, Ids

if TYPE_CHECKING:
    import networkx as nx

    from wepy_data.query.lineage.lineage import Lineage

Attributes = Mapping[str, NDArray[Any] | Callable[[], NDArray[Any]]]
KINDS = ("compressed", "survivors", "all")
USUAL = ("weight", "bin")
CONTINUED, MERGED = "continued", "merged"


def lineage_graph(lineage: Lineage, which: str, names: Sequence[str], max_nodes: int) -> nx.DiGraph[Any]:
    """Return a run's history forest; see `Lineage.graph`."""
    import networkx as nx

    refuse_unknown(which)
    if which == "compressed":
        nodes, above = lineage.compressed()
    else:
        nodes = lineage.survivors() if which == "survivors" else lineage.within()
        above = lineage.parent[nodes]
    _refuse_large(which, len(nodes), max_nodes)
    graph: nx.DiGraph[Any] = nx.DiGraph()
    _add_nodes(graph, lineage, nodes, names)
    cycles, child = lineage.cycle_of(nodes), above >= 0
    length = cycles[child] - lineage.cycle_of(above[child])
    graph.add_edges_from(
        (a, b, {"length": n})
        for a, b, n in zip(above[child].tolist(), nodes[child].tolist(), length.tolist(), strict=True)
    )
    return graph


def weight_graph(lineage: Lineage, which: str, names: Sequence[str], max_nodes: int) -> nx.DiGraph[Any]:
    """Return the flow of weight; see `Lineage.weight_graph`."""
    import networkx as nx

    refuse_unknown(which)
    nodes = lineage.survivors() if which == "survivors" else lineage.within()
    edges = flow_edges(lineage, nodes, lineage.flows)
    if which == "survivors":
        nodes = np.unique(np.concatenate([nodes, edges.source]))
    if which == "compressed":
        nodes, edges = contracted(nodes, edges)
    _refuse_large(which, len(nodes), max_nodes)
    graph: nx.DiGraph[Any] = nx.DiGraph()
    _add_nodes(graph, lineage, nodes, names)
    length = lineage.cycle_of(edges.into) - lineage.cycle_of(edges.source)
    columns = (edges.source, edges.into, edges.weight, edges.is_merge, length)
    graph.add_edges_from(
        (a, b, {"weight": weight, "kind": MERGED if is_merge else CONTINUED, "length": n})
        for a, b, weight, is_merge, n in zip(*(column.tolist() for column in columns), strict=True)
    )
    return graph


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FlowEdges:
    """Flows of weight from segment to segment: to children, and by merges.

    Parameters
    ----------
    source, into : (n,) integer
        Segments.
    weight : (n,) float64
        How much.
    is_merge : (n,) bool
        Whether it merged into another lineage.
    """

    source: NDArray[np.int64]
    into: NDArray[np.int64]
    weight: NDArray[np.float64]
    is_merge: NDArray[np.bool_]


def flow_edges(lineage: Lineage, nodes: Ids, flows: Flows) -> FlowEdges:
    """Return the flows into nodes, from all that are not before the window of the lineage."""
    is_node = np.zeros(lineage.n_segments, bool)
    is_node[nodes] = True
    merged = is_node[flows.into] & (lineage.parent[flows.into] >= 0)
    children = nodes[lineage.parent[nodes] >= 0].astype(np.int64)
    received = np.bincount(flows.into[merged], flows.weight[merged], lineage.n_segments)
    kept = lineage.attribute("weight")[children] - received[children]
    return FlowEdges(
        source=np.concatenate([lineage.parent[children].astype(np.int64), flows.source[merged]]),
        into=np.concatenate([children, flows.into[merged]]),
        weight=np.concatenate([kept, flows.weight[merged]]),
        is_merge=np.arange(len(children) + np.count_nonzero(merged)) >= len(children),
    )


def contracted(nodes: Ids, edges: FlowEdges) -> tuple[Ids, FlowEdges]:
    """Return the graph without the nodes through which weight just passes: with one flow in and one out.

    Flows that part and meet again without meeting others become one, which is a merge unless one of them is none.
    """
    source, into = np.searchsorted(nodes, edges.source), np.searchsorted(nodes, edges.into)
    passes = (np.bincount(source, minlength=len(nodes)) == 1) & (np.bincount(into, minlength=len(nodes)) == 1)
    after, merges = np.arange(len(nodes)), np.zeros(len(nodes), bool)
    is_inner = passes[source]
    after[source[is_inner]], merges[source[is_inner]] = into[is_inner], edges.is_merge[is_inner]
    while True:  # pointers double: as many rounds as the longest stretch has binary digits
        beyond = after[after]
        if (beyond == after).all():
            break
        merges, after = merges | merges[after], beyond
    start, end = source[~is_inner], after[into[~is_inner]]
    is_merge = edges.is_merge[~is_inner] | merges[into[~is_inner]]
    pairs, inverse = np.unique(np.stack([start, end]), axis=1, return_inverse=True)
    inverse, count = inverse.reshape(-1), pairs.shape[1]
    return nodes[~passes], FlowEdges(
        source=nodes[pairs[0]].astype(np.int64),
        into=nodes[pairs[1]].astype(np.int64),
        weight=np.bincount(inverse, edges.weight[~is_inner], count).astype(np.float64, copy=False),
        is_merge=np.bincount(inverse, ~is_merge, count) == 0,
    )


def _add_nodes(graph: nx.DiGraph[Any], lineage: Lineage, nodes: Ids, names: Sequence[str]) -> None:
    columns: dict[str, NDArray[Any]] = {"cycle": lineage.cycle_of(nodes), "walker": lineage.walker_of(nodes)}
    if lineage.n_runs > 1:
        columns["run"] = lineage.run_of(nodes)
    columns |= {name: lineage.attribute(name)[nodes] for name in names if name not in columns}
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    graph.add_nodes_from(
        (node, dict(zip(columns, row, strict=True))) for node, row in zip(nodes.tolist(), rows, strict=True)
    )


def refuse_unknown(which: str) -> None:
    """Raise `SelectionError` unless there is such a kind of graph."""
    if which not in KINDS:
        raise SelectionError(f"no graph {which!r}: there are {', '.join(KINDS)}")


def _refuse_large(which: str, count: int, max_nodes: int) -> None:
    if count <= max_nodes:
        return
    smaller = KINDS[: KINDS.index(which)]
    ways = [" or ".join(map(repr, smaller))] if smaller else []
    ways += ["fewer cycles (cycles=(first, stop))", "Lineage.view, which builds nothing"]
    has = f"the graph {which!r} has {count} nodes, more than max_nodes={max_nodes}"
    raise SelectionError(f"{has}: take {', '.join(ways)}, or raise max_nodes")


def view(lineage: Lineage, names: Sequence[str]) -> nx.DiGraph[Any]:
    """Return the history forest as a read-only graph that builds nothing; see `Lineage.view`."""
    import networkx as nx

    graph: nx.DiGraph[Any] = nx.DiGraph()
    parts = {"_node": _Nodes(lineage, names), "_pred": _Parents(lineage), "_adj": _Children(lineage)}
    for name, part in parts.items():
        setattr(graph, name, part)
    graph._succ = graph._adj  # type: ignore[attr-defined]  # networkx's, not in its stubs
    frozen: nx.DiGraph[Any] = nx.freeze(graph)
    return frozen


class _Segments(Mapping[int, dict[Any, Any]]):
    """Something of each segment, made when it is asked for."""

    def __init__(self, lineage: Lineage) -> None:
        self.lineage, self.count = lineage, lineage.n_segments

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Any:  # an iterator of int
        return iter(range(len(self)))

    def __contains__(self, segment: object) -> bool:
        return isinstance(segment, int | np.integer) and 0 <= int(segment) < len(self)

    def __getitem__(self, segment: int) -> dict[Any, Any]:
        if segment not in self:
            raise KeyError(segment)
        return self.of(int(segment))

    def of(self, segment: int) -> dict[Any, Any]:
        raise NotImplementedError


class _Nodes(_Segments):
    def __init__(self, lineage: Lineage, names: Sequence[str]) -> None:
        super().__init__(lineage)
        self.columns = {name: lineage.attribute(name) for name in names}

    def of(self, segment: int) -> dict[Any, Any]:
        found = {"cycle": int(self.lineage.cycle_of(segment)), "walker": int(self.lineage.walker_of(segment))}
        if self.lineage.n_runs > 1:
            found["run"] = int(self.lineage.run_of(segment))
        return {name: column[segment].item() for name, column in self.columns.items()} | found


class _Parents(_Segments):
    def of(self, segment: int) -> dict[Any, Any]:
        parent = self.lineage.parent.item(segment)
        return {parent: {"length": 1}} if parent != NONE else {}


class _Children(_Segments):
    def of(self, segment: int) -> dict[Any, Any]:
        return {child: {"length": 1} for child in self.lineage.children(segment).tolist() if child < self.count}
