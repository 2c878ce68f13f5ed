"""The writer of a run's HDF5 file: cycles committed in two phases, sealed at the end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py

from wepy_data.errors import ReplacedRunError
from wepy_data.record.cycle import Cycle
from wepy_data.record.header import Arrays, Header
from wepy_data.record.protocols import RunReader
from wepy_data.store.copy import copy_extra, divert, header_room, new_file, write_copy
from wepy_data.store.create import create_objects
from wepy_data.store.path import appearing, real_path, reason, remove_parts
from wepy_data.store.reader import FileRun
from wepy_data.store.recovery import make_appendable, superblock_path
from wepy_data.store.sink import Sink, open_growing, refuse_unprotected
from wepy_data.store.superblock import SIZE


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
    ValueError
        If a growing dataset would hold values that a crash could tear (of variable length, or objects).
    """

    def __init__(self, path: str | os.PathLike[str], header: Header, *, overwrite: bool = False, durable: bool = True):
        refuse_unprotected(header.layout.growing.values())
        where = real_path(path)
        with appearing(where, overwrite=overwrite) as temporary, new_file(temporary, header_room(header)) as file:
            create_objects(file, header, packed=False)
        self._start(where, header, {}, durable=durable)

    @classmethod
    def reopen(cls, path: str | os.PathLike[str], *, durable: bool = True) -> Self:
        """Go on with a run's file, from its last committed cycle on, whatever state it is in.

        What a crash left behind the last committed cycle is overwritten. A file that was sealed, or packed in another
        way, is replaced by one that grows and has the same cycles; its planned walkers (/next) are gone then. No lock
        is taken: whoever calls this holds the run's journal.

        Parameters
        ----------
        path : path
            The file.
        durable : bool
            Whether each commit waits until the disk has it (fsync).

        Raises
        ------
        FileNotFoundError, NotARunError, DamagedRunError, VersionTooOldError, VersionTooNewError
            If it cannot be opened as a run.
        """
        where = real_path(path)
        header, rows = make_appendable(where)
        writer = cls.__new__(cls)
        writer._start(where, header, rows, durable=durable)
        return writer

    def _start(self, path: Path, header: Header, rows: Mapping[str, int], *, durable: bool) -> None:
        self.path = path
        self._header, self._durable = header, durable
        remove_parts(path)
        self._file: h5py.h5f.FileID | None = open_growing(path)
        try:
            sinks = [Sink(self._file, column, rows.get(column.dim, 0)) for column in header.layout.growing.values()]
        except BaseException:
            self._file.close()
            raise
        self._sinks = {sink.path: sink for sink in sinks}
        self._n_cycles = rows.get("cycle", 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def header(self) -> Header:
        """What does not grow."""
        return self._header

    @property
    def n_cycles(self) -> int:
        """Number of committed cycles."""
        return self._n_cycles

    def append(self, cycle: Cycle) -> None:
        """Commit one cycle: data, flush, commit row, flush.

        Raises
        ------
        ValueError
            If the cycle does not follow, or its rows do not fit the file's datasets; nothing is written.
        ReplacedRunError
            If the file no longer lies at its path; nothing is written.
        OSError
            If it cannot be written; the cycles before it stay readable, and nothing more is written.
        """
        file = self._open()
        self._refuse(cycle)
        self.refuse_lost()
        descriptor = file.get_vfd_handle()
        head = os.pread(descriptor, SIZE, 0)
        data = [sink for sink in self._sinks.values() if sink.dim != "cycle"]
        commit = [sink for sink in self._sinks.values() if sink.dim == "cycle"]
        try:
            self._write(file, cycle, data)
            self._write(file, cycle, commit)
            os.ftruncate(descriptor, file.get_filesize())
            if self._durable:
                os.fsync(descriptor)
        except (OSError, RuntimeError) as error:  # HDF5's, of a full disk
            self._abandon(file, head)
            raise OSError(
                f"{self.path}: cycle {cycle.index} cannot be written, is the disk full? ({reason(error)})"
            ) from error
        self._n_cycles += 1

    def seal(
        self,
        planned: Arrays,
        provenance: Sequence[Mapping[str, Any]] | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        inputs: Mapping[str, str] | None = None,
    ) -> None:
        """End the run: write it anew, packed and with its planned walkers, and put it in the place of the growing file.

        A crash at any moment leaves either the growing file or the sealed one; readers of either are not disturbed.

        Parameters
        ----------
        planned : mapping
            Datasets of /next by path.
        provenance : sequence of mapping, optional
            One record for each start; by default those of the header.
        config, inputs : mapping, optional
            Configuration, and texts of the files that it names, if they have changed since.

        Raises
        ------
        ReplacedRunError
            If the file no longer lies at its path; what lies there is left alone.
        """
        self.refuse_lost()
        self.close()
        known: dict[str, Any] = {"provenance": provenance, "config": config, "inputs": inputs}
        header = replace(self._header, **{name: found for name, found in known.items() if found is not None})
        with FileRun(self.path) as run, appearing(self.path, overwrite=True) as temporary:
            if run.header.run_id != header.run_id or run.n_cycles != self._n_cycles:
                raise _replaced(self.path)
            write_copy(temporary, run, header, planned)  # the growing file does not know the arrays of /next
            copy_extra(self.path, temporary)
        superblock_path(self.path).unlink(missing_ok=True)

    def refuse_lost(self) -> None:
        """Refuse to go on with a file that nobody will find.

        Raises
        ------
        ReplacedRunError
            If the file no longer lies at its path.
        """
        file = self._open()
        try:
            there = self.path.stat()
        except FileNotFoundError:
            raise ReplacedRunError(
                f"{self.path} was deleted or moved while this run was being written: put it back and go on with it "
                f"(wepy resume); it has {self._n_cycles} cycles"
            ) from None
        if not os.path.samestat(there, os.fstat(file.get_vfd_handle())):
            raise _replaced(self.path)

    def close(self) -> None:
        """Close the file; a run that was not sealed stays readable and resumable."""
        if self._file is not None:
            for sink in self._sinks.values():
                sink.close()
            self._file.close()
            self._file = None

    def _refuse(self, cycle: Cycle) -> None:
        """Refuse what the file cannot take; none of it has been written."""
        if cycle.index != self._n_cycles:
            raise ValueError(f"cycle {cycle.index} does not follow: {self.path} has {self._n_cycles} cycles")
        strange = sorted(cycle.rows.keys() ^ self._sinks.keys())
        if strange:
            raise ValueError(
                f"{self.path}: cycle {cycle.index} has not the datasets of this file ({', '.join(strange)}), and none "
                "can be added to a growing file: name them all in the header"
            )
        stops = {dim: cycle.stop(dim) for dim in self._header.layout.by_dim if dim != "cycle"}
        stops["cycle"] = cycle.index + 1
        problems = [sink.problem(cycle.rows[path], stops[sink.dim]) for path, sink in self._sinks.items()]
        if any(problems):
            raise ValueError(f"{self.path}: cycle {cycle.index} does not fit: {'; '.join(filter(None, problems))}")

    def _write(self, file: h5py.h5f.FileID, cycle: Cycle, sinks: Sequence[Sink]) -> None:
        # HDF5 enters the new end of the file before the file is that long, and after a kill in between it looks cut off
        room = sum(sink.room(cycle.rows[sink.path]) for sink in sinks)
        os.ftruncate(file.get_vfd_handle(), file.get_filesize() + room)
        for sink in sinks:
            sink.append(cycle.rows[sink.path])
        h5py.h5f.flush(file)

    def _abandon(self, file: h5py.h5f.FileID, head: bytes) -> None:
        """Leave the file as it was at the last commit, and let nothing that HDF5 still holds reach the disk.

        A flush that has failed, and closing the file later, enter a length that the file has not reached.
        """
        os.pwrite(file.get_vfd_handle(), head, 0)
        divert(file)
        with contextlib.suppress(OSError, RuntimeError):
            self.close()
        self._file = None  # or the next cycle would go nowhere, too, and count as committed

    def _open(self) -> h5py.h5f.FileID:
        if self._file is None:
            raise ValueError(f"{self.path} is closed: no cycle can be appended")
        return self._file


def _replaced(path: Path) -> ReplacedRunError:
    return ReplacedRunError(
        f"{path} was replaced while this run was being written: another file lies there now, which is left alone; if "
        "the run's own was only moved, put it back and go on with it (wepy resume)"
    )


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
        write_copy(temporary, run, run.header, run.planned)
        if isinstance(run, FileRun):
            copy_extra(run.path, temporary)
    return Path(path)
