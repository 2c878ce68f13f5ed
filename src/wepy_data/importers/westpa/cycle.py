"""The cycles of an imported run: one WESTPA iteration after the other, each read once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import DamagedRunError
from wepy_data.importers.conduct import CycleFacts, planned_walkers
from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import Notes
from wepy_data.importers.westpa.auxiliary import Auxiliary, read_auxiliary
from wepy_data.importers.westpa.bin import BinRows
from wepy_data.importers.westpa.event import ended_segments
from wepy_data.importers.westpa.iteration import Iteration, read_iteration
from wepy_data.importers.westpa.link import Links, absorbed, founders, links
from wepy_data.importers.westpa.overview import Overview, import_before
from wepy_data.importers.westpa.state import StateTable
from wepy_data.importers.westpa.trajectory import Frames, TrajectoryKind, pick, read_frames
from wepy_data.record.header import Arrays

ORDER_PARAMETER = "/observables/order_parameter/value"
Ints = NDArray[np.int64]


@dataclass(slots=True, kw_only=True, eq=False)
class Walk:
    """The way through a file's iterations.

    Parameters
    ----------
    foreign, overview, notes
        The file, what it holds, and what is noted on the way.
    states : StateTable
        The run's states.
    bins : BinRows or None
        The run's bins; None if its mappers are not known.
    auxiliaries : list of Auxiliary
        Auxiliary data to be taken.
    trajectories : TrajectoryKind or None
        What the trajectory files hold; None if the run has none.
    timestep : float
        Time between points in ps.
    """

    foreign: Foreign
    overview: Overview
    notes: Notes
    states: StateTable
    bins: BinRows | None
    auxiliaries: list[Auxiliary]
    trajectories: TrajectoryKind | None
    timestep: float
    _next: Arrays | None = None
    _stop: int = 0  # segments so far
    _n_frames: int = 0  # frames so far
    _points: Ints = field(default_factory=lambda: np.zeros(0, np.int64))  # so far on each lineage
    _seconds: float = 0.0

    def cycles(self) -> Iterator[CycleFacts]:
        """Yield what happened in each iteration that has been run."""
        paths = (*self.overview.paths, self.overview.planned)
        before, here = None, self._read(1, paths[0])
        for number, path in enumerate(paths[:-1], start=1):
            following = self._following(here, number + 1, paths[number])
            self._at(number)
            linked = founders(here) if before is None else links(before, here, self.foreign.damaged)
            yield self._facts(path, here, following, linked, 0 if before is None else before.n_segments)
            if following is None:
                return
            before, here = here, following
        if before is not None:
            self._next = self._planned(before, here)

    def planned(self) -> Arrays | None:
        """Return the walkers that were planned after the last iteration; None if the file does not say."""
        return self._next

    def _read(self, number: int, path: str) -> Iteration:
        self._at(number)
        found = read_iteration(self.foreign, number, path)
        if path != self.overview.planned and found.n_complete < found.n_segments:
            raise self.foreign.damaged(
                f"{path}/seg_index", f"{found.n_segments - found.n_complete} segments that were not run",
                "all of them, as there are iterations after it",
            )  # fmt: skip
        return found

    def _at(self, number: int) -> None:
        """Say what helps if the iteration is damaged."""
        if number > 1:
            self.foreign.way_out = import_before(number - 1)

    def _following(self, here: Iteration, number: int, path: str) -> Iteration | None:
        """Return the iteration after one; None if there is none, or if it is the planned one and cannot be read."""
        if not path:
            return None
        if path != self.overview.planned:
            return self._read(number, path)
        try:
            found = self._read(number, path)
            ended_segments(here, found, self.states, self.foreign.damaged)
        except DamagedRunError as error:
            self._unplanned(error)
            return None
        return found

    def _unplanned(self, error: DamagedRunError) -> None:
        self.notes.miss(f"the walkers that were planned after the last iteration: the run is not sealed ({error})")

    def _facts(
        self, path: str, here: Iteration, following: Iteration | None, linked: Links, n_before: int
    ) -> CycleFacts:
        self._note(linked, here.number)
        first, n = self._stop, here.n_segments
        pcoord = self._pcoord(path, n)
        frames = self._frames(path, here.number, n, pcoord.shape[1])
        each = len(frames.picked.points)
        rows: dict[str, ArrayLike] = {
            "/segments/weight": here.weight,
            "/segments/parent": np.where(linked.parent < 0, -1, linked.parent + first - n_before),
            "/segments/state": self.states.initial_rows(here.number, linked.state),
            "/segments/continuous": (linked.state < 0).astype(np.uint8),
            "/segments/progress": pcoord[:, -1].astype(np.float64),
            "/segments/cpu_time": here.cpu_time,
            "/segments/wall_time": here.wall_time,
            "/segments/worker": np.full(n, -1, np.int64),
            "/merges/into": linked.into + first,
            "/merges/from": linked.giver + first - n_before,
            "/merges/weight": linked.moved,
            **self._clock(here),
        }
        times = self._times(linked.parent, pcoord.shape[1], frames.picked.points, n)
        if each:
            rows |= {**times, **frames.arrays}
            rows[ORDER_PARAMETER] = pcoord[:, frames.picked.points].reshape(n * each, -1)
        rows |= self._events(here, following, each)
        rows |= self._binned(here, following, pcoord[:, -1])
        for one in self.auxiliaries if each else [one for one in self.auxiliaries if not one.per_point]:
            rows[one.path] = read_auxiliary(
                self.foreign, path, one, here.number, n, frames.picked.points, pcoord.shape[1], self.notes
            )
        self._stop, self._n_frames = first + n, self._n_frames + n * each
        return CycleFacts(rows=rows, frame_count=np.full(n, each, np.int64))

    def _pcoord(self, path: str, n_segments: int) -> NDArray[np.floating]:
        found = self.foreign.read(f"{path}/pcoord", ndim=3, kinds="iuf")
        if found.shape[0] != n_segments or found.shape[2] != self.overview.n_dims or not found.shape[1]:
            raise self.foreign.damaged(
                f"{path}/pcoord", f"{list(found.shape)}", f"{[n_segments, 'points', self.overview.n_dims]}"
            )
        if found.dtype.kind == "f" and not np.isfinite(found).all():
            where = np.argwhere(~np.isfinite(found))[0].tolist()
            raise self.foreign.damaged(f"{path}/pcoord", f"a value that is no number at {where}", "finite numbers")
        return found if found.dtype.kind == "f" else found.astype(np.float64)

    def _frames(self, path: str, number: int, n_segments: int, n_points: int) -> Frames:
        """Return the frames of an iteration; none if the run has trajectories, and this iteration's are not there."""
        if self.trajectories is None:
            return Frames(0, {}, pick(n_points, n_points))
        found = read_frames(self.foreign, path, self.trajectories, n_segments, n_points)
        if isinstance(found, Frames):
            return found
        self.notes.leave(f"frames of iterations {{}}: {found}", number)
        return Frames(0, {}, pick(n_points, n_points).none())

    def _times(self, parent: Ints, n_points: int, points: Ints, n_segments: int) -> dict[str, ArrayLike]:
        """Return when each frame was, on its own lineage and in all, in points and ps."""
        origin = np.zeros(n_segments, np.int64) if not len(self._points) else self._points[parent]
        lead = 1 if n_points == 1 else 0  # the only point is an end
        steps = (origin[:, None] + points + lead).reshape(-1)
        self._points = origin + n_points - 1 + lead
        total = (self._n_frames + np.arange(1, len(steps) + 1)) * self.timestep
        return {"/frames/md_step": steps, "/frames/time": steps * self.timestep, "/frames/total_time": total}

    def _clock(self, here: Iteration) -> dict[str, ArrayLike]:
        """Return when the cycle began and ended: WESTPA notes no dates, only how long segments took."""
        began = self._seconds
        self._seconds += float(here.wall_time.sum())
        return {"/cycles/began": [began], "/cycles/ended": [self._seconds]}

    def _events(self, here: Iteration, following: Iteration | None, each: int) -> dict[str, ArrayLike]:
        if following is None:
            return {}
        self._at(following.number)
        ended = ended_segments(here, following, self.states, self.foreign.damaged)
        self._at(here.number)
        if ended.n_absorbed:
            self.notes.take("walkers that ended in a target, and that nobody followed, as absorbed")
            if self.states.only_target(here.number) < 0:
                self.notes.miss("targets of absorbed walkers, in iterations {}", here.number)
        segment = ended.segment
        unnamed = here.reached.copy()
        unnamed[segment] = False
        if unnamed.any():
            self.notes.miss("recycling of some walkers that ended in a target, in iterations {}: none", here.number)
        return {
            "/events/segment": segment + self._stop,
            "/events/frame": self._n_frames + (segment + 1) * each - 1 if each else np.full(len(segment), -1),
            "/events/kind": ended.kind,
            "/events/source_state": ended.source,
            "/events/target": ended.target,
            "/events/weight": here.weight[segment],
        }

    def _binned(self, here: Iteration, following: Iteration | None, ends: NDArray[np.floating]) -> dict[str, ArrayLike]:
        """Return each walker's bin: where it was balanced, which is at its source state if it was recycled."""
        if self.bins is None:
            none = np.zeros(0, np.int64)
            blank: dict[str, ArrayLike] = {
                f"/bins/{name}": none for name in ("index", "parent", "level", "target_count")
            }
            blank["/bins/centre"] = np.zeros((0, self.overview.n_dims))
            return {"/segments/bin": np.full(here.n_segments, -1, np.int64), **blank}
        said = following if following is not None and following.mapper in self.bins.bins else here
        mapper = said.mapper if said.mapper in self.bins.bins else next(iter(self.bins.bins))
        points = ends
        if following is not None and len(following.recycling.segment):
            points = ends.copy()
            rows = self.states.initial_rows(following.number, following.recycling.state)
            points[following.recycling.segment] = self.states.start_points(rows)
        numbers = self.bins.bins[mapper].assign(points)
        if (numbers < 0).any():
            self.notes.miss("bins of walkers beyond all bins, in iterations {}: the first bin", here.number)
            numbers = np.maximum(numbers, 0)
        rows, made = self.bins.use(mapper, numbers, said.target_counts)
        if following is not None:
            rows = np.where(absorbed(here, following), -1, rows)
        return {"/segments/bin": rows, **made}

    def _planned(self, before: Iteration, here: Iteration) -> Arrays | None:
        try:
            linked = links(before, here, self.foreign.damaged)
        except DamagedRunError as error:
            self._unplanned(error)
            return None
        self._note(linked, here.number)
        first = self._stop - before.n_segments
        state = self.states.initial_rows(here.number, linked.state)
        return planned_walkers(
            here.weight, linked.parent + first, state, (linked.into, linked.giver + first, linked.moved)
        )  # fmt: skip

    def _note(self, linked: Links, number: int) -> None:
        if linked.n_even:
            self.notes.miss(
                "how much weight each of some merged walkers gave to whom, in iterations {}: as evenly as the weights "
                "allow", number,
            )  # fmt: skip
