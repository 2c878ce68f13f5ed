"""A foreign HDF5 file: opened without a lock, read with guards, and never believed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError, SelectionError
from wepy_data.store.guard import refuse_oversized
from wepy_data.store.opening import in_one_line, open_known

_BLOCK = 1 << 22  # bytes hashed at once


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
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path}: no such file")
        self.file = open_known(self.path, swmr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()

    def damaged(
        self, where: str, found: str, expected: str, way_out: str = "restore it from a copy"
    ) -> DamagedRunError:
        """Return the error that says what is wrong in the file, and where."""
        return DamagedRunError(f"{self.path} cannot be imported ({where}: {found}, expected {expected}): {way_out}")

    def refuse_as_output(self, output: str | os.PathLike[str]) -> None:
        """Raise `SelectionError` if the import would replace the file itself."""
        target = Path(output)
        if target.exists() and target.samefile(self.path):
            raise SelectionError(f"{target} is the file to be imported: choose another name for the run")

    def has(self, path: str) -> bool:
        """Whether there is an object at a path; a link that leads nowhere is none."""
        return self.get(path) is not None

    def get(self, path: str) -> h5py.Dataset | h5py.Group | None:
        """Return the object at a path, None if there is none or it cannot be opened."""
        try:
            return self.file.get(path)
        except (KeyError, OSError, RuntimeError, ValueError):
            return None

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
        if (ndim is not None and found.ndim != ndim) or (kinds and found.dtype.kind not in kinds):
            wanted = f"numbers of {ndim} dimensions" if ndim is not None else f"a type of kind {kinds}"
            raise self.damaged(path, f"{found.dtype}{list(found.shape)}", wanted)
        return found

    def read(self, path: str, *, ndim: int | None = None, kinds: str = "") -> NDArray[Any]:
        """Return a dataset's values.

        Raises
        ------
        DamagedRunError
            If there is none, another one, one that declares more than the file can hold, or one that cannot be read.
        """
        return self.values(self.dataset(path, ndim=ndim, kinds=kinds))

    def values(self, dataset: h5py.Dataset) -> NDArray[Any]:
        """Return a dataset's values, as `read` does."""
        where = str(dataset.name)
        try:
            if dataset.external or dataset.is_virtual:
                raise self.damaged(where, "values that lie in other files", "values in this one")
            refuse_oversized(dataset, dataset.shape[0] if dataset.ndim else 1)
            return np.asarray(dataset[()])
        except (KeyError, OSError, RuntimeError, ValueError, TypeError) as error:
            raise self.damaged(where, in_one_line(error), "values that can be read") from error

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
        """Return the sha256 of the file."""
        found = hashlib.sha256()
        with self.path.open("rb") as raw:
            while block := raw.read(_BLOCK):
                found.update(block)
        return found.hexdigest()


def text(value: object) -> str:
    """Return a text of a foreign file, whatever type it has there."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)
