"""A biased random walk on the lattice of non-negative integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wepy.engine.batch import advance, toy_frame, toy_state, toy_system
from wepy.engine.setting import check_count, check_positive, check_stride
from wepy.errors import ConfigurationError
from wepy.protocols import Description, Frames, Segment, State, System
from wepy.streams import Stream


@dataclass(frozen=True, slots=True)
class RandomWalk:
    """Each step moves every coordinate by +1 with probability `up`, else by -1; below zero it stays at zero.

    The test system of the WExplore and REVO papers (Dickson and Brooks, J. Phys. Chem. B 118:3532, 2014; Donyapour
    et al., J. Chem. Phys. 150:244112, 2019). Dimensions are independent. With up = 1/4 the stationary distribution
    is (2/3) (1/3)^x, and from 0 the first passage to L takes 3^(L+1) - 3 - 2 L steps on average.

    A walker's state is ``{"x": (d,) float64}``, integers all. The same bits come out however walkers are batched.

    Parameters
    ----------
    dimensions : int
        Number of coordinates, at least 1.
    up : float
        Probability of a step up, 0 < up < 1.
    stride : int or None
        Steps between frames; None for the end frame alone. The end is always a frame.
    timestep : float
        Duration of a step, recorded as ps; positive.

    Raises
    ------
    ConfigurationError
        A setting out of range; in `run` and `run_batch` also a state of the wrong shape.
    """

    dimensions: int = 1
    up: float = 0.25
    stride: int | None = None
    timestep: float = 1.0

    def __post_init__(self) -> None:
        check_count("RandomWalk: dimensions", self.dimensions)
        check_positive("RandomWalk: up", self.up)
        if self.up >= 1.0:
            raise ConfigurationError(f"RandomWalk: up: expected a probability below 1, found {self.up!r}")
        check_stride("RandomWalk: stride", self.stride)
        check_positive("RandomWalk: timestep", self.timestep)

    @property
    def system(self) -> System:
        """The particles whose positions hold the coordinates."""
        return toy_system(self.dimensions, self.timestep, self.stride)

    def frame(self, state: State) -> Frames:
        """Return the frame of a state itself, at step 0."""
        return toy_frame(state, self.dimensions)

    def state_of(self, frames: Frames) -> State:
        """Return the state of the last frame, in its precision."""
        return toy_state(frames, self.dimensions)

    def run(self, state: State, steps: int, stream: Stream) -> Segment:
        """Advance one walker."""
        return self.run_batch([state], steps, [stream])[0]

    def run_batch(self, states: Sequence[State], steps: int, streams: Sequence[Stream]) -> list[Segment]:
        """Advance each walker with its own stream."""

        def move(x: NDArray[np.float64], uniform: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.maximum(x + np.where(uniform < self.up, 1.0, -1.0), 0.0)

        return advance(
            states,
            steps,
            streams,
            dimensions=self.dimensions,
            stride=self.stride,
            timestep=self.timestep,
            draw=_uniform,
            move=move,
        )

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {
            "kind": "RandomWalk",
            "dimensions": self.dimensions,
            "up": self.up,
            "stride": self.stride,
            "timestep": self.timestep,
            "reproducible": True,
        }


def _uniform(generator: Generator, out: NDArray[np.float64]) -> None:
    generator.random(out=out)
