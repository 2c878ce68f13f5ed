"""The opening of a run's HDF5 file for reading, whatever state it is in: without a lock, and never without end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Self

import h5py
from h5py._objects import phil  # h5py's own lock, held by each of its calls

from wepy_data.errors import DamagedRunError, NotARunError, VersionTooNewError, VersionTooOldError
from wepy_data.schema.spec import run_spec
from wepy_data.schema.tree import Foreign
from wepy_data.store.superblock import SIGNATURE, Superblock
from wepy_data.store.tree import FileTree

OLDEST = "1.0.0"
"""Oldest schema version that this library reads."""
_PATIENCE = 50  # times 20 ms, for a file that a writer is just opening
_ATTEMPTS = 27  # HDF5 sleeps 1, 2, 4, ... ns between attempts to read metadata: 0.13 s in all; its own 100 never end

_OPEN_OTHERWISE = "SWMR read access flag not the same"  # HDF5's words: this process has the file open the other way
_LOCKED_OTHERWISE = "file locking flag values don't match"  # the same: it has it open with locks, as h5py does unasked


def open_file(path: str | os.PathLike[str], *, swmr: bool = False) -> h5py.File:
    """Open a run's HDF5 file for reading, without a lock, whatever state it is in.

    Parameters
    ----------
    path : path
        The file.
    swmr : bool
        Whether to expect a writer although none has it open now.

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
    file = open_known(where, swmr=swmr)
    try:
        _refuse_others(where, file)
    except BaseException:
        file.close()
        raise
    return file


def in_one_line(error: BaseException) -> str:
    """Return what an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def open_known(where: Path, *, swmr: bool) -> h5py.File:
    """Open a file that is known to be a run, as `open_file` does.

    A file that is closed is opened as it is, one that is being written, or was when its writer died, as SWMR reader.
    SWMR is not the rule: HDF5 then tries damaged metadata again and again, as it might be about to become whole.
    """
    for _ in range(_PATIENCE):
        state = _State.read(where)
        if state.eof < state.end:
            raise DamagedRunError(
                f"{where} is a damaged HDF5 file (cut off after {state.eof} of at least {state.end} bytes): "
                "restore it from a copy"
            )
        try:
            return _read_only(where, swmr=state.growing or (swmr and state.ours))
        except OSError as error:
            if _State.read(where) == state and not state.opening:
                raise DamagedRunError(
                    f"{where} is a damaged HDF5 file ({in_one_line(error)}): restore it from a copy"
                ) from error
        time.sleep(0.02)
    raise DamagedRunError(f"{where} is a damaged HDF5 file (its writer died while opening it): restore it from a copy")


def _read_only(where: Path, *, swmr: bool) -> h5py.File:
    try:
        return _opened(where, swmr=swmr)
    except OSError as error:
        if _LOCKED_OTHERWISE in str(error):
            return _opened(where, swmr=swmr, locked=True)
        if _OPEN_OTHERWISE not in str(error):
            raise
        return _opened(where, swmr=not swmr)


def _opened(where: Path, *, swmr: bool, locked: bool = False) -> h5py.File:
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    if not locked:
        access.set_file_locking(False, False)
    flags = h5py.h5f.ACC_RDONLY
    if swmr:
        flags |= h5py.h5f.ACC_SWMR_READ
        _limit_attempts(access)
    return _ReadFile(h5py.h5f.open(os.fsencode(where), flags, fapl=access))


class _ReadFile(h5py.File):  # type: ignore[misc]  # h5py publishes no types
    """A file that is only read; what HDF5 cannot let go of, as it is damaged, is no error of its own."""

    def close(self) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            super().close()


def _limit_attempts(access: h5py.h5p.PropFAID) -> None:
    """Make HDF5 give up on metadata that stays damaged, by a call that h5py does not offer."""
    library = ctypes.CDLL(h5py.h5p.__file__)  # finds the names of the HDF5 library that h5py itself is linked to
    library.H5Pset_metadata_read_attempts.argtypes = (ctypes.c_int64, ctypes.c_uint)
    with phil:  # or another thread's call to HDF5 runs at the same time, which ends in a crash
        failed = library.H5Pset_metadata_read_attempts(access.id, _ATTEMPTS) < 0
    if failed:
        raise RuntimeError("HDF5 did not take the number of attempts to read metadata")


@dataclass(frozen=True, slots=True)
class _State:
    """What the head of an HDF5 file says of its state.

    `ours`: it has the superblock that our writer makes; `opening`: a writer is about to make it readable; `growing`:
    it is being written, or its writer died; `end`: the file is damaged if it is shorter; `eof`: how long it is.
    """

    ours: bool
    opening: bool
    growing: bool
    end: int
    eof: int

    @classmethod
    def read(cls, where: Path) -> Self:
        with where.open("rb") as raw:
            if raw.read(len(SIGNATURE)) != SIGNATURE:
                raise NotARunError(f"{where} is not an HDF5 file, so it is not a run: check the name")
            head = Superblock.read(where)
            eof = os.fstat(raw.fileno()).st_size  # after the head: a writer makes the file longer before it says so
        if head is None:  # not one of ours, or cut off: HDF5 will say
            return cls(ours=False, opening=False, growing=False, end=0, eof=eof)
        return cls(ours=True, opening=head.flags & 5 == 1, growing=head.flags & 4 == 4, end=head.end, eof=eof)


def _refuse_others(where: Path, file: h5py.File) -> None:
    try:
        attributes = FileTree(file).root_attributes()
        names = set(file)
    except (KeyError, OSError, RuntimeError) as error:  # h5py's word for an object that cannot be opened is KeyError
        raise DamagedRunError(
            f"{where} is a damaged HDF5 file ({in_one_line(error)}): restore it from a copy"
        ) from error
    for name in ("schema_version", "run_id", "min_reader"):
        value = attributes.get(name)
        if isinstance(value, Foreign) and value.damaged:
            raise DamagedRunError(
                f"{where} is damaged (/@{name} is {value.text}, expected a text): restore it from a copy"
            )
    if not isinstance(attributes.get("schema_version"), str) or not isinstance(attributes.get("run_id"), str):
        found = _format(names, set(attributes))
        raise NotARunError(f"{where} is {_FORMATS[found]}, not a run of this library{_advice(where, found)}")
    mine = _version(run_spec().version)
    stored, needed = _version(attributes["schema_version"]), _version(attributes.get("min_reader"))
    if stored is None or needed is None or mine is None:
        name = "schema_version" if stored is None else "min_reader"
        raise DamagedRunError(f"{where} is damaged (/@{name} {attributes.get(name)!r:.60} is not a version number)")
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
    return tuple(map(int, parts)) if len(parts) == 3 and all(p.isdecimal() and len(p) < 10 for p in parts) else None


_FORMATS = {
    "westpa": "a WESTPA file",
    "wepy-1": "a file of the other wepy (wepy 1.x)",
    "": "an HDF5 file of another kind",
}


def foreign_format(file: h5py.File) -> str:
    """Return which format of another program an HDF5 file has: `westpa`, `wepy-1`; empty for none that is known."""
    try:
        return _format(set(file), set(file.attrs))
    except (KeyError, OSError, RuntimeError):
        return ""


def _format(names: set[str], attributes: set[str]) -> str:
    if {"iterations", "summary"} <= names or attributes & {"west_file_format_version", "westpa_fileformat_version"}:
        return "westpa"
    return "wepy-1" if {"runs", "topology"} <= names else ""


def _advice(where: Path, found: str) -> str:
    if found:
        return f": import it (wepy-data import {quote(str(where))} -o run.h5) and open what you get"
    return ": check the name"
