"""CPU time of one resampling step of wepy 1.2: its REVO, or its WExplore with a tree that has grown.

WExplore uses an attribute that networkx dropped in version 2.4; it is put back here, or there would be nothing to time.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from harness import Clock, answer, arguments
from numpy.typing import NDArray
from wepy.resampling.distances.distance import Distance
from wepy.resampling.resamplers.revo import REVOResampler
from wepy.resampling.resamplers.wexplore import WExploreResampler
from wepy.walker import Walker, WalkerState

import wepy

nx.Graph.node = property(lambda graph: graph.nodes)


class Euclidean(Distance):  # type: ignore[misc]
    """Distance of two rows of numbers."""

    def image(self, state: Any) -> Any:
        return state["positions"]

    def image_distance(self, image_a: Any, image_b: Any) -> float:
        return float(np.sqrt(((image_a - image_b) ** 2).sum()))


def walkers_of(points: NDArray[np.float64], weights: NDArray[np.float64]) -> list[Any]:
    """Return the peer's walkers."""
    return [Walker(WalkerState(positions=x), w) for x, w in zip(points, weights.tolist(), strict=True)]


def revo(walkers: list[Any], merge_distance: float) -> Callable[[], object]:
    """Return a step of REVO."""
    made = REVOResampler(
        merge_dist=merge_distance, char_dist=1.0, distance=Euclidean(), init_state=walkers[0].state, pmax=0.1
    )
    return lambda: made.resample(walkers)


def wexplore(count: int, dims: int, cycles: int, sizes: list[float]) -> Callable[[], object]:
    """Return a step of WExplore after so many cycles of diffusion from one point."""
    random = np.random.default_rng(0)
    walkers = walkers_of(np.zeros((count, dims)), np.full(count, 1 / count))
    made = WExploreResampler(distance=Euclidean(), max_region_sizes=sizes, init_state=walkers[0].state, pmax=0.1)
    for cycle in range(cycles):
        moved = [w.state["positions"] + random.normal(0.0, 0.3, dims) for w in walkers]
        walkers = [Walker(WalkerState(positions=x), w.weight) for x, w in zip(moved, walkers, strict=True)]
        if cycle < cycles - 1:
            walkers = made.resample(walkers)[0]
    return lambda: made.resample(walkers)


def main() -> None:
    """Resample once and answer; the step is timed as it is, without repeats, as it may take minutes."""
    parser = arguments(__doc__, walkers=0, cycles=60)
    parser.add_argument("--ensemble", type=Path, required=True, help="npz with weights and order_parameter")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--merge-distance", type=float, help="REVO; WExplore if it is not given")
    parser.add_argument("--sizes", type=float, nargs="+", default=[1.0, 0.5, 0.35, 0.25])
    options = parser.parse_args()
    with np.load(options.ensemble) as file:
        weights, points = file["weights"], file["order_parameter"]
    if options.merge_distance is not None:
        step = revo(walkers_of(points, weights), options.merge_distance)
    else:
        step = wexplore(len(weights), points.shape[1], options.cycles, options.sizes)
    with Clock() as clock:
        step()
    answer(peer="wepy", version=wepy.__version__, cpu_seconds=clock.cpu)


if __name__ == "__main__":
    main()
