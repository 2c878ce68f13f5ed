"""The genealogy of walkers as a tskit tree sequence, for the statistics of population genetics."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from wepy_data.errors import MissingPackageError
from wepy_data.query.lineage.lineage import windowed
from wepy_data.query.rows import Cycles

if TYPE_CHECKING:
    from wepy_data.query.lineage import Lineage


def tree_sequence(
    lineage: Lineage, segments: ArrayLike | None = None, *, keep_unary: bool = False, cycles: Cycles | None = None
) -> Any:
    """Return the genealogy of segments as a `tskit.TreeSequence` of one tree, its times in cycles before the last.

    Parameters
    ----------
    lineage : Lineage
        Of a run, or of several.
    segments : (n,) int, optional
        The samples; the final walkers by default.
    keep_unary : bool
        Whether ancestors that have just gone on are nodes, too; else only founders and branchings are.
    cycles : int, slice, or (first, stop), optional
        Only these cycles, as if the run had begun and ended with them; negative numbers count from the end.

    Returns
    -------
    tskit.TreeSequence
        Samples first, sorted. The metadata of a node is its segment, cycle, walker and run.

    Raises
    ------
    SelectionError
        If there is no such segment; says what there is.
    MissingPackageError
        If tskit is not installed.
    """
    try:
        import tskit
    except ImportError as error:
        raise MissingPackageError("writing tree sequences", "tskit", "tskit") from error
    if cycles is not None:
        lineage = windowed(lineage, cycles)
    tree = lineage.genealogy(segments)
    nodes, above = tree.node, tree.above
    if keep_unary:
        inner = np.setdiff1d(tree.ancestor, tree.node[: tree.n_tips])
        nodes = np.concatenate([tree.node[: tree.n_tips], inner])
        order = np.argsort(nodes)
        parent = lineage.parent[nodes]
        above = np.where(parent < 0, -1, order[np.searchsorted(nodes[order], parent) % max(1, len(nodes))])
    cycle = lineage.cycle_of(nodes)
    tables = tskit.TableCollection(sequence_length=1.0)
    tables.time_units = "cycles"
    tables.nodes.metadata_schema = tskit.MetadataSchema({"codec": "json"})
    columns = (nodes, cycle, lineage.walker_of(nodes), lineage.run_of(nodes))
    labels = zip(*(column.tolist() for column in columns), strict=True)
    texts = [json.dumps({"segment": s, "cycle": c, "walker": w, "run": r}).encode() for s, c, w, r in labels]
    metadata, offset = tskit.pack_bytes(texts)
    flags = np.where(np.arange(len(nodes)) < tree.n_tips, tskit.NODE_IS_SAMPLE, 0).astype(np.uint32)
    time = (cycle.max(initial=0) - cycle).astype(float)
    tables.nodes.set_columns(flags=flags, time=time, metadata=metadata, metadata_offset=offset)
    child = np.flatnonzero(above >= 0)
    tables.edges.set_columns(
        left=np.zeros(len(child)), right=np.ones(len(child)),
        parent=above[child].astype(np.int32), child=child.astype(np.int32),
    )  # fmt: skip
    tables.sort()
    return tables.tree_sequence()
