"""The cycles of a WepyHDF5 run, built from its frames and records one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.conduct import CycleFacts, planned_walkers
from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import Notes
from wepy_data.importers.wepy.field import WEIGHTS, Block, Field
from wepy_data.importers.wepy.reading import Floats, Ints, shorter
from wepy_data.importers.wepy.region import RegionRows
from wepy_data.importers.wepy.resampling import Outcome
from wepy_data.importers.wepy.run import FoundRun
from wepy_data.importers.wepy.start import Starts
from wepy_data.importers.wepy.target import Target, state_name

EXACT = 1e-13
"""Relative difference of weights from what the records make of those before, up to which the file's are taken."""
_ROUNDED = 1e-6
_RECYCLED = 0


@dataclass(slots=True, kw_only=True, eq=False)
class Cycles:
    """The cycles of a run.

    Parameters
    ----------
    foreign : Foreign
        The file.
    run : FoundRun
        The run.
    starts : Starts
        Its states.
    targets : sequence of Target
        Where its fields go.
    scalars : mapping of str to array
        Values of each cycle by name, (n_cycles,), kept for each of its segments.
    timestep : float
        Time of a cycle, in ps.
    order_parameter : Field or None
        Field that is the order parameter; None for the progress records.
    n_features : int
        Number of its dimensions.
    binned : bool
        Whether WExplore's regions are taken as bins.
    notes : Notes
        Told of what is found on the way.
    """

    foreign: Foreign
    run: FoundRun
    starts: Starts
    targets: Sequence[Target]
    scalars: Mapping[str, Floats]
    timestep: float
    order_parameter: Field | None
    n_features: int
    binned: bool
    notes: Notes
    _bins: RegionRows = field(default_factory=RegionRows)
    _drift: float = 0.0
    _before: Ended | None = None
    _last: Block | None = None

    def __iter__(self) -> Iterator[CycleFacts]:
        order = [] if self.order_parameter is None else [self.order_parameter]
        fields = [self.run.weights, *dict.fromkeys([*(target.field for target in self.targets), *order])]
        for block in self.run.trajectories.blocks(fields, self.run.n_walkers):
            self._last = block
            for cycle in range(block.start, block.stop):
                yield self._facts(block, cycle)
        if self._drift:
            self.notes.miss(
                f"why weights differ from what the resampling records make of them, by up to {self._drift:.2g} of the"
                " weight: those of the records are taken"
            )

    def planned(self) -> dict[str, NDArray[np.generic]] | None:
        """Return the datasets of /next, None if the file does not say who was planned."""
        end, block = self._before, self._last
        if end is None or end.outcome is None or block is None:
            return None
        outcome, n = end.outcome, len(end.weight)
        into, source, moved = outcome.merges(end.weight)
        restart = end.restart[outcome.parent]
        found = planned_walkers(
            outcome.weights(end.weight), end.first + outcome.parent, restart, (into, end.first + source, moved)
        )
        shapes = {named.name: named.shape for named in self.starts.named}
        for target in self.targets:
            name = state_name(target.field.path)
            values = block.cycle(target.field.path, self.run.n_cycles - 1, n).astype(np.float64) * target.factor
            if values[0].size == np.prod(shapes.get(name, (0,)), dtype=np.int64):
                states = values.reshape(n, *shapes[name])[outcome.parent]
                states[restart >= 0] = np.nan
                if not np.isnan(states).all():
                    found[f"/next/arrays/{name}"] = states
        return found

    def _facts(self, block: Block, cycle: int) -> CycleFacts:
        n, before = int(self.run.n_walkers[cycle]), self._before
        first = 0 if before is None else before.first + len(before.weight)
        stored = self._stored_weights(block, cycle, n)
        weight, parent, state, merges = self._origin(cycle, stored)
        restart, events = self._events(cycle, first, weight)
        progress = self._progress(block, cycle, n)
        bins, bin_rows = self._binned(cycle, n)
        outcome = self.run.resampling.outcome(cycle, n) if cycle < self.run.resampling.n_cycles else None
        rows: dict[str, NDArray[np.generic]] = {
            "/cycles/began": np.zeros(1),
            "/cycles/ended": np.zeros(1),
            "/segments/weight": weight,
            "/segments/parent": parent,
            "/segments/state": state,
            "/segments/continuous": (state < 0).astype(np.uint8),
            "/segments/progress": progress,
            "/segments/bin": bins,
            "/segments/worker": np.full(n, -1, np.int64),
            **self._clock(cycle, first, n),
            "/observables/order_parameter/value": progress,
            **dict(
                zip(("/merges/into", "/merges/from", "/merges/weight"), _shifted(merges, first, before), strict=True)
            ),
            **events,
            **bin_rows,
            **{f"/segments/observables/{name}": np.full(n, values[cycle]) for name, values in self.scalars.items()},
            **self._frames(block, cycle, n),
        }
        self._before = Ended(first=first, weight=weight, stored=stored, restart=restart, outcome=outcome)
        return CycleFacts(rows=rows, frame_count=np.ones(n, np.int64))

    def _clock(self, cycle: int, first: int, n: int) -> dict[str, NDArray[np.generic]]:
        return {
            "/frames/md_step": np.full(n, cycle + 1, np.int64),
            "/frames/time": np.full(n, (cycle + 1) * self.timestep),
            "/frames/total_time": (first + 1 + np.arange(n)) * self.timestep,
            "/segments/cpu_time": np.zeros(n),
            "/segments/wall_time": np.zeros(n),
        }

    def _stored_weights(self, block: Block, cycle: int, n: int) -> Floats:
        found = block.cycle(WEIGHTS, cycle, n).reshape(n).astype(np.float64)
        wrong = ~(np.isfinite(found) & (found > 0))
        if wrong.any():
            walker = int(np.flatnonzero(wrong)[0])
            where = f"{self.run.trajectories.path}/{walker}/{WEIGHTS}, cycle {cycle}"
            raise self.foreign.damaged(where, repr(found[walker].item()), "positive weights", shorter(cycle))
        return found

    def _origin(self, cycle: int, stored: Floats) -> tuple[Floats, Ints, Ints, tuple[Ints, Ints, Floats]]:
        """Return the weights of a cycle's walkers, their parents and start states, and what merged into them."""
        n, before = len(stored), self._before
        nothing = np.zeros(0, np.int64)
        if before is None or before.outcome is None:
            return stored, np.full(n, -1, np.int64), self.starts.founder, (nothing, nothing, np.zeros(0))
        outcome = before.outcome
        if len(outcome.parent) != n:
            where = f"{self.run.resampling.path}, cycle {cycle - 1}"
            raise self.foreign.damaged(
                where, f"{len(outcome.parent)} walkers made", f"{n}, as in cycle {cycle}", shorter(cycle)
            )
        weight = self._weights(cycle, stored, before, outcome)
        return weight, before.first + outcome.parent, before.restart[outcome.parent], outcome.merges(before.weight)

    def _weights(self, cycle: int, stored: Floats, before: Ended, outcome: Outcome) -> Floats:
        """Return the weights of a cycle: the file's, or where these are rounded, those of the records."""
        local = outcome.weights(before.stored)
        if not np.abs(stored / local - 1).max() <= _ROUNDED:
            walker = int(np.argmax(np.abs(stored / local - 1)))
            where = f"{self.run.trajectories.path}/{walker}/{WEIGHTS}, cycle {cycle}"
            wanted = f"{local[walker].item()!r}, by the resampling records of the cycle before"
            raise self.foreign.damaged(where, repr(stored[walker].item()), wanted, shorter(cycle))
        made = outcome.weights(before.weight)
        drift = np.abs(stored / made - 1).max()
        if drift <= EXACT:
            return stored
        self._drift = max(self._drift, float(drift))
        return made

    def _events(self, cycle: int, first: int, weight: Floats) -> tuple[Ints, dict[str, NDArray[np.generic]]]:
        """Return the state that each walker restarts from, -1 if it does not, and the rows of /events."""
        restart = np.full(len(weight), -1, np.int64)
        if self.run.warping is None:
            return restart, {}
        walker, target, recorded = self.run.warping.of(cycle)
        if not len(walker):
            return restart, {}
        where = f"{self.run.warping.where.path}, cycle {cycle}"
        if walker[0] < 0 or walker[-1] >= len(weight) or (np.diff(walker) == 0).any():
            found = f"walkers {', '.join(map(str, walker[:8].tolist()))}"
            raise self.foreign.damaged(where, found, f"some of {len(weight)}, each once", shorter(cycle))
        source = np.array([self.starts.source[one] for one in target.tolist()], np.int64)
        restart[walker] = source
        differs = ~(np.abs(recorded / weight[walker] - 1) <= _ROUNDED)
        if differs.any():
            self.notes.leave("weights in warping records that are not those of the walkers: cycles {}", cycle)
        return restart, {
            "/events/segment": first + walker,
            "/events/frame": first + walker,
            "/events/kind": np.full(len(walker), _RECYCLED, np.uint8),
            "/events/source_state": source,
            "/events/target": np.full(len(walker), self.starts.boundary, np.int64),
            "/events/weight": weight[walker],
        }

    def _progress(self, block: Block, cycle: int, n: int) -> Floats:
        if self.order_parameter is None:
            return np.zeros((n, 1)) if self.run.progress is None else self.run.progress.values(cycle, n)
        found = block.cycle(self.order_parameter.path, cycle, n).reshape(n, -1).astype(np.float64)
        self._refuse_blank(self.order_parameter.path, found, cycle)
        return found

    def _binned(self, cycle: int, n: int) -> tuple[Ints, dict[str, NDArray[np.generic]]]:
        """Return the bin of each walker, and the rows of /bins."""
        if not self.binned:
            return np.full(n, -1, np.int64), self._bins.use([], self.n_features)[1]
        return self._bins.use(self.run.resampling.regions(cycle, n), self.n_features)

    def _frames(self, block: Block, cycle: int, n: int) -> dict[str, NDArray[np.generic]]:
        found: dict[str, NDArray[np.generic]] = {}
        for target in self.targets:
            values = target.values(block.cycle(target.field.path, cycle, n))
            if target.named is None:
                self._refuse_blank(target.field.path, values, cycle)
            found[target.path] = values
        box = found.get("/particles/trajectory/box/edges/value")
        return found if box is None else {**found, **_cells(box.astype(np.float64))}

    def _refuse_blank(self, path: str, values: NDArray[np.generic], cycle: int) -> None:
        wrong = ~np.isfinite(values).reshape(len(values), -1).all(axis=1)
        if wrong.any():
            where = f"{self.run.trajectories.path}/{np.flatnonzero(wrong)[0]}/{path}, cycle {cycle}"
            raise self.foreign.damaged(where, "values that are no finite numbers", "numbers", shorter(cycle))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ended:
    """How a cycle ended: its first segment, weights taken and stored, states to restart from, resampling."""

    first: int
    weight: Floats
    stored: Floats
    restart: Ints
    outcome: Outcome | None


def _shifted(
    merges: tuple[Ints, Ints, Floats], first: int, before: Ended | None
) -> tuple[NDArray[np.generic], NDArray[np.generic], NDArray[np.generic]]:
    into, source, moved = merges
    return first + into, source + (0 if before is None else before.first), moved


def _cells(box: Floats) -> dict[str, NDArray[np.generic]]:
    """Return lengths and angles of box vectors, (n, 3, 3)."""
    length = np.linalg.norm(box, axis=2)
    pairs = ((1, 2), (0, 2), (0, 1))
    product = [np.maximum(length[:, a] * length[:, b], np.finfo(float).tiny) for a, b in pairs]
    cosine = [np.einsum("ij,ij->i", box[:, a], box[:, b]) / by for (a, b), by in zip(pairs, product, strict=True)]
    angle = np.degrees(np.arccos(np.clip(np.stack(cosine, axis=1), -1, 1)))
    return {"/cell_lengths": length, "/cell_angles": angle}
