"""The front door to a run: one object to ask."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from numpy.typing import ArrayLike, NDArray

from wepy_data.query.compute import compute_once, compute_stored, request_of
from wepy_data.query.computed import computed_columns
from wepy_data.query.feature import Feature, features
from wepy_data.query.function import Function
from wepy_data.query.lineage import Lineage
from wepy_data.query.lineage.source import catch_up, lineage_of
from wepy_data.query.rows import Cycles
from wepy_data.query.run_frame import RunFrames
from wepy_data.query.run_observable import RunObservables
from wepy_data.query.table import table
from wepy_data.record.header import Header
from wepy_data.record.protocols import RunReader
from wepy_data.store.reader import FileRun

if TYPE_CHECKING:
    import pandas as pd


class Run(RunFrames, RunObservables):
    """A run to be asked; a context manager if it comes from a file.

    Parameters
    ----------
    reader : RunReader
        A record in memory or an open file.

    Examples
    --------
    ```python
    with open_run("run.h5") as run:
        path = run.lineage.trace(run.segment_id(cycle=-1, walker=3))
        run.frames(path)                            # mdtraj.Trajectory
        run.observable("order_parameter", path)     # one row for each frame
    ```
    """

    def __init__(self, reader: RunReader) -> None:
        self.reader = reader
        self._seen = self._extent()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "sealed" if self.sealed else "not sealed"  # not `state`: a repr does not look at the disk
        return f"<Run {self.header.run_id}: {self.n_cycles} cycles, {self.n_segments} segments, {state}>"

    def close(self) -> None:
        """Close the file; a record in memory stays as it is."""
        if isinstance(self.reader, FileRun):
            self.reader.close()

    @property
    def header(self) -> Header:
        """What does not grow: identity, states, configuration, provenance."""
        return self.reader.header

    @property
    def n_cycles(self) -> int:
        """Number of committed cycles."""
        return self.reader.n_cycles

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return self.reader.rows("segment")

    @property
    def n_frames(self) -> int:
        """Number of stored frames."""
        return self.reader.rows("frame")

    @property
    def sealed(self) -> bool:
        """Whether the run has ended in order."""
        return self.reader.sealed

    @property
    def state(self) -> str:
        """`growing` while a manager writes it, `stopped` if it has not ended in order and nobody does, or `sealed`."""
        if isinstance(self.reader, FileRun):
            return self.reader.state
        return "sealed" if self.sealed else "growing"

    def refresh(self) -> bool:
        """Look for what has been committed since; return whether there are new cycles, or an end or a resume.

        `lineage` grows with the run; tables and observables are read anew. Tables and arrays that were returned stay as
        they are.

        Raises
        ------
        FileNotFoundError, DamagedRunError
            If the file is gone, or cannot be read any more.
        ReplacedRunError
            If another run lies in its place.

        Examples
        --------
        ```python
        with open_run("run.h5") as run:
            while not run.sealed:
                if run.refresh():
                    print(run.n_cycles, run.observable("weight", run.lineage.segments_of(-1)))
                time.sleep(1)
        ```
        """
        if isinstance(self.reader, FileRun):
            self.reader.refresh()
        self.__dict__.pop("computed", None)
        extent = self._extent()
        if self._seen == extent:
            return False
        if "lineage" in self.__dict__:
            catch_up(self.lineage, self.reader)
        self._seen = extent
        return True

    @cached_property
    def lineage(self) -> Lineage:
        """Who descends from whom."""
        return lineage_of(self.reader, {name: partial(self.observable, name) for name in self._computed_numbers()})

    def table(self, name: str, cycles: Cycles | None = None, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return a table: segments, cycles, merges, events, bins, states, frames, workers or decisions.

        Parameters
        ----------
        name : str
            Which one.
        cycles : int, slice or (first, stop), optional
            Cycles whose rows are wanted; negative numbers count from the end. All by default.
        columns : sequence of str, optional
            Columns in the order wanted; `progress` stands for all of `progress_0`, `progress_1`, ... All by default.

        Returns
        -------
        pandas.DataFrame
            Its index is the id of the rows, through the whole run. Units are in `frame.attrs["units"]`, by column.
            Only the rows and columns asked for are read.

        Raises
        ------
        SelectionError
            If there is no such table, cycle or column; names those that exist.
        """
        more = computed_columns(self.computed.values()) if name == "segments" else ()
        return table(self.reader, name, cycles, columns, more)

    def segment_id(self, cycle: int = -1, walker: int = 0) -> int:
        """Return the id of a walker's segment; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If there is no such cycle or walker; says what there is.
        """
        return self.lineage.segment_id(cycle, walker)

    def compute(
        self,
        function: Function,
        segments: ArrayLike | None = None,
        *,
        name: str | None = None,
        units: str = "",
        doc: str = "",
        per: str = "frame",
        atoms: ArrayLike | None = None,
        workers: int | None = None,
        store: bool = True,
        overwrite: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> NDArray[Any]:
        """Compute an observable from the frames, store it with the run, and return it.

        Frames are read in blocks of whole segments. Finished blocks are kept beside the run (`run.h5.unfinished`)
        until all are there: after Ctrl-C or a crash, the same call goes on where it stopped; of a run that has grown,
        it computes what is new. A sealed run gets the observable into its file: a copy of the file with the observable
        takes its place. Of another run it comes into a file beside it, `run.h5.observables.h5`. Frames of which it was
        not computed have NaN.

        Parameters
        ----------
        function : callable
            Takes an mdtraj.Trajectory of several frames (nm, ps) and returns an array with one row for each,
            (n_frames,) or (n_frames, ...); the frames are of several segments, so that no row may depend on another.
            If `per` is "segment", it takes all frames of one segment and returns one number or array.
        segments : (n,) int, optional
            Segment ids; all by default.
        name : str, optional
            What the observable is called; by default as the function.
        units, doc : str
            Its unit in H5MD spelling (`nm`, `kJ mol-1`), and what it means; the function's first line by default.
        per : {"frame", "segment"}
            What it has a value for.
        atoms : (n,) int, optional
            Atoms that the function sees, in the order of the topology; all by default.
        workers : int, optional
            Number of processes; other ones must be able to import the function.
        store : bool
            Whether it is stored.
        overwrite : bool
            Whether an observable of this name is replaced, be it of another function or of this one.
        progress : callable, optional
            Told how many frames of how many are done.

        Returns
        -------
        array
            As `observable` returns it.

        Raises
        ------
        FunctionError
            If the function fails, returns something else, or cannot be sent to other processes.
        SelectionError
            If there is no such segment or atom, no frames, or the run stores no coordinates.
        RunExistsError
            If there is an observable of this name, of another function or the run's own.
        RunBusyError
            If another process writes the run; what was computed is kept.

        Examples
        --------
        ```python
        run.compute(wd.Distance(0, 21), name="ends", workers=4)  # built in: its unit is known
        run.compute(mdtraj.compute_rg, name="rg", units="nm")
        run.observable("rg", path)
        ```
        """
        request = request_of(
            self, function, segments, name=name, per=per, atoms=atoms, units=units, doc=doc, workers=workers,
            progress=progress,
        )  # fmt: skip
        if not store:
            return compute_once(self, request)
        try:
            compute_stored(self, request, overwrite=overwrite)
        finally:
            for known in ("computed", "lineage"):  # the lineage knows of what was computed
                self.__dict__.pop(known, None)
        return self.observable(request.name, segments)

    @property
    def features(self) -> tuple[Feature, ...]:
        """Names and units of the order parameter's dimensions."""
        return features(self)

    def _extent(self) -> tuple[int, bool]:
        return self.n_cycles, self.sealed


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open a run's file for reading: growing, crashed or sealed; without a lock, never disturbing its writer.

    Raises
    ------
    FileNotFoundError, NotARunError, DamagedRunError, VersionTooOldError, VersionTooNewError
        If it cannot be opened as a run; the message says why and what to do.
    """
    return Run(FileRun(path))
