"""A run whose segments take a while.

Started as a program: slow_run.py STORE CYCLES WALKERS SECONDS [KEYWORDS], the last for `Scoop`, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

import wepy

_WELL = wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3, stride=5)


class Slow:
    """The double well, one walker at a time, at a leisurely pace."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self.system, self.frame, self.describe = _WELL.system, _WELL.frame, _WELL.describe

    def run(self, state, steps, stream):
        """Return the segment of the double well, later."""
        time.sleep(self._seconds)
        return _WELL.run(state, steps, stream)


def simulation(store: Path, walkers: int, seconds: float, dispatcher=None) -> wepy.Simulation:
    """Return the run: as many walkers in each cycle, in one bin for each half of the well."""
    return wepy.Simulation(
        engine=Slow(seconds),
        order_parameter=wepy.Coordinates(labels=("x",)),
        binner=wepy.Rectilinear([[-np.inf, -0.9, np.inf]]),
        balancer=wepy.HuberKim(walkers // 2),
        states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
        walkers=walkers, steps=10, seed=1, store=store, dispatcher=dispatcher,
    )  # fmt: skip


def main(store: str, cycles: str, walkers: str, seconds: str, keywords: str = "") -> None:
    """Run, or go on with what is there, and say when each cycle is committed."""
    settings = json.loads(keywords or "{}")
    settings["hosts"] = [wepy.Host(**host) for host in settings.pop("hosts", [])]
    run = simulation(Path(store), int(walkers), float(seconds), wepy.Scoop(**settings))
    going = run.resume(cycles=int(cycles)) if Path(store).exists() else run.run(cycles=int(cycles))
    for cycle in going:
        print("cycle", cycle.index, flush=True)


if __name__ == "__main__":
    from slow_run import main as importable  # so that workers find the engine in a module of that name

    importable(*sys.argv[1:])
