"""The recorder: every step of a cycle goes into the record in memory, and to disk as it happens."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd
from wepy.backup import balance_entry, bins_entry, plan_entry, segments_entry, start_entry
from wepy.bins import bins_from_json, bins_of_cycles
from wepy.boundary import Events
from wepy.ensemble import Walkers
from wepy.errors import StoreError
from wepy.facts import (
    Facts,
    Worker,
    bin_facts,
    event_facts,
    frame_facts,
    new_workers,
    segment_facts,
    state_facts,
    worker_facts,
)
from wepy.protocols import Bin, Binning, KnownBins
from wepy.standing import Standing
from wepy.work import WalkerResult


class Recorder:
    """Keeps a run's record, and its backup: the journal after every step, the HDF5 file after every cycle.

    Parameters
    ----------
    header : wepy_data.Header
        What does not grow.
    store : path or None
        The run's HDF5 file; None to keep the run in memory only.
    overwrite : bool
        Whether an existing file is replaced; it is kept beside the new one until that has a cycle.
    durable : bool
        Whether each backup waits until the disk has it.

    Raises
    ------
    wepy_data.RunExistsError
        If the file or its journal exists and `overwrite` is false.
    wepy_data.RunBusyError
        If another process is writing this run.
    """

    _file: wd.FileWriter | None
    _journal: wd.Journal | None

    def __init__(
        self, header: wd.Header, store: str | os.PathLike[str] | None, *, overwrite: bool = False, durable: bool = True
    ) -> None:
        self._prepare(header, keep_blocks=store is None)
        if store is not None:
            # the journal first: it is locked, so that nobody else touches the file from now on
            self._journal = wd.Journal(wd.journal_path(store), overwrite=overwrite, durable=durable)
            try:
                wd.refuse_existing(store, overwrite=overwrite)
                self._replaces = wd.set_aside(store)
                self._journal.rotate()
                self._file = wd.FileWriter(store, header, overwrite=overwrite, durable=durable)
            except BaseException:
                if self._replaces:
                    wd.put_back(store)
                self._journal.release()
                raise

    def _prepare(self, header: wd.Header, *, keep_blocks: bool) -> None:
        self.header = header
        self.record = wd.RunRecord(header, keep_blocks=keep_blocks)
        self._file, self._journal = None, None
        self._replaces = False
        self._starts: tuple[wd.Entry, ...] = ()
        self._carried: tuple[wd.Entry, ...] = ()
        self._previous: wd.Cycle | None = None
        self._inherited = _inherited(header)
        self._branched = frozenset(self._inherited)  # known before the first cycle, which has rows for them
        self._bins: dict[int, Bin] = dict(self._inherited)
        self._bin_rows: dict[int, int] = {}
        self._new_bins: dict[int, Bin] = {}
        self._workers: dict[Worker, int] = {}
        self._total_time = 0.0
        self._began = time.time()

    @classmethod
    def resume(
        cls,
        standing: Standing,
        journal: wd.Journal,
        start: Mapping[str, Any],
        *,
        settings: wd.Entry | None = None,
        durable: bool = True,
    ) -> Self:
        """Go on recording a run.

        Parameters
        ----------
        standing : Standing
            Where it stands.
        journal : wepy_data.Journal
            Its journal, taken over; closed with the recorder.
        start : mapping
            Provenance record of this start. It stays in the journal until the sealed file holds it.
        settings : wepy_data.Entry, optional
            Configuration and files from now on, if they are not those of the run so far; stays there as well.
        durable : bool
            Whether each backup waits until the disk has it.
        """
        self = cls.__new__(cls)
        header = replace(standing.header, provenance=(*standing.header.provenance, start))
        if settings is not None:
            header = replace(header, config=settings.facts["config"], inputs=settings.facts["inputs"])
        self._prepare(header, keep_blocks=False)
        known, starts = settings or standing.settings, map(start_entry, (*standing.starts, start))
        self._journal, self._starts = journal, (*starts, *(() if known is None else (known,)))
        self._replaces = True  # what the run has replaced may still be kept
        self._carried = standing.segments if standing.cycle == standing.n_cycles else ()
        if standing.sealed and standing.walkers is not None:
            self.plan(standing.cycle, standing.walkers)  # before the file that holds them gives way to a growing one
        self._file = wd.FileWriter.reopen(standing.path, durable=durable)
        if standing.cycles:
            self._bins, self._inherited = bins_of_cycles(standing.cycles), {}
            self._bin_rows = {index: row for row, index in enumerate(self._bins)}
        for cycle in standing.cycles:
            self._remember(cycle)
        return self

    @property
    def first_segment(self) -> int:
        """Id of the first segment of the cycle that runs."""
        return 0 if self._previous is None else self._previous.stop("segment")

    def plan(self, cycle: int, walkers: Walkers) -> None:
        """Back up the walkers that a cycle starts with; what was backed up before is in the file by now."""
        self._began = time.time()
        if self._journal is not None:
            plan = plan_entry(cycle, self.header.run_id, walkers)
            with _stopping_if_replaced():
                self._journal.rotate(*self._starts, plan, *self._carried)
        self._carried = ()

    def collected(self, cycle: int, results: Sequence[WalkerResult]) -> None:
        """Back up finished dynamics as they arrive."""
        if self._journal is not None:
            self._journal.append(segments_entry(cycle, results))

    def known_bins(self, cycle: int) -> KnownBins:
        """Return the bins that were made before a cycle, by index in the order in which they were made."""
        if self._previous is None or cycle > self._previous.index:
            return self._bins
        made = set(self._previous["/bins/index"].tolist()) - self._branched  # committed, and balanced once more
        return {index: bin_ for index, bin_ in self._bins.items() if index not in made}

    def binned(self, cycle: int, binning: Binning) -> NDArray[np.int64]:
        """Back up the walkers' bins; return their rows in /bins, making rows for bins that are new.

        Parameters
        ----------
        cycle : int
            The cycle.
        binning : Binning
            The bins of the walkers that are balanced, and those that are new.
        """
        inherited, self._inherited = self._inherited, {}  # the first cycle of a branch has rows for them, too
        for index, bin_ in {**inherited, **binning.made}.items():
            if index not in self._bin_rows:
                self._bin_rows[index] = len(self._bin_rows)
                self._new_bins[index] = self._bins[index] = bin_
        rows = np.array([self._bin_rows[index] for index in binning.index.tolist()], np.int64)
        if self._journal is not None:
            self._journal.append(bins_entry(cycle, rows))
        return rows

    def balanced(self, cycle: int, walkers: Walkers) -> None:
        """Back up the walkers of the next cycle."""
        if self._journal is not None:
            self._journal.append(balance_entry(cycle, walkers))

    def commit(
        self, walkers: Walkers, results: Sequence[WalkerResult], events: Events, bins: NDArray[np.int64]
    ) -> wd.Cycle:
        """Append the cycle to the record and to the file.

        Parameters
        ----------
        walkers : Walkers
            What the cycle started with.
        results : sequence of WalkerResult
            What came back, in order of the walkers.
        events : Events
            Who reached the target.
        bins : (n_walkers,) int64
            Rows in /bins, -1 if the run has none.

        Raises
        ------
        StoreError
            If the file was deleted, moved or replaced meanwhile; the journal stays.
        """
        count = np.array([len(result.frames) for result in results], np.int64)
        first_frame = 0 if self._previous is None else self._previous.stop("frame")
        facts: Facts = {
            **segment_facts(walkers, results, bins, first_segment=self.first_segment),
            **worker_facts(results, self._workers),
            **frame_facts(self.header.layout, walkers, results, count, self._total_time),
            **state_facts(self.header.layout, results),
            **event_facts(walkers, events, count, first_segment=self.first_segment, first_frame=first_frame),
            **bin_facts(self._new_bins, self._bin_rows),
        }
        facts["/cycles/began"], facts["/cycles/ended"] = [self._began], [time.time()]
        cycle = wd.build_cycle(self.header.layout, self._previous, facts, count)
        if self._file is not None:
            with _stopping_if_replaced():
                self._file.append(cycle)
            if self._replaces:
                wd.forget_aside(self._file.path)
                self._replaces = False
        self._append(cycle)  # last, so that the record never has a cycle that the file has not
        self._new_bins.clear()
        return cycle

    def seal(self, walkers: Walkers) -> None:
        """End the run in order: the planned walkers go into the record and the file, the journal is not needed."""
        planned: dict[str, NDArray[Any]] = {
            "/next/weight": walkers.weight,
            "/next/parent": walkers.parent,
            "/next/state": walkers.start,
            "/next/continuous": walkers.continuous,
            "/next/merges/into": walkers.merge_into,
            "/next/merges/from": walkers.merge_from,
            "/next/merges/weight": walkers.merge_weight,
            **{f"/next/arrays/{name}": values for name, values in walkers.arrays().items()},
        }
        self.record.seal(planned)
        if self._file is not None:
            known = self.header
            with _stopping_if_replaced():
                self._file.seal(planned, provenance=known.provenance, config=known.config, inputs=known.inputs)
        if self._journal is not None:
            self._journal.remove()

    def discard(self) -> None:
        """Delete file and journal: nothing in them is worth a resume; what they have replaced is put back."""
        if self._file is not None and self._journal is not None:
            with contextlib.suppress(wd.ReplacedRunError):  # another file is not this run's to delete
                self._file.refuse_lost()
                self._file.close()
                wd.put_back(self._file.path)
            self.close()

    def close(self) -> None:
        """Close file and journal; what was backed up stays for a resume."""
        try:
            if self._file is not None:
                self._file.close()
        finally:
            if self._journal is not None:
                self._journal.close()

    def _append(self, cycle: wd.Cycle) -> None:
        self.record.append(cycle)
        self._previous = cycle
        self._total_time = float(cycle["/frames/total_time"][-1])

    def _remember(self, cycle: wd.Cycle) -> None:
        """Take in a cycle that the file has already."""
        for worker in new_workers(cycle):
            self._workers[worker] = len(self._workers)
        self._append(cycle)


@contextlib.contextmanager
def _stopping_if_replaced() -> Iterator[None]:
    """Make it the run's failure if somebody has taken its file or its journal away."""
    try:
        yield
    except wd.ReplacedRunError as error:
        raise StoreError(str(error)) from error


def _inherited(header: wd.Header) -> KnownBins:
    """Return the bins that a branch has from the run that it continues."""
    first: Mapping[str, Any] = header.provenance[0] if header.provenance else {}
    return bins_from_json(first["bins"]) if isinstance(first.get("bins"), dict) else {}
