"""The rows of a run as WESTPA's file needs them: read in blocks of cycles, handed out cycle by cycle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.query.rows import damaged
from wepy_data.record.protocols import RunReader

if TYPE_CHECKING:
    from wepy_data.query.run import Run

BLOCK_ROWS = 1 << 15  # frames or segments read in one go
_ORDER_PARAMETER = "/observables/order_parameter/value"
_COLUMNS = {
    "segment": ("weight", "parent", "state", "continuous", "progress", "bin", "cpu_time", "wall_time"),
    "merge": ("into", "from", "weight"),
    "event": ("segment", "kind", "source_state", "target", "weight"),
    "bin": ("target_count",),
    "cycle": ("began", "ended"),
}
_TABLES = {"segment": "segments", "merge": "merges", "event": "events", "bin": "bins", "cycle": "cycles"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """Which frames of segments become points of WESTPA's progress coordinate.

    Parameters
    ----------
    count : int
        Points of each segment, its start left out.
    fewest, most : int
        Frames that segments have.
    frames : bool
        Whether the points are frames; else there is one, the segment's end.
    names, segment_names : tuple of str
        Observables that are taken, per frame and per segment.
    """

    count: int
    fewest: int
    most: int
    frames: bool
    names: tuple[str, ...]
    segment_names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CycleRows:
    """The rows of one cycle.

    Parameters
    ----------
    index, first, stop : int
        Number of the cycle; its segments are [first, stop).
    rows : mapping of str to array
        Columns by `table/name`; ids are global.
    points : (n_segments, n_points, n_dims) float64
        Order parameter after the start.
    frame_values : mapping of str to (n_segments, n_points, ...) array
        Observables per frame, at these points.
    segment_values : mapping of str to (n_segments, ...) array
        Observables per segment.
    """

    index: int
    first: int
    stop: int
    rows: Mapping[str, NDArray[Any]]
    points: NDArray[np.float64]
    frame_values: Mapping[str, NDArray[Any]]
    segment_values: Mapping[str, NDArray[Any]]


def chosen_points(run: Run) -> Points:
    """Return what becomes points: as many frames of each segment as all have, or the segments' ends alone."""
    counts = _frame_counts(run.reader)
    fewest, most = int(counts.min()), int(counts.max())
    growing = run.header.layout.growing
    each = fewest == most and fewest > 0 and _ORDER_PARAMETER in growing
    per_frame = [path.split("/")[2] for path in growing if path.startswith("/observables/")]
    per_frame += [name for name, one in run.computed.items() if one.per == "frame"]
    per_segment = [path.split("/")[3] for path in growing if path.startswith("/segments/observables/")]
    per_segment += [name for name, one in run.computed.items() if one.per == "segment"]
    names = [name for name in per_frame if name != "order_parameter"] if fewest else []
    return Points(
        count=fewest if each else 1,
        fewest=fewest,
        most=most,
        frames=each,
        names=tuple(names),
        segment_names=tuple(name for name in per_segment if name not in per_frame),
    )


def cycles_of(run: Run, points: Points) -> Iterator[CycleRows]:
    """Yield the rows of each cycle in order; reads go over blocks of cycles."""
    stops = {dim: run.reader.stops(dim) for dim in (*_COLUMNS, "frame") if dim != "cycle"}
    stops["cycle"] = np.arange(1, run.n_cycles + 1)
    size = np.maximum(stops["segment"], stops["frame"])
    first = 0
    while first < run.n_cycles:
        before = int(size[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(size, before + BLOCK_ROWS, side="right")))
        yield from _Block(run, points, stops, first, last).cycles()
        first = last


class _Block:
    """The rows of cycles [first, last)."""

    def __init__(self, run: Run, points: Points, stops: Mapping[str, NDArray[np.int64]], first: int, last: int) -> None:
        self._stops, self._first, self._last = stops, first, last
        self._rows = {
            f"{_TABLES[dim]}/{name}": (dim, run.reader.read(f"/{_TABLES[dim]}/{name}", *self._span(dim, first, last)))
            for dim, names in _COLUMNS.items()
            for name in names
        }
        start, stop = self._span("segment", first, last)
        segments = np.arange(start, stop)
        self._ends = _ends(run.reader, start, stop, self._span("frame", first, last)[0])
        self._segment_values = {name: run.observable(name, segments) for name in points.segment_names}
        self._frame_values = {name: self._at_points(run.observable(name, segments), points) for name in points.names}
        progress = self._rows["segments/progress"][1]
        found = run.observable("order_parameter", segments) if points.frames else progress
        self._points = found.astype(np.float64).reshape(len(segments), points.count, progress.shape[1])

    def cycles(self) -> Iterator[CycleRows]:
        """Yield the cycles."""
        origin = self._span("segment", self._first, self._last)[0]
        for cycle in range(self._first, self._last):
            first, stop = self._span("segment", cycle, cycle + 1)
            here = slice(first - origin, stop - origin)
            yield CycleRows(
                index=cycle,
                first=first,
                stop=stop,
                rows={name: self._part(dim, values, cycle) for name, (dim, values) in self._rows.items()},
                points=self._points[here],
                frame_values={name: values[here] for name, values in self._frame_values.items()},
                segment_values={name: values[here] for name, values in self._segment_values.items()},
            )

    def _at_points(self, values: NDArray[Any], points: Points) -> NDArray[Any]:
        if points.frames:
            return values.reshape(len(self._ends), points.count, *values.shape[1:])
        return values[self._ends][:, None]

    def _part(self, dim: str, values: NDArray[Any], cycle: int) -> NDArray[Any]:
        origin = self._span(dim, self._first, self._last)[0]
        start, stop = self._span(dim, cycle, cycle + 1)
        return values[start - origin : stop - origin]

    def _span(self, dim: str, first: int, last: int) -> tuple[int, int]:
        stops = self._stops[dim]
        return int(stops[first - 1]) if first else 0, int(stops[last - 1])


def _ends(run: RunReader, start: int, stop: int, first_frame: int) -> NDArray[np.int64]:
    """Return the last frame of each segment, counted from the block's first one."""
    ends: NDArray[np.int64] = run.read("/segments/frame_stop", start, stop) - 1 - first_frame
    return ends


def _frame_counts(run: RunReader) -> NDArray[np.int64]:
    counts = np.diff(run.read("/segments/frame_stop"), prepend=0)
    if (counts < 0).any():
        raise damaged(run, "/segments/frame_stop: ends of frames that are not in order")
    return counts
