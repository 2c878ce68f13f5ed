"""Ensembles to try balancers on. Needs hypothesis: pip install 'wepy-ensemble[testing]'."""

from __future__ import annotations

import math
from dataclasses import dataclass

import hypothesis.strategies as st
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ensemble:
    """Walkers to balance.

    Parameters
    ----------
    name : str
        What is special about them.
    weights : (n_walkers,) float64
        Positive; the sum is about 1.
    bins : (n_walkers,) int64
        Bin of each walker.
    order_parameter : (n_walkers, n_dims) float64
        Order parameter of each walker.
    """

    name: str
    weights: NDArray[np.float64]
    bins: NDArray[np.int64]
    order_parameter: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weights)

    def permuted(self, order: NDArray[np.int64]) -> Ensemble:
        """Return the same walkers in another order."""
        return Ensemble(
            name=f"{self.name}, permuted",
            weights=self.weights[order],
            bins=self.bins[order],
            order_parameter=self.order_parameter[order],
        )


def ensemble(name: str, weights: list[float], bins: list[int] | None = None, n_dims: int = 1) -> Ensemble:
    """Return an ensemble; by default all walkers are in bin 0, at different points 0.1 apart."""
    n_walkers = len(weights)
    return Ensemble(
        name=name,
        weights=np.array(weights, np.float64),
        bins=np.zeros(n_walkers, np.int64) if bins is None else np.array(bins, np.int64),
        order_parameter=np.repeat(0.1 * np.arange(n_walkers)[:, None], n_dims, axis=1),
    )


def edge_ensembles(n_dims: int = 1) -> list[Ensemble]:
    """Return the ensembles on which resamplers have been seen to fail."""
    wide = np.array([10.0**exponent for exponent in range(-300, 1, 25)])
    point = ensemble("all walkers in one point", [0.125] * 8, n_dims=n_dims)
    return [
        ensemble("one walker", [1.0], n_dims=n_dims),
        ensemble("all weights equal", [1 / 24] * 24, [0] * 10 + [1] * 14, n_dims),
        ensemble("one walker with nearly everything", [1 - 1e-15, *[1e-18] * 9], n_dims=n_dims),
        ensemble("weights from 1e-300 to 1", (wide / wide.sum()).tolist(), n_dims=n_dims),
        ensemble("duplicates", [0.2, 0.1, 0.1, 0.1, 0.2, 0.1, 0.1, 0.1], [0, 0, 1, 1, 1, 1, 0, 0], n_dims),
        Ensemble(
            name=point.name,
            weights=point.weights,
            bins=point.bins,
            order_parameter=np.zeros_like(point.order_parameter),
        ),
        ensemble("far bins, most of them empty", [0.5, 0.25, 0.25], [1000, 3, 10**9], n_dims),
        ensemble("dyadic", [0.5, 0.25, 0.125, 0.0625, 0.0625], n_dims=n_dims),
        ensemble("few in one bin", [0.7, 0.1, 0.1, 0.05, 0.05], n_dims=n_dims),
        ensemble("few in two bins", [0.4, 0.3, 0.15, 0.1, 0.04, 0.01], [0, 0, 0, 1, 1, 1], n_dims),
    ]


def random_ensemble(n_walkers: int, n_bins: int, *, seed: int, n_dims: int = 1, spread: float = 2.0) -> Ensemble:
    """Return walkers without ties; the logarithms of their weights have the standard deviation `spread`."""
    random = np.random.default_rng(seed)
    weights = np.exp(random.normal(0.0, spread, n_walkers))
    return Ensemble(
        name=f"{n_walkers} random walkers in {n_bins} bins, seed {seed}",
        weights=weights / math.fsum(weights),
        bins=random.integers(0, n_bins, n_walkers),
        order_parameter=random.normal(0.0, 1.0, (n_walkers, n_dims)),
    )


@st.composite
def ensembles(draw: st.DrawFn, max_walkers: int = 40, n_dims: int = 1) -> Ensemble:
    """Generate ensembles with ties, with exact and with very different weights, in a few bins."""
    n_walkers = draw(st.integers(1, max_walkers))
    exact = st.integers(1, 2**20).map(float)
    kind = draw(st.sampled_from([exact, st.integers(1, 3).map(float), st.floats(-200.0, 0.0).map(lambda x: 10.0**x)]))
    weights = np.array(draw(st.lists(kind, min_size=n_walkers, max_size=n_walkers)))
    bins = draw(st.lists(st.integers(0, 3), min_size=n_walkers, max_size=n_walkers))
    point = st.floats(-4.0, 4.0)
    points = draw(st.lists(point, min_size=n_walkers * n_dims, max_size=n_walkers * n_dims))
    scale = math.fsum(weights) if kind is not exact else 2.0 ** math.ceil(math.log2(weights.sum()))
    return Ensemble(
        name="generated",
        weights=weights / scale,
        bins=np.array(bins, np.int64),
        order_parameter=np.array(points, np.float64).reshape(n_walkers, n_dims),
    )
