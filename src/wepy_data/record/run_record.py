"""The in-memory object of a run: its header and its cycles, append-only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.record.cycle import Cycle
from wepy_data.record.header import Arrays, Header


class RunRecord:
    """A run in memory: reader and writer at once, and the oracle for the one on disk.

    Parameters
    ----------
    header : Header
        What does not grow.
    keep_blocks : bool
        Whether coordinates are kept; without, the record holds the walker trees and the frames are left to a file.

    Examples
    --------
    A manager appends cycles; readers see them at once:

    ```python
    record = RunRecord(header)
    record.append(cycle)
    record.read("/segments/weight")
    ```
    """

    def __init__(self, header: Header, *, keep_blocks: bool = True) -> None:
        self._header = header
        self._left = (
            () if keep_blocks else tuple(p for p, c in header.layout.growing.items() if c.spec.storage == "block")
        )
        self._cycles: list[Cycle] = []
        self._planned: Arrays | None = None
        self._joined: dict[str, NDArray[Any]] = {}

    def __iter__(self) -> Iterator[Cycle]:
        return iter(self._cycles)

    @property
    def header(self) -> Header:
        """What does not grow."""
        return self._header

    @property
    def cycles(self) -> tuple[Cycle, ...]:
        """All cycles so far."""
        return tuple(self._cycles)

    @property
    def n_cycles(self) -> int:
        """Number of cycles."""
        return len(self._cycles)

    @property
    def sealed(self) -> bool:
        """Whether the run has ended in order."""
        return self._planned is not None

    @property
    def planned(self) -> Arrays | None:
        """Datasets of /next by path; None unless sealed."""
        return self._planned

    def rows(self, dim: str) -> int:
        """Return the number of rows of a growing dimension."""
        if dim == "cycle":
            return self.n_cycles
        return self._cycles[-1].stop(dim) if self._cycles else 0

    def stops(self, dim: str) -> NDArray[np.int64]:
        """Return the end of each cycle's rows in a growing dimension, (n_cycles,)."""
        return np.array([cycle.stop(dim) for cycle in self._cycles], np.int64)

    def read(self, path: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return rows [start, stop) of a growing dataset; joined once and kept until the next append."""
        if path not in self._header.layout.growing:
            raise SelectionError(f"no dataset {path} that grows: this run has {', '.join(self._header.layout.growing)}")
        if path in self._left:
            raise SelectionError(f"this record does not keep {path}: it is in the run's file")
        if path not in self._joined:
            column = self._header.layout.growing[path]
            joined = np.concatenate([column.empty(), *(cycle.rows[path] for cycle in self._cycles)])
            joined.setflags(write=False)
            self._joined[path] = joined
        return self._joined[path][start:stop]

    def append(self, cycle: Cycle) -> None:
        """Append the next cycle."""
        if self.sealed:
            raise ValueError(f"the record is sealed after {self.n_cycles} cycles: no cycle can be appended")
        if cycle.index != self.n_cycles:
            raise ValueError(f"cycle {cycle.index} does not follow: this record has {self.n_cycles} cycles")
        rows = {path: rows for path, rows in cycle.rows.items() if path not in self._left}
        self._cycles.append(Cycle(index=cycle.index, rows=rows) if self._left else cycle)
        self._joined.clear()

    def seal(self, planned: Arrays) -> None:
        """End the run in order, with the planned walkers."""
        self._planned = dict(planned)

    def close(self) -> None:
        """Do nothing: memory needs no closing."""
