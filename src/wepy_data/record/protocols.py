"""What can be asked of a run, and told to one, whether it lives in memory or in a file."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from wepy_data.record.cycle import Cycle
from wepy_data.record.header import Arrays, Header


class RunReader(Protocol):
    """A run to be asked: a record in memory, a file that is growing, crashed or sealed."""

    @property
    def header(self) -> Header:
        """What does not grow."""
        ...

    @property
    def n_cycles(self) -> int:
        """Number of committed cycles."""
        ...

    @property
    def sealed(self) -> bool:
        """Whether the run has ended in order."""
        ...

    @property
    def planned(self) -> Arrays | None:
        """Datasets of /next by path: the walkers planned after the last cycle; None unless sealed."""
        ...

    def rows(self, dim: str) -> int:
        """Return the number of committed rows of a growing dimension."""
        ...

    def stops(self, dim: str) -> NDArray[np.int64]:
        """Return the end of each cycle's rows in a growing dimension, (n_cycles,)."""
        ...

    def read(self, path: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return rows [start, stop) of a growing dataset, committed ones only, as a read-only array."""
        ...


class RunWriter(Protocol):
    """A run to be told of what happened, cycle by cycle."""

    def append(self, cycle: Cycle) -> None:
        """Commit one cycle."""
        ...

    def seal(self, planned: Arrays) -> None:
        """End the run in order, with the planned walkers."""
        ...

    def close(self) -> None:
        """Release what is held; a run that was not sealed stays resumable."""
        ...
