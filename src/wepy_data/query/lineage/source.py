"""The lineage of a run, from what its reader knows, and what has been committed since it was asked first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError
from wepy_data.query.lineage.flow import Flows
from wepy_data.query.lineage.lineage import Lineage
from wepy_data.query.rows import damaged, refuse_dangling
from wepy_data.record.protocols import RunReader

_PARENT = "/segments/parent"


def lineage_of(run: RunReader) -> Lineage:
    """Return the history forest of a run.

    Raises
    ------
    DamagedRunError
        If a parent is not in the cycle before its child.
    """
    try:
        return Lineage(run.read(_PARENT), run.stops("segment"), segment_columns(run), flows=lambda: flows_of(run))
    except DamagedRunError as error:
        raise damaged(run, f"{_PARENT}: {error}") from error


def catch_up(lineage: Lineage, run: RunReader) -> None:
    """Add the cycles that have been committed since, in time for these only.

    Raises
    ------
    DamagedRunError
        If a parent is not in the cycle before its child.
    """
    stops = run.stops("segment").tolist()
    known = lineage.n_segments
    if known == (stops[-1] if stops else 0):
        return
    parent = run.read(_PARENT, known)
    try:
        for stop in stops[lineage.n_cycles :]:
            lineage.append(parent[lineage.n_segments - known : stop - known])
    except DamagedRunError as error:
        raise damaged(run, f"{_PARENT}: {error}") from error


def segment_columns(run: RunReader) -> dict[str, Callable[[], NDArray[Any]]]:
    """Return, by name, how to read what is one number for each segment: columns of the table, and observables."""
    found: dict[str, Callable[[], NDArray[Any]]] = {}
    for path, column in run.header.layout.growing.items():
        if path.startswith("/segments/") and "/arrays/" not in path and not column.shape:
            found[path.rsplit("/", 1)[1]] = lambda path=path: run.read(path)  # type: ignore[misc]
    return found


def flows_of(run: RunReader) -> Flows:
    """Return the weight that moved by merging in a run.

    Raises
    ------
    DamagedRunError
        If it moved between segments that do not exist.
    """
    into, source = run.read("/merges/into"), run.read("/merges/from")
    for path, segments in (("/merges/into", into), ("/merges/from", source)):
        refuse_dangling(run, path, segments, run.rows("segment"))
    if (np.diff(into) < 0).any():
        order = np.argsort(into, kind="stable")
        return Flows(into=into[order], source=source[order], weight=run.read("/merges/weight")[order])
    return Flows(into=into, source=source, weight=run.read("/merges/weight"))
