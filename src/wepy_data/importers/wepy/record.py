"""The record groups of a WepyHDF5 run: what happened in each cycle, beside the frames.

`resampling`, `resampler`, `warping` and `boundary_conditions` are sporadic: `_cycle_idxs` says which cycle each record
belongs to. `progress` is continual: a record for each cycle, with a value for each walker.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import h5py
import numpy as np

from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import Notes
from wepy_data.importers.wepy.reading import Floats, Ints, Ragged, is_ragged, read_ragged, read_rows, shorter

CYCLES = "_cycle_idxs"
_CHUNK = 1 << 20  # records read at once


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sporadic:
    """A group of sporadic records whose rows are in order of their cycles.

    Parameters
    ----------
    path : str
        The group.
    cycle : (n_records,) int64
        Cycle of each row.
    """

    path: str
    cycle: Ints

    @property
    def n_cycles(self) -> int:
        """Number of cycles up to the last one that has records."""
        return int(self.cycle[-1]) + 1 if len(self.cycle) else 0

    def rows(self, cycle: int) -> tuple[int, int]:
        """Return where a cycle's rows begin and end."""
        start, stop = np.searchsorted(self.cycle, [cycle, cycle + 1]).tolist()
        return start, stop

    def counts(self, n_cycles: int) -> Ints:
        """Return how many records each of the first cycles has, (n_cycles,)."""
        return np.diff(np.searchsorted(self.cycle, np.arange(n_cycles + 1)))


def sporadic(foreign: Foreign, path: str, columns: Sequence[str], notes: Notes) -> Sporadic | None:
    """Return where the records of a group are, None if there is no such group.

    The columns are written one after the other: those of a run that was killed in between may differ in length, and
    its last records may be blank.

    Raises
    ------
    DamagedRunError
        If columns are missing, or the records are not in order.
    """
    if not foreign.has(path):
        return None
    lengths = [len(foreign.dataset(f"{path}/{name}")) for name in columns]
    cycle = foreign.read(f"{path}/{CYCLES}", ndim=1, kinds="iu").astype(np.int64)
    total = len(cycle)
    cycle = cycle[: min([total, *lengths])]
    back = np.flatnonzero(np.diff(cycle) < 0)
    if len(back):
        if cycle[back[0] + 1 :].any():
            where = f"{path}/{CYCLES}"
            raise foreign.damaged(where, f"cycle {cycle[back[0] + 1]} after {cycle[back[0]]}", "cycles in order")
        cycle = cycle[: back[0] + 1]
    if len(cycle) < max([total, *lengths]):
        notes.leave(f"{path}: {max([total, *lengths]) - len(cycle)} records at its end that are not complete")
    if len(cycle) and cycle[0] < 0:
        raise foreign.damaged(f"{path}/{CYCLES}", f"cycle {cycle[0]}", "numbers of cycles")
    return Sporadic(path=path, cycle=cycle)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Warping:
    """The warping records of a run: who was put back to a start after dynamics, and before resampling.

    Parameters
    ----------
    where : Sporadic
        Which rows belong to which cycle.
    walker, target : (n_records,) int64
        Walker, and start that it was put to.
    weight : (n_records,) float64
        Its weight.
    """

    where: Sporadic
    walker: Ints
    target: Ints
    weight: Floats

    def of(self, cycle: int) -> tuple[Ints, Ints, Floats]:
        """Return walker, target and weight of a cycle's records, in order of the walkers."""
        rows = slice(*self.where.rows(cycle))
        order = np.argsort(self.walker[rows], kind="stable")
        return self.walker[rows][order], self.target[rows][order], self.weight[rows][order]


def read_warping(foreign: Foreign, run: str, notes: Notes) -> Warping | None:
    """Return the warping records of a run; None if there are none.

    Raises
    ------
    DamagedRunError
        If they are not as wepy writes them.
    """
    path, names = f"{run}/warping", ("walker_idx", "target_idx", "weight")
    if not foreign.has(f"{path}/{CYCLES}"):
        return None
    where = sporadic(foreign, path, names, notes)
    if where is None or not where.n_cycles:
        return None
    count = len(where.cycle)
    columns = [
        read_rows(foreign, foreign.dataset(f"{path}/{name}", kinds="iuf"), 0, count).reshape(count, -1)[:, 0]
        for name in names
    ]
    return Warping(
        where=where,
        walker=columns[0].astype(np.int64),
        target=columns[1].astype(np.int64),
        weight=columns[2].astype(np.float64),
    )


class ProgressRecords:
    """The progress records of a run: values of each walker after dynamics, the order parameter.

    Parameters
    ----------
    foreign : Foreign
        The file.
    run : str
        Path of the run's group.
    names : sequence of str
        Columns, of `progress_names`.
    """

    def __init__(self, foreign: Foreign, run: str, names: Sequence[str]) -> None:
        self._foreign, self._path, self.names = foreign, f"{run}/progress", tuple(names)
        self._datasets = [foreign.dataset(f"{self._path}/{name}") for name in names]
        self.n_cycles = min((len(dataset) for dataset in self._datasets), default=0)
        self._kept: tuple[int, int, list[Ragged]] = (0, 0, [])

    def values(self, cycle: int, n_walkers: int) -> Floats:
        """Return the values of a cycle, (n_walkers, n_columns).

        Raises
        ------
        DamagedRunError
            If they are not one finite number for each walker.
        """
        start, stop, found = self._kept
        if not start <= cycle < stop:
            start, stop = cycle, min(self.n_cycles, cycle + max(1, _CHUNK // max(1, n_walkers)))
            found = [read_ragged(self._foreign, dataset, start, stop) for dataset in self._datasets]
            self._kept = (start, stop, found)
        columns = []
        for name, ragged in zip(self.names, found, strict=True):
            part = ragged.part(cycle - start, cycle - start + 1).values.astype(np.float64)
            if len(part) != n_walkers or not np.isfinite(part).all():
                what = f"{len(part)} values" if len(part) != n_walkers else "values that are no finite numbers"
                where = f"{self._path}/{name}[{cycle}]"
                raise self._foreign.damaged(where, what, f"one for each of {n_walkers} walkers", shorter(cycle))
            columns.append(part)
        return np.stack(columns, axis=1)


def progress_names(foreign: Foreign, run: str, n_walkers: int, notes: Notes) -> list[str]:
    """Return the columns of the progress records that have a number for each walker; others are noted.

    Parameters
    ----------
    foreign : Foreign
        The file.
    run : str
        Path of the run's group.
    n_walkers : int
        Number of walkers of the first cycle.
    notes : Notes
        Told of what is left out.
    """
    group, found = foreign.get(f"{run}/progress"), []
    for name in sorted(group) if isinstance(group, h5py.Group) else ():
        dataset = foreign.get(f"{run}/progress/{name}")
        numbers = (
            isinstance(dataset, h5py.Dataset) and dataset.shape[1:] == (n_walkers,) and dataset.dtype.kind in "iuf"
        )
        if numbers or (isinstance(dataset, h5py.Dataset) and is_ragged(dataset)):
            found.append(name)
        elif name != CYCLES:
            notes.leave(f"progress/{name}: no number for each walker")
    return found
