"""Indices of bins inside bins: from (part, local index) to one index and back.

Part 0 is the base, parts 1, 2, ... are the children in order of the bins that they refine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Numbering(Protocol):
    """A one-to-one map between (part, local index) and index."""

    def outer(self, part: int, local: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the indices of a part's bins; `IndexError` if there are none of those local indices."""
        ...

    def inner(self, index: int) -> tuple[int, int]:
        """Return part and local index; `IndexError` if there is no bin of that index."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Indices where every part knows its bins: those that walkers can be in (leaves) come first, part by part.

    As in WESTPA, the base's bins that are not refined keep their order, and each child's leaves follow at an offset.
    Bins that are refined, which no walker is in, come after all leaves in the same order of parts.

    Parameters
    ----------
    leaves, bins : sequence of int
        Number of leaves and of all bins of each part; in a part, leaves come first.
    refined : sequence of int
        Bins of the base that the children refine, ascending.

    Examples
    --------
    >>> numbering = Counted(leaves=[3, 3], bins=[3, 3], refined=[1])
    >>> numbering.outer(0, np.arange(3)).tolist(), numbering.outer(1, np.arange(3)).tolist()
    ([0, 5, 1], [2, 3, 4])
    >>> numbering.inner(4)
    (1, 2)
    """

    leaves: Sequence[int]
    bins: Sequence[int]
    refined: Sequence[int]
    _part: NDArray[np.int64] = field(init=False, repr=False)
    _local: NDArray[np.int64] = field(init=False, repr=False)
    _outer: tuple[NDArray[np.int64], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        refined = np.array(self.refined, np.int64)
        first = [np.setdiff1d(np.arange(self.leaves[0]), refined), *map(np.arange, self.leaves[1:])]
        rest = [np.arange(leaves, bins) for leaves, bins in zip(self.leaves, self.bins, strict=True)]
        rest[0] = np.concatenate([refined, rest[0]])
        blocks = [*enumerate(first), *enumerate(rest)]
        part = np.concatenate([np.full(len(block), number, np.int64) for number, block in blocks])
        local = np.concatenate([block for _, block in blocks]).astype(np.int64)
        places = [np.flatnonzero(part == number) for number in range(len(self.bins))]
        object.__setattr__(self, "_part", part)
        object.__setattr__(self, "_local", local)
        object.__setattr__(self, "_outer", tuple(place[np.argsort(local[place])] for place in places))

    @property
    def n_leaves(self) -> int:
        """Number of bins that walkers can be in."""
        return sum(self.leaves) - len(self.refined)

    @property
    def n_bins(self) -> int:
        """Number of all bins."""
        return sum(self.bins)

    def outer(self, part: int, local: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the indices of a part's bins; `IndexError` if there are none of those local indices."""
        if local.size and local.min() < 0:
            raise IndexError(f"no bin {local.min()}")
        return self._outer[part][local]

    def inner(self, index: int) -> tuple[int, int]:
        """Return part and local index; `IndexError` if there is no bin of that index."""
        if not 0 <= index < len(self._part):
            raise IndexError(f"no bin {index}")
        return int(self._part[index]), int(self._local[index])


@dataclass(frozen=True, slots=True)
class Interleaved:
    """Indices where children make bins for ever: base bins come first, then the children's take turns.

    Bin `local` of the j-th of m children, j from 0, has index n_base + local * m + j: nothing need be remembered, no
    two bins meet, and children may be numbered so themselves.

    Parameters
    ----------
    n_base : int
        Number of bins of the base, refined ones included.
    n_children : int
        Number of children, m.

    Examples
    --------
    >>> numbering = Interleaved(n_base=3, n_children=2)
    >>> numbering.outer(1, np.arange(3)).tolist(), numbering.outer(2, np.arange(3)).tolist()
    ([3, 5, 7], [4, 6, 8])
    >>> numbering.inner(7)
    (1, 2)
    """

    n_base: int
    n_children: int

    def outer(self, part: int, local: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the indices of a part's bins; `IndexError` if there are none of those local indices."""
        if local.size and (local.min() < 0 or (part == 0 and local.max() >= self.n_base)):
            raise IndexError(f"no bins {local.tolist()} in part {part}")
        return local if part == 0 else self.n_base + local * self.n_children + part - 1

    def inner(self, index: int) -> tuple[int, int]:
        """Return part and local index; `IndexError` if there is no bin of that index."""
        if index < 0:
            raise IndexError(f"no bin {index}")
        if index < self.n_base:
            return 0, index
        local, child = divmod(index - self.n_base, self.n_children)
        return child + 1, local
