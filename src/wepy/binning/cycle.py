"""The bins of one cycle's walkers, for binners of both kinds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wepy.protocols import AdaptiveBinner, Bin, Binner, Binning, KnownBins


def binned(
    binner: Binner | AdaptiveBinner,
    known: KnownBins,
    order_parameter: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> Binning:
    """Return the walkers' bins, and those that no cycle has seen before."""
    if isinstance(binner, AdaptiveBinner):
        return binner.adapt(known, order_parameter, weights)
    index = binner.assign(order_parameter, weights)
    made: dict[int, Bin] = {}
    for one in np.unique(index).tolist():
        _make(binner, one, known, made)
    return Binning(index=index, made=made)


def _make(binner: Binner, index: int, known: KnownBins, made: dict[int, Bin]) -> None:
    if index not in known and index not in made:
        found = binner.bin(index)
        if found.parent >= 0:
            _make(binner, found.parent, known, made)
        made[index] = found
