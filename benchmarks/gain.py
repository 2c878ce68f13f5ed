"""How much a weighted ensemble gains over brute force in the double well, scheme by scheme.

The gain is a ratio of variances at equal cost: G = m / (C s^2), with m the exact mean first passage time in steps, C
the steps of a run including its burn-in, and s the relative standard deviation of the flux between independent runs;
brute force of C steps has s^2 = m / C, so G = 1. The interval is that of s^2: chi-squared, R - 1 degrees of freedom.

Potential, bins, balancers and streams are those of the library. Dynamics of all walkers are one array, and nothing is
recorded, so that only chance is measured. tests/end_to_end/test_double_well_flux.py runs a short form, and holds whole
recorded runs of the manager against the same exact value.

    python benchmarks/gain.py                         # every scheme: two hours of two cores
    python benchmarks/gain.py huber-kim --runs 64     # one of them
    python benchmarks/gain.py --table gain.jsonl      # the table and the picture of what was measured before
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ensemble_run import ensemble_cycles
from numpy.typing import NDArray

import wepy

STEPS = 5
MFPT = 1_038_234.37
"""Exact mean first passage time from -1 to 1, steps, if the target is tested after every fifth; by quadrature."""

MAXIMUM = 295.0
"""The largest gain that any allocation of walkers can have at this tau (Aristoff and Zuckerman, 2020), exact."""

TIMESTEP = 1e-3
BURN_IN = 160  # cycles: 800 steps; the flux is at 99 % of its steady value by then
SEED = 20

# walkers for each bin of 0.1, from (-inf, -1.2) on: proportional to sqrt(mean weight x variance), at least 2; exact
FIXED = (2, 2, 7, 15, 23, 28, 30, 28, 24, 21, 17, 13, 10, 6, 3, 2, 2, 2, 2, 2, 2, 2, 2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """Bins, a balancer, and what a measurement of it takes."""

    binner: Any
    balancer: Any
    walkers: int = 10
    cycles: int = 2000
    runs: int = 64


def schemes() -> dict[str, Scheme]:
    """Return what is compared, by name."""
    edges = np.round(np.linspace(-1.0, 1.0, 21), 12).tolist()
    grid = wepy.Rectilinear([[-np.inf, *edges, np.inf]])
    shifted = wepy.Rectilinear([[-np.inf, *np.round(np.arange(-1.2, 0.95, 0.1), 12).tolist(), np.inf]])
    targets = dict(enumerate(FIXED))
    systematic = wepy.EqualWeights("systematic", sort_by=0)
    regions = wepy.RegionTree(max_n_regions=(10, 10), max_region_sizes=(0.4, 0.1))
    return {
        "none": Scheme(binner=None, balancer=wepy.NoBalancing(), walkers=230, cycles=2000, runs=64),
        "huber-kim": Scheme(binner=grid, balancer=wepy.HuberKim(10), runs=224),
        "systematic": Scheme(binner=grid, balancer=wepy.EqualWeights("systematic", 10, sort_by=0)),
        "multinomial": Scheme(binner=grid, balancer=wepy.EqualWeights("multinomial", 10)),
        "residual": Scheme(binner=grid, balancer=wepy.EqualWeights("residual", 10)),
        "stratified": Scheme(binner=grid, balancer=wepy.EqualWeights("stratified", 10, sort_by=0)),
        "mab": Scheme(binner=wepy.MAB(nbins=[20], direction=[1]), balancer=wepy.HuberKim(10), cycles=1000),
        "fixed optimal counts": Scheme(
            binner=shifted, balancer=wepy.EqualWeights("systematic", 10, target_counts=targets, sort_by=0), runs=96
        ),
        "optimal, huber-kim": Scheme(binner=shifted, balancer=wepy.OptimalAllocation(245, variance(), least=2)),
        "optimal, systematic": Scheme(
            binner=shifted,
            balancer=wepy.OptimalAllocation(245, variance(), least=2, within=systematic),
            runs=128,
        ),
        "wexplore": Scheme(binner=regions, balancer=wepy.WExplore(pmin=1e-12, pmax=0.1), walkers=230, runs=96),
        "revo": Scheme(
            binner=None,
            balancer=wepy.REVO(merge_distance=0.3, characteristic_distance=0.2),
            walkers=48,
            cycles=3000,
            runs=96,
        ),
    }


@cache
def variance() -> wepy.VarianceAlong:
    """Return the variance that one cycle adds, along x: that of the committor after it, by quadrature."""
    grid = np.linspace(-2.0, 1.8, 761)
    rise = np.exp(9.0 * (grid**2 - 1.0) ** 2) * ((grid > -1.0) & (grid < 1.0))
    committor = np.cumsum(rise) / rise.sum()
    mean = grid + TIMESTEP * wepy.DoubleWell(height=9.0).force(grid[:, None])[:, 0]
    step = np.exp(-((grid - mean[:, None]) ** 2) / (4.0 * TIMESTEP))
    cycle = np.linalg.matrix_power(step / step.sum(axis=1, keepdims=True), STEPS)
    spread = np.maximum(cycle @ committor**2 - (cycle @ committor) ** 2, 0.0)
    some = slice(40, 601, 5)  # -1.8 to 1 in steps of 0.025
    return wepy.VarianceAlong(grid[some].tolist(), spread[some].tolist(), 0)


def run(name: str, seed: int, cycles: int) -> dict[str, Any]:
    """Return flux per cycle after the burn-in and steps of one run."""
    scheme = schemes()[name]
    force, drift, spread = wepy.DoubleWell(height=9.0).force, TIMESTEP, math.sqrt(2.0 * TIMESTEP)

    def advance(x: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
        for normal in random.standard_normal((STEPS, *x.shape)):
            x = x + drift * force(x) + spread * normal
        return x

    arrived, steps = 0.0, 0
    going = ensemble_cycles(
        np.full((scheme.walkers, 1), -1.0), advance, scheme.binner, scheme.balancer, seed=seed,
        is_there=lambda x: x[:, 0] >= 1.0,
    )  # fmt: skip
    for cycle, (x, _, weight) in zip(range(cycles), going, strict=False):
        steps += STEPS * len(x)
        arrived += weight if cycle >= BURN_IN else 0.0
    return {
        "scheme": name, "seed": seed, "cycles": cycles, "flux": arrived / (cycles - BURN_IN), "steps": steps,
    }  # fmt: skip


def measure(
    names: Iterable[str], *, runs: int | None, cycles: int | None, processes: int, tell: Callable[[str], object]
) -> list[dict[str, Any]]:
    """Return the runs of some schemes, each with a seed of its own."""
    todo = []
    for name in names:
        scheme = schemes()[name]
        for index in range(scheme.runs if runs is None else runs):
            todo.append((name, SEED * 1000 + index, scheme.cycles if cycles is None else cycles))
    found = []
    with ProcessPoolExecutor(processes) as pool:
        for done in as_completed([pool.submit(run, *one) for one in todo]):
            found.append(done.result())
            tell(json.dumps(found[-1]))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Gain:
    """What the runs of one scheme say."""

    scheme: str
    runs: int
    steps: float
    mean: float
    z: float
    spread: float
    gain: float
    lower: float
    upper: float


def gain(scheme: str, found: list[dict[str, Any]]) -> Gain:
    """Return mean and gain of the runs of a scheme, the gain with its 95 % interval."""
    from scipy.stats import chi2

    flux = np.array([one["flux"] for one in found]) * MFPT / STEPS
    steps, count = float(np.mean([one["steps"] for one in found])), len(found)
    spread = float(flux.std(ddof=1) / flux.mean())
    value = MFPT / (steps * spread**2)
    low, high = chi2.ppf([0.025, 0.975], count - 1) / (count - 1)
    z = float((flux.mean() - 1.0) / (flux.std(ddof=1) / count**0.5))
    return Gain(
        scheme=scheme, runs=count, steps=steps, mean=float(flux.mean()), z=z, spread=spread, gain=value,
        lower=value * low, upper=value * high,
    )  # fmt: skip


def gains(found: list[dict[str, Any]]) -> list[Gain]:
    """Return the gain of each scheme, in the order of `schemes`."""
    by_name: dict[str, list[dict[str, Any]]] = {name: [] for name in schemes()}
    for one in found:
        by_name[one["scheme"]].append(one)
    return [gain(name, some) for name, some in by_name.items() if len(some) > 1]


def table(measured: list[Gain]) -> str:
    """Return the table of the docs."""
    lines = [
        "| scheme | runs x steps | mean / exact (z) | relative sd of a run | gain (95 %) | of the maximum |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {g.scheme} | {g.runs} x {g.steps:.2e} | {g.mean:.3f} ({g.z:+.1f}) | {g.spread:.3f} |"
        f" {g.gain:.3g} ({g.lower:.3g} to {g.upper:.3g}) | {g.gain / MAXIMUM:.0%} |"
        for g in measured
    ]
    return "\n".join(lines)


def picture(measured: list[Gain], path: Path) -> None:
    """Draw the gains with their intervals, brute force and the maximum as lines."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.0, 0.38 * len(measured) + 1.1), layout="constrained")
    rows: NDArray[np.int64] = np.arange(len(measured))
    values = np.array([g.gain for g in measured])
    errors = np.array([[g.gain - g.lower, g.upper - g.gain] for g in measured]).T
    axes.errorbar(values, rows, xerr=errors, fmt="o", color="#1f5a99", capsize=3)
    axes.axvline(1.0, color="grey", lw=1)
    axes.axvline(MAXIMUM, color="#b0413e", lw=1, ls="--")
    axes.set(xscale="log", yticks=rows, yticklabels=[g.scheme for g in measured], ylim=(len(measured) - 0.4, -0.6))
    axes.set_xlabel("gain over brute force (grey: 1; dashed: the best possible, 295)")
    axes.grid(axis="x", alpha=0.3)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scheme", nargs="*", choices=[[], *schemes()], help="by default all of them")
    parser.add_argument("--runs", type=int, help="independent runs; by default as many as the scheme's figure needs")
    parser.add_argument("--cycles", type=int, help="cycles of a run")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--table", type=Path, metavar="JSONL", help="measure nothing; report what such a file holds")
    parser.add_argument("--save", type=Path, metavar="JSONL", help="append each run to this file")
    parser.add_argument("--picture", type=Path, metavar="PNG")
    parser.add_argument("--json", action="store_true", help="one line for each scheme, for programs")
    given = parser.parse_args()
    if given.table is not None:
        found = [json.loads(line) for line in given.table.read_text().splitlines()]
    else:

        def tell(line: str) -> None:
            if given.save is not None:
                with given.save.open("a") as file:
                    file.write(line + "\n")
            print(line, file=sys.stderr, flush=True)

        names = given.scheme or list(schemes())
        found = measure(names, runs=given.runs, cycles=given.cycles, processes=given.processes, tell=tell)
    measured = gains(found)
    if given.json:
        for one in measured:
            print(json.dumps({key: getattr(one, key) for key in Gain.__slots__}))
    else:
        print(table(measured))
    if given.picture is not None:
        picture(measured, given.picture)


if __name__ == "__main__":
    main()
