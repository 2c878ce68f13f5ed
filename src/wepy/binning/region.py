"""The regions of a tree as arrays, and the walkers' places among them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.protocols import Bin, KnownBins, Metric

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


class Regions:
    """The regions of a tree, in the order in which they were made; a row is a region's position in that order.

    Parameters
    ----------
    known : mapping of int to Bin
        Regions made before.
    metric : Metric
        For the regions' images.
    n_levels : int
        Depth of the tree.

    Attributes
    ----------
    parent : list of int
        Row of the region that each region is in, -1 for level 0.
    made : dict of int to Bin
        Regions made since, by index, each after the one it is in.

    Raises
    ------
    ConfigurationError
        If `known` are no regions of that many levels.
    """

    def __init__(self, known: KnownBins, metric: Metric, n_levels: int) -> None:
        self.metric, self.n_levels = metric, n_levels
        self._index = list(known)
        self._next = max(self._index, default=-1) + 1
        row_of = {index: row for row, index in enumerate(self._index)}
        self.parent = [row_of.get(one.parent, -1) for one in known.values()]
        self._level = [one.level for one in known.values()]
        self._check(known)
        self._images = [metric.images(np.array([one.centre for one in known.values()]))] if known else []
        self._children: dict[int, list[int]] = {-1: []}
        for row, parent in enumerate(self.parent):
            self._children[parent].append(row)
            self._children[row] = []
        self.made: dict[int, Bin] = {}

    @property
    def images(self) -> Array:
        """The image of each region, by row."""
        if len(self._images) > 1:
            self._images = [np.concatenate(self._images)]
        return self._images[0]

    def children(self, row: int) -> list[int]:
        """Return the regions within a region, those of level 0 for -1."""
        return self._children[row]

    def n_siblings(self, row: int) -> int:
        """Return how many regions there are beside a region, itself included."""
        return len(self._children[self.parent[row]])

    def index_of(self, rows: Rows) -> Rows:
        """Return the bins' indices of rows."""
        return np.array(self._index, np.int64)[rows]

    def add(self, centre: Array, *, level: int, beside: int) -> list[int]:
        """Make a region beside another of the same level (-1: in an empty tree), and one at each level below.

        Returns
        -------
        list of int
            The new rows, from `level` down.
        """
        parent = self.parent[beside] if beside >= 0 else -1
        image = self.metric.images(centre[None])
        centre = centre.copy()
        centre.setflags(write=False)
        rows = []
        for depth in range(level, self.n_levels):
            row, index = len(self._index), self._next
            self._children[parent].append(row)
            self._children[row] = []
            self._index.append(index)
            self.parent.append(parent)
            self._level.append(depth)
            self._images.append(image)
            self._next += 1
            up = self._index[parent] if parent >= 0 else -1
            self.made[index] = Bin(label=self._label(row), centre=centre, parent=up, level=depth)
            rows.append(row)
            parent = row
        return rows

    def image_of(self, row: int) -> Array:
        """Return the image of a region that was just made, (1, n)."""
        return self._images[row - len(self._index)]

    def _label(self, row: int) -> str:
        path = [row]
        while self.parent[path[-1]] >= 0:
            path.append(self.parent[path[-1]])
        return "/".join(str(self._children[parent].index(row)) for parent, row in pairwise([-1, *reversed(path)]))

    def _check(self, known: KnownBins) -> None:
        expected = [0 if parent < 0 else self._level[parent] + 1 for parent in self.parent]
        late = [parent >= row for row, parent in enumerate(self.parent)]
        empty = set(range(len(self.parent))) - set(self.parent)
        whole = all(self._level[row] == self.n_levels - 1 for row in empty)
        if expected != self._level or any(late) or not whole or max(self._level, default=0) >= self.n_levels:
            raise ConfigurationError(
                f"the bins made so far are no regions of {self.n_levels} levels, each after the one it is in:"
                " they are of another binner, or of other settings; go on with the run's own binner"
            )


class Places:
    """The region of each walker at every level, and its distance from the region's image.

    Parameters
    ----------
    regions : Regions
        At least one at every level.
    images : (n_walkers, n) float64
        The walkers' images.

    Attributes
    ----------
    row : (n_walkers, n_levels) int64
        The walker's region, by row, at each level.
    distance : (n_walkers, n_levels) float64
        Its distance from the region's image.
    """

    def __init__(self, regions: Regions, images: Array) -> None:
        self._regions, self._images = regions, images
        n_walkers, n_levels = len(images), regions.n_levels
        self.row = np.empty((n_walkers, n_levels), np.int64)
        self.distance = np.empty((n_walkers, n_levels))
        above = np.full(n_walkers, -1)
        for level in range(n_levels):
            self._descend(level, above)
            above = self.row[:, level]

    def move(self, made: list[int], level: int, *, first: int) -> Rows:
        """Move walkers to a region that was just made, if it is nearer than theirs beside it.

        Parameters
        ----------
        made : list of int
            Rows of the new region and of those within it.
        level : int
            Its level.
        first : int
            Walkers before this one stay.

        Returns
        -------
        (n_moved,) int64
            Those that were moved.
        """
        parent = self._regions.parent[made[0]]
        there = np.arange(first, len(self.row))
        if level > 0:
            there = there[self.row[first:, level - 1] == parent]
        distance = self._regions.metric.between(self._images[there], self._regions.image_of(made[0]))[:, 0]
        nearer = distance < self.distance[there, level]
        moved: Rows = there[nearer]
        self.row[moved, level:] = made
        self.distance[moved, level:] = distance[nearer, None]
        return moved

    def _descend(self, level: int, above: Rows) -> None:
        """Assign walkers to the nearest regions within those above; of equally near ones, to the one made first."""
        order = np.argsort(above, kind="stable")
        starts = np.flatnonzero(np.diff(above[order], prepend=-2))
        images = self._regions.images
        for start, stop in pairwise([*starts.tolist(), len(order)]):
            walkers = order[start:stop]
            inside = self._regions.children(int(above[walkers[0]]))
            distances = self._regions.metric.between(self._images[walkers], images[inside])
            nearest = distances.argmin(axis=1)
            self.row[walkers, level] = np.array(inside)[nearest]
            self.distance[walkers, level] = distances[np.arange(len(walkers)), nearest]
