"""The chunks of a run's growing datasets: small and raw while it grows, large and packed once it is sealed."""

from __future__ import annotations

import math
from collections.abc import Mapping

from wepy_data.schema.layout import Column, Layout
from wepy_data.store.superblock import PAGE

_LIVE = {"column": 1 << 13, "block": 1 << 18}  # bytes; a commit writes the chunks that it has touched as a whole
_PACKED = {"column": 1 << 18, "block": 1 << 19}
_RAW = 1 << 16  # of a column that is not packed though its file is
_MOST = 1 << 20
_MAX_ROWS = 1 << 16


def live_chunk(column: Column) -> tuple[int, ...]:
    """Return the shape of a chunk of a file that grows.

    Examples
    --------
    >>> from wepy_data.schema.layout import Layout
    >>> live_chunk(Layout(sizes={"atom": 100, "feature": 1}).growing["/segments/weight"])
    (1024,)
    """
    row, most = _row_bytes(column), max(1, min(_MAX_ROWS, _LIVE[column.spec.storage] // _row_bytes(column)))
    # chunks begin at pages: of the numbers of rows from half to all of them, the one that leaves least of a page empty
    return _shape(column, min(range(most, max(1, most // 2) - 1, -1), key=lambda rows: _padded(rows * row) / rows))


def packed_chunk(column: Column, total: int, segment: int, *, raw: bool = False) -> tuple[int, ...]:
    """Return the shape of a chunk of a file that is written in one go.

    Parameters
    ----------
    column : Column
        The dataset.
    total : int
        Its number of rows.
    segment : int
        Number of rows that are read together: frames of a segment, if they are as many in each; else 1. A chunk of
        coordinates has whole segments, or an even part of one that is too large.
    raw : bool
        Whether the dataset is not compressed.
    """
    row = _row_bytes(column)
    rows = max(1, (_RAW if raw else _PACKED[column.spec.storage]) // row)
    if column.spec.storage == "block":
        rows = _whole(rows, max(1, segment), max(1, _MOST // row))
    return _shape(column, max(1, min(rows, _MAX_ROWS, total)))


def growing_bytes(layout: Layout, rows: Mapping[str, int]) -> int:
    """Return about how large a growing file is with so many rows of each dimension, metadata left out."""
    total = 0
    for column in layout.growing.values():
        chunk = live_chunk(column)
        bytes_of_row = math.ceil(_padded(column.numpy_dtype.itemsize * math.prod(chunk)) / chunk[0])
        parts = math.ceil(max(1, math.prod(column.shape)) / max(1, math.prod(chunk[1:])))
        total += math.ceil(rows[column.dim] / chunk[0]) * chunk[0] * bytes_of_row * parts
    return total


def _padded(size: int) -> int:
    return math.ceil(size / PAGE) * PAGE


def _whole(rows: int, segment: int, most: int) -> int:
    """Return a number of rows near the one wanted: whole segments, or one in the fewest equal parts of `most` rows."""
    if segment > most:
        return math.ceil(segment / math.ceil(segment / most))
    return max(1, rows // segment) * segment


def _shape(column: Column, rows: int) -> tuple[int, ...]:
    """Return a chunk of so many rows; a row that is too large is split along its first axis."""
    shape = [max(1, n) for n in column.shape]
    parts = math.ceil(_row_bytes(column) / _MOST)  # a chunk is read and written as a whole
    if parts > 1:
        shape[0] = math.ceil(shape[0] / parts)
    return rows, *shape


def _row_bytes(column: Column) -> int:
    return max(1, column.row_bytes)
