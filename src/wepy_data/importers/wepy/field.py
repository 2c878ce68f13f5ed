"""The fields of a WepyHDF5 run's trajectories, and their frames, read in stretches of cycles.

A trajectory is a place among the walkers, not a history: its frame t is the walker in that place in cycle t. wepy
writes one frame a chunk, so a field of all walkers in one cycle is in as many datasets as there are walkers. They are
opened once, without a cache, and read for many cycles at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import Notes
from wepy_data.importers.wepy.reading import UNREADABLE, Ints, shorter
from wepy_data.store.guard import refuse_oversized
from wepy_data.store.opening import in_one_line

WEIGHTS, POSITIONS, BOX, VELOCITIES = "weights", "positions", "box_vectors", "velocities"
SPARSE, DATA = "_sparse_idxs", "data"
_DEEP = 3  # groups in groups
_BLOCK = 1 << 27  # bytes read at once, or one cycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of trajectories.

    Parameters
    ----------
    path : str
        Its path in a trajectory: `positions`, `alt_reps/all_atoms`.
    sparse : bool
        Whether only some frames have it.
    dtype : str
        numpy's code of the type of its numbers.
    shape : tuple of int
        Of the value of a frame.
    """

    path: str
    sparse: bool
    dtype: str
    shape: tuple[int, ...]

    @property
    def row_bytes(self) -> int:
        """Size of a frame's value."""
        return int(np.dtype(self.dtype).itemsize) * math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Fields of all walkers in a stretch of cycles.

    Parameters
    ----------
    start, stop : int
        The cycles.
    values : mapping of str to array
        Of each field by path, (n_trajectories, n_cycles, ...); NaN where a frame has none.
    """

    start: int
    stop: int
    values: Mapping[str, NDArray[np.generic]]

    def cycle(self, path: str, cycle: int, n_walkers: int) -> NDArray[np.generic]:
        """Return a field of the walkers of a cycle, (n_walkers, ...)."""
        return self.values[path][:n_walkers, cycle - self.start]


class Trajectories:
    """The trajectories of a run.

    Parameters
    ----------
    foreign : Foreign
        The file.
    run : str
        Path of the run's group.

    Raises
    ------
    DamagedRunError
        If there are none, or they are not numbered from 0 on.
    """

    def __init__(self, foreign: Foreign, run: str) -> None:
        self._foreign, self.path = foreign, f"{run}/trajectories"
        group = foreign.get(self.path)
        names = set(group) if isinstance(group, h5py.Group) else set()
        self.n = len(names)
        missing = [str(place) for place in range(max(1, self.n)) if str(place) not in names]
        if missing:
            raise foreign.damaged(self.path, f"no {', '.join(missing[:5])}", "trajectories numbered from 0")
        self._access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
        self._access.set_chunk_cache(1, 0, 1.0)
        self._opened: dict[str, list[h5py.h5d.DatasetID]] = {}
        self._sparse: dict[str, list[Ints]] = {}

    def fields(self, notes: Notes) -> list[Field]:
        """Return the fields that the first trajectory has, whose values are numbers; others are noted."""
        return sorted(self._found(self._foreign.get(f"{self.path}/0"), "", notes), key=lambda field: field.path)

    def lengths(self, field: Field) -> Ints:
        """Return how many frames of each trajectory a (not sparse) field has, (n_trajectories,); opens it.

        Raises
        ------
        DamagedRunError
            If a trajectory lacks it, or has it in another form.
        """
        where = f"{field.path}/{DATA}" if field.sparse else field.path
        opened = self._opened[field.path] = [self._open(place, where, field) for place in range(self.n)]
        if field.sparse:
            self._sparse[field.path] = [self._places(place, field) for place in range(self.n)]
        return np.array([dataset.shape[0] for dataset in opened], np.int64)

    def blocks(self, fields: Sequence[Field], n_walkers: Ints) -> Iterator[Block]:
        """Yield the fields, which were opened, of the cycles whose numbers of walkers are given.

        Raises
        ------
        DamagedRunError
            If they cannot be read.
        """
        bytes_each = max(1, sum(field.row_bytes for field in fields) * self.n)
        step, total = max(1, _BLOCK // bytes_each), len(n_walkers)
        kept: dict[str, NDArray[np.generic]] = {}
        for start in range(0, total, step):
            stop = min(total, start + step)
            rows = _rows(n_walkers, start, stop)
            for field in fields:
                shape = (self.n, stop - start, *field.shape)
                if field.path not in kept or kept[field.path].shape != shape:
                    kept[field.path] = np.empty(shape, field.dtype)
                self._fill(field, kept[field.path], rows, start, n_walkers[start:stop])
            yield Block(start=start, stop=stop, values=kept)

    def read_cycle(self, field: Field, n_walkers: Ints, cycle: int) -> Block:
        """Return a field, which was opened, in one cycle.

        Raises
        ------
        DamagedRunError
            If it cannot be read.
        """
        values = np.empty((self.n, 1, *field.shape), field.dtype)
        self._fill(field, values, _rows(n_walkers, cycle, cycle), cycle, n_walkers[cycle : cycle + 1])
        return Block(start=cycle, stop=cycle + 1, values={field.path: values})

    def _fill(self, field: Field, into: NDArray[np.generic], rows: Ints, start: int, n_walkers: Ints) -> None:
        for place, dataset in enumerate(self._opened[field.path]):
            there = n_walkers > place
            first, count = int(rows[place]), int(there.sum())
            try:
                if field.sparse:
                    into[place] = np.nan
                    self._fill_sparse(field, dataset, into[place], place, first, there)
                elif count == len(there):
                    _read(dataset, into[place], first)
                elif count:
                    found = np.empty((count, *field.shape), field.dtype)
                    _read(dataset, found, first)
                    into[place, there] = found
            except UNREADABLE as error:
                where = f"{self.path}/{place}/{field.path}"
                raise self._foreign.damaged(
                    where, in_one_line(error), "values that can be read", shorter(start)
                ) from error

    def _fill_sparse(
        self, field: Field, dataset: h5py.h5d.DatasetID, into: NDArray[np.generic], place: int, first: int,
        there: NDArray[np.bool_],
    ) -> None:  # fmt: skip
        frames, cycles = self._sparse[field.path][place], np.flatnonzero(there)
        begin, end = np.searchsorted(frames, [first, first + len(cycles)])
        if end > begin:
            found = np.empty((int(end - begin), *field.shape), field.dtype)
            _read(dataset, found, int(begin))
            into[cycles[frames[begin:end] - first]] = found

    def _open(self, place: int, name: str, field: Field) -> h5py.h5d.DatasetID:
        where = f"{self.path}/{place}/{name}"
        try:
            found = h5py.h5d.open(self._foreign.file.id, where.encode(), self._access)
            creation = found.get_create_plist()
            if creation.get_layout() == h5py.h5d.VIRTUAL or creation.get_external_count():
                raise ValueError("values that lie in other files")
            shape, dtype = found.shape, found.dtype
            if shape[1:] != field.shape or dtype.kind not in "biuf" or not len(shape):
                raise ValueError(f"{dtype}{list(shape)}")
            refuse_oversized(h5py.Dataset(found), shape[0])
        except UNREADABLE as error:
            wanted = f"numbers of shape [frames, {', '.join(map(str, field.shape))}]"
            raise self._foreign.damaged(where, in_one_line(error), wanted) from error
        return found

    def _places(self, place: int, field: Field) -> Ints:
        """Return which frames a sparse field has, in order."""
        where = f"{self.path}/{place}/{field.path}/{SPARSE}"
        found = self._foreign.read(where, ndim=1, kinds="iu").astype(np.int64)
        found = found[: self._opened[field.path][place].shape[0]]  # a killed run: not all have a value
        if len(found) and (found[0] < 0 or (np.diff(found) <= 0).any()):
            raise self._foreign.damaged(where, "numbers that do not increase", "numbers of frames")
        return found

    def _found(self, group: object, before: str, notes: Notes) -> Iterator[Field]:
        for name in group if isinstance(group, h5py.Group) else ():
            path = before + name
            item = self._foreign.get(f"{self.path}/0/{path}")
            data = self._foreign.get(f"{self.path}/0/{path}/{DATA}") if isinstance(item, h5py.Group) else item
            sparse = isinstance(item, h5py.Group) and SPARSE in item
            if isinstance(item, h5py.Group) and not sparse:
                if path.count("/") < _DEEP:
                    yield from self._found(item, f"{path}/", notes)
            elif isinstance(data, h5py.Dataset) and data.ndim and data.dtype.kind in "biuf":
                dtype = "f8" if sparse and data.dtype.kind != "f" else data.dtype.newbyteorder("=").str
                yield Field(path=path, sparse=sparse, dtype=dtype, shape=tuple(data.shape[1:]))
            else:
                notes.leave(f"field {path}: no numbers")


def _read(dataset: h5py.h5d.DatasetID, into: NDArray[np.generic], first: int) -> None:
    """Read rows of a dataset from one on, as many as there is room for."""
    if not into.size:
        return
    if dataset.shape[0] < first + len(into):
        raise ValueError(f"{dataset.shape[0]} frames, expected {first + len(into)}")
    space = dataset.get_space()
    space.select_hyperslab((first, *(0 for _ in into.shape[1:])), into.shape)
    dataset.read(h5py.h5s.create_simple(into.shape), space, into)


def _rows(n_walkers: Ints, start: int, stop: int) -> Ints:
    """Return the first frame, of each trajectory, of a stretch of cycles: those before in which it held a walker."""
    most = int(n_walkers.max(initial=0))
    before = np.bincount(n_walkers[:start], minlength=most + 1)
    return start - np.cumsum(before)[:most]  # cycles with more walkers than `place`


def frames_needed(n_walkers: Ints) -> Ints:
    """Return how many frames each trajectory must have, (most walkers,), by the number of walkers of each cycle.

    Examples
    --------
    >>> frames_needed(np.array([3, 2, 3])).tolist()
    [3, 3, 2]
    """
    return _rows(n_walkers, len(n_walkers), len(n_walkers))
