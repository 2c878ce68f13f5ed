"""The writer of a run's HDF5 file: cycles committed in two phases, sealed at the end."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np

from wepy_data.errors import RunExistsError
from wepy_data.record.cycle import Cycle
from wepy_data.record.header import Arrays, Header
from wepy_data.record.protocols import RunReader
from wepy_data.schema.layout import Column
from wepy_data.store.create import create_objects
from wepy_data.store.path import appearing
from wepy_data.store.reader import FileRun

_BLOCK = 1 << 24  # bytes copied in one go
_HEAD_BYTES = 48  # superblock, version 3
VERSIONS = ("v110", "v110")


class FileWriter:
    """A run's file while it grows, in HDF5's single-writer-multiple-readers mode.

    Each cycle is committed in two phases: all rows are written and flushed, then the cycle's row in /cycles is
    written and flushed. A reader, or a crash, at any moment finds whole cycles only.

    Parameters
    ----------
    path : path
        The file; its folder must exist.
    header : Header
        The run.
    overwrite : bool
        Whether an existing file is replaced.
    durable : bool
        Whether each commit waits until the disk has it (fsync).

    Raises
    ------
    RunExistsError
        If the file exists and `overwrite` is false.
    """

    def __init__(self, path: str | os.PathLike[str], header: Header, *, overwrite: bool = False, durable: bool = True):
        self.path = Path(path)
        self._header, self._durable = header, durable
        with (
            appearing(self.path, overwrite=overwrite) as temporary,
            h5py.File(temporary, "w", libver=VERSIONS, track_order=False) as file,
        ):
            create_objects(file, header, packed=False)
        self._file: h5py.File | None = h5py.File(self.path, "r+", libver=VERSIONS, locking=False)
        layout = header.layout
        self._sinks = [_Sink(self._file, c) for p, c in layout.growing.items() if not p.startswith("/cycles/")]
        self._commit = [_Sink(self._file, column) for column in layout.by_dim["cycle"]]
        self._file.swmr_mode = True
        self._n_cycles = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def n_cycles(self) -> int:
        """Number of committed cycles."""
        return self._n_cycles

    def append(self, cycle: Cycle) -> None:
        """Commit one cycle: data, flush, commit row, flush.

        Raises
        ------
        OSError
            If it cannot be written; the cycles before it stay readable, and nothing more is written.
        """
        file = self._open()
        if cycle.index != self._n_cycles:
            raise ValueError(f"cycle {cycle.index} does not follow: {self.path} has {self._n_cycles} cycles")
        head = os.pread(file.id.get_vfd_handle(), _HEAD_BYTES, 0)
        try:
            for sinks in (self._sinks, self._commit):
                for sink in sinks:
                    sink.append(cycle.rows[sink.path])
                file.flush()
            if self._durable:
                os.fsync(file.id.get_vfd_handle())
        except (OSError, RuntimeError) as error:  # HDF5's, of a full disk
            self._abandon(file, head)
            reason = " ".join(str(error).split())
            raise OSError(
                f"{self.path}: cycle {cycle.index} cannot be written, is the disk full? ({reason})"
            ) from error
        self._n_cycles += 1

    def seal(self, planned: Arrays) -> None:
        """End the run: write it anew, packed and with its planned walkers, and put it in the place of the growing file.

        A crash at any moment leaves either the growing file or the sealed one; readers of either are not disturbed.

        Raises
        ------
        RunExistsError
            If another run's file lies in the place of this one; it is left alone.
        """
        self.close()
        with FileRun(self.path) as run, appearing(self.path, overwrite=True) as temporary:
            if run.header.run_id != self._header.run_id or run.n_cycles != self._n_cycles:
                raise RunExistsError(f"{self.path} was replaced while this run was being written: it is left alone")
            _write(temporary, run, self._header, planned)  # the growing file does not know the arrays of /next

    def close(self) -> None:
        """Close the file; a run that was not sealed stays readable and resumable."""
        if self._file is not None:
            self._sinks, self._commit = [], []
            self._file.close()
            self._file = None

    def _abandon(self, file: h5py.File, head: bytes) -> None:
        """Leave the file as it was at the last commit, and let nothing that HDF5 still holds reach the disk.

        A flush that has failed, and closing the file later, enter a length that the file has not reached.
        """
        descriptor = file.id.get_vfd_handle()
        os.pwrite(descriptor, head, 0)
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)

    def _open(self) -> h5py.File:
        if self._file is None:
            raise ValueError(f"{self.path} is closed: no cycle can be appended")
        return self._file


def write_run(path: str | os.PathLike[str], run: RunReader, *, overwrite: bool = False) -> Path:
    """Write a run to a new file in one go, packed; it is sealed if the run is.

    Parameters
    ----------
    path : path
        The file.
    run : RunReader
        A record in memory, or another file.
    overwrite : bool
        Whether an existing file is replaced.

    Raises
    ------
    RunExistsError
        If the file exists and `overwrite` is false.
    """
    with appearing(Path(path), overwrite=overwrite) as temporary:
        _write(temporary, run, run.header, run.planned)
    return Path(path)


def _write(path: Path, run: RunReader, header: Header, planned: Arrays | None) -> None:
    layout = header.layout
    with h5py.File(path, "w", libver=VERSIONS) as file:
        create_objects(file, header, packed=True, planned=planned)
        for column in layout.growing.values():
            _copy(file[column.path], run, column)


def _copy(dataset: h5py.Dataset, run: RunReader, column: Column) -> None:
    total = run.rows(column.dim)
    row = max(1, column.numpy_dtype.itemsize * int(np.prod(column.shape, dtype=np.int64)))
    step = max(1, _BLOCK // row)
    dataset.resize(total, axis=0)
    for start in range(0, total, step):
        stop = min(total, start + step)
        dataset[start:stop] = run.read(column.path, start, stop)


class _Sink:
    """One dataset that rows are appended to, by the shortest way through HDF5."""

    def __init__(self, file: h5py.File, column: Column) -> None:
        self.path = column.path
        self._id = file[column.path].id
        self._rows = 0
        self._shape = column.shape
        self._type = h5py.h5t.py_create(column.numpy_dtype)

    def append(self, rows: np.ndarray[Any, Any]) -> None:
        count = len(rows)
        if not count:
            return
        start, self._rows = self._rows, self._rows + count
        self._id.set_extent((self._rows, *self._shape))
        if rows.size:
            place = self._id.get_space()
            place.select_hyperslab((start, *(0 for _ in self._shape)), rows.shape)
            self._id.write(h5py.h5s.create_simple(rows.shape), place, np.ascontiguousarray(rows), self._type)
