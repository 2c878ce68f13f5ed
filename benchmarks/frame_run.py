"""Runs of known size whose positions are made up while they are written: larger than memory, if need be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tree_run import SEED, tree_run

import wepy_data as wd

POSITIONS = "/particles/trajectory/position/value"


class MadeUp:
    """A sealed run to be written: trees of a record without coordinates, and positions that are drawn when asked for.

    Parameters
    ----------
    walkers, cycles, frames, atoms : int
        Walkers of a cycle, cycles, frames of a segment, atoms of a frame.
    compression : {"none", "gzip"}
        How it is to be stored.
    """

    def __init__(self, walkers: int, cycles: int, frames: int, atoms: int, compression: str = "none") -> None:
        self._record = tree_run(walkers, cycles, frames)
        self._shape = atoms, 3
        header, particles = self._record.header, _particles(atoms)
        layout = wd.Layout(
            sizes={"atom": atoms, "feature": 1}, parts=frozenset(["/particles"]), named=header.layout.named
        )
        self.header = replace(header, layout=layout, static={**header.static, **particles}, compression=compression)
        self._rng = np.random.default_rng(SEED)
        self._pool = self._rng.random((1 << 16) + atoms * 3, dtype="f4") * 5

    def __getattr__(self, name: str) -> Any:
        return getattr(self._record, name)

    def read(self, path: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return rows of a dataset; positions are windows into a pool of random numbers."""
        if path != POSITIONS:
            return self._record.read(path, start, stop)
        stop = self._record.rows("frame") if stop is None else stop
        windows = np.lib.stride_tricks.sliding_window_view(self._pool, self._shape[0] * 3)
        return windows[self._rng.integers(0, len(windows), stop - start)].reshape(-1, *self._shape)


def make_run(path: Path, walkers: int, cycles: int, frames: int, atoms: int, compression: str = "none") -> Path:
    """Write a run, unless it is there."""
    if not path.exists():
        wd.write_run(path, MadeUp(walkers, cycles, frames, atoms, compression))
    return path


def _particles(atoms: int) -> dict[str, NDArray[Any]]:
    group = "/particles/trajectory"
    return {
        f"{group}/species": np.full(atoms, 6, "i4"),
        f"{group}/mass": np.full(atoms, 12.0),
        f"{group}/charge": np.zeros(atoms),
    }
