"""The commit table as it can be trusted: which cycles of a file that may still be written are whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.record.build import CRC, cycle_crc
from wepy_data.schema.layout import Layout

Rows = Callable[[str, int, int], NDArray[Any]]


def committed_cycles(layout: Layout, lengths: dict[str, int], rows: Rows, known: int = 0) -> int:
    """Return how many cycles are committed in a file that is not sealed.

    A writer that dies within a commit, or meets a full disk there, leaves a last row of /cycles that is half written,
    or names rows that are not there. So the last row counts only if it and its cycle match their checksum.

    Parameters
    ----------
    layout : Layout
        Which datasets the run has.
    lengths : dict of str to int
        Number of rows of each growing dataset by path, of /cycles read before the others.
    rows : callable
        Returns rows [start, stop) of a growing dataset.
    known : int
        Number of cycles that are known to be committed.

    Raises
    ------
    ValueError
        If more than the last row does not match: that is no half-written commit.
    """
    total = min(lengths[column.path] for column in layout.by_dim["cycle"])
    if total <= known:
        return total
    first = max(known - 1, 0)  # the last known one, where the others begin
    index = rows("/cycles/index", first, total)
    whole = index == np.arange(first, total)
    for dim, columns in layout.by_dim.items():
        if dim != "cycle":
            stops = rows(f"/cycles/{dim}_stop", first, total)
            whole &= stops <= min(lengths[column.path] for column in columns)
            whole &= np.diff(stops, prepend=0 if first == 0 else stops[0]) >= 0
    total = first + int(np.argmin(np.append(whole, False)))
    if total > known and not _matches(layout, rows, total - 1):
        total -= 1
        if total > known and not _matches(layout, rows, total - 1):
            raise ValueError(f"{CRC}: the checksum of cycle {total - 1} does not match its rows")
    return total


def _matches(layout: Layout, rows: Rows, cycle: int) -> bool:
    """Whether the rows of a cycle have the checksum that was written with them."""
    ends = {"cycle": (cycle, cycle + 1)}
    for dim in layout.by_dim:
        if dim != "cycle":
            stops = rows(f"/cycles/{dim}_stop", max(cycle - 1, 0), cycle + 1)
            ends[dim] = (int(stops[0]) if cycle else 0, int(stops[-1]))
    found = {path: rows(path, *ends[column.dim]) for path, column in layout.growing.items()}
    return cycle_crc(layout, found) == int(found[CRC][0])
