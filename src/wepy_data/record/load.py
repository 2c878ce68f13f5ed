"""The cycles of a run that lives elsewhere, read back one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from wepy_data.record.cycle import Cycle
from wepy_data.record.protocols import RunReader


def read_cycles(reader: RunReader, *, blocks: bool = True) -> Iterator[Cycle]:
    """Yield the cycles of a run in order.

    Parameters
    ----------
    reader : RunReader
        The run.
    blocks : bool
        Whether coordinates come along; without them, rows of all cycles are read at once and shared.
    """
    columns = [c for c in reader.header.layout.growing.values() if blocks or c.spec.storage != "block"]
    stops = {dim: np.concatenate([[0], reader.stops(dim)]) for dim in {c.dim for c in columns} - {"cycle"}}
    stops["cycle"] = np.arange(reader.n_cycles + 1)
    whole = {c.path: reader.read(c.path) for c in columns if c.spec.storage != "block"}
    for index in range(reader.n_cycles):
        rows = {}
        for column in columns:
            start, stop = (int(n) for n in stops[column.dim][index : index + 2])
            found = whole.get(column.path)
            rows[column.path] = reader.read(column.path, start, stop) if found is None else found[start:stop]
        yield Cycle(index=index, rows=rows)
