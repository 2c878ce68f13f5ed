"""Results of an observable that is being computed, kept beside the run until all of them are there."""

from __future__ import annotations

import contextlib
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.store.path import real_path

Stamp = Callable[[NDArray[np.int64]], float]
_DAMAGED = (EOFError, KeyError, OSError, ValueError, zipfile.BadZipFile)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Values of some segments.

    Parameters
    ----------
    segments : (n,) int64
        Segment ids, increasing.
    values : (n_rows, ...) array
        One row for each frame of the segments, or for each segment, in order.
    """

    segments: NDArray[np.int64]
    values: NDArray[Any]


class Unfinished:
    """Blocks of results in a folder beside a run, each a file that appears whole.

    A kill at any moment leaves the blocks that were finished. Two processes that compute the same do the same work
    twice, and harm nothing. What is computed otherwise has another digest, and so another folder.

    Parameters
    ----------
    run : path
        The run's file.
    name : str
        The observable's name.
    digest : str
        Of all that the values depend on.
    """

    def __init__(self, run: Path, name: str, digest: str) -> None:
        path = real_path(run)
        self._parent = path.with_name(path.name + ".unfinished")
        self._name = name
        self.path = self._parent / f"{name}-{digest[:16]}"

    def keep(self, block: Block, stamp: float) -> None:
        """Keep the values of some segments; the stamp tells these segments from others of that number.

        Raises
        ------
        OSError
            If they cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        target = self.path / f"{block.segments[0]}-{block.segments[-1]}-{len(block.segments)}.npz"
        temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with temporary.open("wb") as file:
                np.savez(file, segments=block.segments, values=block.values, stamp=np.float64(stamp))
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)

    def segments(self, count: int, stamp: Stamp) -> NDArray[np.int64]:
        """Return the segments that are done, increasing; blocks that do not count are deleted, and done anew.

        Parameters
        ----------
        count : int
            Number of segments of the run.
        stamp : callable
            Returns the stamp of some segments as they are now.
        """
        found = [np.zeros(0, np.int64)]
        for path in self._files():
            read = _read(path)
            if read is None or read[0].segments[-1] >= count or stamp(read[0].segments) != read[1]:
                path.unlink(missing_ok=True)
            else:
                found.append(read[0].segments)
        return np.unique(np.concatenate(found))

    def blocks(self) -> Iterator[Block]:
        """Yield the blocks, one in memory at a time, by their first segments."""
        for path in self._files():
            read = _read(path)
            if read is not None:
                yield read[0]

    def remove(self) -> None:
        """Delete all results of an observable of this name."""
        for path in self._parent.glob(f"{self._name}-*") if self._parent.is_dir() else ():
            if path.name.removeprefix(f"{self._name}-").isalnum():
                shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):  # others are being computed
            self._parent.rmdir()

    def _files(self) -> list[Path]:
        return sorted(self.path.glob("[0-9]*.npz"), key=lambda path: int(path.name.split("-")[0]))


def _read(path: Path) -> tuple[Block, float] | None:
    """Return a block and its stamp; None if it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as found:
            block = Block(segments=np.asarray(found["segments"], np.int64), values=found["values"])
            return (block, float(found["stamp"])) if len(block.segments) else None
    except _DAMAGED:
        return None
