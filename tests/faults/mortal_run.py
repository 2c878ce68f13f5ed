"""A run to be killed: started, or gone on with if it is there.

Started as a program: mortal_run.py NAME STORE CYCLES. What the run's engine finishes is noted in STORE.log if it can.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np

import wepy
from wepy.config import build_simulation, read_configuration
from wepy.config.example import examples_folder

RUNS = ("logged", "double-well", "double-well scoop", "alanine-dipeptide", "alanine-dipeptide scoop")
_WELL = wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3, stride=5)


class Logged:
    """The double well, one walker at a time, with a log of the segments that are done: in one write each."""

    def __init__(self, log):
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.system, self.frame, self.describe = _WELL.system, _WELL.frame, _WELL.describe

    def run(self, state, steps, stream):
        segment = _WELL.run(state, steps, stream)
        time.sleep(0.001)
        os.write(self._log, f"{stream.cycle} {stream.walker}\n".encode())
        return segment


def simulation(name: str, store: Path) -> wepy.Simulation:
    """Return one of the runs by name."""
    if name == "logged":
        return wepy.Simulation(
            engine=Logged(f"{store}.log"),
            order_parameter=wepy.Coordinates(labels=("x",)),
            binner=wepy.Rectilinear([[-np.inf, *np.linspace(-1.0, 0.4, 8).tolist(), np.inf]]),
            balancer=wepy.HuberKim(4),
            recycling=wepy.Recycling(wepy.Region([0.2])),
            states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
            walkers=6, steps=10, seed=1, store=store, overwrite=not store.exists(),
        )  # fmt: skip
    example, _, scoop = name.partition(" ")
    folder = examples_folder() / example.replace("-", "_")
    config = read_configuration(folder / f"{example}.toml")
    target = {"double-well": [-0.8], "alanine-dipeptide": [-1.2, float("-inf")]}[example]  # recycles from the start
    config = config.model_copy(
        update={
            "run": config.run.model_copy(update={"output": store}),
            "recycling": config.recycling.model_copy(update={"lower": target}),
        }
    )
    built = build_simulation(config, folder, overwrite=not store.exists())
    built.dispatcher = wepy.Scoop(workers=2) if scoop else wepy.Serial()
    return built


def main(name: str, store: Path, cycles: int) -> None:
    """Start the run, or go on with it, up to a number of cycles."""
    run = simulation(name, store)
    for _ in run.resume(cycles=cycles) if store.exists() else run.run(cycles=cycles):
        pass


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
