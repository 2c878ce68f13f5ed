"""Scattered rows of a dataset: straight from the file if they lie there in one piece, else in spans of whole chunks."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.layout import Column
from wepy_data.store.packed import read_packed

_GAP = 1 << 15  # bytes that are rather read and thrown away than asked for apart
_BLOCK = 1 << 25  # bytes read in one go
_APART = 1 << 13  # bytes between neighbours from which on each is worth a call of the system

Rows = Callable[[int, int], NDArray[Any]]
"""Returns rows [start, stop)."""


def read_scattered(
    dataset: h5py.Dataset, column: Column, rows: NDArray[np.int64], part: slice | None, read: Rows
) -> NDArray[Any]:
    """Return chosen rows of a dataset.

    Parameters
    ----------
    dataset : h5py.Dataset
        Where they are.
    column : Column
        What it should be.
    rows : (n,) int64
        Which rows, increasing.
    part : slice, optional
        What of the second dimension: start and stop, not less than one; all of it by default.
    read : callable
        Reads rows [start, stop) of it, as the column says.

    Raises
    ------
    ValueError, OSError
        If the dataset, or the file, ends before them.
    """
    if len(rows) and rows[-1] >= dataset.shape[0]:
        raise ValueError(f"it has {dataset.shape[0]} rows, row {rows[-1]} is wanted")
    as_declared = (dataset.dtype, dataset.shape[1:]) == (column.numpy_dtype, column.shape)
    if as_declared and dataset.chunks is None and _far_apart(rows, column.row_bytes):
        offset = dataset.id.get_offset()  # None unless it lies in this very file, in one piece
        if offset is not None and not dataset.file.userblock_size:
            return _straight(dataset.file.id.get_vfd_handle(), offset, column, rows, part)
    if as_declared and part is None:
        found = read_packed(dataset, column, rows)
        if found is not None:
            return found
    return read_spans(column.empty(), rows, part, read, dataset.chunks[0] if dataset.chunks else 1)


def read_spans(
    like: NDArray[Any], rows: NDArray[np.int64], part: slice | None, read: Rows, chunk: int = 1
) -> NDArray[Any]:
    """Return chosen, increasing rows; reads go over the spans that are needed.

    Parameters
    ----------
    like : array
        Has rows of their kind.
    rows, part
        As for `read_scattered`.
    read : callable
        Reads rows [start, stop).
    chunk : int
        How many rows are kept in one piece.
    """
    keep = (slice(None),) if part is None else (slice(None), part)
    found = _room(like, len(rows), part)
    size = max(1, like.itemsize * math.prod(like.shape[1:]))
    for start, stop in _spans(rows, chunk, size):
        first = int(rows[start])
        block = read(first, int(rows[stop - 1]) + 1)[keep]
        if len(block) == stop - start:
            found[start:stop] = block
        else:
            np.take(block, rows[start:stop] - first, axis=0, out=found[start:stop], mode="clip")  # not buffered
    return found


def _room(like: NDArray[Any], count: int, part: slice | None) -> NDArray[Any]:
    shape = like.shape[1:] if part is None else (part.stop - part.start, *like.shape[2:])
    return np.empty((count, *shape), like.dtype)


def _far_apart(rows: NDArray[np.int64], row: int) -> bool:
    """Whether reading all between the first row and the last one would take longer than a call for each stretch."""
    if not len(rows):
        return False
    stretches = 1 + int(np.count_nonzero(np.diff(rows) != 1))
    return stretches == 1 or int(rows[-1] - rows[0] + 1) * row > stretches * _APART


def _straight(
    descriptor: int, offset: int, column: Column, rows: NDArray[np.int64], part: slice | None
) -> NDArray[Any]:
    """Read rows from where they lie in the file; neighbours in one go, if whole rows are wanted."""
    found = _room(column.empty(), len(rows), part)
    if not found.nbytes:
        return found
    needed = offset + (int(rows[-1]) + 1) * column.row_bytes
    if needed > os.fstat(descriptor).st_size:
        raise OSError(f"the file ends before byte {needed}")
    if part is not None:
        offset += part.start * (column.row_bytes // column.shape[0])
    breaks = np.arange(1, len(rows)) if part is not None else np.flatnonzero(np.diff(rows) != 1) + 1
    starts = np.concatenate([np.zeros(1, np.int64), breaks])
    places = (offset + rows[starts] * column.row_bytes).tolist()
    ends = [*(starts[1:] * (found.nbytes // len(rows))).tolist(), found.nbytes]
    memory, begin = memoryview(found.reshape(-1).view(np.uint8).data), 0
    for place, end in zip(places, ends, strict=True):
        _fill(descriptor, memory[begin:end], place)
        begin = end
    return found


def _fill(descriptor: int, memory: memoryview, place: int) -> None:
    """Read as many bytes as there is room for; one call of the system moves 2 GB at most."""
    done = os.preadv(descriptor, (memory,), place)
    while done < len(memory):
        count = os.preadv(descriptor, (memory[done:],), place + done)
        if not count:
            raise OSError(f"the file ends before byte {place + len(memory)}")
        done += count


def _spans(wanted: NDArray[np.int64], chunk: int, row: int) -> Iterator[tuple[int, int]]:
    """Yield index ranges of `wanted` whose rows are near each other and not too many."""
    skipped = np.diff(wanted // chunk) - 1  # chunks between two rows that nobody wants
    breaks = np.flatnonzero(skipped * chunk * row > _GAP) + 1
    limit = max(1, _BLOCK // (chunk * row)) * chunk
    for start, stop in zip([0, *breaks.tolist()], [*breaks.tolist(), len(wanted)], strict=True):
        here = start
        while here < stop:  # a span ends where a chunk does, or the chunk would be unpacked twice
            last = (wanted[here] // chunk) * chunk + limit
            end = int(np.searchsorted(wanted[here:stop], last)) + here
            yield here, end
            here = end
