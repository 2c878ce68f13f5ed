"""The datasets of an open file, each opened once."""

from __future__ import annotations

import math
from typing import Any

import h5py
from numpy.typing import NDArray

from wepy_data.store.guard import refuse_oversized, refuse_references
from wepy_data.store.piece import Piece, piece_of, read_pieces

_HARMLESS = 1 << 20  # bytes that are read without asking whether the file can hold them
Sizes = dict[str, tuple[int, int, Piece | None]]
"""Bytes of a row and of a chunk of each dataset, and its piece: asking h5py takes longer than reading rows."""


class View:
    """The datasets of an open file.

    Parameters
    ----------
    file : h5py.File
        The file.
    sizes : Sizes, optional
        What was known of the same file before.
    """

    def __init__(self, file: h5py.File, sizes: Sizes | None = None) -> None:
        self.file = file
        self.sizes: Sizes = {} if sizes is None else sizes
        self._datasets: dict[str, h5py.Dataset] = {}

    def dataset(self, path: str) -> h5py.Dataset:
        """Return a dataset."""
        found = self._datasets.get(path)
        if found is None:
            found = self._datasets[path] = h5py.Dataset(h5py.h5d.open(self.file.id, path.encode()))
        return found

    def length(self, path: str) -> int:
        """Return the number of rows of a dataset as it is now."""
        return int(self.dataset(path).id.shape[0])

    def read(self, path: str, start: int, stop: int) -> NDArray[Any]:
        """Return rows [start, stop) of a dataset, or those of them that there are.

        Raises
        ------
        ValueError
            If they lie elsewhere, or the file is too short to hold them.
        """
        dataset = self.dataset(path)
        rows = max(0, min(stop, int(dataset.id.shape[0])) - start)
        if path not in self.sizes:
            refuse_references(dataset)
            item, chunk = dataset.dtype.itemsize, dataset.chunks
            row, least = item * math.prod(dataset.shape[1:]), item * math.prod(chunk) if chunk else 0
            self.sizes[path] = row, least, piece_of(dataset)
        row, least, piece = self.sizes[path]
        if max(rows * row, least) > _HARMLESS:
            refuse_oversized(dataset, rows)
        return read_pieces(dataset, start, stop, piece)

    def let_go(self) -> None:
        """Close the datasets, so that HDF5 can close the file."""
        self._datasets.clear()
