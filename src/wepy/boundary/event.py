"""The walkers that arrived in a target during one cycle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RECYCLED, ABSORBED = 0, 1  # the schema's codes
NONE = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Events:
    """Walkers that reached a target in a cycle, in order of walker.

    Parameters
    ----------
    walker : (n_events,) int64
        Position of each within the cycle.
    kind : (n_events,) uint8
        0 if it was recycled, 1 if it was absorbed.
    source : (n_events,) int64
        Row in /states that it restarts from; -1 if it was absorbed.
    target : (n_events,) int64
        Row in /states of the target.
    frame : (n_events,) int64
        Position of the frame at which it arrived, among the stored ones of its segment; -1 for the last.
    """

    walker: NDArray[np.int64]
    kind: NDArray[np.uint8]
    source: NDArray[np.int64]
    target: NDArray[np.int64]
    frame: NDArray[np.int64]

    def __post_init__(self) -> None:
        for array in (self.walker, self.kind, self.source, self.target, self.frame):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.walker)

    @classmethod
    def none(cls) -> Events:
        """Return no events."""
        empty = [np.zeros(0, np.int64) for _ in range(4)]
        return cls(walker=empty[0], kind=np.zeros(0, np.uint8), source=empty[1], target=empty[2], frame=empty[3])

    def staying(self, n_walkers: int) -> NDArray[np.int64]:
        """Return the walkers that were not absorbed, in order."""
        return np.setdiff1d(np.arange(n_walkers), self.walker[self.kind == ABSORBED])
