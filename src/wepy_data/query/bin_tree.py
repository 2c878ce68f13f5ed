"""The tree of a run's bins, and who was in them, from what the file holds alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.rows import Cycles, cycle_range, damaged, refuse_dangling, row_range
from wepy_data.record.protocols import RunReader

if TYPE_CHECKING:
    import networkx as nx

    from wepy_data.query.run import Run

NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinUse:
    """Bins of a run, those that others refine coming before these, and who was in them in some cycles.

    Parameters
    ----------
    cycles : (int, int)
        First and stop of these cycles.
    row : (n_bins,) int64
        Row in /bins.
    index : (n_bins,) int64
        Index of the bin in its binner.
    parent : (n_bins,) int64
        Position here of the bin that this one refines; -1 if none.
    level : (n_bins,) int64
        Depth of refinement; 0 for a bin without parent.
    cycle, last : (n_bins,) int64
        Cycle in which the bin was made, and the last of the chosen cycles in which a walker was in it, or -1.
    centre : (n_bins, n_dims) float64
        A point that stands for the bin; NaN where it is unbounded.
    walkers : (n_bins,) int64
        Walkers in the bin, and in those that refine it, summed over the cycles.
    weight : (n_bins,) float64
        Their weight, its mean over the cycles.
    """

    cycles: tuple[int, int]
    row: NDArray[np.int64]
    index: NDArray[np.int64]
    parent: NDArray[np.int64]
    level: NDArray[np.int64]
    cycle: NDArray[np.int64]
    last: NDArray[np.int64]
    centre: NDArray[np.float64]
    walkers: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def is_leaf(self) -> NDArray[np.bool_]:
        """Whether no other bin refines it, (n_bins,)."""
        found = np.ones(len(self), bool)
        found[self.parent[self.parent >= 0]] = False
        return found

    def occupied(self) -> BinUse:
        """Return the bins that walkers were in, and those that these refine."""
        kept = np.flatnonzero(self.walkers > 0)
        place = np.full(len(self) + 1, NONE)  # the last is that of no bin, -1
        place[kept] = np.arange(len(kept))
        return BinUse(
            cycles=self.cycles,
            row=self.row[kept],
            index=self.index[kept],
            parent=place[self.parent[kept]],
            level=self.level[kept],
            cycle=self.cycle[kept],
            last=self.last[kept],
            centre=self.centre[kept],
            walkers=self.walkers[kept],
            weight=self.weight[kept],
        )


def bin_tree(run: Run, cycles: Cycles | None = None, *, occupied: bool = False) -> nx.DiGraph[Any]:
    """Return the tree of a run's bins as a networkx graph, edges from a bin to those that refine it.

    Bins are those made up to the last of the cycles; a forest, if several refine no other. It is read from the file
    alone, whatever binner made them.

    Parameters
    ----------
    run : Run
        The run: growing, crashed or sealed.
    cycles : int, slice or (first, stop), optional
        Cycles whose walkers are counted; negative numbers count from the end. All by default.
    occupied : bool
        Whether bins are left out that no walker was in, in these cycles.

    Returns
    -------
    networkx.DiGraph
        Nodes are rows of the table `bins`, with `index`, `level`, `cycle` (in which it was made), `centre` (tuple of
        float, NaN where the bin is unbounded), `walkers` (in it and in those that refine it, summed over the cycles)
        and `weight` (of these walkers, its mean over the cycles).

    Raises
    ------
    SelectionError
        If the run has no cycles yet, no such cycle, or no bins.
    DamagedRunError
        If bins or segments name bins that do not exist.

    Examples
    --------
    ```python
    tree = wd.bin_tree(run, -1)                        # the last cycle's walkers
    [b for b in tree if tree.out_degree(b) == 0 and tree.nodes[b]["walkers"]]
    ```
    """
    import networkx as nx

    use = bin_use(run.reader, cycles)
    use = use.occupied() if occupied else use
    graph: nx.DiGraph[Any] = nx.DiGraph()
    columns = {
        "index": use.index.tolist(), "level": use.level.tolist(), "cycle": use.cycle.tolist(),
        "centre": list(map(tuple, use.centre.tolist())), "walkers": use.walkers.tolist(),
        "weight": use.weight.tolist(),
    }  # fmt: skip
    rows = use.row.tolist()
    for row, *values in zip(rows, *columns.values(), strict=True):
        graph.add_node(row, **dict(zip(columns, values, strict=True)))
    graph.add_edges_from((rows[above], row) for above, row in zip(use.parent.tolist(), rows, strict=True) if above >= 0)
    return graph


def bin_use(run: RunReader, cycles: Cycles | None = None) -> BinUse:
    """Return the bins made up to the last of some cycles, in order of their rows, and who was in them.

    Raises
    ------
    SelectionError
        If the run has no cycles yet, no such cycle, or no bins.
    DamagedRunError
        If bins or segments name bins that do not exist.
    """
    first, stop = _chosen(run, cycles)
    count = int(run.stops("bin")[stop - 1])
    if not count:
        raise SelectionError("no bins: this run was made without a binner, or by a balancer that looks at none")
    index, parent, level, cycle, centre = (
        run.read(f"/bins/{name}", 0, count) for name in ("index", "parent", "level", "cycle", "centre")
    )
    refuse_dangling(run, "/bins/parent", parent, count, none=True)
    if late := np.flatnonzero(parent >= np.arange(count)).tolist():
        raise damaged(run, f"/bins/parent: found {parent[late[0]]} in row {late[0]}, expected an earlier row or -1")
    walkers, weight, last = _counts(run, first, stop, count)
    for row, above in reversed(list(enumerate(parent.tolist()))):
        if above >= 0:
            walkers[above] += walkers[row]
            weight[above] += weight[row]
            last[above] = max(last[above], last[row])
    return BinUse(
        cycles=(first, stop), row=np.arange(count), index=index, parent=parent, level=level, cycle=cycle, last=last,
        centre=centre, walkers=walkers, weight=weight,
    )  # fmt: skip


def _chosen(run: RunReader, cycles: Cycles | None) -> tuple[int, int]:
    first, stop = cycle_range(cycles, run.n_cycles)
    if not run.n_cycles:
        raise SelectionError("no bins: this run has no cycles yet")
    if first == stop:
        raise SelectionError(f"no cycles {cycles}: this run has cycles 0 to {run.n_cycles - 1}")
    return first, stop


def _counts(
    run: RunReader, first: int, stop: int, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return walkers in each of so many bins, their mean weight, and the last cycle of any, not those below."""
    rows = row_range(run, "segment", first, stop)
    used = run.read("/segments/bin", *rows)
    refuse_dangling(run, "/segments/bin", used, count, none=True)
    binned = used >= 0  # those that were absorbed are in none
    used = used[binned]
    weight = np.bincount(used, run.read("/segments/weight", *rows)[binned], count) / (stop - first)
    last = np.full(count, NONE, np.int64)
    last[used] = run.read("/segments/cycle", *rows)[binned]  # in order of cycles: the last one stays
    return np.bincount(used, minlength=count).astype(np.int64), weight, last
