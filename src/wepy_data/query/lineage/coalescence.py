"""How lineages coalesce: one sweep from some segments back to the founders, over their ancestors only.

Its cost is the number of ancestors that are met, and these soon are few: lineages of a weighted-ensemble run coalesce
fast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy_data.query.lineage.forest import NONE, Forest, Ids

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Genealogy:
    """The ancestors of different segments, the tips, and their tree without its unbranched stretches.

    Parameters
    ----------
    n_tips : int
        Number of tips.
    node : (n_nodes,) integer
        Segments of the tree's nodes: tips, sorted; then branchings and founders that are no tips.
    above : (n_nodes,) integer
        Row of the nearest node above each, -1 for a founder.
    ancestor, below : (n_ancestors,) integer
        All ancestors of the tips, and these, sorted; and the row of the nearest node below each, or at it.
    layer, count : (n_layers,) integer
        Layers that the lineages went through, sorted, and the number of different ancestors in each.
    effective : (n_layers,) float64
        Effective number of these: 1 / sum of the squared shares of the tips' weight that descend from each; NaN
        without weights.
    """

    n_tips: int
    node: Ids
    above: Rows
    ancestor: Ids
    below: Rows
    layer: Rows
    count: Rows
    effective: NDArray[np.float64]

    def drawing(self) -> Drawing:
        """Return an order of the tips in which no two branches cross."""
        return drawing(self)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Drawing:
    """An order of the tips in which no two branches of the tree cross.

    Parameters
    ----------
    order : (n_tips,) integer
        Rows of the tips from left to right.
    place : (n_nodes,) float64
        Position of each node: tips at 0, 1, 2, ..., others amid their tips.
    meeting : (n_tips,) integer
        Row of the node where each tip meets the one to its left, in this order; -1 if they do not.
    """

    order: Rows
    place: NDArray[np.float64]
    meeting: Rows


def genealogy(forest: Forest, tips: Ids, weight: NDArray[np.float64] | None = None) -> Genealogy:
    """Return the genealogy of different, sorted segments; of one layer, if they have weights."""
    sweep = _Sweep(forest, tips, weight)
    while sweep.waiting:
        sweep.gather()
        sweep.climb()
    return sweep.result()


def drawing(tree: Genealogy) -> Drawing:
    """Return an order of the tips without crossings, siblings in order of their segments."""
    n_nodes, above = len(tree.node), tree.above.tolist()
    size = [1] * tree.n_tips + [0] * (n_nodes - tree.n_tips)
    rows = np.argsort(tree.node).tolist()  # a parent has a lower id than its children
    for row in reversed(rows):
        if above[row] >= 0:
            size[above[row]] += size[row]
    begin, free, room, meeting = [0] * n_nodes, [0] * n_nodes, 0, [NONE] * tree.n_tips
    for row in rows:
        parent = above[row]
        place = free[parent] if parent >= 0 else room
        begin[row], free[row] = place, place + (row < tree.n_tips)  # a tip amid a lineage comes before those below it
        if parent < 0:
            room += size[row]
            continue
        if place > begin[parent]:
            meeting[place] = parent
        free[parent] += size[row]
    starts = np.array(begin, np.int64)
    order = np.empty(tree.n_tips, np.int64)
    order[starts[: tree.n_tips]] = np.arange(tree.n_tips)
    place_of = starts + (np.array(size, np.int64) - 1) / 2
    return Drawing(order=order, place=place_of, meeting=np.array(meeting, np.int64))


def coalescence(forest: Forest, tree: Genealogy) -> NDArray[np.int32]:
    """Return the depth of the most recent common ancestor of each pair of tips, (n_tips, n_tips); -1 if there is none.

    In an order without crossings, that of two tips is the least of those of the neighbours between them.
    """
    drawn, depth = drawing(tree), np.array([*forest.depth, NONE], np.int32)
    node_depth = np.append(depth[forest.layer_of(tree.node)], np.int32(NONE))  # the last is that of no node, -1
    meeting, own = node_depth[drawn.meeting], node_depth[drawn.order]
    sorted_pairs = np.empty((tree.n_tips, tree.n_tips), np.int32)
    for row in range(tree.n_tips):
        sorted_pairs[row, row] = own[row]
        np.minimum.accumulate(meeting[row + 1 :], out=sorted_pairs[row, row + 1 :])
        sorted_pairs[row + 1 :, row] = sorted_pairs[row, row + 1 :]
    found = np.empty_like(sorted_pairs)
    found[np.ix_(drawn.order, drawn.order)] = sorted_pairs
    return found


def linkage(forest: Forest, tree: Genealogy) -> NDArray[np.float64]:
    """Return the tree of tips as scipy keeps a hierarchical clustering, (n_tips - 1, 4); see `Lineage.linkage`."""
    depth = np.array(forest.depth)[forest.layer_of(tree.node)]
    last = int(depth.max(initial=0))
    name, size = list(range(tree.n_tips)) + [NONE] * (len(tree.node) - tree.n_tips), [1] * tree.n_tips
    found: list[tuple[int, int, int, int]] = []

    def join(below: list[int], height: int) -> int:
        """Join clusters one after the other; return the name of the last."""
        one = below[0]
        for other in below[1:]:
            found.append((one, other, height, size[one] + size[other]))
            size.append(found[-1][3])
            one = len(size) - 1
        return one

    below: dict[int, list[int]] = {}
    for row in np.argsort(-tree.node.astype(np.int64)).tolist():  # children before their parents
        if row >= tree.n_tips:
            name[row] = join(below[row], last - int(depth[row]))
        below.setdefault(int(tree.above[row]), []).append(name[row])
    if NONE in below:
        join(below[NONE], last + 1)
    return np.array(found, np.float64).reshape(-1, 4)


class _Sweep:
    """Lineages that are followed back: where each is now, the last node below it, and what has been met.

    Layers are gone through from the last to the first; lineages wait at theirs, with those that begin there.
    """

    def __init__(self, forest: Forest, tips: Ids, weight: NDArray[np.float64] | None) -> None:
        self.forest, self.n_tips, self.weight = forest, len(tips), weight
        bounds = np.searchsorted(tips, forest.starts).tolist()
        self.tips = {
            layer: slice(*bounds[layer : layer + 2]) for layer in np.unique(forest.layer_of(tips)).tolist()
        }  # by layer
        self.waiting: dict[int, list[tuple[Ids, Rows]]] = {layer: [] for layer in self.tips}
        self.layer, self.current, self.row = NONE, tips[:0], np.empty(0, np.int64)
        self.nodes, self.n_nodes = tips.copy(), len(tips)  # with room for more
        self.links: list[tuple[Rows, Rows]] = []  # nodes, and the nodes above them
        self.trail: list[tuple[Ids, Rows]] = []
        self.layers: list[int] = []
        self.counts: list[int] = []
        self.effective: list[float] = []
        self._slot = np.empty(int(np.diff(forest.starts).max(initial=0)), np.int64)

    def gather(self) -> None:
        """Join what waits at the last layer that anything waits at."""
        self.layer = max(self.waiting)
        arrived, tips = self.waiting.pop(self.layer), self.tips.pop(self.layer, None)
        if tips is None:
            self._join(arrived, 0)
        else:
            rows = np.arange(tips.start, tips.stop)
            self._join([(self.nodes[tips], rows), *arrived], len(rows))

    def climb(self) -> None:
        """Follow the lineages until they end, or come to a layer at which others wait."""
        forest, others = self.forest, max(self.waiting, default=NONE)
        effective, number = self._effective(), np.arange(len(self.current))
        while len(self.current):
            self.trail.append((self.current, self.row))
            self.layers.append(self.layer)
            self.counts.append(len(self.current))
            self.effective.append(effective)
            if len(self.current) == 1 and others < 0:
                self._follow()
            parents = forest.column.take(self.current, mode="wrap")
            if forest.has_founders[self.layer]:
                parents = self._end(parents)
                effective, number = self._effective(), number[: len(parents)]
            self.layer = forest.previous[self.layer]
            if self.layer <= others:
                self.waiting.setdefault(self.layer, []).append((parents, self.row))
                return
            self.current = parents
            if len(parents) > 1:
                place = parents - forest.start[self.layer]
                self._slot[place] = number  # each lineage leaves its number at its place, and looks if it stays there
                if (self._slot[place] != number).any():
                    self._join([(parents, self.row)], 0)
                    effective, number = self._effective(), number[: len(self.current)]

    def result(self) -> Genealogy:
        """Return what has been met."""
        above = np.full(self.n_nodes, NONE, np.int64)
        for rows, over in self.links:
            above[rows] = over
        trail = self.trail[::-1]
        ancestor = np.concatenate([segments for segments, _ in trail] or [self.current])
        below = np.concatenate([rows for _, rows in trail] or [self.row])
        order = np.argsort(ancestor, kind="stable")  # layers are in order already
        return Genealogy(
            n_tips=self.n_tips,
            node=self.nodes[: self.n_nodes].copy(),
            above=above,
            ancestor=ancestor[order],
            below=below[order],
            layer=np.array(self.layers[::-1], np.int64),
            count=np.array(self.counts[::-1], np.int64),
            effective=np.array(self.effective[::-1], np.float64),
        )

    def _join(self, lineages: list[tuple[Ids, Rows]], n_tips: int) -> None:
        """Make nodes where lineages meet; the first `n_tips` begin here, and are nodes themselves."""
        segments, rows = (np.concatenate(parts) for parts in zip(*lineages, strict=True))
        found, inverse, size = np.unique(segments, return_inverse=True, return_counts=True)
        row = np.empty(len(found), np.int64)
        row[inverse] = rows
        is_tip = np.zeros(len(found), bool)
        is_tip[inverse[:n_tips]] = True
        is_new = (size > 1) & ~is_tip
        row[is_new] = self._added(found[is_new])
        row[inverse[:n_tips]] = rows[:n_tips]
        hangs = (is_new | is_tip)[inverse]
        hangs[:n_tips] = False
        self.links.append((rows[hangs], row[inverse[hangs]]))
        self.current, self.row = found, row
        if self.weight is not None:
            self.weight = np.bincount(inverse, self.weight).astype(np.float64, copy=False)

    def _added(self, segments: Ids) -> Rows:
        """Add nodes; return their rows."""
        first, self.n_nodes = self.n_nodes, self.n_nodes + len(segments)
        if self.n_nodes > len(self.nodes):
            self.nodes = np.concatenate([self.nodes[:first], np.empty(self.n_nodes, self.nodes.dtype)])
        self.nodes[first : self.n_nodes] = segments
        return np.arange(first, self.n_nodes)

    def _follow(self) -> None:
        """Follow the only lineage that is left to its founder."""
        parent, previous = memoryview(self.forest.column.data), self.forest.previous
        trunk, one = [], parent[int(self.current[0])]
        while one >= 0:
            trunk.append(one)
            self.layer = previous[self.layer]
            self.layers.append(self.layer)
            one = parent[one]
        if trunk:
            self.trail.append((np.array(trunk[::-1], self.current.dtype), np.repeat(self.row, len(trunk))))
            self.counts += [1] * len(trunk)
            self.effective += [self.effective[-1]] * len(trunk)
            self.current = np.array(trunk[-1:], self.current.dtype)

    def _end(self, parents: Ids) -> Ids:
        """End the lineages without parent at their founders, which are nodes; return the parents of the others."""
        goes_on = parents >= 0
        founder, row = self.current[~goes_on], self.row[~goes_on]
        is_new = founder != self.nodes[row]  # not a tip or a branching already
        if is_new.any():
            self.links.append((row[is_new], self._added(founder[is_new])))
        self.row = self.row[goes_on]
        if self.weight is not None:
            self.weight = self.weight[goes_on]
        return parents[goes_on]

    def _effective(self) -> float:
        """Return the effective number of the current ancestors; NaN without weights."""
        if self.weight is None or not len(self.weight):
            return float("nan")
        share = self.weight / self.weight.max()  # before they are squared: weights may be as small as numbers get
        return float(np.square(share.sum()) / np.square(share).sum())
