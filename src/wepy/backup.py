"""The journal's entries: the steps of a cycle, as they are backed up and as a resume reads them again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd
from wepy.dispatch.identity import Identity
from wepy.ensemble import Walkers, stacked, unstacked
from wepy.protocols import Frames
from wepy.work import WalkerResult

START, SETTINGS, PLAN = "start", "settings", "plan"
SEGMENTS, BINS, BALANCE = "segments", "bins", "balance"

_PLAN = ("weight", "parent", "start", "step", "time", "merge_into", "merge_from", "merge_weight")
_BALANCE = ("weight", "parent", "start", "merge_into", "merge_from", "merge_weight")
_FRAMES = ("positions", "step", "time")
_OPTIONAL = ("box", "velocities")
_STATE, _OBSERVABLE = "state/", "observable/"


def start_entry(record: Mapping[str, Any]) -> wd.Entry:
    """Return the entry of a start: its provenance record, until the sealed file holds it."""
    return wd.Entry(step=START, facts=record)


def settings_entry(config: Mapping[str, Any], inputs: Mapping[str, str]) -> wd.Entry:
    """Return the entry of a changed configuration and its files, until the sealed file holds it."""
    return wd.Entry(step=SETTINGS, facts={"config": dict(config), "inputs": dict(inputs)})


def plan_entry(cycle: int, run_id: str, walkers: Walkers) -> wd.Entry:
    """Return the entry that a cycle begins with: its walkers in full precision."""
    arrays = {f"{_STATE}{name}": values for name, values in walkers.arrays().items()}
    arrays |= {name: getattr(walkers, name) for name in _PLAN}
    return wd.Entry(step=PLAN, facts={"cycle": cycle, "run_id": run_id}, arrays=arrays)


def planned_walkers(entry: wd.Entry) -> Walkers:
    """Return the walkers of a plan entry, bit for bit."""
    states = unstacked(_below(_STATE, entry.arrays), len(entry.arrays["weight"]))
    return Walkers(states=states, **{name: entry.arrays[name] for name in _PLAN})


def segments_entry(cycle: int, results: Sequence[WalkerResult]) -> wd.Entry:
    """Return the entry of finished segments, all of one task."""
    worker, platform = results[0].worker, results[0].platform
    return wd.Entry(
        step=SEGMENTS,
        facts={"cycle": cycle, "host": worker.host, "pid": worker.pid, "platform": platform},
        arrays=_result_arrays(results),
    )


def finished_segments(entry: wd.Entry) -> Iterator[WalkerResult]:
    """Yield the results of a segments entry, bit for bit."""
    arrays = entry.arrays
    worker = Identity(host=entry.facts["host"], pid=entry.facts["pid"])
    states = unstacked(_below(_STATE, arrays), len(arrays["walker"]))
    stop = np.cumsum(arrays["count"]).tolist()
    for row, (walker, end, count) in enumerate(
        zip(arrays["walker"].tolist(), stop, arrays["count"].tolist(), strict=True)
    ):
        rows = slice(end - count, end)
        frames = {name: arrays[name][rows] for name in _FRAMES}
        frames |= {name: arrays[name][rows] for name in _OPTIONAL if name in arrays}
        yield WalkerResult(
            walker=walker,
            state=states[row],
            frames=Frames(**frames),
            order_parameter=arrays["order_parameter"][rows],
            observables={name: values[rows] for name, values in _below(_OBSERVABLE, arrays).items()},
            cpu_time=float(arrays["cpu_time"][row]),
            wall_time=float(arrays["wall_time"][row]),
            worker=worker,
            platform=entry.facts["platform"],
        )


def bins_entry(cycle: int, rows: NDArray[np.int64]) -> wd.Entry:
    """Return the entry of the walkers' bins, as rows of /bins."""
    return wd.Entry(step=BINS, facts={"cycle": cycle}, arrays={"bin": rows})


def balance_entry(cycle: int, walkers: Walkers) -> wd.Entry:
    """Return the entry of the next cycle's walkers; their states are ends of segments that are backed up."""
    return wd.Entry(step=BALANCE, facts={"cycle": cycle}, arrays={name: getattr(walkers, name) for name in _BALANCE})


def _below(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}


def _result_arrays(results: Sequence[WalkerResult]) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {
        "walker": np.array([result.walker for result in results], np.int64),
        "count": np.array([len(result.frames) for result in results], np.int64),
        "order_parameter": np.concatenate([result.order_parameter for result in results]),
        "cpu_time": np.array([result.cpu_time for result in results]),
        "wall_time": np.array([result.wall_time for result in results]),
    }
    for name in (*_FRAMES, *_OPTIONAL):
        values = [getattr(result.frames, name) for result in results]
        if all(value is not None for value in values):
            arrays[name] = np.concatenate(values)
    for name in results[0].observables:
        arrays[f"{_OBSERVABLE}{name}"] = np.concatenate([result.observables[name] for result in results])
    states = stacked([dict(result.state) for result in results])
    return arrays | {f"{_STATE}{name}": values for name, values in states.items()}
