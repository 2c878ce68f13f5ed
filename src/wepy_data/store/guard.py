"""Guards of what is read from a file that may be damaged or hostile: its type, its shape, its size in memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.layout import Column, Layout
from wepy_data.schema.size import oversized, room
from wepy_data.schema.tree import Node

Rows = Callable[[str, int, int], NDArray[Any]]


def refuse_misfit(column: Column, values: NDArray[Any], rows: int) -> None:
    """Raise ValueError if values are not so many rows of the type and shape that the schema says."""
    if values.dtype != column.numpy_dtype or values.shape != (rows, *column.shape):
        wanted = np.dtype(column.numpy_dtype)
        raise ValueError(f"found {values.dtype}{list(values.shape)}, expected {wanted}{[rows, *column.shape]}")


def refuse_oversized(dataset: h5py.Dataset, rows: int) -> None:
    """Raise ValueError if rows of a dataset need more memory than the length of its file can account for."""
    row = dataset.dtype.itemsize * math.prod(dataset.shape[1:])
    wanted = rows * row
    if dataset.chunks is not None and rows:  # a chunk is held whole to read any part of it
        wanted = max(wanted, math.prod(dataset.chunks) * dataset.dtype.itemsize)
    _refuse(dataset, wanted)


def refuse_references(dataset: h5py.Dataset) -> None:
    """Raise ValueError if the values of a dataset lie elsewhere, as texts of variable length do: no table has such."""
    if dataset.dtype.hasobject:
        raise ValueError(f"{dataset.name} holds references or texts, expected numbers or bytes of fixed length")


def refuse_uncountable(layout: Layout, nodes: Mapping[str, Node]) -> None:
    """Raise ValueError if a column that says how many rows there are is of another type or shape."""
    counting = {layout.spec.dims[dim].stop or "/cycles/index" for dim in layout.by_dim}
    for column in layout.by_dim["cycle"]:
        node = nodes.get(column.path)
        if column.path in counting and node is not None and (node.dtype, node.shape[1:]) != (column.dtype, ()):
            found = f"{node.dtype or node.kind}{list(node.shape)}"
            raise ValueError(f"{column.path}: expected {column.dtype} of [{column.dim}], found {found}")


def committed_rows(
    layout: Layout, nodes: Mapping[str, Node], lengths: Mapping[str, int], rows: Rows, size: int
) -> dict[str, int]:
    """Return how many rows of each growing dimension are committed, of a run's file with `size` bytes.

    Parameters
    ----------
    layout : Layout
        Which datasets the run has.
    nodes : mapping
        Its objects by path.
    lengths : mapping of str to int
        Number of rows of the growing datasets by path; `nodes` know it of those that are left out.
    rows : callable
        Returns rows [start, stop) of a growing dataset.
    size : int
        Length of the file in bytes.

    Raises
    ------
    ValueError
        If they are more than there are, or more than a file of this size can hold.
    """
    there = {path: nodes[path].shape[0] for path in layout.growing if path in nodes and nodes[path].shape}
    there.update(lengths)
    total = lengths["/cycles/index"]
    found = {"cycle": total}
    for dim, columns in layout.by_dim.items():
        if dim != "cycle":
            path = f"/cycles/{dim}_stop"
            found[dim] = int(rows(path, total - 1, total)[0]) if total else 0
            short = min((there[column.path] for column in columns if column.path in there), default=0)
            if not 0 <= found[dim] <= short:
                raise ValueError(f"{path} ends at {found[dim]}, and there are {short} rows")

    def counted(path: str) -> int | None:
        return found[layout.growing[path].dim] if path in layout.growing else None

    for path, declared, most in oversized(layout, nodes, counted, size):
        raise ValueError(f"{path} declares {declared} bytes, at most {most} can be in a file of {size}")
    return found


def within_budget(file: h5py.File, rows: Rows, columns: Callable[[str], h5py.Dataset]) -> Rows:
    """Return a way to read rows that gives up when all that was read is more than the file can hold."""
    spent = 0

    def read(path: str, start: int, stop: int) -> NDArray[Any]:
        nonlocal spent
        dataset = columns(path)
        spent += max(0, min(stop, len(dataset)) - start) * dataset.dtype.itemsize * math.prod(dataset.shape[1:])
        _refuse(dataset, spent)
        return rows(path, start, stop)

    return read


def _refuse(dataset: h5py.Dataset, wanted: int) -> None:
    if wanted <= room(0, packed=False):
        return
    size = dataset.file.id.get_filesize()
    chunk = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
    most = room(size, packed=dataset.id.get_create_plist().get_nfilters() > 0, chunk=chunk)
    if wanted > most:
        raise ValueError(f"{dataset.name} declares {wanted} bytes, at most {most} can be in a file of {size}")
