"""Scattered rows of a dataset that HDF5 has packed: its chunks are unpacked several at a time, and only once each."""

from __future__ import annotations

import math
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.layout import Column

_FILTERS = (h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_DEFLATE)
_THREADS = 8  # at most
_FEW = 4  # chunks that HDF5 unpacks as fast
_MOST = 0.25  # of the rows of the chunks, beyond which HDF5 is as fast


def read_packed(dataset: h5py.Dataset, column: Column, rows: NDArray[np.int64]) -> NDArray[Any] | None:
    """Return chosen rows of a dataset whose chunks are shuffled and deflated; None if HDF5 had better do it.

    Parameters
    ----------
    dataset : h5py.Dataset
        Of the type and shape that the column says.
    column : Column
        What it is.
    rows : (n,) int64
        Which rows, increasing.

    Raises
    ------
    OSError
        If a chunk does not unpack to what it should be.
    """
    if not len(rows) or dataset.chunks is None or dataset.chunks[1:] != column.shape or not is_packed(dataset):
        return None
    chunk = dataset.chunks[0]
    numbers, starts = np.unique(rows // chunk, return_index=True)
    if len(numbers) < _FEW or len(rows) > _MOST * chunk * len(numbers):
        return None
    found = np.empty((len(rows), *column.shape), column.numpy_dtype)
    stops = [*starts[1:].tolist(), len(rows)]
    threads = min(_THREADS, os.cpu_count() or 1)
    with ThreadPoolExecutor(threads) as pool:
        unpack = partial(_unpack, column, chunk)
        waiting: list[Any] = []
        for number, start, stop in zip(numbers.tolist(), starts.tolist(), stops, strict=True):
            packed = _packed_chunk(dataset, number * chunk)
            if packed is None:
                return None
            waiting.append(pool.submit(unpack, packed, rows[start:stop] - number * chunk, found[start:stop]))
            if len(waiting) > 4 * threads:
                waiting.pop(0).result()
        for one in waiting:
            one.result()
    return found


def is_packed(dataset: h5py.Dataset) -> bool:
    """Whether the chunks of a dataset are shuffled, then deflated, and nothing else."""
    settings = dataset.id.get_create_plist()
    return tuple(settings.get_filter(i)[0] for i in range(settings.get_nfilters())) == _FILTERS


def _packed_chunk(dataset: h5py.Dataset, row: int) -> bytes | None:
    """Return a chunk as it is stored; None if it is not there, or was stored without its filters."""
    try:
        mask, packed = dataset.id.read_direct_chunk((row, *(0 for _ in dataset.shape[1:])))
    except (MemoryError, OSError, RuntimeError, ValueError):  # h5py takes a chunk that is missing for a huge one
        return None
    return None if mask else bytes(packed)


def _unpack(column: Column, chunk: int, packed: bytes, rows: NDArray[np.int64], target: NDArray[Any]) -> None:
    """Unpack a chunk; of its bytes, which are sorted by their place in a number, take those of some rows."""
    item, per_row = column.numpy_dtype.itemsize, math.prod(column.shape)
    size = chunk * column.row_bytes
    try:
        values = zlib.decompressobj().decompress(packed, size)
    except zlib.error as error:
        raise OSError(f"a chunk cannot be unpacked ({error})") from error
    if len(values) != size:
        raise OSError(f"a chunk unpacks to {len(values)} bytes, expected {size}")
    planes = np.frombuffer(values, np.uint8).reshape(item, chunk, per_row)
    target[...] = (
        np.ascontiguousarray(planes[:, rows].transpose(1, 2, 0)).view(column.numpy_dtype).reshape(target.shape)
    )
