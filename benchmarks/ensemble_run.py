"""Weighted ensembles of toys, not recorded: dynamics of all walkers as one array, bins and balancers of the library."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import wepy
from wepy.binning.cycle import binned
from wepy.protocols import InformedBalancer

Array = NDArray[np.float64]


def ensemble_cycles(
    x: Array,
    advance: Callable[[Array, np.random.Generator], Array],
    binner: Any,
    balancer: Any,
    *,
    seed: int,
    is_there: Callable[[Array], NDArray[np.bool_]] | None = None,
) -> Iterator[tuple[Array, Array, float]]:
    """Yield, cycle by cycle and for ever, where the walkers have ended, their weights, and the weight that arrived.

    Walkers in the target restart where the first walker did, with their weight.
    """
    start, weight = x[0].copy(), np.full(len(x), 1.0 / len(x))
    known: dict[int, Any] = {}
    cycle = 0
    while True:
        x = advance(x, wepy.Stream(seed, wepy.Purpose.DYNAMICS, cycle).generator())
        there = np.zeros(len(x), bool) if is_there is None else is_there(x)
        yield x, weight, float(weight[there].sum())
        x = np.where(there[:, None], start, x)
        bins = np.zeros(len(x), np.int64)
        if binner is not None:
            found = binned(binner, known, x, weight)
            bins = found.index
            known.update(found.made)
        told = balancer.informed(known) if isinstance(balancer, InformedBalancer) else balancer
        balance = told.plan(weight, bins, x).draw(wepy.Stream(seed, wepy.Purpose.BALANCING, cycle))
        x, weight = x[balance.parent], balance.weight
        cycle += 1
