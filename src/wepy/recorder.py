"""The recorder: every step of a cycle goes into the record in memory, and to disk as it happens."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd
from wepy.dispatch.identity import Identity
from wepy.ensemble import NONE, Walkers, stacked
from wepy.facts import Events, Facts, bin_facts, event_facts, frame_facts, segment_facts, worker_facts
from wepy.protocols import Bin
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
        Whether an existing file is replaced.
    durable : bool
        Whether each backup waits until the disk has it.

    Raises
    ------
    wepy_data.RunExistsError
        If the file or its journal exists and `overwrite` is false.
    wepy_data.RunBusyError
        If another process is writing this run.
    """

    def __init__(
        self, header: wd.Header, store: str | os.PathLike[str] | None, *, overwrite: bool = False, durable: bool = True
    ) -> None:
        self.header = header
        self.record = wd.RunRecord(header, keep_blocks=store is None)
        self._file, self._journal = None, None
        if store is not None:
            wd.refuse_existing(store, overwrite=overwrite)
            # the journal first: it is locked, so that no other manager replaces the file from now on
            self._journal = wd.Journal(wd.journal_path(store), overwrite=overwrite, durable=durable)
            try:
                self._file = wd.FileWriter(store, header, overwrite=overwrite, durable=durable)
            except BaseException:
                self._journal.remove()
                raise
        self._previous: wd.Cycle | None = None
        self._bins: dict[int, int] = {}
        self._new_bins: list[tuple[int, Bin]] = []
        self._workers: dict[Identity, int] = {}
        self._total_time = 0.0
        self._began = time.time()

    @property
    def first_segment(self) -> int:
        """Id of the first segment of the cycle that runs."""
        return 0 if self._previous is None else self._previous.stop("segment")

    def plan(self, cycle: int, walkers: Walkers) -> None:
        """Back up the walkers that a cycle starts with; what was backed up before is in the file by now."""
        self._began = time.time()
        if self._journal is not None:
            arrays = {f"state/{name}": values for name, values in walkers.arrays().items()}
            for name in ("weight", "parent", "start", "step", "time", "merge_into", "merge_from", "merge_weight"):
                arrays[name] = getattr(walkers, name)
            facts = {"cycle": cycle, "run_id": self.header.run_id}
            self._journal.rotate(wd.Entry(step="plan", facts=facts, arrays=arrays))

    def collected(self, cycle: int, results: Sequence[WalkerResult]) -> None:
        """Back up finished dynamics as they arrive."""
        if self._journal is not None:
            worker = results[0].worker
            facts = {"cycle": cycle, "host": worker.host, "pid": worker.pid}
            self._journal.append(wd.Entry(step="segments", facts=facts, arrays=_result_arrays(results)))

    def binned(self, cycle: int, bins: NDArray[np.int64], describe: Callable[[int], Bin]) -> NDArray[np.int64]:
        """Back up the walkers' bins; return their rows in /bins, making rows for bins that are new.

        Parameters
        ----------
        cycle : int
            The cycle.
        bins : (n_walkers,) int64
            Bin indices of the binner.
        describe : callable
            Says what is known of a bin; asked for bins that are new, and for those that they refine.
        """
        for index in np.unique(bins).tolist():
            self._bin_row(index, describe)
        rows = np.array([self._bins[index] for index in bins.tolist()], np.int64)
        if self._journal is not None:
            self._journal.append(wd.Entry(step="bins", facts={"cycle": cycle}, arrays={"bin": rows}))
        return rows

    def balanced(self, cycle: int, walkers: Walkers) -> None:
        """Back up the walkers of the next cycle."""
        if self._journal is not None:
            names = ("weight", "parent", "start", "merge_into", "merge_from", "merge_weight")
            arrays = {name: getattr(walkers, name) for name in names}
            self._journal.append(wd.Entry(step="balance", facts={"cycle": cycle}, arrays=arrays))

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
        """
        count = np.array([len(result.frames) for result in results], np.int64)
        first_frame = 0 if self._previous is None else self._previous.stop("frame")
        facts: Facts = {
            **segment_facts(walkers, results, bins, first_segment=self.first_segment),
            **worker_facts(results, self._workers),
            **frame_facts(self.header.layout, walkers, results, count, self._total_time),
            **event_facts(walkers, events, count, first_segment=self.first_segment, first_frame=first_frame),
            **bin_facts(self._new_bins, self._bins),
        }
        facts["/cycles/began"], facts["/cycles/ended"] = [self._began], [time.time()]
        cycle = wd.build_cycle(self.header.layout, self._previous, facts, count)
        if self._file is not None:
            self._file.append(cycle)
        self.record.append(cycle)  # last, so that it never has a cycle that the file has not
        self._previous = cycle
        self._total_time = float(facts["/frames/total_time"][-1])
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
            self._file.seal(planned)
        if self._journal is not None:
            self._journal.remove()

    def discard(self) -> None:
        """Delete file and journal: nothing in them is worth a resume."""
        self.close()
        if self._file is not None and self._journal is not None:
            self._file.path.unlink(missing_ok=True)
            self._journal.remove()

    def close(self) -> None:
        """Close file and journal; what was backed up stays for a resume."""
        if self._file is not None:
            self._file.close()
        if self._journal is not None:
            self._journal.close()

    def _bin_row(self, index: int, describe: Callable[[int], Bin]) -> int:
        if index not in self._bins:
            found = describe(index)
            if found.parent != NONE:
                self._bin_row(found.parent, describe)
            self._bins[index] = len(self._bins)
            self._new_bins.append((index, found))
        return self._bins[index]


def _result_arrays(results: Sequence[WalkerResult]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {
        "walker": np.array([result.walker for result in results], np.int64),
        "count": np.array([len(result.frames) for result in results], np.int64),
        "step": np.concatenate([result.frames.step for result in results]),
        "time": np.concatenate([result.frames.time for result in results]),
        "positions": np.concatenate([result.frames.positions for result in results]),
        "order_parameter": np.concatenate([result.order_parameter for result in results]),
        "cpu_time": np.array([result.cpu_time for result in results]),
        "wall_time": np.array([result.wall_time for result in results]),
    }
    for name in ("box", "velocities"):
        values = [getattr(result.frames, name) for result in results]
        if all(value is not None for value in values):
            arrays[name] = np.concatenate(values)
    for name in results[0].observables:
        arrays[f"observable/{name}"] = np.concatenate([result.observables[name] for result in results])
    states = stacked([dict(result.state) for result in results])
    return arrays | {f"state/{name}": values for name, values in states.items()}
