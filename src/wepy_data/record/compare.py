"""The first difference between two runs, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.record.header import Arrays
from wepy_data.record.protocols import RunReader


@dataclass(frozen=True, slots=True)
class Difference:
    """Where two runs differ first, and what stands there in each."""

    path: str
    left: str
    right: str

    def __str__(self) -> str:
        return f"{self.path}: {self.left} != {self.right}"


def compare(left: RunReader, right: RunReader, *, volatile: bool = False) -> Difference | None:
    """Return the first difference between two runs, or None if they are equal bit for bit.

    Identity (run id, time of creation), provenance and configuration are not compared: they say who ran it and how.

    Parameters
    ----------
    left, right : RunReader
        Records in memory or files, in any combination. A record that leaves its frames to a file cannot be compared;
        open the file instead.
    volatile : bool
        Whether to compare times, hosts and checksums too: equal only if one run is a copy of the other.
    """
    mine, theirs = left.header, right.header
    if set(mine.layout.growing) != set(theirs.layout.growing):
        only = sorted(set(mine.layout.growing) ^ set(theirs.layout.growing))[0]
        return Difference(only, _presence(only in mine.layout.growing), _presence(only in theirs.layout.growing))
    if left.n_cycles != right.n_cycles:
        return Difference("/cycles", f"{left.n_cycles} cycles", f"{right.n_cycles} cycles")
    if mine.topology != theirs.topology:
        return Difference("/topology", mine.topology[:40], theirs.topology[:40])
    found = _first(mine.static, theirs.static)
    for path, column in mine.layout.growing.items():
        if found is None and (volatile or not column.spec.volatile):
            found = _difference(path, left.read(path), right.read(path))
    if found is None and (left.planned is None) != (right.planned is None):
        found = Difference("/next", f"sealed: {left.sealed}", f"sealed: {right.sealed}")
    return found or _first(left.planned or {}, right.planned or {})


def _first(left: Arrays, right: Arrays) -> Difference | None:
    for path in sorted({*left, *right}):
        if path not in left or path not in right:
            return Difference(path, _presence(path in left), _presence(path in right))
        found = _difference(path, left[path], right[path])
        if found:
            return found
    return None


def _presence(there: bool) -> str:
    return "there" if there else "missing"


def _difference(path: str, left: NDArray[Any], right: NDArray[Any]) -> Difference | None:
    if left.shape != right.shape or left.dtype != right.dtype:
        return Difference(path, f"{left.dtype}{list(left.shape)}", f"{right.dtype}{list(right.shape)}")
    a, b = np.ascontiguousarray(left), np.ascontiguousarray(right)
    if a.tobytes() == b.tobytes():
        return None
    size = a.dtype.itemsize
    wrong = np.flatnonzero((a.reshape(-1).view(np.uint8) != b.reshape(-1).view(np.uint8)).reshape(-1, size).any(axis=1))
    where = tuple(int(i) for i in np.unravel_index(int(wrong[0]), a.shape))
    return Difference(f"{path}[{', '.join(map(str, where))}]", repr(a[where].item()), repr(b[where].item()))
