"""Rows of a dataset read piece by piece: HDF5 takes kilobytes of memory for every chunk that one read touches."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

_CHUNKS = 1024  # in a piece, for which HDF5 takes 7 MB; both fewer and more take longer


@dataclass(frozen=True, slots=True)
class Piece:
    """The most of a dataset that one read is to ask for: its shape, and the whole rows in it, 0 if there are none."""

    shape: tuple[int, ...]
    rows: int


def piece_of(dataset: h5py.Dataset) -> Piece | None:
    """Return the largest piece of a dataset, None if it is all of it."""
    if dataset.chunks is None:
        return None
    left, shape = _CHUNKS, list(dataset.chunks)
    for axis in reversed(range(1, len(shape))):
        taken = max(1, min(left, math.ceil(dataset.shape[axis] / shape[axis])))
        shape[axis] *= taken
        left //= taken
    shape[0] *= left  # of rows there may be more later
    whole = all(n <= most for n, most in zip(dataset.shape[1:], shape[1:], strict=True))
    return Piece(tuple(shape), shape[0] if whole else 0)


def read_pieces(dataset: h5py.Dataset, start: int, stop: int, piece: Piece | None) -> NDArray[Any]:
    """Return rows [start, stop) of a dataset, or those of them that there are."""
    if piece is None or stop - start <= piece.rows:
        return np.asarray(dataset[start:stop])
    rows = range(*slice(start, stop).indices(dataset.shape[0]))
    axes = (rows, *map(range, dataset.shape[1:]))
    found = np.empty([len(axis) for axis in axes], dataset.dtype)
    for place in itertools.product(*(axis[::step] for axis, step in zip(axes, piece.shape, strict=True))):
        here = [slice(p, min(p + n, axis.stop)) for p, n, axis in zip(place, piece.shape, axes, strict=True)]
        found[here[0].start - start : here[0].stop - start, *here[1:]] = dataset[tuple(here)]
    return found
