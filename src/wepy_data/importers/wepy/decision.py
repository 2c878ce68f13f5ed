"""The resampling records of a WepyHDF5 run, read in stretches of cycles."""

from __future__ import annotations

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import Notes
from wepy_data.importers.wepy.reading import Ints, Ragged, read_ragged, read_rows, shorter
from wepy_data.importers.wepy.record import Sporadic, sporadic
from wepy_data.importers.wepy.resampling import Outcome, Step, compose, decision_kinds

REGION = "region_assignment"
_CHUNK = 1 << 20  # records read at once
_DECISIONS = {"NOTHING": 1, "CLONE": 2, "SQUASH": 3, "KEEP_MERGE": 4}


class Resampling:
    """The resampling records of a run.

    Parameters
    ----------
    foreign : Foreign
        The file.
    run : str
        Path of the run's group.
    notes : Notes
        Told of what is missing.
    """

    def __init__(self, foreign: Foreign, run: str, notes: Notes) -> None:
        self._foreign, self.path = foreign, f"{run}/resampling"
        columns = ("step_idx", "walker_idx", "decision_id", "target_idxs")
        self._where = sporadic(foreign, self.path, columns, notes) or Sporadic(
            path=self.path, cycle=np.zeros(0, np.int64)
        )
        self.n_cycles = self._where.n_cycles
        self.ids = self._decisions(f"{run}/decision", notes)
        self._kept: tuple[int, int, dict[str, NDArray[np.generic]], Ragged, Ragged | None] | None = None
        self.has_regions = foreign.has(f"{self.path}/{REGION}")

    def n_walkers(self, last: int | None = None) -> Ints:
        """Return the number of walkers of each cycle, up to a last one: that of its first step's records.

        Raises
        ------
        DamagedRunError
            If a cycle has none.
        """
        where = self._where
        n_cycles = where.n_cycles if last is None else min(where.n_cycles, max(0, last + 1))
        n_cycles = min(n_cycles, len(where.cycle) + 1)  # each cycle has a record: more than that is damage
        stop = where.rows(n_cycles - 1)[1] if n_cycles else 0
        step = self._column("step_idx", 0, stop) if stop else np.zeros(0, np.int64)
        found = np.bincount(where.cycle[:stop][step == 0], minlength=n_cycles)
        if (found == 0).any():
            cycle = int(np.flatnonzero(found == 0)[0])
            place = f"{self.path}, cycle {cycle}"
            raise self._foreign.damaged(place, "no records", "one for each walker", shorter(cycle))
        return found

    def outcome(self, cycle: int, n_walkers: int) -> Outcome:
        """Return who the walkers of the next cycle are.

        Raises
        ------
        DamagedRunError
            If the records do not say that.
        """
        columns, targets, _ = self._cycle(cycle)
        try:
            kind = decision_kinds(self.ids, columns["decision_id"].astype(np.int64))
            step, stop = columns["step_idx"].astype(np.int64), np.cumsum(targets.counts)
            ends = np.flatnonzero(np.diff(step, append=-1))
            steps, first = list[Step](), 0
            for end in (ends + 1).tolist():
                if step[first] != len(steps):
                    raise ValueError(f"records of step {step[first]} after {len(steps)} steps")
                rows = slice(first, end)
                begin = int(stop[first] - targets.counts[first])
                steps.append(
                    Step(
                        walker=columns["walker_idx"][rows].astype(np.int64),
                        kind=kind[rows],
                        counts=targets.counts[rows],
                        targets=targets.values[begin : int(stop[end - 1])].astype(np.int64),
                    )
                )
                first = end
            return compose(n_walkers, steps)
        except ValueError as error:
            where = f"{self.path}, cycle {cycle}"
            raise self._foreign.damaged(
                where, str(error), "records of wepy's clones and merges", shorter(cycle)
            ) from None

    def regions(self, cycle: int, n_walkers: int) -> list[tuple[int, ...]]:
        """Return the region that each walker was assigned to, outermost first: WExplore's leaf ids."""
        columns, _, regions = self._cycle(cycle)
        found: list[tuple[int, ...]] = [()] * n_walkers
        if regions is not None:
            starts, values = regions.starts.tolist(), regions.values.tolist()
            counts, walkers = regions.counts.tolist(), columns["walker_idx"].tolist()
            for row in np.flatnonzero(columns["step_idx"] == 0).tolist():
                if walkers[row] < n_walkers:
                    found[walkers[row]] = tuple(values[starts[row] : starts[row] + counts[row]])
        if not all(found):
            where = f"{self.path}/{REGION}, cycle {cycle}"
            raise self._foreign.damaged(where, f"no region of walker {found.index(())}", "one for each", shorter(cycle))
        return found

    def _cycle(self, cycle: int) -> tuple[dict[str, NDArray[np.generic]], Ragged, Ragged | None]:
        """Return the records of a cycle: numbers, targets, regions."""
        start, stop = self._where.rows(cycle)
        if self._kept is None or not self._kept[0] <= start <= stop <= self._kept[1]:
            end = cycle + 1
            while end < self.n_cycles and self._where.rows(end)[1] - start <= _CHUNK:
                end += 1
            last = self._where.rows(end - 1)[1]
            columns = {name: self._column(name, start, last) for name in ("step_idx", "walker_idx", "decision_id")}
            self._kept = (start, last, columns, self._ragged("target_idxs", start, last), None)
            if self.has_regions:
                self._kept = (*self._kept[:4], self._ragged(REGION, start, last))
        first, _, columns, targets, regions = self._kept
        rows = slice(start - first, stop - first)
        return (
            {name: values[rows] for name, values in columns.items()},
            targets.part(rows.start, rows.stop),
            None if regions is None else regions.part(rows.start, rows.stop),
        )

    def _column(self, name: str, start: int, stop: int) -> NDArray[np.generic]:
        dataset = self._foreign.dataset(f"{self.path}/{name}", kinds="iu")
        return read_rows(self._foreign, dataset, start, stop).reshape(stop - start, -1)[:, 0]

    def _ragged(self, name: str, start: int, stop: int) -> Ragged:
        return read_ragged(self._foreign, self._foreign.dataset(f"{self.path}/{name}"), start, stop)

    def _decisions(self, path: str, notes: Notes) -> dict[str, int]:
        group = self._foreign.get(path)
        if not isinstance(group, h5py.Group) or not len(group):
            notes.miss(f"ids of the decisions ({path}): those of wepy's clones and merges are taken")
            return dict(_DECISIONS)
        return {name: int(self._foreign.read(f"{path}/{name}", ndim=0, kinds="iu")) for name in group}
