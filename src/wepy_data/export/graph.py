"""Walker trees and flows of weight in the formats of graph and tree programs."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wepy_data.errors import SelectionError
from wepy_data.export.table import require_folder
from wepy_data.query.graph import refuse_unknown
from wepy_data.query.rows import Cycles
from wepy_data.store.path import appearing, refuse_existing

if TYPE_CHECKING:
    import networkx as nx

    from wepy_data.query.run import Run
    from wepy_data.query.runs import Runs

MAX_NODES = 200_000


def export_graph(
    run: Run | Runs,
    path: str | os.PathLike[str],
    which: str = "compressed",
    *,
    flow: bool = False,
    cycles: Cycles | None = None,
    attributes: Sequence[str] | None = None,
    max_nodes: int = MAX_NODES,
    overwrite: bool = False,
) -> Path:
    """Write the walker trees of a run, or its flow of weight, to a file; return its path.

    Parameters
    ----------
    run : Run or Runs
        The run, or several.
    path : path
        Where to; the suffix says how: `.gexf` (Gephi), `.graphml`, `.json` (networkx's node-link JSON), `.dot`
        (Graphviz), `.nwk` (Newick, one tree a line; lengths in cycles, names are segment ids), `.trees` (tskit).
    which : {"compressed", "survivors", "all"}
        How much, as for `Lineage.graph`; `.trees` and `.nwk` hold trees of the final walkers, and take no "all".
    flow : bool
        The flow of weight, as `Lineage.weight_graph` returns it, instead of the trees; not for `.nwk` and `.trees`.
    cycles, attributes, max_nodes
        As for `Lineage.graph`; `.nwk` and `.trees` have no attributes, and `.trees` no limit.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    SelectionError
        If there is no such graph or format, or the graph is too large; names those that exist, or the way out.
    RunExistsError
        If the file exists and `overwrite` is false.
    FileNotFoundError
        If its folder does not exist.
    MissingPackageError
        If a tskit file is asked for and tskit is not installed.
    """
    target = Path(path)
    if target.suffix not in SUFFIXES:
        raise SelectionError(f"{target}: graphs are written as {', '.join(SUFFIXES)}: choose a name that ends so")
    if target.suffix in _TREES and (flow or which == "all"):
        raise SelectionError(f"{target}: {target.suffix} holds trees of the final walkers only: take .gexf or .graphml")
    if target.suffix in _TREES and attributes is not None:
        raise SelectionError(f"{target}: {target.suffix} has no room for attributes: take .gexf or .graphml")
    refuse_existing(target, overwrite=overwrite)
    require_folder(target)
    if target.suffix == ".trees":
        from wepy_data.export.tree_sequence import tree_sequence

        refuse_unknown(which)
        found = tree_sequence(run.lineage, keep_unary=which == "survivors", cycles=cycles)
        with appearing(target, overwrite=overwrite) as temporary:
            found.dump(temporary)
        return target
    make = run.lineage.weight_graph if flow else run.lineage.graph
    graph = make(which, cycles=cycles, attributes=attributes, max_nodes=max_nodes)
    with appearing(target, overwrite=overwrite) as temporary:
        _WRITERS[target.suffix](graph, temporary)
    return target


def newick(graph: nx.DiGraph[Any]) -> str:
    r"""Return trees as text in Newick's format, one a line: names are segment ids, lengths are in cycles.

    Examples
    --------
    >>> import networkx as nx
    >>> newick(nx.DiGraph([(0, 1, {"length": 2}), (0, 2, {"length": 3})]))
    '(1:2,2:3)0;\n'
    """
    pieces: list[str] = []
    for root in sorted(node for node in graph if not graph.pred[node]):
        waiting: list[Any] = [(root, ";\n")]
        while waiting:
            node, after = waiting.pop()
            below = [] if node is None else sorted(graph[node])
            if not below:
                pieces.append(("" if node is None else str(node)) + after)
                continue
            pieces.append("(")
            waiting.append((None, f"){node}{after}"))
            ends = [*[","] * (len(below) - 1), ""]
            lengths = [graph.edges[node, child]["length"] for child in below]
            waiting += [(child, f":{size}{end}") for child, size, end in zip(below, lengths, ends, strict=True)][::-1]
    return "".join(pieces)


def _write_gexf(graph: nx.DiGraph[Any], path: Path) -> None:
    import networkx as nx

    nx.write_gexf(graph, path)


def _write_graphml(graph: nx.DiGraph[Any], path: Path) -> None:
    import networkx as nx

    nx.write_graphml_xml(graph, path)


def _write_json(graph: nx.DiGraph[Any], path: Path) -> None:
    nodes = [
        {"id": node, **{name: _plain(value) for name, value in data.items()}} for node, data in graph.nodes(data=True)
    ]
    edges = [{"source": a, "target": b, **data} for a, b, data in graph.edges(data=True)]
    whole = {"directed": True, "multigraph": False, "graph": {}, "nodes": nodes, "edges": edges}
    path.write_text(json.dumps(whole, indent=1, allow_nan=False), encoding="utf-8")


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: what is no number is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write_dot(graph: nx.DiGraph[Any], path: Path) -> None:
    lines = ["digraph walkers {", "  rankdir=LR;"]
    lines += [f"  {node} [{_dot_attributes(data)}];" for node, data in graph.nodes(data=True)]
    lines += [f"  {a} -> {b} [{_dot_attributes(data)}];" for a, b, data in graph.edges(data=True)]
    path.write_text("\n".join([*lines, "}", ""]), encoding="utf-8")


def _dot_attributes(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{json.dumps(name)}={json.dumps(str(value))}" for name, value in data.items())


def _write_newick(graph: nx.DiGraph[Any], path: Path) -> None:
    path.write_text(newick(graph), encoding="utf-8")


_WRITERS: Mapping[str, Callable[[nx.DiGraph[Any], Path], None]] = MappingProxyType(
    {
        ".gexf": _write_gexf,
        ".graphml": _write_graphml,
        ".json": _write_json,
        ".dot": _write_dot,
        ".nwk": _write_newick,
    }
)
_TREES = (".nwk", ".trees")
SUFFIXES = (*_WRITERS, ".trees")
