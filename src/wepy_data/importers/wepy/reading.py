"""Rows of the datasets of a WepyHDF5 file, read with guards."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.foreign import Foreign
from wepy_data.store.guard import refuse_oversized
from wepy_data.store.opening import in_one_line

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
UNREADABLE = (KeyError, OSError, RuntimeError, ValueError, TypeError)
"""What h5py raises for damaged data."""


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """Rows of numbers of various lengths, one after the other.

    Parameters
    ----------
    values : (n_values,) array
        The numbers of all rows.
    counts : (n_rows,) int64
        How many each row has.
    """

    values: NDArray[np.generic]
    counts: Ints

    @property
    def starts(self) -> Ints:
        """Where each row begins, (n_rows,)."""
        return np.cumsum(self.counts) - self.counts

    def part(self, start: int, stop: int) -> Ragged:
        """Return some of the rows."""
        before, counts = int(self.counts[:start].sum()), self.counts[start:stop]
        return Ragged(self.values[before : before + int(counts.sum())], counts)


def read_rows(foreign: Foreign, dataset: h5py.Dataset, start: int, stop: int) -> NDArray[np.generic]:
    """Return rows of a dataset.

    Raises
    ------
    DamagedRunError
        If they are not there, lie in other files, are more than the file can hold, or cannot be read.
    """
    where = str(dataset.name)
    if len(dataset) < stop:
        raise foreign.damaged(where, f"{len(dataset)} rows", f"at least {stop}")
    try:
        if dataset.external or dataset.is_virtual:
            raise ValueError("values that lie in other files")
        refuse_oversized(dataset, stop - start)
        return np.asarray(dataset[start:stop])
    except UNREADABLE as error:
        raise foreign.damaged(where, in_one_line(error), "values that can be read") from error


def read_ragged(foreign: Foreign, dataset: h5py.Dataset, start: int, stop: int) -> Ragged:
    """Return rows of a dataset whose rows may be of various lengths, or all of the same.

    Raises
    ------
    DamagedRunError
        If they are no rows of numbers, or as for `read_rows`.
    """
    found = read_rows(foreign, dataset, start, stop)
    if found.dtype.kind in "biuf":
        flat = found.reshape(len(found), -1)
        return Ragged(flat.reshape(-1), np.full(len(flat), flat.shape[1], np.int64))
    if not is_ragged(dataset):
        raise foreign.damaged(str(dataset.name), str(dataset.dtype), "rows of numbers")
    counts = np.fromiter(map(len, found), np.int64, len(found))
    return Ragged(np.concatenate([*found, np.zeros(0, h5py.check_vlen_dtype(dataset.dtype))]), counts)


def is_ragged(dataset: h5py.Dataset) -> bool:
    """Whether the rows of a dataset are numbers, of various lengths."""
    base = h5py.check_vlen_dtype(dataset.dtype)
    return dataset.ndim == 1 and isinstance(base, np.dtype) and base.kind in "biuf"


def shorter(cycle: int) -> str:
    """Return what can be done about damage in a cycle."""
    return f"import the cycles before it (last={cycle - 1})" if cycle > 0 else "restore it from a copy"
