"""Bins along one coordinate that make the variance of the flux least: level sets of h where h rises along it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError

Floats = NDArray[np.float64]


def division(omega: Floats, v2: Floats, h: Floats, n_bins: int) -> NDArray[np.int64]:
    """Return where to divide a row of cells into bins, (n_bins - 1,): the first cell of each bin but the first.

    With w_u the weight of bin u, D_u its mean v^2 and V_u the variance of h in it, the sum of w_u sqrt(D_u + V_u) is
    least. Its square is the variance of one walker in one cycle, of optimally allocated walkers that are drawn anew
    from each bin in every cycle. V_u makes bins narrow where h changes; D_u where v does.

    Parameters
    ----------
    omega, v2, h : (n_cells,) float64
        Weight of each cell, variance that a walker there adds in one cycle, and the discrepancy there.
    n_bins : int
        Number of bins.

    Raises
    ------
    SelectionError
        If there are fewer cells than bins.

    Examples
    --------
    >>> division(np.ones(6) / 6, np.ones(6), np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0]), 2).tolist()
    [3]
    """
    n = len(omega)
    if not 1 <= n_bins <= n:
        raise SelectionError(f"{n_bins} bins from {n} cells: expected 1 to {n}")
    cost = _costs(omega, v2, h)
    least, begins = cost[0, 1:], np.zeros((n_bins, n), np.int64)
    for level in range(1, n_bins):
        # least[i - 1] for the bins before, cost[i, j] for the last one: cells i to j - 1
        both = least[:-1, None] + cost[1:-1, 2:]
        begins[level, 1:] = np.argmin(both, axis=0) + 1
        least = np.concatenate([[np.inf], both.min(0)])
    found, stop = [], n - 1
    for level in range(n_bins - 1, 0, -1):
        begin = int(begins[level, stop])
        found.append(begin)
        stop = begin - 1
    return np.array(found[::-1], np.int64)


def _costs(omega: Floats, v2: Floats, h: Floats) -> Floats:
    """Return w_u sqrt(D_u + V_u) of a bin from cell i to cell j - 1, (n_cells + 1, n_cells + 1); inf if i >= j."""
    centred = h - np.average(h, weights=omega)
    weight, term, first, second = (
        np.concatenate([[0.0], np.cumsum(omega * part)]) for part in (np.ones_like(h), v2, centred, centred**2)
    )
    w, d, one, two = (part[None, :] - part[:, None] for part in (weight, term, first, second))
    spread = np.maximum(two - np.divide(one**2, w, out=np.zeros_like(w), where=w > 0), 0.0)
    found = np.sqrt(np.maximum(w * (d + spread), 0.0))
    found[np.tril_indices(len(found))] = np.inf
    return np.asarray(found)
