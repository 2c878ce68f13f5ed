"""A table that says what each frame of a trajectory is: a row for each, as CSV."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.export.content import Content
from wepy_data.query.feature import ORDER_PARAMETER, feature_columns
from wepy_data.query.frame import blocks
from wepy_data.query.rows import read_rows

if TYPE_CHECKING:
    from wepy_data.query.run import Run

COLUMNS = ("frame", "segment", "cycle", "walker", "weight", "time_ps", "md_step")
_ROWS = 1 << 16  # frames held at a time


def write_frame_table(path: Path, content: Content) -> None:
    """Write a row for each frame: the columns that `columns_of` names, and the order parameter."""
    run, done = content.run, 0
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow([*COLUMNS, *feature_columns(run, COLUMNS)])
        for rows in blocks(content.rows, _ROWS):
            file.writelines(_lines(run, rows, content.owners[done : done + len(rows)], done))
            done += len(rows)


def _lines(run: Run, rows: NDArray[np.int64], owners: NDArray[np.int64], done: int) -> list[str]:
    """Return the lines of frames, numbers in their shortest exact digits; what is a segment's is spelled out once."""
    order = read_rows(run.reader, f"/observables/{ORDER_PARAMETER}/value", rows).reshape(len(rows), -1)
    starts = np.concatenate([np.zeros(1, np.int64), np.flatnonzero(np.diff(owners)) + 1])
    columns = columns_of(run, rows, owners)
    own = [columns[name][starts].tolist() for name in ("segment", "cycle", "walker", "weight")]
    heads = [f"{segment},{cycle},{walker},{weight!r}" for segment, cycle, walker, weight in zip(*own, strict=True)]
    lengths = np.diff(starts, append=len(rows))
    of_frame = np.repeat(np.arange(len(starts)), lengths).tolist()
    tails = ["".join([f",{value!r}" for value in row]) for row in order.tolist()]
    times, steps = columns["time_ps"].tolist(), columns["md_step"].tolist()
    return [
        f"{done + i},{heads[head]},{time!r},{step}{tail}\n"
        for i, (head, time, step, tail) in enumerate(zip(of_frame, times, steps, tails, strict=True))
    ]


def columns_of(run: Run, rows: NDArray[np.int64], owners: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """Return what is known of frames, by name: segment, cycle, walker, weight, time (ps) and step.

    Parameters
    ----------
    run : Run
        The run.
    rows, owners : (n_frames,) int64
        Rows of the frames, and the segment of each.
    """
    values = (
        owners,
        run.lineage.cycle_of(owners),
        run.lineage.walker_of(owners),
        read_rows(run.reader, "/segments/weight", owners),
        read_rows(run.reader, "/frames/time", rows),
        read_rows(run.reader, "/frames/md_step", rows),
    )
    return dict(zip(COLUMNS[1:], values, strict=True))
