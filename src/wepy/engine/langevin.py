"""Overdamped Langevin dynamics in an analytic potential."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wepy.engine.batch import advance, toy_frame, toy_state, toy_system
from wepy.engine.potential import Potential
from wepy.engine.setting import check_positive, check_stride
from wepy.errors import ConfigurationError
from wepy.protocols import Description, Frames, Segment, State, System
from wepy.streams import Stream


@dataclass(frozen=True, slots=True)
class OverdampedLangevin:
    """Brownian motion by Euler and Maruyama: x' = x + D dt F(x) / kT + sqrt(2 D dt) N(0, 1).

    A walker's state is ``{"x": (d,) float64}``. The same bits come out however walkers are batched.

    Parameters
    ----------
    potential : Potential
        In units of kT, with its number of dimensions d.
    timestep : float
        Duration dt of a step, in the time unit of the diffusion coefficient (recorded as ps); positive.
    diffusion : float
        Diffusion coefficient D, length squared per time; positive.
    stride : int or None
        Steps between frames; None for the end frame alone. The end is always a frame.
    mirror : float or None
        A wall that reflects, in every dimension: what goes beyond it by some distance comes back by as much.

    Raises
    ------
    ConfigurationError
        A setting out of range; in `run` and `run_batch` also a state of the wrong shape.
    SegmentError
        In `run` and `run_batch`: coordinates that are no longer finite.

    Examples
    --------
    >>> from wepy.engine import DoubleWell
    >>> from wepy.streams import Purpose
    >>> engine = OverdampedLangevin(DoubleWell(height=9.0), timestep=1e-3, stride=10)
    >>> segment = engine.run({"x": np.array([-1.0])}, 25, Stream(seed=1, purpose=Purpose.DYNAMICS))
    >>> segment.frames.step.tolist(), segment.frames.positions.shape, segment.state["x"].shape
    ([10, 20, 25], (3, 1, 3), (1,))
    """

    potential: Potential
    timestep: float
    diffusion: float = 1.0
    stride: int | None = None
    mirror: float | None = None

    def __post_init__(self) -> None:
        check_positive("OverdampedLangevin: timestep", self.timestep)
        check_positive("OverdampedLangevin: diffusion", self.diffusion)
        check_stride("OverdampedLangevin: stride", self.stride)
        if self.mirror is not None and not math.isfinite(self.mirror):
            raise ConfigurationError(f"OverdampedLangevin: mirror: expected a finite number, found {self.mirror!r}")

    @property
    def system(self) -> System:
        """The particles whose positions hold the coordinates."""
        return toy_system(self.potential.dimensions, self.timestep, self.stride)

    def frame(self, state: State) -> Frames:
        """Return the frame of a state itself, at step 0."""
        return toy_frame(state, self.potential.dimensions)

    def state_of(self, frames: Frames) -> State:
        """Return the state of the last frame, in its precision."""
        return toy_state(frames, self.potential.dimensions)

    def run(self, state: State, steps: int, stream: Stream) -> Segment:
        """Advance one walker."""
        return self.run_batch([state], steps, [stream])[0]

    def run_batch(self, states: Sequence[State], steps: int, streams: Sequence[Stream]) -> list[Segment]:
        """Advance each walker with its own stream."""
        drift = self.diffusion * self.timestep
        spread = math.sqrt(2.0 * self.diffusion * self.timestep)
        force, mirror = self.potential.force, self.mirror

        def move(x: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
            moved = x + drift * force(x) + spread * normal
            return moved if mirror is None else np.where(moved > mirror, 2.0 * mirror - moved, moved)

        return advance(
            states,
            steps,
            streams,
            dimensions=self.potential.dimensions,
            stride=self.stride,
            timestep=self.timestep,
            draw=_normal,
            move=move,
        )

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {
            "kind": "OverdampedLangevin",
            "potential": self.potential.describe(),
            "timestep": self.timestep,
            "diffusion": self.diffusion,
            "stride": self.stride,
            **({} if self.mirror is None else {"mirror": self.mirror}),
            "reproducible": True,
        }


def _normal(generator: Generator, out: NDArray[np.float64]) -> None:
    generator.standard_normal(out=out)
