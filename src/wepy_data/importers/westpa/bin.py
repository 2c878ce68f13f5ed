"""The rows of /bins that an import makes, from WESTPA's mappers, in order of first use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.westpa.mapper import Mapper


class FlatBins:
    """The bins of a mapper as one list: first those that hold walkers, by WESTPA's number, then those that are refined.

    Parameters
    ----------
    mapper : Mapper
        The mapper.
    """

    def __init__(self, mapper: Mapper) -> None:
        self.n_leaves = mapper.n_bins
        self.parent: dict[int, int] = {}
        self.level: dict[int, int] = {}
        self.centre: dict[int, NDArray[np.float64]] = {}
        self._numbers: list[tuple[Mapper, NDArray[np.int64]]] = []
        self._tables: dict[tuple[int, int], int] = {}
        self._refined = self.n_leaves
        self._root = self._add(mapper, 0, -1, 0)

    @property
    def n_bins(self) -> int:
        """Number of all bins."""
        return self._refined

    def assign(self, points: NDArray[np.generic]) -> NDArray[np.int64]:
        """Return the number of each point's bin; -1 outside of all."""
        return self._assign(self._root, points)

    def _add(self, mapper: Mapper, start: int, parent: int, level: int) -> int:
        """Number the bins of a mapper, whose own ones begin at `start`; return where its table is."""
        centres = mapper.grid.centres()
        number = np.empty(len(centres), np.int64)
        own = [place for place in range(len(centres)) if place not in mapper.inner]
        number[own] = np.arange(start, start + len(own))
        table = len(self._numbers)
        self._numbers.append((mapper, number))
        following = start + len(own)
        for place in mapper.inner:
            number[place] = self._refined
            self._refined += 1
        for place, one in enumerate(number.tolist()):
            self.parent[one], self.level[one], self.centre[one] = parent, level, centres[place]
        for place, inner in mapper.inner.items():
            self._tables[table, place] = self._add(inner, following, int(number[place]), level + 1)
            following += inner.n_bins
        return table

    def _assign(self, table: int, points: NDArray[np.generic]) -> NDArray[np.int64]:
        mapper, number = self._numbers[table]
        place = mapper.grid.assign(points)
        found = np.where(place < 0, -1, number[place])
        for refined in mapper.inner:
            here = place == refined
            if here.any():
                found[here] = self._assign(self._tables[table, refined], points[here])
        return found


@dataclass(slots=True)
class BinRows:
    """The rows of /bins so far, of several mappers one after the other.

    Parameters
    ----------
    bins : mapping of str to FlatBins
        The mappers by WESTPA's hash.
    """

    bins: Mapping[str, FlatBins]
    _rows: dict[tuple[str, int], int] = field(default_factory=dict)
    _first: dict[str, int] = field(default_factory=dict)

    def use(
        self, mapper: str, numbers: NDArray[np.int64], target_counts: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], dict[str, NDArray[np.generic]]]:
        """Return the row of each walker's bin, and the rows of /bins that are new.

        Parameters
        ----------
        mapper : str
            Hash of the mapper.
        numbers : (n_walkers,) int64
            Number of each walker's bin, of `FlatBins.assign`.
        target_counts : (n_bins,) int64
            Walkers wanted in each bin that holds walkers; may be empty.
        """
        bins, new = self.bins[mapper], list[int]()
        self._first.setdefault(mapper, sum(self.bins[one].n_bins for one in self._first))
        used = np.flatnonzero(np.bincount(numbers))
        for number in used.tolist():
            self._add(mapper, bins, number, new)
        rows = np.zeros(used.max(initial=-1) + 1, np.int64)
        rows[used] = [self._rows[mapper, number] for number in used.tolist()]
        parents = [self._rows[mapper, bins.parent[n]] if bins.parent[n] >= 0 else -1 for n in new]
        targets = [int(target_counts[n]) if n < min(bins.n_leaves, len(target_counts)) else -1 for n in new]
        centres = np.array([bins.centre[n] for n in new], np.float64)
        made: dict[str, NDArray[np.generic]] = {
            "/bins/index": np.array(new, np.int64) + self._first[mapper],
            "/bins/parent": np.array(parents, np.int64),
            "/bins/level": np.array([bins.level[n] for n in new], np.int64),
            "/bins/target_count": np.array(targets, np.int64),
            "/bins/centre": centres.reshape(len(new), -1)
            if len(new)
            else np.zeros((0, len(bins.centre[0])), np.float64),
        }
        return rows[numbers], made

    def _add(self, mapper: str, bins: FlatBins, number: int, new: list[int]) -> None:
        if (mapper, number) in self._rows:
            return
        if bins.parent[number] >= 0:
            self._add(mapper, bins, bins.parent[number], new)
        self._rows[mapper, number] = len(self._rows)
        new.append(number)
