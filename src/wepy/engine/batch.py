"""Many walkers of a toy system in one array: states in, noise from each walker's own stream, segments out.

Toy coordinates live in a state's array ``x`` of shape (d,). Frames hold particle positions as those of any system
do: the d coordinates fill ceil(d / 3) particles in order, the rest is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from wepy.engine.setting import check_count
from wepy.engine.topology import particle_topology
from wepy.errors import ConfigurationError, SegmentError
from wepy.protocols import Frames, Segment, State, System
from wepy.streams import Purpose, Stream, generators

Array = NDArray[np.float64]

Draw = Callable[[Generator, Array], Any]
"""Fills a C-contiguous (steps, d) array with one walker's random numbers."""

Move = Callable[[Array, Array], Array]
"""Takes all walkers one step: (n, d) coordinates and (n, d) random numbers to new (n, d) coordinates."""

_NUMBERS_AT_ONCE = 2**22  # 32 MiB of noise; more walkers than that are advanced in groups


def advance(
    states: Sequence[State],
    steps: int,
    streams: Sequence[Stream],
    *,
    dimensions: int,
    stride: int | None,
    timestep: float,
    draw: Draw,
    move: Move,
) -> list[Segment]:
    """Advance every walker by `steps`; the same bits however walkers are batched, if `move` is elementwise.

    Raises
    ------
    ConfigurationError
        States without a float array ``x`` of `dimensions` numbers, or a wrong number of streams or steps.
    SegmentError
        Coordinates that are no longer finite; names the walkers.
    """
    check_count("steps", steps)
    if len(states) != len(streams):
        raise ConfigurationError(f"expected one stream for each of {len(states)} states, found {len(streams)}")
    group = max(1, _NUMBERS_AT_ONCE // (steps * dimensions))
    step = frame_steps(steps, stride)
    segments: list[Segment] = []
    for first in range(0, len(states), group):
        some = streams[first : first + group]
        x = _stacked(states[first : first + group], dimensions, some)
        numbers = np.empty((len(some), steps, dimensions))
        for row, generator in zip(numbers, generators(some), strict=True):
            draw(generator, row)
        kept = _trajectory(x, numbers, step, move)
        _check_finite(kept[-1], some)
        segments += _segments(kept, step, timestep)
    return segments


def toy_state(frames: Frames, dimensions: int) -> State:
    """Return the state of the last frame."""
    return {"x": np.array(frames.positions[-1].reshape(-1)[:dimensions], np.float64)}


def toy_frame(state: State, dimensions: int) -> Frames:
    """Return the frame of a toy state itself, at step 0."""
    stream = Stream(seed=0, purpose=Purpose.FOUNDERS)
    return _segments(_stacked([state], dimensions, [stream])[None], np.zeros(1, np.int64), 1.0)[0].frames


def frame_steps(steps: int, stride: int | None) -> NDArray[np.int64]:
    """Return the steps at which frames are taken: every `stride` (never, if None) and always the last."""
    every = np.arange(stride, steps, stride, dtype=np.int64) if stride is not None else np.empty(0, np.int64)
    return np.append(every, np.int64(steps))


def toy_system(dimensions: int, timestep: float, stride: int | None = None) -> System:
    """Return the particles that stand for `dimensions` toy coordinates: of no element, unit mass, no charge."""
    n_atoms = -(-dimensions // 3)
    return System(
        species=np.zeros(n_atoms, np.int32),
        mass=np.ones(n_atoms),
        charge=np.zeros(n_atoms),
        topology=particle_topology(n_atoms),
        timestep=timestep,
        stride=stride,
        state={"x": (dimensions,)},
    )


def _trajectory(x: Array, numbers: Array, step: NDArray[np.int64], move: Move) -> Array:
    kept = np.empty((len(step), *x.shape))
    wanted = set(step.tolist())
    row = 0
    with np.errstate(over="ignore", invalid="ignore"):  # what leaves the floats is reported by walker afterwards
        for done in range(1, numbers.shape[1] + 1):
            x = move(x, numbers[:, done - 1])
            if done in wanted:
                kept[row] = x
                row += 1
    return kept


def _segments(kept: Array, step: NDArray[np.int64], timestep: float) -> list[Segment]:
    n_frames, n_walkers, dimensions = kept.shape
    width = 3 * -(-dimensions // 3)
    positions = np.zeros((n_walkers, n_frames, width))
    positions[:, :, :dimensions] = kept.transpose(1, 0, 2)
    positions = positions.reshape(n_walkers, n_frames, width // 3, 3)
    end = kept[-1]
    time = step.astype(np.float64) * timestep
    for array in (positions, end, step, time):
        array.setflags(write=False)
    return [
        Segment(state={"x": x}, frames=Frames(positions=frames, step=step, time=time))
        for x, frames in zip(end, positions, strict=True)
    ]


def _stacked(states: Sequence[State], dimensions: int, streams: Sequence[Stream]) -> Array:
    try:
        x = np.array([state["x"] for state in states], np.float64)
    except (KeyError, ValueError, TypeError):
        x = np.empty(0)
    if x.shape != (len(states), dimensions):
        raise ConfigurationError(_wrong_state(states, dimensions, streams))
    return x


def _wrong_state(states: Sequence[State], dimensions: int, streams: Sequence[Stream]) -> str:
    for state, stream in zip(states, streams, strict=True):
        expected = (
            f"state of walker {stream.walker}, cycle {stream.cycle}: expected an array 'x' of shape ({dimensions},)"
        )
        if "x" not in state:
            return f"{expected}, found {sorted(state) or 'nothing'}"
        if np.shape(state["x"]) != (dimensions,):
            return f"{expected}, found shape {np.shape(state['x'])}"
    return f"states: expected arrays 'x' of {dimensions} float64 each"


def _check_finite(x: Array, streams: Sequence[Stream]) -> None:
    if np.isfinite(x).all():
        return
    lost = [streams[index] for index in np.flatnonzero(~np.isfinite(x).all(axis=1)).tolist()]
    names = ", ".join(f"walker {stream.walker} of cycle {stream.cycle}" for stream in lost[:5])
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    raise SegmentError(f"coordinates are no longer finite: {names}{more}; a shorter timestep may help")
