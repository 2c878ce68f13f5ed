"""CPU time of a cycle from the 10th to the 10,000th, in memory and with journal and HDF5 file, and a plot of it.

python benchmarks/flatness.py --plot docs/images/cost_per_cycle.png
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import matplotlib as mpl
import numpy as np
from manager_overhead import simulation

mpl.use("agg")
import matplotlib.pyplot as plt


def cycles(walkers: int, count: int, store: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Return CPU seconds and number of walkers of each cycle."""
    seconds, sizes = np.empty(count), np.empty(count)
    before = time.process_time()
    for cycle in simulation(walkers, store).run(cycles=count):
        now = time.process_time()
        seconds[cycle.index], sizes[cycle.index] = now - before, cycle.n_walkers
        before = now
    return seconds, sizes


def smooth(values: np.ndarray, sizes: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the middle of each stretch of `width` cycles, and its CPU time per walker and cycle."""
    rows = len(values) // width
    middle = (np.arange(rows) + 0.5) * width
    per_walker = values[: rows * width].reshape(rows, width).sum(1) / sizes[: rows * width].reshape(rows, width).sum(1)
    return middle, per_walker


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walkers", type=int, default=100)
    parser.add_argument("--cycles", type=int, default=10_000)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    with tempfile.TemporaryDirectory() as name:
        for label, store in (("in memory", None), ("with journal and HDF5 file", Path(name) / "run.h5")):
            seconds, sizes = cycles(options.walkers, options.cycles, store)
            early, late = slice(50, 550), slice(-500, None)
            cost = [seconds[part].sum() / sizes[part].sum() * 1e6 for part in (early, late)]
            print(
                f"{label:28s} {cost[0]:6.1f} us per walker in cycles 50-550, {cost[1]:6.1f} us in the last 500: "
                f"{cost[1] / cost[0]:.2f} x"
            )
            middle, per_walker = smooth(seconds, sizes, 50)
            axes.plot(middle, per_walker * 1e6, label=label, linewidth=1)
    axes.set(xlabel="cycle", ylabel="CPU per walker and cycle (µs)", ylim=(0, None), xlim=(0, options.cycles))
    axes.legend(frameon=False)
    if options.plot:
        figure.savefig(options.plot, dpi=130)


if __name__ == "__main__":
    main()
