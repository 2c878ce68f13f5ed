"""The rows of one cycle of a generated run."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.layout import Column, Layout
from wepy_data.testing.shape import ORDER_PARAMETER, Shape
from wepy_data.testing.walker import ABSORBED, NOTHING, RECYCLED, Walkers

_DT = 0.002  # ps
_ORDER_PARAMETER = f"/observables/{ORDER_PARAMETER}/value"
Facts = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What happened to the walkers at the end of a cycle.

    Parameters
    ----------
    kind : (n_walkers,) int64
        Kind of event, -1 for none.
    restart : (n_walkers,) int64
        State that a recycled walker restarts from, -1 for others.
    """

    kind: NDArray[np.int64]
    restart: NDArray[np.int64]

    @property
    def absorbed(self) -> frozenset[int]:
        """Walkers that end."""
        return frozenset(np.flatnonzero(self.kind == ABSORBED).tolist())


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A worker that is seen for the first time.

    Parameters
    ----------
    host, platform : bytes
        Where it runs, and on what.
    again : bool
        Whether it is the process that joined last, on another platform.
    """

    host: bytes
    platform: bytes = b""
    again: bool = False


class Growth:
    """What a generated run has seen so far: its bins and workers.

    Parameters
    ----------
    layout : Layout
        Datasets of the run.
    shape : Shape
        Its shape.
    rng : Generator
        Fills the arrays.
    """

    steps = 12  # of dynamics in a segment; many numbers of frames divide it

    def __init__(self, layout: Layout, shape: Shape, rng: np.random.Generator) -> None:
        self.rng = rng
        self._layout, self._shape = layout, shape
        self._workers_seen: list[tuple[bytes, int, bytes]] = []
        self._levels: list[int] = []
        self._refined: dict[int, int] = {}
        self._cycle = 0

    def outcome(self, events: Sequence[int]) -> Outcome:
        """Return the outcome with these events; recycled walkers restart from any of the source states."""
        shape, kind = self._shape, np.array(events, np.int64)
        first, count = (shape.n_initial, shape.n_source) if shape.n_source else (0, shape.n_initial)
        return Outcome(
            kind=kind, restart=np.where(kind == RECYCLED, first + self.rng.integers(0, count, len(kind)), -1)
        )

    def rows(
        self, walkers: Walkers, outcome: Outcome, first: int, first_frame: int, joined: Sequence[Joined], new_bins: int
    ) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.int64]]:
        """Return the facts of a cycle, as `build_cycle` wants them, and the number of frames of each segment."""
        shape, rng, count = self._shape, self.rng, len(walkers)
        frames = np.full(count, shape.max_frames)
        if shape.frames_vary:
            frames = rng.integers(0, shape.max_frames + 1, count)
        facts = self._segments(walkers) | self._frames(walkers, frames, first)
        if _ORDER_PARAMETER in facts:
            kept = frames > 0
            facts["/segments/progress"][kept] = facts[_ORDER_PARAMETER][np.cumsum(frames)[kept] - 1]
        facts |= self._bins(new_bins, count) | self._workers(joined, count)
        facts |= self._events(walkers, outcome, first, first_frame + np.cumsum(frames), frames)
        facts |= {"/merges/into": first + walkers.into, "/merges/from": walkers.source, "/merges/weight": walkers.moved}
        began = 1.7e9 + self._cycle
        facts |= {"/cycles/began": np.array([began]), "/cycles/ended": np.array([began + rng.random()])}
        self._cycle += 1
        return facts, frames

    def _segments(self, walkers: Walkers) -> Facts:
        rng, count = self.rng, len(walkers)
        facts: Facts = {
            "/segments/weight": walkers.weight,
            "/segments/parent": walkers.parent,
            "/segments/state": walkers.state,
            "/segments/continuous": walkers.continuous,
            "/segments/progress": rng.normal(size=(count, self._shape.n_features)),
            "/segments/cpu_time": rng.exponential(size=count),
            "/segments/wall_time": rng.exponential(size=count),
        }
        for entry in self._shape.segment_values:
            path = f"/segments/observables/{entry.name}"
            facts[path] = _anything(self._layout.columns[path], count, rng)
        for entry in self._layout.named["/segments/arrays/<name>"]:
            path = f"/segments/arrays/{entry.name}"
            facts[path] = _anything(self._layout.columns[path], count, rng)
        return facts

    def _frames(self, walkers: Walkers, frames: NDArray[np.int64], first: int) -> Facts:
        rng, total = self.rng, int(frames.sum())
        owner = np.repeat(np.arange(len(walkers)), frames)
        number = np.arange(total) - np.repeat(np.cumsum(frames) - frames, frames) + 1
        local = self.steps * number // np.maximum(1, frames[owner])
        facts: Facts = {
            "/frames/md_step": walkers.done[owner] + local,
            "/frames/time": (walkers.done[owner] + local) * _DT,
            "/frames/total_time": ((first + owner) * self.steps + local) * _DT,
        }
        for path, column in self._layout.growing.items():
            if path.startswith("/observables/"):
                facts[path] = _anything(column, total, rng)
            elif path.endswith(("position/value", "velocity/value")):
                facts[path] = rng.normal(size=(total, *column.shape)).astype("f4")
            if path.endswith("position/value") and self._shape.picometres:
                facts[path] = _anything(column, total, rng)
        if self._shape.periodic:
            facts |= _box(rng, total)
        if _ORDER_PARAMETER in self._layout.growing:
            facts[_ORDER_PARAMETER] = rng.normal(size=(total, self._shape.n_features)).astype(self._shape.progress_type)
        return facts

    def _bins(self, wanted: int, count: int) -> Facts:
        if not self._shape.binned:
            return {"/segments/bin": np.full(count, -1)}
        rng, known = self.rng, len(self._levels)
        new = wanted if known else max(1, wanted)
        parents = []
        indices = []
        for row in range(known, known + new):
            parent = int(rng.integers(-1, row)) if self._shape.recursive else -1
            parents.append(parent)
            indices.append(self._refined.get(parent, 0))
            self._refined[parent] = indices[-1] + 1
            self._levels.append(self._levels[parent] + 1 if parent >= 0 else 0)
        centre = rng.normal(size=(new, self._shape.n_features))
        centre[rng.random(centre.shape) < 0.3] = np.nan
        return {
            "/segments/bin": rng.integers(0, known + new, count),
            "/bins/index": np.array(indices, np.int64),
            "/bins/parent": np.array(parents, np.int64),
            "/bins/level": np.array(self._levels[known:], np.int64),
            "/bins/target_count": rng.choice([-1, 1, 4], new),
            "/bins/centre": centre,
        }

    def _workers(self, joined: Sequence[Joined], count: int) -> Facts:
        if not self._shape.known_workers:
            return {"/segments/worker": np.full(count, -1)}
        known, before = self._workers_seen, len(self._workers_seen)
        for worker in joined or (() if known else (Joined(host=b"localhost"),)):
            pid = 1 + 1024 * int(self.rng.integers(2**12)) + len(known)  # no two are the same
            again = (*known[-1][:2], worker.platform) if worker.again and known else None
            known.append((worker.host, pid, worker.platform) if again is None or again in known else again)
        new = known[before:]
        return {
            "/segments/worker": self.rng.integers(0, len(known), count),
            "/workers/host": np.array([host for host, _, _ in new], "S64"),
            "/workers/pid": np.array([pid for _, pid, _ in new], np.int64),
            "/workers/platform": np.array([platform for _, _, platform in new], "S64"),
        }

    def _events(
        self, walkers: Walkers, outcome: Outcome, first: int, frame_stop: NDArray[np.int64], frames: NDArray[np.int64]
    ) -> Facts:
        shape = self._shape
        who = np.flatnonzero(outcome.kind != NOTHING)
        reached = shape.n_initial + shape.n_source + self.rng.integers(0, max(1, shape.n_target), len(who))
        target = np.where((outcome.kind[who] < 2) & (shape.n_target > 0), reached, -1)
        return {
            "/events/segment": first + who,
            "/events/frame": np.where(frames[who] > 0, frame_stop[who] - 1, -1),
            "/events/kind": outcome.kind[who].astype("u1"),
            "/events/source_state": outcome.restart[who],
            "/events/target": target,
            "/events/weight": walkers.weight[who],
        }


def _anything(column: Column, count: int, rng: np.random.Generator) -> NDArray[Any]:
    """Return any values of a column's type: all integers, and numbers that are none."""
    kind, shape = column.numpy_dtype, (count, *column.shape)
    if kind.kind in "iu":
        return np.frombuffer(rng.bytes(kind.itemsize * math.prod(shape)), kind).reshape(shape)
    values = rng.normal(size=shape).astype(kind)
    odd = rng.random(shape) < 0.2
    values[odd] = rng.choice(np.array([np.nan, np.inf, -np.inf, -0.0], kind), int(odd.sum()))
    return values


def _box(rng: np.random.Generator, count: int) -> Facts:
    """Return box vectors, reduced but not always at right angles, and their lengths and angles."""
    edges = np.zeros((count, 3, 3))
    edges[:, [0, 1, 2], [0, 1, 2]] = rng.uniform(1, 3, (count, 3))
    if rng.random() < 0.5:
        edges[:, [1, 2, 2], [0, 0, 1]] = rng.uniform(-0.5, 0.5, (count, 3))
    length = np.linalg.norm(edges, axis=2)
    unit = edges / length[..., None]
    cosine = np.stack([(unit[:, i] * unit[:, j]).sum(axis=1) for i, j in ((1, 2), (0, 2), (0, 1))], axis=1)
    return {
        "/particles/trajectory/box/edges/value": edges.astype("f4"),
        "/cell_lengths": length.astype("f4"),
        "/cell_angles": np.degrees(np.arccos(cosine)).astype("f4"),
    }
