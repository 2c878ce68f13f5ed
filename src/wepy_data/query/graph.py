"""Walker trees as networkx graphs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError

if TYPE_CHECKING:
    import networkx as nx

    from wepy_data.query.lineage import Lineage

Attributes = Mapping[str, NDArray[Any] | Callable[[], NDArray[Any]]]
KINDS = ("compressed", "survivors", "all")


def lineage_graph(lineage: Lineage, which: str, attributes: Attributes, max_nodes: int) -> nx.DiGraph[Any]:
    """Return a run's history forest; see `Lineage.graph`."""
    import networkx as nx

    if which not in KINDS:
        raise SelectionError(f"no graph {which!r}: there are {', '.join(KINDS)}")
    if which == "compressed":
        nodes, above = lineage.compressed()
    else:
        nodes = lineage.survivors() if which == "survivors" else np.arange(lineage.n_segments)
        above = lineage.parent[nodes]
    if len(nodes) > max_nodes:
        smaller = KINDS[: KINDS.index(which)]
        advice = f"take graph({' or '.join(map(repr, smaller))}), or raise max_nodes" if smaller else "raise max_nodes"
        raise SelectionError(f"the graph {which!r} has {len(nodes)} nodes, more than max_nodes={max_nodes}: {advice}")
    cycles = lineage.cycle_of(nodes)
    columns = {"cycle": cycles, "walker": lineage.walker_of(nodes)}
    for name, values in attributes.items():
        columns[name] = (values() if callable(values) else values)[nodes]
    graph: nx.DiGraph[Any] = nx.DiGraph()
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    graph.add_nodes_from(
        (node, dict(zip(columns, row, strict=True))) for node, row in zip(nodes.tolist(), rows, strict=True)
    )
    child = above >= 0
    length = cycles[child] - lineage.cycle_of(above[child])
    graph.add_edges_from(
        (a, b, {"length": n})
        for a, b, n in zip(above[child].tolist(), nodes[child].tolist(), length.tolist(), strict=True)
    )
    return graph
