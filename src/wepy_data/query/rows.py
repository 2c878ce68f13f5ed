"""Rows of tables: of cycles, scattered ones read in blocks, and those that other tables name."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError, SelectionError
from wepy_data.record.protocols import RunReader
from wepy_data.store.reader import FileRun
from wepy_data.store.scatter import read_spans

Cycles = int | slice | tuple[int | None, int | None]
"""Chosen cycles: one, a slice, or first and stop; negative numbers count from the end."""


def read_rows(run: RunReader, path: str, rows: NDArray[np.int64], part: slice | None = None) -> NDArray[Any]:
    """Return chosen rows of a growing dataset, in the order asked for; rows may repeat.

    Reads go over the sorted union of the rows, in blocks, never row by row.

    Parameters
    ----------
    run : RunReader
        The run.
    path : str
        The dataset.
    rows : (n,) int64
        Which rows.
    part : slice, optional
        What of the second dimension: start and stop, not less than one; all of it by default.
    """
    if isinstance(run, FileRun):
        return _in_order(rows, lambda wanted: run.read_rows(path, wanted, part))
    return gathered(partial(run.read, path), rows, run.header.layout.growing[path].empty(), part)


def gathered(
    read: Callable[[int, int], NDArray[Any]], rows: NDArray[np.int64], like: NDArray[Any], part: slice | None = None
) -> NDArray[Any]:
    """Return chosen rows, in the order asked for, of what is read by start and stop; `like` has rows of its kind."""
    return _in_order(rows, lambda wanted: read_spans(like, wanted, part, read))


def _in_order(rows: NDArray[np.int64], increasing: Callable[[NDArray[np.int64]], NDArray[Any]]) -> NDArray[Any]:
    """Return rows in the order asked for, of what gives increasing ones."""
    if len(rows) < 2 or (np.diff(rows) > 0).all():
        return increasing(rows)
    wanted, inverse = np.unique(rows, return_inverse=True)
    found: NDArray[Any] = increasing(wanted)[inverse]
    return found


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
