"""The way through a run's cycles that makes WESTPA's iterations of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.export.westpa_block import CycleRows, Points
from wepy_data.export.westpa_states import States
from wepy_data.store.west import COMPLETE, CONTINUES, MERGED, PREPARED, RECYCLED, Recycled, WestIteration

_RECYCLED, _ABSORBED = 0, 1
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class _Ends:
    """What an iteration leaves to the one after: its first segment, where they began and ended, who was recycled."""

    first: int
    began: NDArray[np.float64]
    ended: NDArray[np.float64]
    values: Mapping[str, NDArray[Any]]
    restart: Ints  # WESTPA's number of the initial state of each recycled segment, else -1
    recycled: Recycled | None


class Walk:
    """The way through the cycles of a run; what is counted on it."""

    def __init__(self, states: States, chosen: Points) -> None:
        self.states, self._chosen = states, chosen
        self.n_cycles = self.n_absorbed = self.n_other = self.n_pending = 0
        self._before: _Ends | None = None
        self._target_counts = np.zeros(0, np.int64)

    def iteration(self, here: CycleRows, child_of: Ints | None, continuous: Ints | None) -> WestIteration:
        """Return the iteration of a cycle, given the parents of the walkers after it (None if not known)."""
        rows, n, number = here.rows, here.stop - here.first, here.index + 1
        before, parent = self._before, self._parents(here.rows["segments/parent"])
        restart = self._restart(rows["segments/state"], parent, number)
        began = self._starts(rows["segments/state"], parent, here.points[:, 0])
        pairs = self._pairs(n, parent, restart, rows["merges/into"] - here.first, rows["merges/from"])
        self._target_counts = np.append(self._target_counts, np.maximum(rows["bins/target_count"], 0))
        found = WestIteration(
            number=number,
            status=COMPLETE,
            weight=rows["segments/weight"],
            cpu_time=rows["segments/cpu_time"],
            wall_time=rows["segments/wall_time"],
            parent=np.where(restart >= 0, -1 - restart, parent),
            endpoint=self._endpoints(here, child_of, continuous),
            child=pairs[0],
            giver=pairs[1],
            points=np.concatenate([began[:, None], here.points], axis=1),
            auxiliary=self._auxiliary(here, parent, restart),
            recycled=None if before is None else before.recycled,
            target_counts=self._target_counts,
            bin=rows["segments/bin"],
            elapsed=float(rows["cycles/ended"][0] - rows["cycles/began"][0]),
        )
        self._leave(here, began)
        return found

    def prepared(self, last: CycleRows, planned: Mapping[str, NDArray[Any]]) -> WestIteration:
        """Return the iteration that was planned after the last cycle."""
        state, n = planned["/next/state"], len(planned["/next/weight"])
        parent = self._parents(planned["/next/parent"])
        restart = self._restart(state, parent, last.index + 2)
        pairs = self._pairs(n, parent, restart, planned["/next/merges/into"], planned["/next/merges/from"])
        points = np.zeros((n, self._chosen.count + 1, last.points.shape[2]))  # only the starts are known
        points[:, 0] = self._starts(state, parent, np.full_like(points[:, 0], np.nan))
        return WestIteration(
            number=last.index + 2,
            status=PREPARED,
            weight=planned["/next/weight"].astype(np.float64),
            cpu_time=np.zeros(n),
            wall_time=np.zeros(n),
            parent=np.where(restart >= 0, -1 - restart, parent),
            endpoint=np.zeros(n, np.uint8),
            child=pairs[0],
            giver=pairs[1],
            points=points,
            recycled=None if self._before is None else self._before.recycled,
            target_counts=self._target_counts,
            bin=np.zeros(n, np.int64),
        )

    def _parents(self, parent: Ints) -> Ints:
        """Return parents counted within their iteration; -1 for founders."""
        first = 0 if self._before is None else self._before.first
        return np.where(parent < 0, -1, parent - first)

    def _restart(self, state: Ints, parent: Ints, number: int) -> Ints:
        """Return the initial state of each walker by WESTPA's number; -1 if it starts where its parent ended."""
        if self._before is None:
            return self.states.use(state, made=0, used=number)
        return np.where(state >= 0, self._before.restart[parent], -1)

    def _starts(self, state: Ints, parent: Ints, otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where segments start; what stands for it if that is not known."""
        at_state = self.states.points(state)
        if self._before is not None:
            at_state = np.where(state[:, None] >= 0, at_state, self._before.ended[parent])
        unknown = np.isnan(at_state).any(axis=1, keepdims=True)
        return np.where(unknown, otherwise, at_state)

    def _pairs(self, n: int, parent: Ints, restart: Ints, into: Ints, source: Ints) -> tuple[Ints, Ints]:
        """Return children and whom their weight comes from: the parent first; of founders the initial state."""
        first = 0 if self._before is None else self._before.first
        own = np.where(parent < 0, -1 - restart, parent)
        child, giver = np.append(np.arange(n), into), np.append(own, source - first)
        order = np.argsort(child, kind="stable")
        return child[order], giver[order]

    def _endpoints(self, here: CycleRows, child_of: Ints | None, continuous: Ints | None) -> NDArray[np.uint8]:
        n, rows = here.stop - here.first, here.rows
        found = np.full(n, CONTINUES, np.uint8)
        if child_of is not None and continuous is not None:
            found[:] = MERGED
            found[child_of[continuous == 1] - here.first] = CONTINUES
        gone = (rows["events/kind"] == _RECYCLED) | (rows["events/kind"] == _ABSORBED)
        found[rows["events/segment"][gone] - here.first] = RECYCLED
        return found

    def _auxiliary(self, here: CycleRows, parent: Ints, restart: Ints) -> dict[str, NDArray[Any]]:
        """Return other data; the value at a start is the parent's last one, else the first stored one."""
        found = dict(here.segment_values)
        for name, values in here.frame_values.items():
            start = values[:, 0].copy()
            if self._before is not None:
                goes_on = restart < 0
                start[goes_on] = self._before.values[name][parent[goes_on]]
            found[name] = np.concatenate([start[:, None], values], axis=1)
        return found

    def _leave(self, here: CycleRows, began: NDArray[np.float64]) -> None:
        """Keep what the next iteration needs, and count."""
        rows, number = here.rows, here.index + 1
        kind = rows["events/kind"]
        mine = kind == _RECYCLED
        segment, state = rows["events/segment"][mine] - here.first, rows["events/source_state"][mine]
        used = self.states.use(state, made=number, used=number + 1)
        restart = np.full(here.stop - here.first, -1, np.int64)
        restart[segment] = used
        ended = rows["segments/progress"]
        recycled = Recycled(
            weight=rows["events/weight"][mine],
            segment=segment,
            target=self.states.targets(rows["events/target"][mine]),
            state=used,
            began=began[segment],
            ended=ended[segment],
            restarted=self.states.points(state),
        )
        values = {name: one[:, -1] for name, one in here.frame_values.items()}
        self._before = _Ends(here.first, began, ended, values, restart, recycled)
        self.n_cycles, self.n_pending = number, len(segment)
        self.n_absorbed += int((kind == _ABSORBED).sum())
        self.n_other += int((kind > _ABSORBED).sum())
