"""The front door to several runs: replicas, and runs that continue each other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.lineage import Lineage
from wepy_data.query.lineage.joined import in_order, joined_lineage, joints, offsets
from wepy_data.query.run import Run, open_run
from wepy_data.query.table import TABLES

if TYPE_CHECKING:
    import mdtraj
    import pandas as pd


class Runs:
    """Several runs to be asked as one: their segments are numbered on, and continuations are followed.

    Parameters
    ----------
    runs : sequence of Run
        The runs, in any order; each comes after the one that it continues.

    Raises
    ------
    SelectionError
        If there are none, or one comes twice.
    DamagedRunError
        If a continuing run does not say which segments its founders continue.

    Examples
    --------
    ```python
    with open_runs(["run.h5", "branch.h5"]) as runs:
        path = runs.lineage.trace(runs.segment_id(cycle=-1, walker=3))  # from the branch back to the run's founders
        runs.table("segments")  # with a column `run`
    ```
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        if not runs:
            raise SelectionError("no runs: give one or more")
        self.runs = tuple(runs[number] for number in in_order([run.reader for run in runs]))
        self._joints = joints([run.reader for run in self.runs])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.runs)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __getitem__(self, number: int) -> Run:
        return self.runs[number]

    def __repr__(self) -> str:
        return f"<Runs: {len(self)} runs, {self.n_segments} segments>"

    def close(self) -> None:
        """Close the files."""
        for run in self.runs:
            run.close()

    @property
    def n_segments(self) -> int:
        """Number of segments of all runs."""
        return sum(run.n_segments for run in self.runs)

    @cached_property
    def lineage(self) -> Lineage:
        """Who descends from whom, across continuations."""
        return joined_lineage([run.reader for run in self.runs], self._joints)

    def segment_id(self, cycle: int = -1, walker: int = 0, run: int = -1) -> int:
        """Return the id of a walker's segment on the way to the end of a run; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If there is no such cycle, walker or run; says what there is.
        """
        return self.lineage.segment_id(cycle, walker, run)

    def table(self, name: str) -> pd.DataFrame:
        """Return a table of all runs: that of each one, with a column `run`, one after the other.

        Rows are numbered on, and so are the ids in columns: `parent`, `segment`, `bin`, ... name rows of these tables.
        Founders that continue a segment of another run have it as their parent.

        Raises
        ------
        SelectionError
            If there is no such table; names those that exist.
        """
        import pandas as pd

        tables = [run.table(name) for run in self.runs]
        parts = []
        for number, table in enumerate(tables):
            shifted = table.assign(**{label: self._shifted(table, label, name, number) for label in table.columns})
            shifted.insert(0, "run", number)
            shifted.index = table.index + self._offsets(TABLES[name])[number] if name in TABLES else table.index
            parts.append(shifted)
        found = pd.concat(parts)
        found.attrs["units"] = {"run": "", **tables[0].attrs.get("units", {})}
        return found

    def observable(self, name: str, segments: ArrayLike | None = None) -> NDArray[Any]:
        """Return an observable of segments of all runs, as `Run.observable` does.

        Raises
        ------
        SelectionError
            If there is no such observable or segment; says what there is.
        """
        if segments is None:
            return np.concatenate([run.observable(name) for run in self.runs])
        wanted, parts = np.atleast_1d(np.asarray(segments, np.int64)), []
        for number, place in self._by_run(wanted):
            own = wanted[place] - self._offsets("segment")[number]
            parts.append((place, self.runs[number], own))
        counts = np.ones(len(wanted), np.int64)
        values = [run.observable(name, own) for _, run, own in parts]
        for (place, run, own), found in zip(parts, values, strict=True):
            counts[place] = _frame_counts(run, own) if len(found) != len(own) else 1
        return _in_order([place for place, _, _ in parts], values, counts)

    def frames(self, segments: ArrayLike, atoms: ArrayLike | None = None, which: str = "all") -> mdtraj.Trajectory:
        """Return the frames of segments of all runs, in order of the segments, then time; see `Run.frames`.

        Raises
        ------
        SelectionError
            If there is no such segment or atom, or a run stores no coordinates.
        MissingPackageError
            If mdtraj is not installed.
        """
        from wepy_data.query.topology import import_mdtraj

        wanted = np.atleast_1d(np.asarray(segments, np.int64))
        starts = np.flatnonzero(np.diff(self.lineage.run_of(wanted), prepend=-1))  # stretches of one run each
        pieces = []
        for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(wanted)], strict=True):
            number = int(self.lineage.run_of(wanted[begin]))
            pieces.append(
                self.runs[number].frames(wanted[begin:end] - self._offsets("segment")[number], atoms, which=which)
            )
        if len(pieces) < 2:
            return pieces[0] if pieces else self.runs[0].frames(wanted, atoms, which=which)
        return import_mdtraj("reading frames").join(pieces, check_topology=False)

    def _offsets(self, dim: str) -> list[int]:
        return offsets([run.reader for run in self.runs], dim)

    def _by_run(self, segments: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.intp]]]:
        runs = self.lineage.run_of(segments)
        for number in np.unique(runs).tolist():
            yield number, np.flatnonzero(runs == number)

    def _shifted(self, table: pd.DataFrame, label: str, name: str, number: int) -> Any:  # a pandas column
        column = self.runs[number].header.layout.columns.get(f"/{name}/{label}")
        values = table[label]
        if column is None or not column.spec.ref:
            return values
        shift = self._offsets(column.spec.ref)[number]
        found = values.where(values < 0, values + shift)
        joint = self._joints[number]
        if (name, label) == ("segments", "parent") and joint is not None:
            found.iloc[: len(joint.parent)] = joint.parent + self._offsets("segment")[joint.run]
        return found


def open_runs(paths: Sequence[str | os.PathLike[str]]) -> Runs:
    """Open several runs as one: replicas, and runs that continue each other; see `Runs`.

    Raises
    ------
    SelectionError
        If there are none, or one comes twice.
    FileNotFoundError, NotARunError, DamagedRunError, VersionTooOldError, VersionTooNewError
        If a file cannot be opened as a run; the message says why and what to do.
    """
    with ExitStack() as stack:
        found = Runs([stack.enter_context(open_run(path)) for path in paths])
        stack.pop_all()
        return found


def _frame_counts(run: Run, segments: NDArray[np.int64]) -> NDArray[np.int64]:
    stops = run.observable("frame_stop")
    return np.diff(stops, prepend=0)[segments]


def _in_order(places: list[NDArray[np.intp]], values: list[NDArray[Any]], counts: NDArray[np.int64]) -> NDArray[Any]:
    """Return values of segments, given run by run, in the order of all segments; each has so many rows."""
    if not values:
        return np.empty(0)
    begin = np.cumsum(counts) - counts
    found = np.empty((int(counts.sum()), *values[0].shape[1:]), values[0].dtype)
    for place, rows in zip(places, values, strict=True):
        own = counts[place]
        offset = np.repeat(begin[place] - (np.cumsum(own) - own), own)
        found[np.arange(int(own.sum())) + offset] = rows
    return found
