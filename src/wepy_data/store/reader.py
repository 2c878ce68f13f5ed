"""The reader of a run's HDF5 file: growing, crashed or sealed."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
import os
import time
import weakref
from collections.abc import Iterator, Mapping
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
from wepy_data.record.header import Arrays, Continues, Header
from wepy_data.schema.layout import Column, Layout
from wepy_data.schema.spec import run_spec
from wepy_data.schema.structure import layout_of
from wepy_data.schema.tree import Foreign, Node
from wepy_data.store.commit import committed_cycles
from wepy_data.store.guard import (
    committed_rows,
    refuse_misfit,
    refuse_oversized,
    refuse_references,
    refuse_uncountable,
    within_budget,
)
from wepy_data.store.journal import is_held, journal_path
from wepy_data.store.later import Later
from wepy_data.store.opening import OLDEST, in_one_line, open_file, open_known
from wepy_data.store.piece import Piece, piece_of, read_pieces
from wepy_data.store.scatter import read_scattered
from wepy_data.store.tree import FileTree, is_own, read_text

__all__ = ["OLDEST", "FileRun", "open_file"]

_PATIENCE = 50  # times 20 ms, for a file that a writer is changing
_HARMLESS = 1 << 20  # bytes that are read without asking whether the file can hold them
_SETTLED = 2_000_000_000  # ns after which a file that changes again surely gets another time of change
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
        self._n_cycles = 0
        self._nodes: Mapping[str, Node]
        self._layout: Layout
        self._view: _View
        self._open()
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
            before = self._n_cycles, self.sealed
            try:
                self._reopen()
            except (DamagedRunError, FileNotFoundError):
                if not attempts_left:
                    raise
                time.sleep(0.02)  # a writer may be renaming, opening or repairing it
            else:
                return (self._n_cycles, self.sealed) != before
        raise AssertionError("unreachable")

    @property
    def layout(self) -> Layout:
        """Which datasets the run has."""
        return self._layout

    @cached_property
    def header(self) -> Header:
        """What does not grow."""
        self._dataset("/config")  # refuses a closed file
        with self._reading("its header"):
            attributes = self._nodes["/"].attributes
            return Header(
                layout=self._layout,
                static={path: self._read_all(path) for path in self._layout.static},
                topology=self._text("/topology") if "/topology" in self._nodes else "",
                config=self._json("/config", dict),
                compression=_checked("/@compression", attributes.get("compression", "gzip"), str),
                provenance=[_checked("/provenance", start, dict) for start in self._json("/provenance", list)],
                inputs=Later(self._inputs) if "/inputs" in self._nodes else {},
                author=_checked(
                    "/h5md/author@name", self._nodes["/h5md/author"].attributes.get("name", "unknown"), str
                ),
                run_id=attributes["run_id"],
                created=_checked("/@created", attributes["created"], str),
                continues=self._continues(),
            )

    @property
    def n_cycles(self) -> int:
        """Number of committed cycles."""
        return self._n_cycles

    @property
    def sealed(self) -> bool:
        """Whether the run has ended in order."""
        return bool(self._nodes["/"].attributes.get("sealed") == 1)

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
        return "growing" if held or self._inode() != self._seen[0] else "stopped"

    @cached_property
    def planned(self) -> Arrays | None:
        """Datasets of /next by path; None unless sealed."""
        if "/next" not in self._nodes:
            return None
        return {path: self._read_all(path) for path in self._layout.planned}

    def rows(self, dim: str) -> int:
        """Return the number of committed rows of a growing dimension."""
        return self._rows[dim]

    def stored_rows(self, dim: str) -> int:
        """Return the number of rows of a growing dimension that are there, committed or not.

        Raises
        ------
        DamagedRunError
            If one of its datasets is missing, or is none.
        """
        return max(self._length(column.path) for column in self._layout.by_dim[dim])

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
        column = self._layout.growing.get(path)
        if column is None:
            raise SelectionError(f"{self.path} has no dataset {path} that grows")
        return column

    # opening

    def _open(self) -> None:
        """Open the file at the path; what is known of the one before is kept where it cannot have changed."""
        seen = self._look()
        kept = self._held == seen[0] and "header" in self.__dict__
        for other in self._all:
            if other is not self and other._held == seen[0] and not other.sealed:
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

    def _adopt(self, file: h5py.File, seen: tuple[int, ...], *, kept: bool) -> None:
        """Read from this file from now on; change nothing if that fails."""
        columns = {path for path, dataset in run_spec().datasets.items() if dataset.dims[0] == "cycle"}
        foreign = next((path for path in columns if not kept and not is_own(file, path)), None)
        if foreign is not None:
            raise KeyError(f"{foreign} is missing or a link")
        view = _View(file, self._view.sizes if kept else None)
        lengths = {path: view.length(path) for path in columns}  # first: what is opened later is at least as new
        nodes = self._nodes if kept else FileTree(file).nodes()
        layout = self._layout if kept else layout_of(run_spec(), nodes)
        if not kept:
            _refuse_links(nodes)
            refuse_uncountable(layout, nodes)
        if nodes["/"].attributes.get("sealed") == 1:
            total = min(lengths.values())
        else:
            lengths |= {path: view.length(path) for path in layout.growing if path not in lengths}
            read = view.read if kept else within_budget(file, view.read, view.dataset)
            total = committed_cycles(layout, lengths, read, self._n_cycles if kept else 0)
        rows = committed_rows(layout, nodes, lengths | {"/cycles/index": total}, view.read, file.id.get_filesize())
        if self._file is not None or self._n_cycles:
            self._refuse_other(nodes, total)
        with phil:
            self._release()
            self._file, self._view, self._seen, self._held = file, view, seen, seen[0]
            self._nodes, self._layout, self._n_cycles = nodes, layout, total
            self._rows: dict[str, int] = rows
        if not kept:
            self.__dict__.pop("header", None)
            self.__dict__.pop("planned", None)

    def _refuse_other(self, nodes: Mapping[str, Node], total: int) -> None:
        mine, found = self._nodes["/"].attributes["run_id"], nodes["/"].attributes["run_id"]
        if found != mine:
            raise self._replaced(found)
        if total < self._n_cycles:
            raise DamagedRunError(
                f"{self.path} has {total} cycles, and had {self._n_cycles}: it was cut, or replaced by an older copy"
            )

    def _reopen(self) -> None:
        """Open the file anew; if it is the same one, it is closed first, or HDF5 would show it as it was."""
        if self._inode() == self._held:
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
                self._view.datasets.clear()
                file.close()

    def _open_again(self) -> None:
        """Open the file after it was let go, to read what was known then."""
        found = self._look()[0]
        file = open_file(self.path, swmr=not self.sealed)
        run_id = FileTree(file).root_attributes()["run_id"]
        if run_id != self._nodes["/"].attributes["run_id"]:
            file.close()
            raise self._replaced(run_id)
        self._file, self._view, self._held = file, _View(file), found

    def _look(self) -> tuple[int, ...]:
        """Return what tells a changed file: inode, size, time of change, and that time again if it is long ago."""
        try:
            found, now = self.path.stat(), time.time_ns()
        except FileNotFoundError:
            raise FileNotFoundError(f"{self.path}: no such file") from None
        settled = 0 < now - found.st_mtime_ns > _SETTLED
        return found.st_ino, found.st_size, found.st_mtime_ns, int(settled)

    def _may_have_changed(self) -> bool:
        if self._file is None or not self._seen[3]:  # changed so shortly before that its time may not tell
            return True
        try:
            return self._look() != self._seen
        except FileNotFoundError:
            return True

    def _inode(self) -> int:
        try:
            return self.path.stat().st_ino
        except OSError:
            return -1

    # reading

    @property
    def _more(self) -> str:
        return f"wepy-data check {quote(str(self.path))} says more"

    def _replaced(self, found: object) -> ReplacedRunError:
        mine = self._nodes["/"].attributes["run_id"]
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
                column = self._layout.columns[path]
                refuse_misfit(column, values, self._layout.sizes.get(column.dim, len(values)))
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
            return _checked(path, json.loads(text), kind)

    def _continues(self) -> Continues | None:
        if "/continues" not in self._nodes:
            return None
        found = self._nodes["/continues"].attributes
        kinds = {field.name: int if field.type == "int" else str for field in dataclasses.fields(Continues)}
        return Continues(**{name: _checked(f"/continues@{name}", found[name], kind) for name, kind in kinds.items()})

    def _inputs(self) -> dict[str, str]:
        return {name: _checked("/inputs", text, str) for name, text in self._json("/inputs", dict).items()}


class _View:
    """The datasets of an open file, each opened once."""

    def __init__(self, file: h5py.File, sizes: dict[str, tuple[int, int, Piece | None]] | None = None) -> None:
        self._file = file
        self.datasets: dict[str, h5py.Dataset] = {}
        self.sizes = {} if sizes is None else sizes
        """Bytes of a row and of a chunk of each dataset, and its piece: asking h5py takes longer than reading rows."""

    def dataset(self, path: str) -> h5py.Dataset:
        found = self.datasets.get(path)
        if found is None:
            found = self.datasets[path] = h5py.Dataset(h5py.h5d.open(self._file.id, path.encode()))
        return found

    def length(self, path: str) -> int:
        return int(self.dataset(path).id.shape[0])

    def read(self, path: str, start: int, stop: int) -> NDArray[Any]:
        dataset = self.dataset(path)
        rows = max(0, min(stop, int(dataset.id.shape[0])) - start)
        if path not in self.sizes:
            refuse_references(dataset)
            item, chunk = dataset.dtype.itemsize, dataset.chunks
            row, least = item * math.prod(dataset.shape[1:]), item * math.prod(chunk) if chunk else 0
            self.sizes[path] = row, least, piece_of(dataset)
        row, least, piece = self.sizes[path]
        if max(rows * row, least) > _HARMLESS:
            refuse_oversized(dataset, rows)
        return read_pieces(dataset, start, stop, piece)


def _refuse_links(nodes: Mapping[str, Node]) -> None:
    """Refuse a file whose contents would come from elsewhere."""
    foreign = [path for path, node in nodes.items() if "link" in node.kind]
    if foreign:
        raise ValueError(f"{foreign[0]} leads out of its place, and a run is one file of its own")


def _checked(path: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        found = value.text if isinstance(value, Foreign) else f"a {type(value).__name__}"
        raise TypeError(f"{path} is {found}, expected a {kind.__name__}")
    return value
