"""The random walk: its exact passage time, and how far WExplore and REVO reach where brute force does not.

Each dimension goes up with probability 1/4, else down, and stays at 0. From 0 to L takes 3^(L+1) - 3 - 2 L steps.
The other question is that of the papers of WExplore and REVO (Dickson and Brooks 2014; Donyapour et al. 2019): the
farthest that any of 48 walkers has been, along a dimension, after so many cycles of 10 steps.

    python benchmarks/random_walk.py                     # both; a quarter of an hour of one core
    python benchmarks/random_walk.py --runs 2 --cycles 100 --passages 8
"""

from __future__ import annotations

import argparse
import math
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from ensemble_run import ensemble_cycles
from numpy.typing import NDArray

import wepy

Array = NDArray[np.float64]
UP = 0.25
WALKERS, STEPS = 48, 10
SCHEMES = ("brute force", "WExplore", "REVO")


def walk(x: Array, random: np.random.Generator, steps: int) -> Array:
    """Return where the walkers are after some steps."""
    for uniform in random.random((steps, *x.shape)):
        x = np.maximum(x + np.where(uniform < UP, 1.0, -1.0), 0.0)
    return x


def exact_passage(length: int) -> int:
    """Return the mean number of steps from 0 to `length`."""
    return 3 ** (length + 1) - 3 - 2 * length


def passage(seed: int, length: int, cycles: int, burn_in: int) -> float:
    """Return the flux from 0 to `length` of one run, per step: a bin for each place, ten walkers in each."""
    bins = wepy.Rectilinear([[*np.arange(-0.5, length).tolist(), np.inf]])
    going = ensemble_cycles(
        np.zeros((10, 1)), lambda x, random: walk(x, random, 1), bins,
        wepy.EqualWeights("systematic", 10), seed=seed, is_there=lambda x: x[:, 0] >= length,
    )  # fmt: skip
    arrived = [weight for _, (_, _, weight) in zip(range(cycles), going, strict=False)]
    return float(np.mean(arrived[burn_in:]))


def scheme(name: str, dimensions: int) -> tuple[Any, Any]:
    """Return binner and balancer."""
    if name == "WExplore":
        scale = math.sqrt(dimensions)
        sizes = tuple(size * scale for size in (4.0, 2.0, 1.0, 0.5))
        return wepy.RegionTree(max_n_regions=(10, 10, 10, 10), max_region_sizes=sizes), wepy.WExplore(pmax=0.1)
    if name == "REVO":
        return None, wepy.REVO(merge_distance=2.5 * math.sqrt(dimensions), characteristic_distance=1.0)
    return None, wepy.NoBalancing()


def reach(name: str, dimensions: int, seed: int, cycles: int) -> list[float]:
    """Return the farthest place on any axis, averaged over the axes, after each cycle of one run."""
    going = ensemble_cycles(
        np.zeros((WALKERS, dimensions)), lambda x, random: walk(x, random, STEPS), *scheme(name, dimensions), seed=seed
    )
    farthest, found = np.zeros(dimensions), []
    for _, (x, _, _) in zip(range(cycles), going, strict=False):
        farthest = np.maximum(farthest, x.max(axis=0))
        found.append(float(farthest.mean()))
    return found


def picture(found: dict[tuple[str, int], Array], path: Path) -> None:
    """Draw how far each scheme has come against its steps; shades are standard errors between runs."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    dimensions = sorted({dims for _, dims in found})
    figure, axes = plt.subplots(1, len(dimensions), figsize=(4.2 * len(dimensions), 3.2), layout="constrained")
    for panel, dims in zip(np.atleast_1d(axes), dimensions, strict=True):
        for name, colour in zip(SCHEMES, ("grey", "#1f5a99", "#b0413e"), strict=True):
            far = found[name, dims]
            steps = WALKERS * STEPS * np.arange(1, far.shape[1] + 1)
            mean, error = far.mean(axis=0), far.std(axis=0, ddof=1) / len(far) ** 0.5
            panel.plot(steps, mean, color=colour, label=name)
            panel.fill_between(steps, mean - error, mean + error, color=colour, alpha=0.25, lw=0)
        panel.set(xscale="log", xlabel="steps of all walkers", title=f"{dims} dimension{'s' if dims > 1 else ''}")
        panel.grid(alpha=0.3)
    np.atleast_1d(axes)[0].set_ylabel("farthest place, mean of the axes")
    np.atleast_1d(axes)[0].legend()
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10, help="of each scheme")
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[1, 5])
    parser.add_argument("--length", type=int, default=12, help="of the passage")
    parser.add_argument("--passages", type=int, default=48, help="runs for the passage time")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--picture", type=Path, metavar="PNG")
    given = parser.parse_args()
    exact = exact_passage(given.length)
    with ProcessPoolExecutor(given.processes) as pool:
        jobs = [pool.submit(passage, seed, given.length, 1500, 500) for seed in range(given.passages)]
        flux = np.array([job.result() for job in jobs])
        mean, error = flux.mean(), flux.std(ddof=1) / len(flux) ** 0.5
        print(f"0 to {given.length}: {1 / mean:,.0f} steps +- {error / mean:.1%}, exact {exact:,};", end=" ")
        print(f"the flux is {(mean - 1 / exact) / error:+.1f} standard errors from the exact one", flush=True)
        keys = [(name, dims) for dims in given.dimensions for name in SCHEMES]
        runs = {key: [pool.submit(reach, *key, seed, given.cycles) for seed in range(given.runs)] for key in keys}
        found = {key: np.array([job.result() for job in jobs]) for key, jobs in runs.items()}
    print("\n| scheme | dimensions | farthest place, mean of the axes (sd of a run) |\n|---|---|---|")
    for (name, dims), far in found.items():
        print(f"| {name} | {dims} | {far[:, -1].mean():.1f} ({far[:, -1].std(ddof=1):.1f}) |")
    if given.picture is not None:
        picture(found, given.picture)


if __name__ == "__main__":
    main()
