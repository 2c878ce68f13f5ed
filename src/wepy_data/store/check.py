"""The check of a run's file against the schema."""

from __future__ import annotations

import os

from wepy_data.errors import DamagedRunError
from wepy_data.schema.check import check_tree
from wepy_data.schema.problem import Problem
from wepy_data.store.reader import open_file
from wepy_data.store.tree import FileTree


def check(path: str | os.PathLike[str], level: str = "invariants") -> list[Problem]:
    """Return everything in a run's file that does not conform to the schema; empty means conforming.

    Parameters
    ----------
    path : path
        The file: growing, crashed or sealed. Only committed cycles are looked at.
    level : {"structure", "values", "invariants"}
        How far to go; each level includes the ones before it.

    Raises
    ------
    FileNotFoundError, NotARunError, DamagedRunError, VersionTooOldError, VersionTooNewError
        If it cannot be opened as a run at all.
    """
    with open_file(path) as file:
        try:
            return check_tree(FileTree(file), level)
        except (KeyError, OSError, RuntimeError) as error:  # what HDF5 says of metadata and chunks that it cannot read
            reason = " ".join(str(error).split())
            raise DamagedRunError(f"{path} is a damaged HDF5 file ({reason}): restore it from a copy") from error
