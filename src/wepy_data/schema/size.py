"""How much a file of some size can hold: what declares more is damaged, or made to exhaust a reader's memory."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping

from wepy_data.schema.layout import Layout
from wepy_data.schema.tree import Node

_UNWRITTEN = 1 << 20  # bytes that a file may declare and not store, as their values are zero
_ALWAYS = 1 << 24  # bytes that any compressed file may declare
_INFLATION = 64  # compressed runs are 2 to 20 times as large in memory; zeros alone would be a thousand times
_CHUNK_BYTES = 8  # that a compressed chunk takes at least, and HDF5 needs a hundred times more to read it


def room(size: int, *, packed: bool, chunk: int | None = None) -> int:
    """Return how many bytes the datasets of a file may have in memory.

    Parameters
    ----------
    size : int
        Length of the file in bytes.
    packed : bool
        Whether any of them is compressed.
    chunk : int, optional
        Bytes of a chunk in memory, for one dataset.
    """
    if not packed:
        return _UNWRITTEN + size
    most = _ALWAYS + _INFLATION * size
    return most if chunk is None else min(most, _UNWRITTEN + chunk * (size // _CHUNK_BYTES))


def is_packed(nodes: Mapping[str, Node]) -> bool:
    """Whether any dataset is compressed."""
    return any(node.packed for node in nodes.values())


def oversized(
    layout: Layout, nodes: Mapping[str, Node], rows: Callable[[str], int | None], size: int
) -> Iterator[tuple[str, int, int]]:
    """Yield what cannot be stored in a file: path, bytes declared, and bytes that there was room for.

    Parameters
    ----------
    layout : Layout
        Which datasets the run has.
    nodes : mapping
        Its objects by path.
    rows : callable
        Returns the number of rows of a dataset that count; None for all.
    size : int
        Length of the file in bytes.
    """
    left = room(size, packed=is_packed(nodes))
    for path in (*layout.spec.texts, *layout.columns):
        node = nodes.get(path)
        if node is None or node.kind != "dataset":
            continue
        counted = rows(path) if node.shape else None
        shape = node.shape if counted is None else (min(counted, node.shape[0]), *node.shape[1:])
        declared = math.prod(shape) * node.itemsize
        most = min(left, room(size, packed=node.packed, chunk=node.chunk))
        held = max(declared, node.chunk if declared else 0)  # a chunk is held whole to read any part of it
        if held > most:
            yield path, held, most
        else:
            left -= declared
