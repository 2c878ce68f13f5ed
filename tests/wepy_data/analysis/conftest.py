"""Exact chains of overdamped walkers in a double well, and runs of the same."""

import math
from functools import lru_cache

import numpy as np
import pytest

import wepy
from wepy_data.analysis.chain import Chain

SOURCE = -1.0


def _nodes(low, high, count, order=5):
    """Return nodes and weights of composite Gauss-Legendre quadrature."""
    x, w = np.polynomial.legendre.leggauss(order)
    edges = np.linspace(low, high, count + 1)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()


@pytest.fixture(scope="session")
def exact_chain():
    """A function that returns places and the chain of `tau` steps of the Gaussian kernel, as fine as numbers are."""

    @lru_cache
    def make(height, timestep, tau, target):
        inner, outer = (
            _nodes(a, b, round((b - a) / 0.05)) for a, b in ((-2.2, target), (target, 2.2))
        )  # as edges of bins
        weight, n = np.concatenate([inner[1], outer[1]]), len(inner[0])
        x = np.concatenate([inner[0], outer[0], [SOURCE]])
        mean, spread = x - 4 * height * x * (x**2 - 1) * timestep, math.sqrt(2 * timestep)
        step = np.zeros((len(x), len(x)))
        step[:, :-1] = np.exp(-(((x[:-1] - mean[:, None]) / spread) ** 2) / 2) * weight
        step /= step.sum(1, keepdims=True)
        kept = np.array([*range(n), len(x) - 1])
        lagged = np.linalg.matrix_power(step, tau)[kept]
        arriving = lagged[:, n:-1].sum(1, keepdims=True)
        total = lagged.sum(1, keepdims=True)
        return x[kept], Chain(lagged[:, kept] / total, arriving / total, np.eye(n + 1)[-1:])

    return make


@pytest.fixture(scope="session")
def simulate():
    """A function that runs a double well with Huber-Kim resampling, and returns what it recorded."""

    def make(height, timestep, steps, target, edges, cycles, count=8, **more):
        simulation = wepy.Simulation(
            engine=wepy.OverdampedLangevin(wepy.DoubleWell(height=height), timestep=timestep),
            order_parameter=wepy.Coordinates(labels=("x",)),
            binner=wepy.Rectilinear([[-np.inf, *edges, np.inf]]),
            balancer=wepy.HuberKim(count),
            recycling=wepy.Recycling(wepy.Region([target])),
            states=[wepy.StartState(label="left", arrays={"x": np.array([SOURCE])})],
            walkers=count,
            steps=steps,
            seed=1,
            **more,
        )
        for _ in simulation.run(cycles=cycles):
            pass
        return simulation.record

    return make
