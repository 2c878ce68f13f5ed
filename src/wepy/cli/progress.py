"""The progress of a run: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import Self, TextIO

import wepy_data as wd

_EVERY = 10.0  # s between lines where there is no terminal
_PARTS = 10  # and at most so many of the run


class RunProgress:
    """Shows each committed cycle: walkers, spread of the order parameter, weight that has arrived, speed, time left.

    Parameters
    ----------
    total : int
        Number of cycles that the run is to have.
    labels : sequence of str
        Names of the order parameter's dimensions.
    done : int
        Number of cycles that the run has already.
    stream : file
        Where to show it.
    """

    def __init__(self, total: int, labels: tuple[str, ...], stream: TextIO | None = None, *, done: int = 0) -> None:
        self._total, self._labels = total, labels
        self._stream = stream or sys.stderr
        self._began = self._shown = time.monotonic()
        self._first = self._done = done
        self._arrived = 0.0
        self._bar = None
        if self._stream.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
            self._bar = Progress(*columns, console=Console(file=self._stream))
            self._task = self._bar.add_task("starting", total=total, completed=done)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, cycle: wd.Cycle) -> None:
        """Show a cycle."""
        if (
            self._done == self._first
        ):  # what came before it, such as starting workers, says nothing of the cycles to come
            took = float(cycle["/cycles/ended"][0] - cycle["/cycles/began"][0])
            self._began = time.monotonic() - max(0.0, took)  # less than nothing if the clock was set back
        self._done += 1
        self._arrived = math.fsum([self._arrived, *cycle["/events/weight"].tolist()])
        text = self._line(cycle)
        if self._bar is not None:
            self._bar.update(self._task, advance=1, description=text)
            return
        now = time.monotonic()
        due = self._done % max(1, self._total // _PARTS) == 0 or now - self._shown > _EVERY
        if due or self._done in (self._first + 1, self._total):
            self._shown = now
            rate = (now - self._began) / (self._done - self._first)
            left = f", {rate * (self._total - self._done):.0f} s left" if self._done < self._total else ""
            print(
                f"{self._done} of {self._total} cycles: {text}, {rate:.2g} s each{left}", file=self._stream, flush=True
            )

    def _line(self, cycle: wd.Cycle) -> str:
        low, high = cycle.progress.min(axis=0), cycle.progress.max(axis=0)
        spread = ", ".join(f"{n} {a:.3g} to {b:.3g}" for n, a, b in zip(self._labels, low, high, strict=True))
        arrived = f", weight arrived {self._arrived:.3g}" if self._arrived else ""
        return f"{cycle.n_walkers} walkers, {spread}{arrived}"
