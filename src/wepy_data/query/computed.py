"""Computed observables as arrays of chosen segments, and as columns of the table of segments."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from numpy.typing import ArrayLike, NDArray

from wepy_data.query.batch import Extents, known_segments
from wepy_data.query.rows import gathered
from wepy_data.query.table import Source, flat_columns, labels_of
from wepy_data.record.protocols import RunReader
from wepy_data.store.computed import Computed


def computed_rows(run: RunReader, one: Computed, segments: ArrayLike | None) -> NDArray[Any]:
    """Return the rows of segments in a computed observable, all by default; NaN where it was not computed.

    Raises
    ------
    SelectionError
        If there is no such segment.
    DamagedRunError
        If they cannot be read.
    """
    if segments is None:
        return one.read(0, run.rows(one.per))
    known = known_segments(run, segments)
    rows = known if one.per == "segment" else Extents.of(run).rows(known, one.per)
    return gathered(one.read, rows, one.empty(missing=bool(len(rows)) and int(rows.max()) >= one.rows))


def computed_columns(computed: Iterable[Computed]) -> list[Source]:
    """Return the columns that observables per segment are in the table of segments."""

    def read(one: Computed, start: int, stop: int) -> list[Any]:
        return list(flat_columns(one.read(start, stop)))

    return [
        Source(name=one.name, labels=labels_of(one.name, one.shape), unit=one.unit, read=partial(read, one))
        for one in computed
        if one.per == "segment"
    ]
