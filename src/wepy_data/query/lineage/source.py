"""The lineage of a run, from what its reader knows, and what has been committed since it was asked first."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError
from wepy_data.query.lineage.flow import Flows
from wepy_data.query.lineage.lineage import Lineage
from wepy_data.query.rows import damaged, refuse_dangling
from wepy_data.query.table import flat_columns, labels_of
from wepy_data.record.protocols import RunReader

if TYPE_CHECKING:
    from wepy_data.query.graph import Attributes

_PARENT = "/segments/parent"


def lineage_of(run: RunReader, more: Attributes | None = None) -> Lineage:
    """Return the history forest of a run; `more` is known of its segments besides the columns of their table.

    Raises
    ------
    DamagedRunError
        If a parent is not in the cycle before its child.
    """
    parent, stops = run.read(_PARENT), run.stops("segment")
    columns = {**(more or {}), **segment_columns(run)}
    try:
        return Lineage(parent, stops, columns, flows=lambda: flows_of(run))
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
    """Return, by the names of the table's columns, how to read what is known of the segments."""
    found: dict[str, Callable[[], NDArray[Any]]] = {}
    for path, column in run.header.layout.growing.items():
        if not path.startswith("/segments/") or "/arrays/" in path:
            continue
        name = path.rsplit("/", 1)[1]
        for number, label in enumerate(labels_of(name, column.shape)):
            read = partial(_part, run, path, number)
            # an observable may have the name of a column
            found[f"observables/{label}" if label in found else label] = read
    return found


def _part(run: RunReader, path: str, number: int) -> NDArray[Any]:
    return flat_columns(run.read(path))[number]


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
    stops = run.stops("segment")
    cycle_into, cycle_from = (np.searchsorted(stops, segments, side="right") for segments in (into, source))
    wrong = np.flatnonzero(cycle_from != cycle_into - 1)
    if len(wrong):
        place = wrong[0]
        expected = f"found segment {source[place]} for segment {into[place]}, expected one of the cycle before"
        raise damaged(run, f"/merges/from: {expected}")
    weight, order = run.read("/merges/weight"), np.argsort(into, kind="stable")
    return Flows(into=into[order], source=source[order], weight=weight[order])
