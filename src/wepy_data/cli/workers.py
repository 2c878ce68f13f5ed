"""The table of a run's workers: who ran how many segments, on what, and how long they took."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.cli.output import printable

if TYPE_CHECKING:
    from wepy_data.query.run import Run

GAP = 2  # characters between columns
_TIMES = ("/segments/cpu_time", "/segments/wall_time")
_HOST = 8  # characters that are left of a host's name, however narrow the terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerTable:
    """What is to be printed; `right` has the positions of columns of numbers."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    right: tuple[int, ...]


def worker_table(run: Run, most: int = 20) -> WorkerTable:
    """Return for each worker the segments that it ran, their processor and elapsed time in s, and the mean of each.

    Parameters
    ----------
    run : Run
        The run. Segments of no known worker are left out.
    most : int
        Up to how many workers have a row each; more are summed up by host and platform.
    """
    host, platform = (_texts(run, f"/workers/{name}") for name in ("host", "platform"))
    pid = list(map(str, run.reader.read("/workers/pid").tolist()))
    worker = run.reader.read("/segments/worker")
    known = (worker >= 0) & (worker < len(host))
    row, titles, names = worker[known], ["host", "pid", "platform"], [host, pid, platform]
    if len(host) > most:
        place = {pair: index for index, pair in enumerate(sorted({*zip(host, platform, strict=True)}))}
        group = np.array([place[pair] for pair in zip(host, platform, strict=True)])
        row, titles = group[row], ["host", "platform", "workers"]
        names = [*map(list, zip(*place, strict=True)), list(map(str, np.bincount(group).tolist()))]
    times = [run.reader.read(path)[known] for path in _TIMES]
    columns = [*names, *_sums(row, len(names[0]), times)]
    headings = (*titles, "segments", "cpu (s)", "mean", "wall (s)", "mean")
    columns[0] = _fitted(headings, columns)
    right = tuple(position for position, heading in enumerate(headings) if heading not in ("host", "platform"))
    return WorkerTable(headings=headings, rows=list(zip(*columns, strict=True)), right=right)


def _sums(row: NDArray[np.int64], size: int, times: Iterable[NDArray[Any]]) -> list[list[str]]:
    """Return columns: the number of segments of each row, then for each of their times its sum and its mean."""
    segments = np.bincount(row, minlength=size)
    columns = [list(map(str, segments.tolist()))]
    for time in times:
        total = np.bincount(row, time, minlength=size).astype(np.float64)
        columns += [_seconds(total), _seconds(total / np.maximum(segments, 1))]
    return columns


def _texts(run: Run, path: str) -> list[str]:
    return [printable(text.decode("utf-8", "replace")) for text in run.reader.read(path).tolist()]


def _seconds(values: NDArray[np.float64]) -> list[str]:
    return [f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.4g}" for value in values.tolist()]


def _fitted(headings: tuple[str, ...], columns: list[list[str]]) -> list[str]:
    """Return the first column, its texts cut where the table would not fit the terminal, or 80 characters."""
    widths = [max(map(len, [heading, *cells])) + GAP for heading, cells in zip(headings, columns, strict=True)]
    room = max(_HOST, shutil.get_terminal_size((80, 24)).columns - sum(widths[1:]))
    return [text if len(text) <= room else f"{text[: room - 1]}…" for text in columns[0]]
