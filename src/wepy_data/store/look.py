"""A look at a file from outside, to tell whether it has changed or another one lies in its place."""

from __future__ import annotations

import time
from pathlib import Path
from typing import NamedTuple, Self

_SETTLED = 2_000_000_000  # ns after which a file that changes again surely gets another time of change


class Look(NamedTuple):  # made faster than a dataclass, as readers look all the time
    """What tells a changed file.

    Parameters
    ----------
    inode, size, changed : int
        Which file it is, its length in bytes, and when it changed (ns).
    is_settled : bool
        Whether that is so long ago that its time tells if it changes again.
    """

    inode: int
    size: int
    changed: int
    is_settled: bool

    @classmethod
    def at(cls, path: Path) -> Self:
        """Look at the file at a path.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        try:
            found, now = path.stat(), time.time_ns()
        except FileNotFoundError:
            raise FileNotFoundError(f"{path}: no such file") from None
        return cls(found.st_ino, found.st_size, found.st_mtime_ns, 0 < now - found.st_mtime_ns > _SETTLED)


def inode_of(path: Path) -> int:
    """Return which file lies at a path; -1 if that cannot be told."""
    try:
        return path.stat().st_ino
    except OSError:
        return -1
