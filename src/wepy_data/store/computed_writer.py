"""Computed observables put into a sealed run's file, or into a file beside a run that is not sealed."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import ReplacedRunError
from wepy_data.store.computed import KNOWN, PLACE, VALUE, Computed, beside_path, is_run_of, row_bytes
from wepy_data.store.copy import VERSIONS, closed_whole
from wepy_data.store.journal import writing
from wepy_data.store.path import appearing, real_path, remove_parts
from wepy_data.store.reader import FileRun

_CHUNK = 1 << 18  # bytes
_ROOM = 1 << 16  # bytes that headers and indices of the datasets take, besides a hundredth of the values


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Part:
    """Values for some rows, which need not be next to each other."""

    rows: NDArray[np.int64]
    values: NDArray[Any]


def store_computed(run: str | os.PathLike[str], new: Computed, known: NDArray[np.bool_], parts: Iterable[Part]) -> Path:
    """Store an observable with a run, in the place of one of the same name, and return the file that holds it.

    A sealed run gets it into its file: a copy of the file with the observable takes its place. Of another run it
    comes into a file beside it. A kill at any moment leaves the file as it was, or with the observable.

    Parameters
    ----------
    run : path
        The run's file.
    new : Computed
        What it is; its path does not matter.
    known : (n_segments,) bool
        Of which segments it was computed.
    parts : iterable of Part
        Values; rows that no part has become NaN.

    Raises
    ------
    RunBusyError
        If another process is writing the run, or its observables.
    ReplacedRunError
        If another run lies at the path.
    OSError
        If the disk has no room: for a second copy of a sealed run.
    """
    path, beside = real_path(run), beside_path(run)
    with FileRun(path) as found:
        run_id, sealed = found.header.run_id, found.sealed
    if not sealed:
        with writing(beside):
            return _replaced(beside, run_id, new, known, parts)
    with writing(path):
        with FileRun(path) as found:
            if found.header.run_id != run_id or not found.sealed:
                raise ReplacedRunError(f"{path} was replaced, or goes on, while it was read: open it anew")
        _replaced(path, run_id, new, known, parts)
    forget_beside(path, new.name)
    return path


def forget_beside(run: str | os.PathLike[str], name: str) -> None:
    """Delete an observable from the file beside a run, and the file if it holds no other."""
    beside = beside_path(run)
    if not beside.exists():
        return
    with writing(beside):
        with h5py.File(beside, "r", locking=False) as file:
            names = set(file[PLACE])
        if not names - {name}:
            beside.unlink()
        elif name in names:
            with _changed(beside) as file:
                del file[PLACE][name]


def _replaced(path: Path, run_id: str, new: Computed, known: NDArray[np.bool_], parts: Iterable[Part]) -> Path:
    room = new.rows * row_bytes(new.shape, new.dtype)
    with _changed(path, room + room // 100 + len(known) + _ROOM) as file:
        if not is_run_of(file[PLACE], run_id):  # of a run that lay here before
            del file[PLACE]
            file.require_group(PLACE)
            file.attrs["run_id"] = run_id
        group = file[PLACE]
        if new.name in group:
            del group[new.name]
        _write(group.create_group(new.name), new, known, parts)
    return path


@contextlib.contextmanager
def _changed(path: Path, room: int = 0) -> Iterator[h5py.File]:
    """Yield a copy of an HDF5 file, or a new one, to be changed; it takes the file's place if the block ends well."""
    remove_parts(path)
    with appearing(path, overwrite=True) as temporary:
        if path.exists():
            shutil.copy(path, temporary)
        else:
            h5py.File(temporary, "w", libver=VERSIONS).close()
        file = h5py.File(temporary, "r+", libver=VERSIONS, locking=False)
        with closed_whole(file, temporary, room):
            file.require_group(PLACE)
            yield file


def _write(group: h5py.Group, new: Computed, known: NDArray[np.bool_], parts: Iterable[Part]) -> None:
    texts = {"per": new.per, "unit": new.unit, "provenance": json.dumps(dict(new.provenance), ensure_ascii=False)}
    group.attrs.update(
        {name: np.array(text.encode(), f"S{max(1, len(text.encode()))}") for name, text in texts.items()}
    )
    group.attrs.update({"cycles": new.cycles, "ended": new.ended})
    group.create_dataset(KNOWN, data=known.astype("u1"), **_packed((), "u1", len(known)))
    dataset = group.create_dataset(
        VALUE, (new.rows, *new.shape), new.dtype, fillvalue=np.nan if new.dtype[1] == "f" else 0,
        **_packed(new.shape, new.dtype, new.rows),
    )  # fmt: skip
    dataset.attrs["dims"] = " ".join([new.per, *map(str, new.shape)])
    if new.unit:
        dataset.attrs["unit"] = new.unit
    for part in parts:
        breaks = np.flatnonzero(np.diff(part.rows) != 1) + 1
        for rows, values in zip(np.split(part.rows, breaks), np.split(part.values, breaks), strict=True):
            if len(rows):
                dataset[int(rows[0]) : int(rows[-1]) + 1] = values


def _packed(shape: tuple[int, ...], dtype: str, rows: int) -> dict[str, Any]:
    """Return how a dataset is stored: packed, and with a checksum, for nothing else would tell damage in /extra."""
    if not rows:
        return {}
    chunk = (min(rows, max(1, _CHUNK // row_bytes(shape, dtype))), *shape)
    return {"chunks": chunk, "compression": "gzip", "compression_opts": 4, "shuffle": True, "fletcher32": True}
