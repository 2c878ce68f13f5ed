"""The journal: an append-only backup of the steps of the cycle that is not in the HDF5 file yet.

A journal is a file of frames. Each frame is a head of 20 bytes (length and CRC-32 of the body, sequence number,
magic word, all little-endian) and a body: the length of a JSON text, the text, then the raw bytes of the arrays that
it names. A frame that is cut short or does not match its checksum ends the journal: it is the torn tail of a crash.

The journal is locked (flock) while its writer lives: whoever holds the lock of the file that lies at the journal's path
is the one writer of the run, and nobody touches run or journal without it. A kill leaves no lock behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import struct
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError, ReplacedRunError, RunBusyError, RunExistsError
from wepy_data.store.group_sync import GroupSync
from wepy_data.store.path import real_path, sync

_HEAD = struct.Struct("<IIQ4s")
_TEXT = struct.Struct("<I")
_MAGIC = b"WEJ1"
_KINDS = frozenset("biufS")
_PATIENCE = 20  # times 10 ms: whoever asks `is_held` has a lock, too, for an instant
_MALFORMED = (AttributeError, KeyError, OverflowError, RecursionError, struct.error, SyntaxError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Entry:
    """One step of a cycle.

    Parameters
    ----------
    step : str
        Which step: `plan`, `segments`, `bins`, `balance`, ...
    facts : mapping
        JSON values.
    arrays : mapping of str to ndarray
        Arrays of numbers or fixed-length bytes, by name.
    """

    step: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


def journal_path(run: str | os.PathLike[str]) -> Path:
    """Return where the journal of a run's file lies: beside the file itself, whatever links lead to it."""
    path = real_path(run)
    return path.with_name(path.name + ".journal")


class Journal:
    """The journal of a growing run, open for writing.

    What `append` has returned from survives the end of this process, however it comes. It is on the disk, and so
    survives the end of the machine, one wait for the disk later: entries that arrive while the disk is busy share the
    next wait, and nobody stands still for it. `rotate` itself waits.

    Parameters
    ----------
    path : path
        The journal's file.
    overwrite : bool
        Whether an existing journal, that no process is writing, is replaced: by the first rotation or entry.
    durable : bool
        Whether entries are brought to the disk (fsync) at all.

    Raises
    ------
    RunBusyError
        If another process is writing the journal.
    RunExistsError
        If there is a journal and `overwrite` is false.
    """

    def __init__(self, path: str | os.PathLike[str], *, overwrite: bool = False, durable: bool = True) -> None:
        self._take(real_path(path), durable)
        try:
            self._is_old = self._size() > 0
            if self._is_old:
                _refuse_to_replace(self.path, overwrite=overwrite)
        except BaseException:
            self.release()
            raise

    def _take(self, path: Path, durable: bool) -> None:
        self.path = path
        self.found: tuple[Entry, ...] = ()
        """What the journal held when it was taken over."""
        self._sequence = 0
        self._is_old = False  # whether what is in the file is not this journal's, but to be replaced by it
        self._file: BinaryIO | None = _locked_file(path)
        self._disk = GroupSync() if durable else None

    @classmethod
    def take_over(cls, path: str | os.PathLike[str], *, durable: bool = True) -> Self:
        """Lock the journal that a crash or a stop has left, or a new one if there is none, and read it.

        The file is left as it is until the first `rotate`.

        Raises
        ------
        RunBusyError
            If another process is writing it.
        DamagedRunError
            If it is no journal; see `read_journal`.
        """
        self = cls.__new__(cls)
        self._take(real_path(path), durable)
        try:
            self.found = tuple(read_journal(self.path))
        except BaseException:
            self.release()
            raise
        return self

    def append(self, *entries: Entry) -> None:
        """Append entries.

        Raises
        ------
        OSError
            If they cannot be written, or the disk has failed on entries before; the journal ends with what was whole.
        """
        if self._is_old:
            self.rotate()
        self._write(self._open(), entries)
        if self._disk is not None:
            self._disk.ask(self._open().fileno())

    def rotate(self, *entries: Entry) -> None:
        """Forget all entries but begin anew with these, durably: the cycle before is safe in the HDF5 file.

        Raises
        ------
        ReplacedRunError
            If the journal was deleted, and another one lies in its place by now.
        """
        old = self._open()
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        new = temporary.open("wb", buffering=0)
        try:
            fcntl.flock(new, fcntl.LOCK_EX | fcntl.LOCK_NB)  # before it takes the place of the one that is locked now
            self._write(new, entries)
            if self._disk is not None:
                os.fsync(new.fileno())
            self._put(temporary, old)
        except BaseException:
            new.close()
            temporary.unlink(missing_ok=True)
            raise
        self._file, self._is_old = new, False
        old.close()
        if self._disk is not None:
            sync(self.path.parent)

    def _put(self, temporary: Path, old: BinaryIO) -> None:
        """Put a locked file in the place of the journal, but never in that of another writer's."""
        if _is_at(old, self.path):
            temporary.replace(self.path)
            return
        try:
            os.link(temporary, self.path)
        except FileExistsError:
            raise ReplacedRunError(
                f"{self.path} was replaced while this run was being written: another process writes the run now, or "
                "did; the journal is left alone, and this process stops"
            ) from None
        temporary.unlink()

    def wait(self) -> None:
        """Wait until all that was appended is on the disk."""
        if self._disk is not None:
            self._disk.wait()

    def close(self) -> None:
        """Close the journal and leave it where it is, for a resume."""
        if self._file is not None:
            file, self._file = self._file, None
            try:
                if self._disk is not None:
                    self._disk.close()
            finally:
                file.close()

    def release(self) -> None:
        """Close the journal as `close` does, but delete it if nothing is in it."""
        if self._file is not None and not self._size():
            self._unlink(self._file)
        self.close()

    def remove(self) -> None:
        """Delete the journal, and close it: the run is sealed and needs none."""
        if self._file is not None:
            self._unlink(self._file)
        self.close()

    def _unlink(self, file: BinaryIO) -> None:
        if _is_at(file, self.path):
            self.path.unlink(missing_ok=True)  # while it is locked: nobody takes it over

    def _size(self) -> int:
        return os.fstat(self._open().fileno()).st_size

    def _open(self) -> BinaryIO:
        if self._file is None:
            raise ValueError(f"the journal {self.path} is closed: nothing can be appended")
        return self._file

    def _write(self, file: BinaryIO, entries: Sequence[Entry]) -> None:
        frames, sequence = [], self._sequence
        for entry in entries:
            body = _body(entry)
            frames.append(_HEAD.pack(len(body), zlib.crc32(body), sequence, _MAGIC) + body)
            sequence += 1
        data, end = memoryview(b"".join(frames)), file.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[file.write(data) or 0 :]
        except BaseException as error:
            with contextlib.suppress(OSError):
                file.truncate(end)
            if isinstance(error, OSError):
                error.filename = str(self.path)  # the system does not say it of a file that is open
            raise
        self._sequence = sequence


def refuse_journal(path: Path, *, overwrite: bool) -> None:
    """Raise `RunBusyError` if a process is writing a journal, `RunExistsError` if it must not be replaced.

    This is advice from before a start: the answer may be another one a moment later. An empty journal is none.
    """
    if is_held(path):
        raise _busy(path)
    if path.exists() and path.stat().st_size:
        _refuse_to_replace(path, overwrite=overwrite)


def _refuse_to_replace(path: Path, *, overwrite: bool) -> None:
    if not overwrite:
        raise RunExistsError(
            f"{path} exists, the journal of an unfinished run: go on with it (wepy resume), choose another name, "
            "or allow it to be overwritten (overwrite=True, or --overwrite)"
        )


def _busy(path: Path) -> RunBusyError:
    return RunBusyError(f"{path}: another process is writing this run: wait for it, stop it, or choose another name")


@contextlib.contextmanager
def writing(run: Path) -> Iterator[None]:
    """Be the one writer of a run for a while, without a word in its journal; one that was made for this is removed.

    Raises
    ------
    RunBusyError
        If another process is writing the run.
    """
    path = journal_path(run)
    file = _locked_file(path)
    try:
        yield
    finally:
        if not os.fstat(file.fileno()).st_size and _is_at(file, path):
            path.unlink(missing_ok=True)  # while it is locked: nobody takes it over
        file.close()


def _locked_file(path: Path) -> BinaryIO:
    """Open a journal as it is, or an empty one, and lock it.

    The lock counts if the file still lies at the path once it is held: else whoever held it before has rotated or
    removed the file.
    """
    while True:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666), "r+b", buffering=0)
        try:
            if not _locked(file):
                raise _busy(path)
            if _is_at(file, path):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _locked(file: BinaryIO) -> bool:
    """Take the lock of a journal; whether it was free."""
    for _ in range(_PATIENCE):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether a file that was opened still lies at its path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def is_held(path: Path) -> bool:
    """Whether a process is writing a journal."""
    while True:
        try:
            with path.open("rb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    return True
                if _is_at(file, path):  # else it was rotated meanwhile
                    return False
        except FileNotFoundError:
            return False


def read_journal(path: str | os.PathLike[str]) -> Iterator[Entry]:
    """Yield the entries of a journal in order, up to its end or its torn tail.

    Parameters
    ----------
    path : path
        The journal's file, whatever a crash left of it.

    Raises
    ------
    DamagedRunError
        If an entry is malformed although its checksum is right, which no crash does.
    """
    with Path(path).open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        expected: int | None = None
        while True:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                return
            length, crc, sequence, magic = _HEAD.unpack(head)
            if magic != _MAGIC or length > size - file.tell() or (expected is not None and sequence != expected):
                return
            body = file.read(length)
            if zlib.crc32(body) != crc:
                return
            expected = sequence + 1
            try:
                entry = _entry(body)
            except _MALFORMED as error:
                raise DamagedRunError(
                    f"{path} is no journal of this library: entry {sequence} is malformed ({error!r:.200}), although "
                    "its checksum is right: move it away to open the run without it"
                ) from error
            yield entry


def _body(entry: Entry) -> bytes:
    arrays = {name: np.asarray(array, order="C") for name, array in entry.arrays.items()}
    foreign = [name for name, array in arrays.items() if array.dtype.kind not in _KINDS]
    if foreign:
        raise TypeError(f"the journal holds numbers and bytes, and {', '.join(foreign)} is neither")
    table = [[name, array.dtype.newbyteorder("<").str, list(array.shape)] for name, array in arrays.items()]
    text = json.dumps({"step": entry.step, "facts": entry.facts, "arrays": table}).encode()
    data = [array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes() for array in arrays.values()]
    return b"".join([_TEXT.pack(len(text)), text, *data])


def _entry(body: bytes) -> Entry:
    (length,) = _TEXT.unpack_from(body)
    place = _TEXT.size + length
    head = json.loads(body[_TEXT.size : place])
    if not isinstance(head["step"], str) or not isinstance(head["facts"], dict):
        raise TypeError("step and facts")
    arrays: dict[str, NDArray[Any]] = {}
    for name, code, shape in head["arrays"]:
        dtype, count = np.dtype(code), math.prod(shape)
        if dtype.kind not in _KINDS or not isinstance(name, str) or min(shape, default=0) < 0:
            raise TypeError(f"array {name!r:.50} of {code!r:.50}, {shape!r:.50}")
        if not 0 <= count * dtype.itemsize <= len(body) - place:
            raise ValueError(f"array {name!r:.50} is longer than the entry")
        values = np.frombuffer(body, dtype, count, place) if dtype.itemsize else np.zeros(count, dtype)
        arrays[name] = values.reshape(shape)
        place += count * dtype.itemsize
    return Entry(step=head["step"], facts=head["facts"], arrays=arrays)
