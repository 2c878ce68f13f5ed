"""Differences between sets of atom-atom distances."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.metric.column import atom_positions, checked_indices
from wepy.metric.euclidean import straight_distances
from wepy.protocols import Description

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class AtomPairs:
    """Root mean square difference of the distances between pairs of atoms (dRMSD): the same wherever a molecule is.

    The order parameter holds coordinates x0 y0 z0 x1 ... of atoms. Distances do not know of a periodic box; in one,
    take `wepy.Distance` as order parameter, which does, and `Euclidean` as metric.

    Parameters
    ----------
    pairs : sequence of (int, int)
        Atoms of each pair, counted from 0 among those of the order parameter.
    first : int
        Dimension of the order parameter where the coordinates begin.

    Raises
    ------
    ConfigurationError
        If `pairs` is no list of pairs; on use, if the order parameter has not these atoms.

    Examples
    --------
    >>> metric = AtomPairs([(0, 1)])
    >>> images = metric.images(np.array([[0.0, 0.0, 0.0, 1.0, 0.0, 0.0], [5.0, 5.0, 2.0, 5.0, 5.0, 5.0]]))
    >>> metric.between(images, images).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """

    pairs: Sequence[tuple[int, int]]
    first: int = 0

    def __post_init__(self) -> None:
        pairs = tuple(self.pairs) if isinstance(self.pairs, Iterable) else ()
        checked = tuple(checked_indices(f"AtomPairs: pairs[{row}]", pair) for row, pair in enumerate(pairs))
        if not checked or any(len(pair) != 2 for pair in checked):
            raise ConfigurationError(f"AtomPairs: pairs: expected a list of two atoms each, found {self.pairs!r}")
        object.__setattr__(self, "pairs", checked)
        object.__setattr__(self, "first", checked_indices("AtomPairs: first", [self.first])[0])

    def images(self, order_parameter: Array) -> Array:
        """Return the pairs' distances over the square root of their number, (n_walkers, n_pairs)."""
        one, other = (tuple(pair[side] for pair in self.pairs) for side in (0, 1))
        away = atom_positions("AtomPairs", order_parameter, one, self.first)
        away = away - atom_positions("AtomPairs", order_parameter, other, self.first)
        distances: Array = np.sqrt((away * away).sum(axis=2) / len(self.pairs))
        return distances

    def between(self, images_a: Array, images_b: Array) -> Array:
        """Return the root mean square differences, (n_a, n_b), in the unit of the coordinates."""
        return straight_distances(images_a, images_b)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "atom-pairs", "pairs": [list(pair) for pair in self.pairs], "first": self.first}
