"""The tables of a valid run, for those who want to break rules."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.record.protocols import RunReader

RECYCLED, ABSORBED, FAILED = 0, 1, 2
INITIAL, SOURCE, TARGET = 0, 1, 2
Array = NDArray[Any]


class Facts:
    """The tables of a run that rules look at, read once.

    Parameters
    ----------
    run : RunReader
        A valid run with at least one cycle.
    """

    def __init__(self, run: RunReader) -> None:
        self.run = run
        self.n_cycles, self.n_segments = run.n_cycles, run.rows("segment")
        self.stops = run.stops("segment")
        self.last = int(self.stops[-2]) if run.n_cycles > 1 else 0
        self.parent, self.cycle = run.read("/segments/parent"), run.read("/segments/cycle")
        self.weight = run.read("/segments/weight")
        self.event_segment, self.event_kind = run.read("/events/segment"), run.read("/events/kind")
        self.state_kind = np.asarray(run.header.static["/states/kind"])
        self.absorbed = self.event_segment[self.event_kind == ABSORBED]
        self.mothers = np.unique(self.parent[self.parent >= 0])

    def last_frame(self, segment: int) -> int:
        """Return the last frame of a segment, -1 if it has none."""
        stop = self.run.read("/segments/frame_stop")
        start = stop[segment - 1] if segment else 0
        return int(stop[segment] - 1 if stop[segment] > start else -1)

    def event(self, segment: int, kind: int, **columns: object) -> dict[str, object]:
        """Return the row of an event at the end of a segment."""
        values = {"source_state": -1, "target": -1, "weight": self.weight[segment], **columns}
        values |= {"segment": segment, "kind": kind, "frame": values.get("frame", self.last_frame(segment))}
        return {f"/events/{name}": value for name, value in values.items()}

    def quiet(self, among: Array) -> Array:
        """Return those segments that have no event."""
        return np.setdiff1d(among, self.event_segment)

    def restart_state(self) -> int:
        """Return a state that recycled walkers may restart from."""
        wanted = SOURCE if (self.state_kind == SOURCE).any() else INITIAL
        return int(np.flatnonzero(self.state_kind == wanted)[0])
