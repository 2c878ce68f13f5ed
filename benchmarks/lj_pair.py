"""The passage time of the Lennard-Jones pair, by OpenMM on SCOOP workers, against the exact one.

Each run is the example `lj-pair` with a seed of its own. The mean first passage time is tau over the mean flux after
the burn-in; its standard error comes from the scatter between runs, and for each run from means of blocks of cycles.

    python benchmarks/lj_pair.py --runs 8
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wepy.config import build_simulation, read_configuration

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "lj_pair" / "lj-pair.toml"
EXACT = 903_802.67
"""Steps from contact to 1 nm if every 20th is checked: the discrete chain of the distance, solved by quadrature."""

BURN_IN = 460  # cycles; the flux is at 99 % of its steady value after 451
BLOCK = 130  # cycles; longer than the flux remembers


def flux(seed: int, cycles: int, workers: int) -> NDArray[np.float64]:
    """Return the weight that arrives in each cycle of a run."""
    config = read_configuration(EXAMPLE)
    config = config.model_copy(
        update={
            "run": config.run.model_copy(update={"seed": seed}),
            "dispatch": config.dispatch.model_copy(update={"workers": workers}),
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        simulation = build_simulation(config, EXAMPLE.parent, store=Path(folder) / "run.h5")
        return np.array([cycle["/events/weight"].sum() for cycle in simulation.run(cycles=cycles)])


def passage(arrived: NDArray[np.float64], steps: int) -> tuple[float, float]:
    """Return mean first passage time, steps, and its relative standard error from blocks of cycles."""
    steady = arrived[BURN_IN:]
    blocks = steady[: len(steady) // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=1)
    return steps / float(steady.mean()), float(blocks.std(ddof=1) / blocks.mean() / len(blocks) ** 0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=8)
    parser.add_argument("--cycles", type=int, default=1500)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    given = parser.parse_args()
    steps = read_configuration(EXAMPLE).run.steps
    rates = []
    for seed in range(given.seed, given.seed + given.runs):
        began = time.perf_counter()
        time_, error = passage(flux(seed, given.cycles, given.workers), steps)
        rates.append(1 / time_)
        print(
            f"seed {seed}: {time_:,.0f} steps, blocks say +- {error:.1%}, {time.perf_counter() - began:.0f} s",
            flush=True,
        )
    if len(rates) > 1:
        mean, error = np.mean(rates), np.std(rates, ddof=1) / len(rates) ** 0.5
        z = (mean - 1 / EXACT) / error
        print(
            f"{len(rates)} runs: {1 / mean:,.0f} steps +- {error / mean:.1%}; the rate is {z:+.1f} standard errors from"
        )
        print(f"that of the exact {EXACT:,.0f} steps; one run scatters by {error / mean * len(rates) ** 0.5:.1%}")


if __name__ == "__main__":
    main()
