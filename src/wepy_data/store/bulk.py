"""The writer of a run that has happened elsewhere: cycle by cycle into a packed file, which appears once it is done."""

from __future__ import annotations

import contextlib
import math
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.record.cycle import Cycle
from wepy_data.record.header import Arrays, Header
from wepy_data.schema.layout import Column
from wepy_data.store.copy import header_room, new_file, reserve
from wepy_data.store.create import Extent, create_next, create_objects, write_header_crc, write_provenance
from wepy_data.store.journal import writing
from wepy_data.store.pack import Packer
from wepy_data.store.packed import is_packed
from wepy_data.store.path import appearing, refuse_existing

_THREADS = 4  # at most
_WAITING = 4  # chunks for each of them
_ROOM = 1 << 24  # bytes that the disk is asked for at once
_MANY = 1 << 16  # rows, of a table that is not known to be shorter


@contextlib.contextmanager
def bulk_writing(
    path: str | os.PathLike[str], header: Header, *, rows: Mapping[str, int], frames: int = 1, overwrite: bool = False
) -> Iterator[BulkWriter]:
    """Yield a writer of whole cycles; the file appears at `path` when the block ends well, after `end`.

    A kill at any moment leaves no file, or the old one, at `path`.

    Parameters
    ----------
    path : path
        The file.
    header : Header
        What does not grow; provenance may still change at the end.
    rows : mapping of str to int
        About how many rows each growing dimension will have, as far as that is known: for the size of chunks.
    frames : int
        Frames of each segment, if they are as many in each; else 1.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    RunExistsError
        If the file exists and `overwrite` is false.
    RunBusyError
        If a process is writing a run in its place.
    """
    where = Path(path)
    expected = {dim: rows.get(dim, _MANY) for dim in header.layout.by_dim}
    refuse_existing(where, overwrite=overwrite)
    with (
        writing(where),  # a run that starts in its place meanwhile would lose its file
        appearing(where, overwrite=overwrite) as temporary,
        new_file(temporary, header_room(header)) as file,
        ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool,
    ):
        create_objects(file, header, packed=True, extent=Extent(rows=expected, frames=frames, later=True))
        writer = BulkWriter(file, header, pool)
        yield writer
        if not writer.ended:
            raise ValueError(f"{path}: the run was not ended, so it is not kept: call `end` after the last cycle")


class BulkWriter:
    """A run's file that takes many cycles a second, and is readable when it is complete only: see `bulk_writing`."""

    def __init__(self, file: h5py.File, header: Header, pool: ThreadPoolExecutor) -> None:
        self._file, self._header = file, header
        self._room = _Room(file.id)
        self._columns = {p: _ColumnWriter(file[p], c, pool, self._room) for p, c in header.layout.growing.items()}
        self._n_cycles = 0
        self.ended = False

    def append(self, cycle: Cycle) -> None:
        """Append the next cycle.

        Raises
        ------
        ValueError
            If it does not follow.
        OSError
            If there is no room.
        """
        if cycle.index != self._n_cycles:
            raise ValueError(f"cycle {cycle.index} does not follow: there are {self._n_cycles} cycles")
        for path, column in self._columns.items():
            column.append(cycle.rows[path])
        self._n_cycles += 1

    def end(self, planned: Arrays | None, provenance: Sequence[Mapping[str, Any]] | None = None) -> None:
        """End the run: it is sealed if the walkers planned after its last cycle are known (None if they are not).

        Parameters
        ----------
        planned : mapping or None
            Datasets of /next by path.
        provenance : sequence of mapping, optional
            One record for each start; by default those of the header.
        """
        for column in self._columns.values():
            column.finish()
        header = self._header
        if provenance is not None:
            header = replace(header, provenance=provenance)
        self._room.need(2 * header_room(header, planned))
        write_provenance(self._file, header)
        if planned is not None:
            create_next(self._file, header, planned)
            self._file.attrs.modify("sealed", np.int64(1))
        write_header_crc(self._file)
        self.ended = True


class _Room:
    """Room on the disk behind the end of a file, asked for in large pieces: see `reserve`."""

    def __init__(self, file: h5py.h5f.FileID) -> None:
        self._file, self._end = file, 0

    def need(self, size: int) -> None:
        if self._file.get_filesize() + size > self._end:
            reserve(self._file, size + _ROOM)
            self._end = self._file.get_filesize() + size + _ROOM


class _ColumnWriter:
    """One dataset: its rows are kept until they fill chunks, which are packed by threads and written as they are."""

    def __init__(self, dataset: h5py.Dataset, column: Column, pool: ThreadPoolExecutor, room: _Room) -> None:
        self._dataset, self._shape, self._pool, self._room = dataset, column.shape, pool, room
        self._direct = is_packed(dataset) and dataset.chunks[1:] == column.shape and column.row_bytes > 0
        self._chunk = dataset.chunks[0] if self._direct else max(1, _MANY // max(1, column.row_bytes))
        self._kept: list[NDArray[Any]] = []
        self._n_kept = self._n_written = 0
        self._packing: deque[tuple[int, Future[bytes]]] = deque()
        self._packer = Packer()

    def append(self, rows: NDArray[Any]) -> None:
        if not len(rows):
            return
        self._kept.append(rows)
        self._n_kept += len(rows)
        if self._n_kept >= self._chunk:
            rows = np.concatenate(self._kept)
            whole = len(rows) // self._chunk * self._chunk
            self._write(rows[:whole], self._n_written + whole)
            self._kept, self._n_kept = [rows[whole:].copy()], len(rows) - whole

    def finish(self) -> None:
        if self._n_kept:
            rows, total = np.concatenate(self._kept), self._n_written + self._n_kept
            if self._direct:  # a chunk is stored whole, also the last one
                rows = np.concatenate([rows, np.zeros((self._chunk - len(rows), *self._shape), rows.dtype)])
            self._write(rows, total)
        while self._packing:
            self._store()
        self._kept, self._n_kept = [], 0

    def _write(self, rows: NDArray[Any], total: int) -> None:
        start = self._n_written
        self._dataset.id.set_extent((total, *self._shape))
        self._n_written = total
        if not self._direct:
            self._room.need(2 * rows.nbytes + math.prod(self._dataset.chunks) * rows.dtype.itemsize)
            self._dataset[start:total] = rows
            return
        for first in range(0, len(rows), self._chunk):
            part = rows[first : first + self._chunk]
            self._packing.append((start + first, self._pool.submit(self._packer.pack, part)))
            if len(self._packing) > _WAITING * _THREADS:
                self._store()
        while self._packing and self._packing[0][1].done():
            self._store()

    def _store(self) -> None:
        row, packing = self._packing.popleft()
        packed = packing.result()
        self._room.need(len(packed))
        self._dataset.id.write_direct_chunk((row, *(0 for _ in self._shape)), packed)
