"""A run with one segment that kills its process as long as a file is there."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

import wepy

POISONED = (2, 3)  # cycle, walker
_WELL = wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3, stride=5)


class Poison:
    """The double well, one walker at a time, and the death of its process in one of them."""

    def __init__(self, poison: Path | None) -> None:
        self._poison = poison
        self.system, self.frame, self.describe = _WELL.system, _WELL.frame, _WELL.describe

    def run(self, state, steps, stream):
        """Return the segment, or do not return."""
        if (stream.cycle, stream.walker) == POISONED and self._poison is not None and self._poison.exists():
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.025)  # long enough for a task of its own
        return _WELL.run(state, steps, stream)


def simulation(store: Path | None, poison: Path | None, dispatcher=None) -> wepy.Simulation:
    """Return a run of eight walkers."""
    return wepy.Simulation(
        engine=Poison(poison),
        order_parameter=wepy.Coordinates(labels=("x",)),
        binner=wepy.Rectilinear([[-np.inf, -0.9, np.inf]]),
        balancer=wepy.HuberKim(4),
        states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
        walkers=8, steps=10, seed=1, store=store, dispatcher=dispatcher,
    )  # fmt: skip
