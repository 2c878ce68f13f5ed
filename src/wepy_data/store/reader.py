"""The reader of a run's HDF5 file: growing, crashed or sealed."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from shlex import quote
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import (
    ClosedRunError,
    DamagedRunError,
    NotARunError,
    SelectionError,
    VersionTooNewError,
    VersionTooOldError,
)
from wepy_data.record.header import Arrays, Continues, Header
from wepy_data.schema.layout import Layout
from wepy_data.schema.spec import run_spec
from wepy_data.schema.structure import layout_of
from wepy_data.store.tree import FileTree, is_own, read_text

_PATIENCE = 50  # times 20 ms, for a file that a writer is just opening
OLDEST = "1.0.0"
"""Oldest schema version that this library reads."""


def open_file(path: str | os.PathLike[str]) -> h5py.File:
    """Open a run's HDF5 file for reading, without a lock, whatever state it is in.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    NotARunError
        If it is not an HDF5 file, or one of another kind.
    DamagedRunError
        If it is an HDF5 file that cannot be opened.
    VersionTooOldError, VersionTooNewError
        If this library cannot read its schema version.
    """
    where = Path(path)
    if not where.exists():
        raise FileNotFoundError(f"{where}: no such file")
    if where.is_dir():
        raise NotARunError(f"{where} is a folder, not a run: name the run's HDF5 file")
    file = _open_hdf5(where)
    try:
        _refuse_others(where, file)
    except BaseException:
        file.close()
        raise
    return file


def _open_hdf5(where: Path) -> h5py.File:
    """Open a file that is closed as it is, and one that is being written, or was when its writer died, as SWMR reader.

    SWMR is not the rule: it makes HDF5 wait without end for damaged metadata to become whole.
    """
    for _ in range(_PATIENCE):
        state = _State.read(where)
        if state.eof < state.end:
            raise DamagedRunError(
                f"{where} is a damaged HDF5 file (cut off after {state.eof} of at least {state.end} bytes): "
                "restore it from a copy"
            )
        try:
            return h5py.File(where, "r", swmr=state.growing, locking=False)
        except OSError as error:
            if _State.read(where) == state and not state.opening:
                reason = " ".join(str(error).split())
                raise DamagedRunError(f"{where} is a damaged HDF5 file ({reason}): restore it from a copy") from error
        time.sleep(0.02)
    raise DamagedRunError(f"{where} is a damaged HDF5 file (its writer died while opening it): restore it from a copy")


@dataclass(frozen=True, slots=True)
class _State:
    """What the head of an HDF5 file (superblock, version 3) says of its state.

    `opening`: a writer is about to make it readable; `growing`: it is being written, or its writer died; `end`: the
    file is damaged if it is shorter; `eof`: how long it is.
    """

    opening: bool
    growing: bool
    end: int
    eof: int

    @classmethod
    def read(cls, where: Path) -> Self:
        with where.open("rb") as raw:
            head = raw.read(36)
            eof = os.fstat(raw.fileno()).st_size
        if head[:8] != b"\x89HDF\r\n\x1a\n":
            raise NotARunError(f"{where} is not an HDF5 file, so it is not a run: check the name")
        if len(head) < 36 or head[8] != 3 or head[9] != 8:
            return cls(opening=False, growing=False, end=0, eof=eof)  # not one of ours, or cut off: HDF5 will say
        flags = head[11]
        end = int.from_bytes(head[28:36], "little")
        return cls(opening=flags & 5 == 1, growing=flags & 4 == 4, end=end, eof=eof)


def _refuse_others(where: Path, file: h5py.File) -> None:
    try:
        attributes = FileTree(file).root_attributes()
        names = set(file)
    except (OSError, RuntimeError) as error:
        raise DamagedRunError(f"{where} is a damaged HDF5 file ({error}): restore it from a copy") from error
    if not isinstance(attributes.get("schema_version"), str) or not isinstance(attributes.get("run_id"), str):
        raise NotARunError(f"{where} is {_kind(names, attributes)}, not a run of this library{_advice(where, names)}")
    mine = _version(run_spec().version)
    stored, needed = _version(attributes["schema_version"]), _version(attributes.get("min_reader"))
    if stored is None or needed is None or mine is None:
        raise DamagedRunError(f"{where}: its schema version {attributes['schema_version']!r} is not a version number")
    if needed > mine:
        raise VersionTooNewError(
            f"{where} needs schema {attributes['min_reader']} and this library knows {run_spec().version}: "
            "upgrade it (pip install --upgrade wepy-ensemble)"
        )
    if stored < (_version(OLDEST) or stored):
        raise VersionTooOldError(
            f"{where} has schema {attributes['schema_version']} and this library reads {OLDEST} and later: "
            "read it with the wepy-ensemble release that wrote it"
        )


def _version(text: object) -> tuple[int, ...] | None:
    parts = text.split(".") if isinstance(text, str) else []
    return tuple(map(int, parts)) if len(parts) == 3 and all(p.isdecimal() for p in parts) else None


def _kind(names: set[str], attributes: dict[str, Any]) -> str:
    if {"iterations", "summary"} <= names or "west_file_format_version" in attributes:
        return "a WESTPA file"
    if {"runs", "topology"} <= names:
        return "a file of the other wepy (wepy 1.x)"
    return "an HDF5 file of another kind"


def _advice(where: Path, names: set[str]) -> str:
    if {"iterations", "summary"} <= names or {"runs", "topology"} <= names:
        return f" (once importers are there: wepy-data import {quote(str(where))} -o run.h5)"
    return ": check the name"


class FileRun:
    """A run on disk, read-only; a context manager.

    Reading takes no lock and never disturbs a writer. Of a growing or crashed file only committed cycles are seen.

    Parameters
    ----------
    path : path
        The run's HDF5 file.

    Raises
    ------
    FileNotFoundError, NotARunError, DamagedRunError, VersionTooOldError, VersionTooNewError
        As `open_file` says.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = open_file(path)
        try:
            self._n_cycles = self._committed_cycles()  # first: what is opened later is at least as new
            self._nodes = FileTree(self._file).nodes()
            self._refuse_links()
            self._layout = layout_of(run_spec(), self._nodes)
            self._rows: dict[str, int] = {"cycle": self._n_cycles}
        except (IndexError, KeyError, OSError, RuntimeError, ValueError) as error:
            self._file.close()
            raise DamagedRunError(f"{self.path} is damaged ({error}): {self._more}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def layout(self) -> Layout:
        """Which datasets the run has."""
        return self._layout

    @cached_property
    def header(self) -> Header:
        """What does not grow."""
        self._dataset("/config")  # refuses a closed file
        attributes = self._nodes["/"].attributes
        author = self._nodes["/h5md/author"].attributes.get("name", "unknown")
        return Header(
            layout=self._layout,
            static={path: self._read_all(path) for path in self._layout.static},
            topology=self._text("/topology") if "/topology" in self._nodes else "",
            config=json.loads(self._text("/config")),
            provenance=json.loads(self._text("/provenance")),
            author=author,
            run_id=attributes["run_id"],
            created=attributes["created"],
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

    @cached_property
    def planned(self) -> Arrays | None:
        """Datasets of /next by path; None unless sealed."""
        if "/next" not in self._nodes:
            return None
        return {path: self._read_all(path) for path in self._layout.planned}

    def rows(self, dim: str) -> int:
        """Return the number of committed rows of a growing dimension."""
        if dim not in self._rows:
            self._rows[dim] = int(self._dataset(f"/cycles/{dim}_stop")[self._n_cycles - 1]) if self._n_cycles else 0
        return self._rows[dim]

    def stops(self, dim: str) -> NDArray[np.int64]:
        """Return the end of each cycle's rows in a growing dimension, (n_cycles,)."""
        return self.read(f"/cycles/{dim}_stop")

    def read(self, path: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return rows [start, stop) of a growing dataset, committed ones only."""
        column = self._layout.growing.get(path)
        if column is None:
            raise SelectionError(f"{self.path} has no dataset {path} that grows")
        total = self.rows(column.dim)
        start, stop, _ = slice(start, stop).indices(total)
        values = np.asarray(self._dataset(path)[start : max(start, stop)])
        values.setflags(write=False)
        return values

    def _committed_cycles(self) -> int:
        columns = [path for path, dataset in run_spec().datasets.items() if dataset.dims[0] == "cycle"]
        foreign = next((path for path in columns if not is_own(self._file, path)), None)
        if foreign is not None:
            raise KeyError(f"{foreign} is missing or a link")
        return int(min(self._dataset(path).shape[0] for path in columns))

    @property
    def _more(self) -> str:
        return f"wepy-data check {quote(str(self.path))} says more"

    def _refuse_links(self) -> None:
        """Refuse a file whose contents would come from elsewhere."""
        foreign = [path for path, node in self._nodes.items() if "link" in node.kind]
        if foreign:
            raise ValueError(f"{foreign[0]} leads out of its place, and a run is one file of its own")

    def _dataset(self, path: str) -> h5py.Dataset:
        if not self._file:
            raise ClosedRunError(f"{self.path} is closed: ask inside the with block, or open it again")
        try:
            return self._file[path]
        except KeyError as error:
            raise DamagedRunError(f"{self.path} has no {path}: {self._more}") from error

    def _read_all(self, path: str) -> NDArray[Any]:
        values = np.asarray(self._dataset(path)[()])
        values.setflags(write=False)
        return values

    def _text(self, path: str) -> str:
        return read_text(self._dataset(path))

    def _continues(self) -> Continues | None:
        if "/continues" not in self._nodes:
            return None
        found = self._nodes["/continues"].attributes
        return Continues(run_id=found["run_id"], cycle=found["cycle"], file=found["file"], digest=found["digest"])
