"""CPU time of balancers and bins that go by distances: a function per case.

python benchmarks/resampling_by_distance.py
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

import wepy
from wepy.metric import distance_matrix

BALANCING = wepy.Purpose.BALANCING


def cpu(function: Callable[[], object], repeats: int = 3) -> float:
    """Return the least CPU time of some repeats, s."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def wexplore(n_walkers: int = 2000, n_dims: int = 3, cycles: int = 60, step: float = 0.3) -> tuple[float, int, int]:
    """Return seconds of assigning and planning with a grown tree, regions, and regions with walkers."""
    random = np.random.default_rng(0)
    tree, balancer = wepy.RegionTree([1.0, 0.5, 0.35, 0.25]), wepy.WExplore()
    points, weights = np.zeros((n_walkers, n_dims)), np.full(n_walkers, 1 / n_walkers)
    known = {}
    for cycle in range(cycles):
        points = points + random.normal(0.0, step, points.shape)
        before = points, weights
        found = tree.adapt(known, points, weights)
        known |= found.made
        balance = balancer.informed(known).plan(weights, found.index, points).draw(wepy.Stream(0, BALANCING, cycle))
        points, weights = points[balance.parent], balance.weight
    points, weights = before

    def resample() -> None:
        found = tree.adapt(known, points, weights)
        balancer.informed(known).plan(weights, found.index, points)

    return cpu(resample), len(known), len(np.unique(found.index))


def revo(n_walkers: int, merge_distance: float, pmax: float = 0.1, merge: str = "pairs") -> tuple[float, float, int]:
    """Return seconds of planning and of drawing, and the number of mergers, in 3 dimensions of spread 1."""
    random = np.random.default_rng(0)
    points, weights = random.normal(0.0, 1.0, (n_walkers, 3)), np.exp(random.normal(0.0, 2.0, n_walkers))
    weights /= weights.sum()
    balancer, bins = wepy.REVO(merge_distance, pmax=pmax, merge=merge), np.zeros(n_walkers, np.int64)
    plan = balancer.plan(weights, bins, points)
    stream = wepy.Stream(0, BALANCING)
    seconds = cpu(lambda: balancer.plan(weights, bins, points)), cpu(lambda: plan.draw(stream))
    return *seconds, len(plan.draw(stream).merge_from)


def metric(kind: wepy.Euclidean | wepy.LigandRMSD, n_walkers: int, n_dims: int) -> float:
    """Return seconds for the distances of all pairs."""
    points = np.random.default_rng(0).normal(0.0, 1.0, (n_walkers, n_dims))
    return cpu(lambda: distance_matrix(kind, points))


def rows() -> Iterator[str]:
    """Yield a line for each case."""
    for n_dims in (2, 3, 10):
        seconds, regions, occupied = wexplore(n_dims=n_dims)
        yield f"WExplore, 2000 walkers, {n_dims} dims, {regions} regions, {occupied} occupied: {seconds * 1e3:.0f} ms"
    for n_walkers in (48, 192, 500, 2000):
        for distance in (0.3, 1.0, 5.0):
            plan, draw, merged = revo(n_walkers, distance)
            yield (
                f"REVO, {n_walkers} walkers, merge distance {distance}: plan {plan * 1e3:.1f} ms,"
                f" draw {draw * 1e3:.1f} ms, {merged} merged"
            )
    plan, draw, merged = revo(2000, 5.0, pmax=0.005)
    yield f"REVO, 2000 walkers, all near, pmax 0.005: plan {plan * 1e3:.0f}, draw {draw * 1e3:.0f} ms, {merged} merged"
    for n_walkers in (500, 2000):
        yield f"Euclidean, 3 dims, {n_walkers} walkers: {metric(wepy.Euclidean(), n_walkers, 3) * 1e3:.0f} ms"
        ligand = metric(wepy.LigandRMSD(range(20), range(20, 60)), n_walkers, 180)
        yield f"LigandRMSD, 20 + 40 atoms, {n_walkers} walkers: {ligand * 1e3:.0f} ms"


if __name__ == "__main__":
    for row in rows():
        print(row, flush=True)
