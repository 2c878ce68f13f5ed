"""A function of frames evaluated block by block, in this process or in several."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cache
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import FunctionError, ReplacedRunError
from wepy_data.query.batch import Batch
from wepy_data.query.function import Function, packed, qualified_name, unpacked
from wepy_data.store.unfinished import Block

if TYPE_CHECKING:
    from wepy_data.query.run import Run

_WAITING = 2  # blocks for each worker, so that none stands still
_TYPES = {
    "b": "|u1", "u1": "|u1", "i1": "<i4", "i2": "<i4", "u2": "<i4", "i4": "<i4", "u4": "<i8", "i8": "<i8",
    "f2": "<f4", "f4": "<f4", "f8": "<f8",
}  # fmt: skip
"""Types that values are stored as, by numpy's code of what a function returns."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """What is computed of each block.

    Parameters
    ----------
    function : callable
        Takes an mdtraj.Trajectory; returns a value for each frame, or one for all of it.
    per : {"frame", "segment"}
        Which of the two.
    atoms : (n,) int64 or None
        Atoms that it sees; None for all.
    """

    function: Function
    per: str
    atoms: NDArray[np.int64] | None = None

    def block(self, run: Run, batch: Batch) -> Block:
        """Return the values of some segments, each of which has frames.

        Raises
        ------
        FunctionError
            If the function fails, or does not return one value for each frame, or always of the same shape.
        """
        trajectory, segments = run.frames(batch.segments, self.atoms), batch.segments
        if self.per == "frame":
            values = self._called(trajectory, segments)
            if values.shape[:1] != (trajectory.n_frames,):
                raise self._wrong(f"an array of shape {values.shape} for {trajectory.n_frames} frames", segments)
        else:
            stops = np.cumsum(batch.counts)
            parts = [slice(stop - count, stop) for stop, count in zip(stops, batch.counts, strict=True)]
            found = [
                self._called(trajectory.slice(part, copy=False), segments[i : i + 1]) for i, part in enumerate(parts)
            ]
            if len({one.shape for one in found}) > 1:
                raise self._wrong("arrays of different shapes for different segments", segments)
            values = np.stack(found)
        return Block(segments=segments, values=self._typed(values, segments))

    def _called(self, trajectory: Any, segments: NDArray[np.int64]) -> NDArray[Any]:
        try:
            return np.asarray(self.function(trajectory))
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            raise FunctionError(f"{qualified_name(self.function)} failed on {_named(segments)} ({what})") from error

    def _typed(self, values: NDArray[Any], segments: NDArray[np.int64]) -> NDArray[Any]:
        code = _TYPES.get(values.dtype.kind if values.dtype.kind == "b" else values.dtype.str[1:])
        if code is None or 0 in values.shape[1:]:
            raise self._wrong(f"{values.dtype} of shape {values.shape}", segments)
        return np.ascontiguousarray(values, code)

    def _wrong(self, what: str, segments: NDArray[np.int64]) -> FunctionError:
        wanted = "one row of numbers for each frame" if self.per == "frame" else "one number or array for each segment"
        name = qualified_name(self.function)
        return FunctionError(f"{name} returned {what}, for {_named(segments)}: expected {wanted}")


def evaluate(run: Run, path: Path | None, task: Task, batches: Sequence[Batch], workers: int) -> Generator[Block]:
    """Yield the values of batches of segments, as they are done.

    Parameters
    ----------
    run : Run
        The run.
    path : path or None
        Its file, which other processes open; None if it is in memory, and then there are none.
    task : Task
        What is computed.
    batches : sequence of Batch
        Segments of each block.
    workers : int
        Number of processes; with one, this one computes.

    Raises
    ------
    FunctionError
        As `Task.block`, or if other processes cannot run the function, or die.
    """
    if workers == 1 or path is None or len(batches) < 2:
        for batch in batches:
            yield task.block(run, batch)
        return
    name = qualified_name(task.function)
    call = _Call(path=path, run_id=run.header.run_id, name=name, task=packed(task.function, task))
    count = min(workers, len(batches))
    lifeline, end = Pipe(duplex=False)
    pool = ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_serve, initargs=(lifeline,))
    try:
        yield from _spread(pool, call, batches, count * _WAITING)
        pool.shutdown()
    except BrokenProcessPool as error:
        raise FunctionError(
            f"a process that computed {name} died: out of memory, or a script that does not "
            'begin its work under `if __name__ == "__main__":`; what was finished is kept, and the same call goes on'
        ) from error
    finally:
        end.close()
        pool.shutdown(cancel_futures=True)
        lifeline.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call:
    """What other processes are told: the run's file and id, the function's name, and the task, packed."""

    path: Path
    run_id: str
    name: str
    task: bytes


def _spread(pool: ProcessPoolExecutor, call: _Call, batches: Sequence[Batch], most: int) -> Iterator[Block]:
    left, running = iter(batches), set[Future[Block]]()
    while True:
        running |= {pool.submit(_block, call, batch) for batch in itertools.islice(left, most - len(running))}
        if not running:
            return
        done, running = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            yield future.result()


def _block(call: _Call, batch: Batch) -> Block:
    """Compute a block in a process of its own."""
    task, run = unpacked(call.task, call.name), _opened(call.path)
    if run.header.run_id != call.run_id:
        raise ReplacedRunError(f"{call.path} is another run now: open it anew")
    if batch.segments[-1] >= run.n_segments:  # the run has grown since
        run.refresh()
    found: Block = task.block(run, batch)
    return found


@cache
def _opened(path: Path) -> Run:
    """Open a run once in the life of a process: its topology takes longer than many a block."""
    from wepy_data.query.run import open_run

    return open_run(path)


def _serve(lifeline: Connection) -> None:
    """Leave Ctrl-C to the process that waits for this one, and end when it gives up, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()


def _end_with(lifeline: Connection) -> None:
    lifeline.poll(None)  # nobody writes to it: what comes is its end
    os._exit(1)


def _named(segments: NDArray[np.int64]) -> str:
    return f"segment {segments[0]}" if len(segments) == 1 else f"segments {segments[0]} to {segments[-1]}"
