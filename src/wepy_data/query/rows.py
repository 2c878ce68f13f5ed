"""Rows of tables: of cycles, scattered ones read in blocks, and those that other tables name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError, SelectionError
from wepy_data.record.protocols import RunReader
from wepy_data.store.reader import FileRun

Cycles = int | slice | tuple[int | None, int | None]
"""Chosen cycles: one, a slice, or first and stop; negative numbers count from the end."""

_GAP = 1 << 18  # bytes that are rather read and thrown away than asked for apart
_BLOCK = 1 << 25  # bytes read in one go


def read_rows(run: RunReader, path: str, rows: NDArray[np.int64]) -> NDArray[Any]:
    """Return chosen rows of a growing dataset, in the order asked for; rows may repeat.

    Reads go over the sorted union of the rows, in blocks, never row by row.
    """
    column = run.header.layout.growing[path]
    return gathered(partial(run.read, path), rows, column.empty())


def gathered(read: Callable[[int, int], NDArray[Any]], rows: NDArray[np.int64], like: NDArray[Any]) -> NDArray[Any]:
    """Return chosen rows, in the order asked for, of what is read by start and stop; `like` has rows of its kind."""
    wanted, inverse = np.unique(rows, return_inverse=True)
    found = np.empty((len(wanted), *like.shape[1:]), like.dtype)
    size = max(1, like.dtype.itemsize * int(np.prod(like.shape[1:], dtype=np.int64)))
    for start, stop in _blocks(wanted, max(1, _GAP // size), max(1, _BLOCK // size)):
        first = int(wanted[start])
        block = read(first, int(wanted[stop - 1]) + 1)
        found[start:stop] = block[wanted[start:stop] - first]
    return found if np.array_equal(inverse, np.arange(len(found))) else found[inverse]


def cycle_range(cycles: Cycles | None, total: int) -> tuple[int, int]:
    """Return chosen cycles of so many as first and stop; a slice may reach beyond the end.

    Raises
    ------
    SelectionError
        If there is no such cycle, or the slice leaves cycles out.

    Examples
    --------
    >>> cycle_range(-1, 8), cycle_range(slice(2, None), 8), cycle_range((6, 20), 8), cycle_range(None, 8)
    ((7, 8), (2, 8), (6, 8), (0, 8))
    """
    if cycles is None:
        return 0, total
    if isinstance(cycles, (slice, tuple)):
        part = cycles if isinstance(cycles, slice) else slice(*cycles)
        first, stop, step = part.indices(total)
        if step != 1:
            raise SelectionError(f"cycles in steps of {step}: expected a range without gaps, as slice(10, 20)")
        return first, max(first, stop)
    if not -total <= cycles < total:
        there = f"cycles 0 to {total - 1}" if total else "no cycles yet"
        raise SelectionError(f"no cycle {cycles}: this run has {there}")
    first = int(cycles) % total
    return first, first + 1


def row_range(run: RunReader, dim: str, first: int, stop: int) -> tuple[int, int]:
    """Return start and stop of the rows that belong to cycles [first, stop)."""
    if dim == "cycle":
        return first, stop
    if first == 0 and stop == run.n_cycles:
        return 0, run.rows(dim)
    stops = run.stops(dim)
    start, end = (int(stops[cycle - 1]) if cycle > 0 else 0 for cycle in (first, stop))
    return start, max(start, end)


def refuse_dangling(run: RunReader, path: str, values: NDArray[np.int64], count: int, *, none: bool = False) -> None:
    """Raise `DamagedRunError` unless values name rows of a table that has so many, or none (-1) if that is allowed."""
    wrong = values[(values < (-1 if none else 0)) | (values >= count)]
    if len(wrong):
        expected = f"a row from 0 to {count - 1}" if count else "no row, as there are none"
        raise damaged(run, f"{path}: found {wrong[0]}, expected {expected}{' or -1' if none else ''}")


def damaged(run: RunReader, what: str) -> DamagedRunError:
    """Return the error of a run whose parts contradict each other; it names the file, if it is one."""
    if not isinstance(run, FileRun):
        return DamagedRunError(f"the run is damaged ({what})")
    return DamagedRunError(f"{run.path} is damaged ({what}): wepy-data check {quote(str(run.path))} says more")


def _blocks(wanted: NDArray[np.int64], gap: int, limit: int) -> Iterator[tuple[int, int]]:
    """Yield index ranges of `wanted` whose rows are near each other and not too many."""
    breaks = np.flatnonzero(np.diff(wanted) > gap) + 1
    for start, stop in zip([0, *breaks.tolist()], [*breaks.tolist(), len(wanted)], strict=True):
        here = start
        while here < stop:
            end = int(np.searchsorted(wanted[here:stop], wanted[here] + limit)) + here
            yield here, end
            here = end
