"""Datasets that rows are appended to, in a file open in HDF5's single-writer-multiple-readers mode.

HDF5 does not refuse what that mode does not protect: new objects, attributes, values of variable length. So the file
is opened by HDF5's own calls, which lead to no h5py object, and only numbers and fixed-length bytes are taken.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from h5py import h5d, h5f, h5p, h5s, h5t
from numpy.typing import NDArray

from wepy_data.schema.layout import Column

_KINDS = frozenset("biufS")
_CACHED, _CACHED_SLOTS = 4, 13  # chunks, and a prime number of places for them
_INDEX = 1 << 15  # bytes, more than the index of chunks can become longer by


def open_growing(path: Path) -> h5f.FileID:
    """Open a closed file for appending; in SWMR mode from its first moment, or a kill in between would shut it."""
    access = h5p.create(h5p.FILE_ACCESS)
    access.set_libver_bounds(h5f.LIBVER_V110, h5f.LIBVER_V110)
    access.set_file_locking(False, False)
    return h5f.open(os.fsencode(path), h5f.ACC_RDWR | h5f.ACC_SWMR_WRITE, access)


def refuse_unprotected(columns: Iterable[Column]) -> None:
    """Refuse columns whose values a crash or a reader could meet half-written.

    Raises
    ------
    ValueError
        If a column holds anything but numbers and fixed-length bytes.
    """
    unsafe = [f"{c.path} ({c.numpy_dtype})" for c in columns if c.numpy_dtype.kind not in _KINDS]
    if unsafe:
        raise ValueError(
            f"{', '.join(unsafe)}: a growing file holds numbers and fixed-length bytes, for a crash would tear "
            "anything else: choose another type"
        )


class Sink:
    """One dataset that rows are appended to, by the shortest way through HDF5.

    Parameters
    ----------
    file : h5py.h5f.FileID
        Open in SWMR mode.
    column : Column
        What the dataset is.
    rows : int
        Number of committed rows; what a crash left behind them is overwritten.

    Raises
    ------
    ValueError
        If the dataset is not of the column's type and shape, or cannot grow.
    """

    def __init__(self, file: h5f.FileID, column: Column, rows: int = 0) -> None:
        refuse_unprotected([column])
        self.path, self.dim = column.path, column.dim
        self._id = _opened(file, column.path)
        self._rows = rows
        self._shape, self._dtype = column.shape, column.numpy_dtype
        self._type = h5t.py_create(column.numpy_dtype)
        self._extent = _extent(self._id, column)
        self._chunk: int = math.prod(self._id.get_create_plist().get_chunk()) * column.numpy_dtype.itemsize

    def close(self) -> None:
        """Let go of the dataset; HDF5 keeps a file open as long as one is held."""
        self._id._close()

    def problem(self, rows: NDArray[Any], stop: int) -> str:
        """Return why rows cannot be appended if the dataset is to end at `stop`; empty if they can be."""
        if rows.dtype != self._dtype or rows.shape[1:] != self._shape:
            found, expected = f"{rows.dtype}{list(rows.shape[1:])}", f"{self._dtype}{list(self._shape)}"
            return f"{self.path}: expected rows of {expected}, found {found}"
        if self._rows + len(rows) != stop:
            return f"{self.path}: expected {stop - self._rows} rows, found {len(rows)}"
        return ""

    def room(self, rows: NDArray[Any]) -> int:
        """Return the most bytes that the file can become longer by if rows are appended."""
        return rows.nbytes + 2 * self._chunk + _INDEX

    def append(self, rows: NDArray[Any]) -> None:
        """Append rows; they are on the disk after a flush."""
        if not len(rows):
            return
        start, self._rows = self._rows, self._rows + len(rows)
        if self._rows > self._extent:  # never less: a file that shrinks is not safe from crashes
            self._extent = self._rows
            self._id.set_extent((self._extent, *self._shape))
        if rows.size:
            place = self._id.get_space()
            place.select_hyperslab((start, *(0 for _ in self._shape)), rows.shape)
            self._id.write(h5s.create_simple(rows.shape), place, np.ascontiguousarray(rows), self._type)


def _opened(file: h5f.FileID, path: str) -> h5d.DatasetID:
    """Open a dataset with a cache of a few chunks: each flush looks at all that are cached, and only the last grows."""
    found = h5d.open(file, path.encode())
    properties = found.get_create_plist()
    if properties.get_layout() != h5d.CHUNKED:
        return found
    size = math.prod(properties.get_chunk()) * found.get_type().get_size()
    found._close()
    access = h5p.create(h5p.DATASET_ACCESS)
    access.set_chunk_cache(_CACHED_SLOTS, _CACHED * max(1, size), 1.0)
    return h5d.open(file, path.encode(), access)


def can_grow(dataset: h5py.Dataset) -> bool:
    """Whether a dataset of a file can be appended to in place: chunked, raw, without end."""
    properties = dataset.id.get_create_plist()
    chunked = properties.get_layout() == h5d.CHUNKED
    return bool(chunked and properties.get_nfilters() == 0 and dataset.maxshape and dataset.maxshape[0] is None)


def _extent(dataset: h5d.DatasetID, column: Column) -> int:
    space = dataset.get_space()
    found, limit = space.get_simple_extent_dims(), space.get_simple_extent_dims(True)
    if not limit or limit[0] != h5s.UNLIMITED or found[1:] != column.shape or dataset.dtype != column.numpy_dtype:
        raise ValueError(
            f"{column.path}: expected rows of {column.numpy_dtype}{list(column.shape)} without end, "
            f"found {dataset.dtype}{list(found[1:])}, at most {limit}: it cannot be appended to"
        )
    return int(found[0])
