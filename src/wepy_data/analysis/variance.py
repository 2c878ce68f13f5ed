"""Variances of the flux, and gains over brute force, that follow from where walkers are and what they add.

All variances are of one walker in one cycle: an estimate of the flux per cycle from n walkers in each of t cycles has
the variance over n t. For the theory see D. Aristoff and D. M. Zuckerman, Multiscale Model. Simul. 18, 646 (2020).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def brute_force(omega: Floats, v2: Floats) -> float:
    """Return the variance without resampling: the mean of v^2 in the steady state, which is about the flux itself.

    Parameters
    ----------
    omega : (n_cells,) float64
        Weight of each cell in the steady state.
    v2 : (n_cells,) float64
        Variance that a walker there adds in one cycle.
    """
    return float(omega @ v2)


def best(omega: Floats, v2: Floats) -> float:
    """Return the least variance there can be: that of walkers in proportion to omega v, of weights as 1/v."""
    return float(omega @ np.sqrt(v2)) ** 2


def bin_terms(share: Floats, omega: Floats, v2: Floats) -> tuple[Floats, Floats]:
    """Return the weight of each bin, and its part of omega v^2, (n_bins,) each.

    Parameters
    ----------
    share : (n_cells, n_bins) float64
        Share of each cell's weight that lies in each bin.
    omega, v2 : (n_cells,) float64
        Weight of each cell, and the variance that a walker there adds in one cycle.
    """
    return np.asarray(omega @ share), np.asarray((omega * v2) @ share)


def allocated(weight: Floats, term: Floats, walkers: Floats) -> float:
    """Return the variance with so many walkers of equal weight in each bin, however many: only their ratio counts.

    Parameters
    ----------
    weight, term : (n_bins,) float64
        Weight of each bin and its part of omega v^2, as `bin_terms` returns them.
    walkers : (n_bins,) float64
        Walkers in each; none where there is no weight. If there are none where there is variance, it is infinite.
    """
    part, total = weight * term, float(walkers[weight > 0].sum())
    used = part > 0
    if (walkers[used] <= 0).any():
        return math.inf
    return total * float((part[used] / walkers[used]).sum())


def optimal_walkers(weight: Floats, term: Floats) -> Floats:
    """Return the shares of walkers that make the variance least, (n_bins,): as the root of weight times term."""
    need = np.sqrt(weight) * np.sqrt(term)
    total = need.sum()
    return np.asarray(need / total if total > 0 else np.full(len(need), 1 / len(need)))


def within_bins(share: Floats, omega: Floats, h: Floats) -> Floats:
    """Return how much h varies within each bin, weighted, (n_bins,): what drawing children of equal weight adds.

    Parameters
    ----------
    share : (n_cells, n_bins) float64
        Share of each cell's weight that lies in each bin.
    omega, h : (n_cells,) float64
        Weight of each cell, and the discrepancy there.
    """
    parts = omega[:, None] * share
    weight = parts.sum(0)
    mean = np.divide(h @ parts, weight, out=np.zeros_like(weight), where=weight > 0)
    spread = (parts * (h[:, None] - mean[None, :]) ** 2).sum(0)
    return np.asarray(np.divide(spread, weight, out=np.zeros_like(weight), where=weight > 0))
