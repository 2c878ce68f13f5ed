"""The work function: dynamics and order parameter of some walkers, as it runs on a worker."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy.dispatch.identity import Identity, worker_identity
from wepy.errors import SegmentError, WepyError
from wepy.pace import Pace, shared_out
from wepy.protocols import BatchEngine, Engine, Frames, OnPlatform, OrderParameter, Segment, State
from wepy.storage import Kept
from wepy.streams import Stream


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """Some walkers to be advanced together: their states and streams, by position in the cycle."""

    walkers: tuple[int, ...]
    states: tuple[State, ...]
    streams: tuple[Stream, ...]
    steps: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WalkerResult:
    """What came back for one walker.

    Parameters
    ----------
    walker : int
        Position in the cycle.
    state : State
        End state in full precision.
    frames : Frames
        Frames of the segment that are kept, the last one being its end.
    order_parameter : (n_frames, n_dims) float64
        Features of each of them.
    observables : mapping of str to (n_frames, ...) float64
        Further per-frame values.
    cpu_time, wall_time : float
        Seconds of the walker's share of the task.
    worker : Identity
        Who ran it.
    platform : str
        What the engine computed on; empty if it does not say.
    """

    walker: int
    state: State
    frames: Frames
    order_parameter: NDArray[np.float64]
    observables: Mapping[str, NDArray[np.float64]]
    cpu_time: float
    wall_time: float
    worker: Identity
    platform: str


@dataclass(frozen=True, slots=True)
class Work:
    """A function of a task: engine, order parameter, and what is kept of the frames. Sent to each worker once."""

    engine: Engine
    order_parameter: OrderParameter
    kept: Kept = field(default_factory=Kept)

    def __call__(self, task: Task) -> list[WalkerResult]:
        """Return the results of a task's walkers, in their order.

        Raises
        ------
        SegmentError
            If the order parameter fails, or what engine and order parameter return is not what it should be: the
            wrong length, shape or type, numbers that are not finite. Names cycle and walker.
        """
        wall, cpu = time.perf_counter(), time.process_time()
        segments = self._segments(task)
        _check_segments(segments, task)
        features = [
            self._features(segment.frames, stream) for segment, stream in zip(segments, task.streams, strict=True)
        ]
        _check_features(features, task)
        kept = [self.kept.cut(segment.frames) for segment in segments]
        for frames, stream in zip(kept, task.streams, strict=True):
            self.kept.check(frames, _who(stream))
        count = len(segments)
        cpu, wall = (time.process_time() - cpu) / count, (time.perf_counter() - wall) / count
        worker, platform = worker_identity(), self._platform(task)
        return [
            WalkerResult(
                walker=walker,
                state=segment.state,
                frames=frames,
                order_parameter=values[self.kept.rows(len(values))],
                observables={
                    name: numbers[self.kept.rows(len(values))] for name, numbers in segment.observables.items()
                },
                cpu_time=cpu,
                wall_time=wall,
                worker=worker,
                platform=platform,
            )
            for walker, segment, frames, values in zip(task.walkers, segments, kept, features, strict=True)
        ]

    def _segments(self, task: Task) -> Sequence[Segment]:
        if isinstance(self.engine, BatchEngine) and len(task.walkers) > 1:
            return self.engine.run_batch(task.states, task.steps, task.streams)
        pairs = zip(task.states, task.streams, strict=True)
        return [self._segment(state, task.steps, stream) for state, stream in pairs]

    def _segment(self, state: State, steps: int, stream: Stream) -> Segment:
        try:
            return self.engine.run(state, steps, stream)
        except SegmentError:  # it names the walker
            raise
        except Exception as error:
            raise SegmentError(f"{_who(stream)}: {in_words(error)}") from error

    def _platform(self, task: Task) -> str:
        found: object = self.engine.platform_in_use if isinstance(self.engine, OnPlatform) else ""
        if not isinstance(found, str):
            raise SegmentError(f"{_who(task.streams[0])}: engine: platform_in_use: expected a text, got {found!r}")
        return found

    def _features(self, frames: Frames, stream: Stream) -> NDArray[np.float64]:
        try:
            values = np.asarray(self.order_parameter(frames), np.float64)
        except Exception as error:
            raise SegmentError(f"{_who(stream)}: order parameter: {in_words(error)}") from error
        wanted = (len(frames), len(self.order_parameter.labels))
        if values.shape != wanted:
            raise SegmentError(f"{_who(stream)}: order parameter: expected shape {wanted}, got {values.shape}")
        return values


def tasks(
    states: Sequence[State],
    streams: Sequence[Stream],
    steps: int,
    engine: Engine,
    slots: int,
    walkers: Sequence[int] | None = None,
    pace: Pace | None = None,
) -> list[Task]:
    """Return the tasks of a cycle, in the order to run them.

    Parameters
    ----------
    states, streams : sequence
        States and streams of all walkers of the cycle.
    steps : int
        Steps of dynamics.
    engine : Engine
        Who runs them: one task for each slot if it advances many walkers at once.
    slots : int
        How many tasks run at the same time.
    walkers : sequence of int, optional
        Walkers that are to run, by position in the cycle; all by default.
    pace : Pace, optional
        How long segments take: those that take very little go together. Without it, each walker is a task.
    """
    walkers = range(len(states)) if walkers is None else walkers
    if isinstance(engine, BatchEngine):
        groups = shared_out(walkers, min(slots, len(walkers))) if len(walkers) else []
    else:
        groups = (pace or Pace()).groups(walkers, slots)
    return [
        Task(
            walkers=group,
            states=tuple(states[walker] for walker in group),
            streams=tuple(streams[walker] for walker in group),
            steps=steps,
        )
        for group in groups
    ]


def in_words(error: BaseException | None) -> str:
    """Return what an error says; with its type, unless its message is meant for the user."""
    return str(error) if isinstance(error, WepyError) else f"{type(error).__name__}: {error}"


def _check_segments(segments: Sequence[Segment], task: Task) -> None:
    """Raise `SegmentError` unless there is a segment for each walker, of the right length and of finite numbers."""
    if len(segments) != len(task.streams):
        raise SegmentError(
            f"cycle {task.streams[0].cycle}: engine: expected {len(task.streams)} segments, got {len(segments)}"
        )
    for segment, stream in zip(segments, task.streams, strict=True):
        step = segment.frames.step
        if not len(segment.frames) or step[-1] != task.steps:
            found = f"{step[-1]}" if len(segment.frames) else "no frame"
            raise SegmentError(f"{_who(stream)}: engine: expected a last frame at step {task.steps}, got {found}")
        time = segment.frames.time
        if len(step) > 1 and not ((np.diff(step) > 0).all() and (np.diff(time) > 0).all()):
            raise SegmentError(f"{_who(stream)}: engine: expected frames of increasing step and time")
    if _all_finite([array for segment in segments for array in _numbers(segment).values()]):
        return
    for segment, stream in zip(segments, task.streams, strict=True):
        wrong = [name for name, array in _numbers(segment).items() if not _all_finite([array])]
        if wrong:
            raise SegmentError(f"{_who(stream)}: engine: expected finite numbers, got others in {', '.join(wrong)}")


def _numbers(segment: Segment) -> dict[str, NDArray[np.floating[Any]]]:
    frames = segment.frames
    optional = {"velocities": frames.velocities, "box": frames.box}
    return {
        "frames": frames.positions,
        "times": frames.time,
        **{name: array for name, array in optional.items() if array is not None},
        **{f"observable {name}": np.asarray(array) for name, array in segment.observables.items()},
        **{f"state {name}": array for name, array in segment.state.items()},
    }


def _check_features(features: Sequence[NDArray[np.float64]], task: Task) -> None:
    if _all_finite(features):
        return
    for values, stream in zip(features, task.streams, strict=True):
        wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(wrong):
            row = int(wrong[0])
            raise SegmentError(
                f"{_who(stream)}: order parameter: expected finite numbers, got {values[row].tolist()} for frame {row}"
            )


def _all_finite(arrays: Sequence[NDArray[np.floating[Any]]]) -> bool:
    return bool(np.isfinite(np.concatenate([array.ravel() for array in arrays])).all())


def _who(stream: Stream) -> str:
    return f"cycle {stream.cycle}, walker {stream.walker}"
