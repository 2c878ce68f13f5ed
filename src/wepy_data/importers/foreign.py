"""A foreign HDF5 file: opened without a lock, read with guards, and never believed."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from h5py import h5a, h5d, h5o, h5s, h5t
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError, DataError, NotARunError, SelectionError
from wepy_data.store.guard import refuse_oversized
from wepy_data.store.opening import in_one_line, open_known

_BLOCK = 1 << 22  # bytes hashed at once
_SMALL = 1 << 20  # bytes that any file may declare


class Foreign:
    """A file of another program.

    Parameters
    ----------
    path : path
        The HDF5 file.

    Raises
    ------
    FileNotFoundError, NotARunError, DamagedRunError
        If it is no HDF5 file, or none that can be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            raise NotARunError(f"{self.path} is a folder: name the file in it")
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path}: no such file")
        self.file = open_known(self.path, swmr=False)
        self.way_out = "restore it from a copy"  # of damage; importers that have come further may know a better one
        self._digest = ""
        self._known: list[tuple[h5t.TypeID, np.dtype[Any], h5t.TypeID]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def damaged(self, where: str, found: str, expected: str, way_out: str = "") -> DamagedRunError:
        """Return the error that says what is wrong in the file, where, and the way out; by default the file's."""
        told = f"{self.path} cannot be imported ({where}: found {found}, expected {expected})"
        return DamagedRunError(f"{told}: {way_out or self.way_out}")

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Report what HDF5 cannot read in the block as damage of the file."""
        try:
            yield
        except DataError:
            raise
        except (KeyError, MemoryError, OSError, RuntimeError) as error:
            raise DamagedRunError(
                f"{self.path} is a damaged HDF5 file ({in_one_line(error)}): {self.way_out}"
            ) from error

    def refuse_as_output(self, output: str | os.PathLike[str]) -> None:
        """Raise `SelectionError` if the import would replace the file itself, `OSError` if there is no place for it."""
        target = Path(output)
        if not target.parent.is_dir():
            raise FileNotFoundError(f"{target}: there is no folder {target.parent}: make it first")
        if target.exists() and target.samefile(self.path):
            raise SelectionError(f"{target} is the file to be imported: choose another name for the run")

    def has(self, path: str) -> bool:
        """Whether there is an object at a path; a link that leads nowhere is none."""
        return self.is_linked(path) and self.get(path) is not None

    def is_linked(self, path: str) -> bool:
        """Whether there is a link at a path, wherever it leads."""
        try:
            return bool(self.file.id.links.exists(path.encode()))
        except (KeyError, OSError, RuntimeError, ValueError):
            return False

    def get(self, path: str) -> h5py.Dataset | h5py.Group | None:
        """Return the object at a path, None if there is none or it cannot be opened."""
        try:
            return self.file.get(path)
        except (KeyError, OSError, RuntimeError, ValueError):
            return None

    def attribute(self, path: str, name: str) -> Any:
        """Return an attribute of an object, None if there is none."""
        try:
            owner = h5o.open(self.file.id, path.encode())
            if not h5a.exists(owner, name.encode()):
                return None
            found = h5a.open(owner, name.encode())
            value = np.empty(found.shape, self._types(path, found.get_type())[0])
            found.read(value)
        except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise self.damaged(f"{path}@{name}", in_one_line(error), "an attribute that can be read") from error
        return value[()]

    def dataset(self, path: str, *, ndim: int | None = None, kinds: str = "") -> h5py.Dataset:
        """Return a dataset.

        Parameters
        ----------
        path : str
            Its HDF5 path.
        ndim : int, optional
            Number of dimensions that it must have.
        kinds : str
            numpy's letters of the kinds of type that it may have (`iuf`); any by default.

        Raises
        ------
        DamagedRunError
            If there is none, or another one.
        """
        try:
            found = self.file.get(path)
        except (KeyError, OSError, RuntimeError, ValueError) as error:
            raise self.damaged(path, in_one_line(error), "a dataset") from error
        if not isinstance(found, h5py.Dataset):
            raise self.damaged(path, "nothing" if found is None else "no dataset", "a dataset")
        self._refuse_other(path, found.shape, self._types(path, found.id.get_type())[0], ndim, kinds)
        return found

    def shape(self, path: str) -> tuple[int, ...]:
        """Return the shape of a dataset.

        Raises
        ------
        DamagedRunError
            If there is none.
        """
        return tuple(self._open(path).shape)

    def read(self, path: str, *, ndim: int | None = None, kinds: str = "") -> NDArray[Any]:
        """Return a dataset's values.

        Parameters
        ----------
        path, ndim, kinds
            As for `dataset`.

        Raises
        ------
        DamagedRunError
            If there is none, another one, one that declares more than the file can hold, or one that cannot be read.
        """
        found = self._open(path)
        shape, (dtype, in_memory) = tuple(found.shape), self._types(path, found.get_type())
        self._refuse_other(path, shape, dtype, ndim, kinds)
        settings = found.get_create_plist()
        if settings.get_external_count() or settings.get_layout() == h5d.VIRTUAL:
            raise self.damaged(path, "values that lie in other files", "values in this one")
        try:
            chunk = settings.get_chunk() if settings.get_layout() == h5d.CHUNKED else ()
            if dtype.itemsize * max(math.prod(shape), math.prod(chunk)) > _SMALL:
                refuse_oversized(h5py.Dataset(found), shape[0] if shape else 1)
            values = np.empty(shape, dtype)
            if values.size:
                found.read(h5s.ALL, h5s.ALL, values, in_memory)
        except (MemoryError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise self.damaged(path, in_one_line(error), "values that can be read") from error
        return values

    def _open(self, path: str) -> h5d.DatasetID:
        """Open a dataset by HDF5's own calls: an object of h5py takes ten times longer, and there are thousands."""
        try:
            return h5d.open(self.file.id, path.encode())
        except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
            found = in_one_line(error) if self.is_linked(path) else "nothing"
            raise self.damaged(path, found, "a dataset") from error

    def _types(self, path: str, found: h5t.TypeID) -> tuple[np.dtype[Any], h5t.TypeID]:
        """Return numpy's type of values, and HDF5's type of them in memory: made once, for that takes a while."""
        for known, *types in self._known:
            if found.equal(known):
                return types[0], types[1]
        try:
            self._known.append((found, found.dtype, h5t.py_create(found.dtype)))
        except (TypeError, ValueError) as error:
            raise self.damaged(path, in_one_line(error), "a type that numpy knows") from error
        return self._known[-1][1:]

    def _refuse_other(
        self, path: str, shape: tuple[int, ...], dtype: np.dtype[Any], ndim: int | None, kinds: str
    ) -> None:
        if (ndim is not None and len(shape) != ndim) or (kinds and dtype.kind not in kinds):
            wanted = f"numbers of {ndim} dimensions" if ndim is not None else f"a type of kind {kinds}"
            raise self.damaged(path, f"{dtype}{list(shape)}", wanted)

    def fields(self, path: str, names: Sequence[str]) -> dict[str, NDArray[Any]]:
        """Return columns of a table whose rows are compound.

        Raises
        ------
        DamagedRunError
            If there is no such table, or a column is missing.
        """
        table = self.read(path, ndim=1)
        found = table.dtype.names or ()
        missing = [name for name in names if name not in found]
        if missing:
            raise self.damaged(path, f"the columns {', '.join(found) or 'none'}", f"also {', '.join(missing)}")
        return {name: table[name] for name in names}

    def digest(self) -> str:
        """Return the sha256 of the file, computed once."""
        if self._digest:
            return self._digest
        found = hashlib.sha256()
        with self.path.open("rb") as raw:
            while block := raw.read(_BLOCK):
                found.update(block)
        self._digest = found.hexdigest()
        return self._digest


def text(value: object) -> str:
    """Return a text of a foreign file, whatever type it has there."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return writable(str(value))


def writable(value: str) -> str:
    r"""Return a text that can be written as UTF-8: what is none is spelled out.

    Examples
    --------
    >>> writable("a" + chr(0xDC80))
    'a\\udc80'
    """
    return value.encode("utf-8", "backslashreplace").decode()
