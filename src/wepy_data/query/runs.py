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
from wepy_data.query.lineage.joined import in_order, joined_lineage, joints, numbered_on, offsets
from wepy_data.query.rows import Cycles
from wepy_data.query.run import Run, open_run
from wepy_data.query.table import TABLES
from wepy_data.record.protocols import RunReader

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
        self._joints = joints(self._readers)
        self._seen = self._extent()

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
        return self._offsets("segment")[-1]

    def refresh(self) -> bool:
        """Look for what has been committed to any run since; return whether there is anything new.

        Ids of segments of all but the first run may be others from then on.

        Raises
        ------
        FileNotFoundError, DamagedRunError, ReplacedRunError
            As for `Run.refresh`.
        """
        for run in self.runs:
            run.refresh()
        extent = self._extent()
        if extent == self._seen:
            return False
        self._joints, self._seen = joints(self._readers), extent
        self.__dict__.pop("lineage", None)
        return True

    @cached_property
    def lineage(self) -> Lineage:
        """Who descends from whom, across continuations."""
        return joined_lineage(self._readers, self._joints)

    def segment_id(self, cycle: int = -1, walker: int = 0, run: int = -1) -> int:
        """Return the id of a walker's segment on the way to the end of a run; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If there is no such cycle, walker or run; says what there is.
        """
        return self.lineage.segment_id(cycle, walker, run)

    def table(self, name: str, cycles: Cycles | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table of all runs: that of each one, with a column `run`, one after the other.

        Rows are numbered on, and so are the ids in columns: `parent`, `segment`, `bin`, ... name rows of these tables.
        Founders that continue a segment of another run have it as their parent, and its root. Cycles are those of
        each run: `lineage.cycle_of` counts from the first founders.

        Parameters
        ----------
        name, cycles, columns
            As for `Run.table`.

        Raises
        ------
        SelectionError
            If there is no such table, cycle or column; names those that exist.
        """
        import pandas as pd

        tables = [run.table(name, cycles, columns) for run in self.runs]
        parts = []
        for number, table in enumerate(tables):
            if name in TABLES:
                table.index = table.index + self._offsets(TABLES[name])[number]
            shifted = table.assign(**{label: self._shifted(table, label, name, number) for label in table.columns})
            shifted.insert(0, "run", number)
            parts.append(shifted)
        found = pd.concat(parts)
        found.index.name = tables[0].index.name
        found.attrs["units"] = {"run": "", **tables[0].attrs.get("units", {})}
        return found

    def observable(self, name: str, segments: ArrayLike | None = None) -> NDArray[Any]:
        """Return an observable of segments of all runs, as `Run.observable` does; ids in it are numbered on.

        Raises
        ------
        SelectionError
            If there is no such observable or segment; says what there is.
        """
        per_frame = self.runs[0].is_per_frame(name)
        if segments is None:
            parts = [(number, np.arange(run.n_segments)) for number, run in enumerate(self.runs)]
            return np.concatenate([self._values(name, number, own) for number, own in parts])
        wanted = self.lineage.known(np.atleast_1d(np.asarray(segments)))
        counts, places, values = np.ones(len(wanted), np.int64), [], []
        for number, place in self._by_run(wanted):
            own = wanted[place] - self._offsets("segment")[number]
            places.append(place)
            values.append(self._values(name, number, own))
            if per_frame:
                counts[place] = np.diff(self.runs[number].observable("frame_stop"), prepend=0)[own]
        return _in_order(places, values, counts) if values else self._values(name, 0, wanted)

    def frames(self, segments: ArrayLike, atoms: ArrayLike | None = None, which: str = "all") -> mdtraj.Trajectory:
        """Return the frames of segments of all runs, in order of the segments, then time; see `Run.frames`.

        Raises
        ------
        SelectionError
            If there is no such segment or atom, a run stores no coordinates, or they have different atoms.
        MissingPackageError
            If mdtraj is not installed.
        """
        from wepy_data.query.topology import import_mdtraj

        wanted = self.lineage.known(np.atleast_1d(np.asarray(segments)))
        starts = np.flatnonzero(np.diff(self.lineage.run_of(wanted), prepend=-1))  # stretches of one run each
        pieces = []
        for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(wanted)], strict=True):
            number = int(self.lineage.run_of(wanted[begin]))
            own = wanted[begin:end] - self._offsets("segment")[number]
            pieces.append(self.runs[number].frames(own, atoms, which=which))
        if len(pieces) < 2:
            return pieces[0] if pieces else self.runs[0].frames(wanted, atoms)
        if len({piece.n_atoms for piece in pieces}) > 1:
            raise SelectionError("the runs have different atoms: choose those that all have (atoms=...)")
        return import_mdtraj("reading frames").join(pieces, check_topology=False)

    @property
    def _readers(self) -> list[RunReader]:
        return [run.reader for run in self.runs]

    def _extent(self) -> list[tuple[int, bool]]:
        return [(run.n_cycles, run.sealed) for run in self.runs]

    def _offsets(self, dim: str) -> list[int]:
        if self._extent() != self._seen:
            raise SelectionError("a run has grown, and ids are others now: call refresh() of all runs together")
        return offsets(self._readers, dim)

    def _values(self, name: str, number: int, segments: NDArray[np.int64]) -> NDArray[Any]:
        found = self.runs[number].observable(name, segments)
        return numbered_on(self._readers, number, f"/segments/{name}", found)

    def _by_run(self, segments: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.intp]]]:
        runs = self.lineage.run_of(segments)
        for number in np.unique(runs).tolist():
            yield number, np.flatnonzero(runs == number)

    def _shifted(self, table: pd.DataFrame, label: str, name: str, number: int) -> Any:  # a pandas column
        if (name, label) in (("segments", "parent"), ("segments", "root")):
            whole = self.lineage.parent if label == "parent" else self.lineage.founder()
            return whole[table.index].astype(np.int64)
        values = table[label]
        column = self.runs[number].header.layout.columns.get(f"/{name}/{label}")
        if column is None or not column.spec.ref:
            return values
        return numbered_on(self._readers, number, f"/{name}/{label}", values.to_numpy())


def open_runs(paths: Sequence[str | os.PathLike[str]]) -> Runs:
    """Open several runs as one: replicas, and runs that continue each other; see `Runs`.

    Raises
    ------
    SelectionError
        If there are none, or one comes twice.
    FileNotFoundError, NotARunError, DamagedRunError, VersionTooOldError, VersionTooNewError
        If a file cannot be opened as a run; the message says why and what to do.
    """
    if isinstance(paths, str | os.PathLike):
        raise SelectionError(f"{os.fspath(paths)}: expected a list of files; open_run opens one")
    with ExitStack() as stack:
        found = Runs([stack.enter_context(open_run(path)) for path in paths])
        stack.pop_all()
        return found


def _in_order(places: list[NDArray[np.intp]], values: list[NDArray[Any]], counts: NDArray[np.int64]) -> NDArray[Any]:
    """Return values of segments, given run by run, in the order of all segments; each has so many rows."""
    begin = np.cumsum(counts) - counts
    found = np.empty((int(counts.sum()), *values[0].shape[1:]), np.result_type(*values))
    for place, rows in zip(places, values, strict=True):
        own = counts[place]
        offset = np.repeat(begin[place] - (np.cumsum(own) - own), own)
        found[np.arange(int(own.sum())) + offset] = rows
    return found
