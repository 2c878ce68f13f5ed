"""The rows of a cycle: what the record takes from the walkers, their results and their bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd
from wepy.boundary import Events
from wepy.box import cell_angles, cell_lengths
from wepy.ensemble import NONE, Walkers
from wepy.errors import WepyError
from wepy.protocols import KnownBins
from wepy.storage import PICOMETRES, picometres
from wepy.work import WalkerResult

POSITIONS = "/particles/trajectory/position/value"
VELOCITIES = "/particles/trajectory/velocity/value"
EDGES = "/particles/trajectory/box/edges/value"
STATES = "/segments/arrays/"

Facts = dict[str, Any]
"""Rows by HDF5 path, as `wepy_data.build_cycle` takes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A row of /workers: a process, and what its engine computed on; texts are as the file has them."""

    host: bytes
    pid: int
    platform: bytes


def segment_facts(
    walkers: Walkers, results: Sequence[WalkerResult], bins: NDArray[np.int64], *, first_segment: int
) -> Facts:
    """Return rows of /segments and /merges; `first_segment` is the id of the cycle's first segment."""
    return {
        "/segments/weight": walkers.weight,
        "/segments/parent": walkers.parent,
        "/segments/state": walkers.start,
        "/segments/continuous": walkers.continuous,
        "/segments/progress": np.stack([result.order_parameter[-1] for result in results]),
        "/segments/bin": bins,
        "/segments/cpu_time": [result.cpu_time for result in results],
        "/segments/wall_time": [result.wall_time for result in results],
        "/merges/into": walkers.merge_into + first_segment,
        "/merges/from": walkers.merge_from,
        "/merges/weight": walkers.merge_weight,
    }


def worker_facts(results: Sequence[WalkerResult], known: dict[Worker, int]) -> Facts:
    """Return rows of /workers, and whose each segment was; workers that are new are added to `known`."""
    before = len(known)
    rows = [known.setdefault(_worker_of(result), len(known)) for result in results]
    new = list(known)[before:]
    return {
        "/segments/worker": rows,
        "/workers/host": np.array([worker.host for worker in new], "S64"),
        "/workers/pid": np.array([worker.pid for worker in new], np.int64),
        "/workers/platform": np.array([worker.platform for worker in new], "S64"),
    }


def new_workers(cycle: wd.Cycle) -> list[Worker]:
    """Return the workers that a committed cycle was the first to see, in the order of their rows."""
    columns = (cycle[f"/workers/{name}"].tolist() for name in ("host", "pid", "platform"))
    return [Worker(host=host, pid=pid, platform=platform) for host, pid, platform in zip(*columns, strict=True)]


def _worker_of(result: WalkerResult) -> Worker:
    worker = result.worker
    return Worker(host=_stored(worker.host), pid=worker.pid, platform=_stored(result.platform))


def _stored(text: str) -> bytes:
    """Return a text as a file gives it back: what fits of it, UTF-8, no zero bytes at the end."""
    return text.encode("utf-8", "replace")[:64].decode("utf-8", "ignore").encode().rstrip(b"\0")


def frame_facts(
    layout: wd.Layout, walkers: Walkers, results: Sequence[WalkerResult], count: NDArray[np.int64], total_time: float
) -> Facts:
    """Return rows of /frames and of all that comes with each frame.

    Parameters
    ----------
    layout : wepy_data.Layout
        Which datasets the run has.
    walkers : Walkers
        What the cycle started with.
    results : sequence of WalkerResult
        What came back, in order of the walkers.
    count : (n_walkers,) int64
        Number of frames of each.
    total_time : float
        Aggregate time of all frames before, ps.
    """
    frames = [result.frames for result in results]
    elapsed = np.concatenate([f.time for f in frames])
    passed = np.diff(elapsed, prepend=0.0)
    first = np.cumsum(count) - count
    passed[first] = elapsed[first]
    positions = np.concatenate([f.positions for f in frames])
    is_whole = layout.growing[POSITIONS].unit == "pm"
    facts: Facts = {
        "/frames/md_step": np.concatenate([f.step for f in frames]) + np.repeat(walkers.step, count),
        "/frames/time": elapsed + np.repeat(walkers.time, count),
        "/frames/total_time": total_time + np.cumsum(passed),
        "/observables/order_parameter/value": np.concatenate([result.order_parameter for result in results]),
        POSITIONS: picometres(positions) if is_whole else positions,
    }
    for name in results[0].observables:
        facts[f"/observables/{name}/value"] = np.concatenate([result.observables[name] for result in results])
    if VELOCITIES in layout.growing:
        facts[VELOCITIES] = np.concatenate([f.velocities for f in frames if f.velocities is not None])
    if EDGES in layout.growing:
        edges = np.concatenate([f.box for f in frames if f.box is not None])
        facts |= {
            EDGES: edges * PICOMETRES if is_whole else edges,
            "/cell_lengths": cell_lengths(edges),
            "/cell_angles": cell_angles(edges),
        }
    return facts


def state_facts(layout: wd.Layout, results: Sequence[WalkerResult]) -> Facts:
    """Return rows of /segments/arrays: the states at the segments' ends, if the run keeps them all.

    Raises
    ------
    WepyError
        If a state has an array that the engine's `System.state` does not name: it could not be restored.
    """
    columns = {path.removeprefix(STATES): c for path, c in layout.growing.items() if path.startswith(STATES)}
    if not columns:
        return {}
    unnamed = sorted({name for result in results for name in result.state} - columns.keys())
    if unnamed:
        raise WepyError(f"engine: its System.state names {sorted(columns)}, a segment has ended with {unnamed} too")
    return {
        STATES + name: np.stack([result.state.get(name, np.full(c.shape, np.nan)) for result in results])
        for name, c in columns.items()
    }


def event_facts(
    walkers: Walkers, events: Events, count: NDArray[np.int64], *, first_segment: int, first_frame: int
) -> Facts:
    """Return rows of /events."""
    first = first_frame + np.cumsum(count) - count
    last = np.where(count > 0, first + count - 1, NONE)[events.walker]
    return {
        "/events/segment": events.walker + first_segment,
        "/events/frame": np.where(events.frame < 0, last, first[events.walker] + events.frame),
        "/events/kind": events.kind,
        "/events/source_state": events.source,
        "/events/target": events.target,
        "/events/weight": walkers.weight[events.walker],
    }


def bin_facts(new: KnownBins, rows: Mapping[int, int]) -> Facts:
    """Return rows of /bins for bins that are new, by index; `rows` gives the row of an index."""
    if not new:
        return {}
    found = list(new.values())
    return {
        "/bins/index": list(new),
        "/bins/parent": [rows.get(bin_.parent, NONE) for bin_ in found],
        "/bins/level": [bin_.level for bin_ in found],
        "/bins/target_count": [bin_.target_count for bin_ in found],
        "/bins/centre": np.stack([bin_.centre for bin_ in found]),
    }
