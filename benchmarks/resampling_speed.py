"""CPU time of one resampling step, beside the peers' on the same walkers in the same session.

python benchmarks/resampling_speed.py                                  # ours
python benchmarks/resampling_speed.py --peers peers/bin/python         # and the peers', with ratios; some minutes
python benchmarks/resampling_speed.py --peers peers/bin/python REVO    # only these
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import wepy
from wepy.protocols import Balancer, Description, KnownBins, Plan


@dataclass(frozen=True)
class Walkers:
    """What is resampled."""

    weights: NDArray[np.float64]
    bins: NDArray[np.int64]
    order_parameter: NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A row of the table: a balancer of ours, its walkers, and the peer's script that does the same, if there is one.

    A peer's script is given ``--ensemble FILE`` (npz of the walkers' fields), ``--work DIR``, ``--repeats N`` and these
    options, and answers with `cpu_seconds`.
    """

    name: str
    balancer: Callable[[], Balancer]
    walkers: Callable[[], Walkers]
    wanted: float  # ms of CPU for plan and draw
    peer: str = ""
    options: Sequence[str] = ()
    repeats: int = 3


def lognormal(n_walkers: int, n_bins: int, n_dims: int = 1, spread: float = 2.0) -> Walkers:
    random = np.random.default_rng(0)
    weights = np.exp(random.normal(0.0, spread, n_walkers))
    bins = random.permutation(np.arange(n_walkers) % n_bins)
    points = bins[:, None] + random.uniform(-0.4, 0.4, (n_walkers, n_dims))
    return Walkers(weights / weights.sum(), bins, points)


def huber_kim(n_bins: int, target: int, wanted: float) -> Case:
    options = ["--target", str(target)]
    name = f"Huber-Kim, 10,000 in {n_bins:,} bin{'s' if n_bins > 1 else ''}, target {target:,}"
    return Case(
        name, lambda: wepy.HuberKim(target), lambda: lognormal(10_000, n_bins), wanted, "westpa_resampling.py", options
    )


def equal_weights(scheme: str, n_bins: int, target: int) -> Case:
    name = f"{scheme}, 10,000 in {n_bins:,} bin{'s' if n_bins > 1 else ''}, target {target:,}"
    return Case(name, lambda: wepy.EqualWeights(scheme, target), lambda: lognormal(10_000, n_bins), 100.0)


@dataclass(frozen=True)
class Regions:
    """WExplore with a tree that has grown: assigns and plans, as one balancer."""

    tree: wepy.RegionTree
    balancer: wepy.WExplore
    known: KnownBins

    def plan(self, weights: NDArray[np.float64], bins: NDArray[np.int64], order_parameter: NDArray[np.float64]) -> Plan:
        found = self.tree.adapt(self.known, order_parameter, weights)
        return self.balancer.informed({**self.known, **found.made}).plan(weights, found.index, order_parameter)

    def describe(self) -> Description:
        return self.balancer.describe()


@cache
def grown(n_walkers: int, n_dims: int, cycles: int = 60) -> tuple[Regions, Walkers]:
    """Return WExplore and walkers after so many cycles of diffusion from one point."""
    random = np.random.default_rng(0)
    regions = Regions(wepy.RegionTree(max_region_sizes=[1.0, 0.5, 0.35, 0.25]), wepy.WExplore(), {})
    points, weights = np.zeros((n_walkers, n_dims)), np.full(n_walkers, 1 / n_walkers)
    for cycle in range(cycles):
        points = points + random.normal(0.0, 0.3, points.shape)
        if cycle == cycles - 1:
            break
        found = regions.tree.adapt(regions.known, points, weights)
        regions = replace(regions, known={**regions.known, **found.made})
        stream = wepy.Stream(0, wepy.Purpose.BALANCING, cycle)
        balance = regions.plan(weights, found.index, points).draw(stream)
        points, weights = points[balance.parent], balance.weight
    return regions, Walkers(weights, np.zeros(n_walkers, np.int64), points)


def wexplore(n_walkers: int, n_dims: int, wanted: float) -> Case:
    name = f"WExplore, {n_walkers:,} walkers, {n_dims} dimensions"
    return Case(
        name, lambda: grown(n_walkers, n_dims)[0], lambda: grown(n_walkers, n_dims)[1], wanted, "wepy_resampling.py"
    )


def revo(n_walkers: int, wanted: float, *, merge_distance: float = 1.0, peer: bool = True) -> Case:
    def spread() -> Walkers:
        random = np.random.default_rng(0)
        points, weights = random.normal(0.0, 1.0, (n_walkers, 3)), np.exp(random.normal(0.0, 2.0, n_walkers))
        return Walkers(weights / weights.sum(), np.zeros(n_walkers, np.int64), points)

    return Case(
        f"REVO, {n_walkers:,} walkers, pairs nearer than {merge_distance:g} merge",
        lambda: wepy.REVO(merge_distance),
        spread,
        wanted,
        "wepy_resampling.py" if peer else "",
        ["--merge-distance", str(merge_distance)],
        repeats=1,
    )


CASES = [
    huber_kim(1000, 10, 20.0),
    huber_kim(1, 10, 100.0),
    huber_kim(1, 5000, 100.0),
    huber_kim(1, 10_000, 100.0),
    huber_kim(1, 20_000, 100.0),
    equal_weights("systematic", 1000, 10),
    equal_weights("systematic", 1, 10_000),
    equal_weights("stratified", 1, 10_000),
    equal_weights("residual", 1, 10_000),
    equal_weights("multinomial", 1, 10_000),
    Case(
        "optimal allocation, 10,000 in 1,000 bins",
        lambda: wepy.OptimalAllocation(10_000, wepy.VarianceAlong([0.0, 1000.0], [0.0, 1.0])),
        lambda: lognormal(10_000, 1000),
        100.0,
    ),
    wexplore(2000, 3, 100.0),
    revo(48, 20.0),
    revo(192, 20.0),
    revo(500, 500.0),
    revo(2000, 10_000.0, peer=False),
    revo(2000, 10_000.0, merge_distance=5.0, peer=False),
]


def ours(case: Case) -> tuple[float, float]:
    """Return CPU seconds of the plan and of its draw, each the best of several."""
    walkers, balancer, plan_best, draw_best = case.walkers(), case.balancer(), np.inf, np.inf
    for cycle in range(5 * case.repeats):
        began = time.process_time()
        plan = balancer.plan(walkers.weights, walkers.bins, walkers.order_parameter)
        planned = time.process_time()
        plan.draw(wepy.Stream(1, wepy.Purpose.BALANCING, cycle))
        plan_best, draw_best = min(plan_best, planned - began), min(draw_best, time.process_time() - planned)
    return plan_best, draw_best


def theirs(case: Case, python: Path, work: Path) -> float:
    """Return CPU seconds of the peer, the best of several."""
    walkers, file = case.walkers(), work / "ensemble.npz"
    np.savez(file, weights=walkers.weights, bins=walkers.bins, order_parameter=walkers.order_parameter)
    script = Path(__file__).parent / "peers" / case.peer
    command = [python, script, "--ensemble", file, "--work", work, "--repeats", case.repeats, *case.options]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # `wepy` must be theirs
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True, env=clean)
    return float(json.loads(done.stdout.splitlines()[-1])["cpu_seconds"])


def main() -> None:
    """Print a row for each case."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="only cases whose names have one of these words in them")
    parser.add_argument("--peers", type=Path, help="Python of an environment that has the peers")
    options = parser.parse_args()
    print(f"{'CPU, ms':48s} {'plan':>7s} {'draw':>7s} {'wanted':>7s} {'peer':>8s} {'ratio':>6s}")
    for case in CASES:
        if options.names and not any(word in case.name for word in options.names):
            continue
        plan, draw = ours(case)
        row = f"{case.name:48s} {1e3 * plan:7.1f} {1e3 * draw:7.1f} {case.wanted:7.0f}"
        if options.peers and case.peer:
            with tempfile.TemporaryDirectory() as work:
                seconds = theirs(case, options.peers, Path(work))
            row += f" {1e3 * seconds:8.0f} {seconds / (plan + draw):5.0f}x"
        print(row, flush=True)


if __name__ == "__main__":
    main()
