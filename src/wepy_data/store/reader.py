"""The reader of a run's HDF5 file: growing, crashed or sealed."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import time
import weakref
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Any, ClassVar, Self

import h5py
import numpy as np
from h5py._objects import phil  # h5py's own lock, held by each of its calls
from numpy.typing import NDArray

from wepy_data.errors import ClosedRunError, DamagedRunError, ReplacedRunError, SelectionError
from wepy_data.record.header import Arrays, Header
from wepy_data.schema.layout import Column, Layout
from wepy_data.store.content import Content, content_of
from wepy_data.store.guard import refuse_misfit, refuse_oversized
from wepy_data.store.journal import is_held, journal_path
from wepy_data.store.look import Look, inode_of
from wepy_data.store.opening import OLDEST, in_one_line, open_file, open_known
from wepy_data.store.scatter import read_scattered
from wepy_data.store.stored_header import checked, header_of
from wepy_data.store.tree import FileTree, read_text
from wepy_data.store.view import View

__all__ = ["OLDEST", "FileRun", "open_file"]

_PATIENCE = 50  # times 20 ms, for a file that a writer is changing
_FAILURES = (AttributeError, IndexError, KeyError, MemoryError, OSError, RuntimeError, TypeError, ValueError)
"""What reading raises when a file is not what it should be: h5py's and numpy's, RecursionError of JSON among them."""


class FileRun:
    """A run on disk, read-only; a context manager.

    Reading takes no lock and never disturbs a writer. Of a growing or crashed file only committed cycles are seen:
    those that were committed when it was opened, or refreshed.

    Parameters
    ----------
    path : path
        The run's HDF5 file.

    Raises
    ------
    FileNotFoundError, NotARunError, DamagedRunError, VersionTooOldError, VersionTooNewError
        As `open_file` says.
    """

    _all: ClassVar[weakref.WeakSet[FileRun]] = weakref.WeakSet()
    """HDF5 keeps one state of a file in a process, as it was when it was opened first: who refreshes has all let go."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._closed = False
        self._held = 0
        self._file: h5py.File | None = None
        self._content: Content
        self._view: View
        self._open()
        with phil:
            self._all.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._closed = True
        self._release()

    def refresh(self) -> bool:
        """Look for what has been committed since; return whether there are new cycles, or an end or a resume.

        Reading goes on with the file that now lies at the path. What costs nothing to find out is that nothing changed.

        Raises
        ------
        FileNotFoundError, DamagedRunError
            If the file is gone, or is damaged, or has fewer cycles than before.
        ReplacedRunError
            If another run lies at the path.
        """
        if self._closed:
            raise self._is_closed()
        if not self._may_have_changed():
            return False
        for attempts_left in reversed(range(_PATIENCE)):
            before = self.n_cycles, self.sealed
            try:
                self._reopen()
            except (DamagedRunError, FileNotFoundError):
                if not attempts_left:
                    raise
                time.sleep(0.02)  # a writer may be renaming, opening or repairing it
            else:
                return (self.n_cycles, self.sealed) != before
        raise AssertionError("unreachable")

    @property
    def layout(self) -> Layout:
        """Which datasets the run has."""
        return self._content.layout

    @cached_property
    def header(self) -> Header:
        """What does not grow."""
        self._dataset("/config")  # refuses a closed file
        with self._reading("its header"):
            return header_of(self._content, self._read_all, self._text, self._json)

    @property
    def n_cycles(self) -> int:
        """Number of committed cycles."""
        return self._content.n_cycles

    @property
    def sealed(self) -> bool:
        """Whether the run has ended in order."""
        return self._content.is_sealed

    @property
    def state(self) -> str:
        """`sealed`; `growing` while a process writes it; or `stopped`: not ended in order, and nobody writes it."""
        if self.sealed:
            return "sealed"
        try:
            held = is_held(journal_path(self.path))
        except OSError:  # a journal that this user may not read
            held = True
        # a writer that sealed the run a moment ago has no journal any more
        return "growing" if held or inode_of(self.path) != self._seen.inode else "stopped"

    @cached_property
    def planned(self) -> Arrays | None:
        """Datasets of /next by path; None unless sealed."""
        if "/next" not in self._content.nodes:
            return None
        return {path: self._read_all(path) for path in self.layout.planned}

    def rows(self, dim: str) -> int:
        """Return the number of committed rows of a growing dimension."""
        return self._content.rows[dim]

    def stored_rows(self, dim: str) -> int:
        """Return the number of rows of a growing dimension that are there, committed or not.

        Raises
        ------
        DamagedRunError
            If one of its datasets is missing, or is none.
        """
        return max(self._length(column.path) for column in self.layout.by_dim[dim])

    def stops(self, dim: str) -> NDArray[np.int64]:
        """Return the end of each cycle's rows in a growing dimension, (n_cycles,).

        Raises
        ------
        DamagedRunError
            If they decrease: no row could be told to belong to a cycle.
        """
        stops = self.read(f"/cycles/{dim}_stop")
        with self._reading(f"/cycles/{dim}_stop"):
            if (np.diff(stops, prepend=0) < 0).any():
                raise ValueError("it decreases")
        return stops

    def read(self, path: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return rows [start, stop) of a growing dataset, committed ones only.

        Raises
        ------
        SelectionError
            If there is no such dataset.
        DamagedRunError
            If it cannot be read.
        """
        column = self._growing(path)
        start, stop, _ = slice(start, stop).indices(self.rows(column.dim))
        values = self._raw(path, start, max(start, stop))
        with self._reading(path):
            refuse_misfit(column, values, max(start, stop) - start)
        values.setflags(write=False)
        return values

    def read_rows(self, path: str, rows: NDArray[np.int64], part: slice | None = None) -> NDArray[Any]:
        """Return chosen rows of a growing dataset, increasing and committed, or a part of their second dimension.

        Raises
        ------
        SelectionError
            If there is no such dataset.
        DamagedRunError
            If they cannot be read.
        """
        column = self._growing(path)
        with phil:
            dataset = self._dataset(path)
            with self._reading(path):
                refuse_oversized(dataset, len(rows))
                return read_scattered(dataset, column, rows, part, functools.partial(self.read, path))

    def _growing(self, path: str) -> Column:
        column = self._content.layout.growing.get(path)
        if column is None:
            raise SelectionError(f"{self.path} has no dataset {path} that grows")
        return column

    # opening

    def _open(self) -> None:
        """Open the file at the path; what is known of the one before is kept where it cannot have changed."""
        seen = Look.at(self.path)
        kept = self._held == seen.inode and "header" in self.__dict__
        with phil:  # another thread may add its own meanwhile
            others = list(self._all)
        for other in others:
            if other is not self and other._held == seen.inode and not other.sealed:
                other._let_go()
        file = open_known(self.path, swmr=not self.sealed) if kept else open_file(self.path)
        try:
            if not kept and not file.swmr_mode and FileTree(file).root_attributes().get("sealed") != 1:
                file.close()
                file = open_file(self.path, swmr=True)  # a writer may go on with it while it is being read
            self._adopt(file, seen, kept=kept)
        except _FAILURES as error:
            file.close()
            raise DamagedRunError(f"{self.path} is damaged ({in_one_line(error)}): {self._more}") from error
        except BaseException:
            file.close()
            raise

    def _adopt(self, file: h5py.File, seen: Look, *, kept: bool) -> None:
        """Read from this file from now on; change nothing if that fails."""
        view = View(file, self._view.sizes if kept else None)
        content = content_of(view, self._content if kept else None)
        if self._held:
            self._refuse_other(content)
        with phil:
            self._release()
            self._file, self._view, self._seen, self._held = file, view, seen, seen.inode
            self._content = content
        if not kept:
            self.__dict__.pop("header", None)
            self.__dict__.pop("planned", None)

    def _refuse_other(self, found: Content) -> None:
        """Refuse what is not the run that was read before, or less of it."""
        if found.run_id != self._content.run_id:
            raise self._replaced(found.run_id)
        if found.n_cycles < self.n_cycles:
            raise DamagedRunError(
                f"{self.path} has {found.n_cycles} cycles, and had {self.n_cycles}: "
                "it was cut, or replaced by an older copy"
            )

    def _reopen(self) -> None:
        """Open the file anew; if it is the same one, it is closed first, or HDF5 would show it as it was."""
        if inode_of(self.path) == self._held:
            self._let_go()
        self._open()

    def _let_go(self) -> None:
        """Close the file for now; it is opened again when something is asked of it."""
        if self._file is not None:
            with contextlib.suppress(DamagedRunError):
                _ = self.header  # it is read once in the life of a file, not at every refresh
            self._release()

    def _release(self) -> None:
        with phil:
            file, self._file = self._file, None
            if file is not None:
                self._view.let_go()
                file.close()

    def _open_again(self) -> None:
        """Open the file after it was let go, to read what was known then."""
        inode = Look.at(self.path).inode
        file = open_file(self.path, swmr=not self.sealed)
        run_id = FileTree(file).root_attributes()["run_id"]
        if run_id != self._content.run_id:
            file.close()
            raise self._replaced(run_id)
        self._file, self._view, self._held = file, View(file), inode

    def _may_have_changed(self) -> bool:
        if self._file is None or not self._seen.is_settled:  # changed so shortly before that its time may not tell
            return True
        try:
            return Look.at(self.path) != self._seen
        except FileNotFoundError:
            return True

    # reading

    @property
    def _more(self) -> str:
        return f"wepy-data check {quote(str(self.path))} says more"

    def _replaced(self, found: object) -> ReplacedRunError:
        mine = self._content.run_id
        return ReplacedRunError(f"{self.path} is another run now ({found}; it was {mine}): open it anew")

    def _is_closed(self) -> ClosedRunError:
        return ClosedRunError(f"{self.path} is closed: ask inside the with block, or open it again")

    @contextlib.contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Turn what HDF5, h5py and json say of a damaged file into our error."""
        try:
            yield
        except DamagedRunError:
            raise
        except _FAILURES as error:
            raise DamagedRunError(
                f"{self.path} is damaged, {what} cannot be read ({in_one_line(error)}): {self._more}"
            ) from error

    def _dataset(self, path: str) -> h5py.Dataset:
        if self._closed:
            raise self._is_closed()
        with phil:
            if self._file is None:
                self._open_again()
            with self._reading(path):
                return self._view.dataset(path)

    def _raw(self, path: str, start: int, stop: int) -> NDArray[Any]:
        with phil:  # no refresh in another thread lets go of the file meanwhile
            self._dataset(path)
            with self._reading(path):
                return self._view.read(path, start, stop)

    def _length(self, path: str) -> int:
        with phil:
            self._dataset(path)
            with self._reading(path):
                return self._view.length(path)

    def _read_all(self, path: str) -> NDArray[Any]:
        with phil:
            dataset = self._dataset(path)
            with self._reading(path):
                values = self._view.read(path, 0, len(dataset))
                column = self.layout.columns[path]
                refuse_misfit(column, values, self.layout.sizes.get(column.dim, len(values)))
        values.setflags(write=False)
        return values

    def _text(self, path: str) -> str:
        with phil:
            dataset = self._dataset(path)
            with self._reading(path):
                refuse_oversized(dataset, 1)
                return read_text(dataset)

    def _json(self, path: str, kind: type) -> Any:
        text = self._text(path)
        with self._reading(path):
            return checked(path, json.loads(text), kind)
