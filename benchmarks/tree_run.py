"""Sealed runs of known size without coordinates: one walker in ten is cloned, and one squashed, after every cycle."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd

SEED = 20240517
_ORDER_PARAMETER = wd.Named(name="order_parameter", shape=(1,))


def tree_run(walkers: int, cycles: int, frames: int = 1) -> wd.RunRecord:
    """Return a run of so many walkers, cycles, and frames of a segment."""
    header = _header()
    record, rng = wd.RunRecord(header), np.random.default_rng(SEED)
    weight, local, flow = np.full(walkers, 1.0 / walkers), np.full(walkers, -1), _no_flow()
    for cycle in range(cycles):
        last = record.cycles[-1] if record.cycles else None
        facts = _facts(last, weight, local, flow, frames, rng)
        record.append(wd.build_cycle(header.layout, last, facts, np.full(walkers, frames)))
        if cycle < cycles - 1:
            weight, local, flow = _resampled(weight, rng)
    planned = {path: column.empty() for path, column in header.layout.planned.items()}
    planned |= {
        "/next/weight": weight, "/next/parent": np.arange(record.rows("segment") - walkers, record.rows("segment")),
        "/next/state": np.full(walkers, -1), "/next/continuous": np.ones(walkers, "u1"),
    }  # fmt: skip
    record.seal(planned)
    return record


def _header() -> wd.Header:
    layout = wd.Layout(sizes={"feature": 1}, named={"/observables/<name>/value": (_ORDER_PARAMETER,)})
    host = {"time": "2024-05-17T00:00:00+00:00", "host": {"name": "benchmark"}, "seed": SEED}
    start = {"kind": "start", "software": {"wepy": wd.__version__, "python": sys.version.split()[0]}, **host}
    states = {"/states/kind": np.zeros(1, "u1"), "/states/label": np.array([b"start"], "S64")}
    return wd.Header(layout=layout, static=states | {"/states/probability": np.ones(1)}, provenance=[start])


def _no_flow() -> dict[str, NDArray[Any]]:
    return {"into": np.zeros(0, int), "from": np.zeros(0, int), "weight": np.zeros(0)}


def _facts(
    last: wd.Cycle | None, weight: NDArray[Any], local: NDArray[Any], flow: dict[str, NDArray[Any]], frames: int,
    rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    n, cycle = len(weight), 0 if last is None else last.index + 1
    own, x = 0 if last is None else last.stop("segment"), rng.random((n * frames, 1))
    step = np.tile(cycle * frames + np.arange(frames) + 1, n)
    facts = {
        "/segments/weight": weight, "/segments/parent": np.where(local < 0, -1, own - n + local),
        "/segments/state": np.full(n, -1 if cycle else 0), "/segments/continuous": np.full(n, int(cycle > 0)),
        "/segments/progress": x[frames - 1 :: frames], "/segments/bin": np.zeros(n, int),
        "/segments/cpu_time": np.ones(n), "/segments/wall_time": np.ones(n), "/segments/worker": np.zeros(n, int),
        "/frames/md_step": step, "/frames/time": step * 0.01,
        "/frames/total_time": (cycle * n * frames + np.arange(n * frames) + 1) * 0.01,
        "/observables/order_parameter/value": x,
        "/merges/into": own + flow["into"], "/merges/from": own - n + flow["from"], "/merges/weight": flow["weight"],
        "/cycles/began": [float(cycle)], "/cycles/ended": [cycle + 1.0],
    }  # fmt: skip
    if last is None:
        facts |= {
            "/bins/index": [0], "/bins/parent": [-1], "/bins/level": [0], "/bins/target_count": [-1],
            "/bins/centre": np.full((1, 1), np.nan), "/workers/host": np.array([b"host"], "S64"), "/workers/pid": [1],
            "/workers/platform": np.array([b""], "S64"),
        }  # fmt: skip
    return facts


def _resampled(
    weight: NDArray[np.float64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.int64], dict[str, NDArray[Any]]]:
    """Return weights, parents and merges after cloning some walkers into the slots of others."""
    pairs = max(1, len(weight) // 10)
    cloned, squashed, keeper = rng.permutation(len(weight))[: 3 * pairs].reshape(3, pairs)
    new, parent = weight.copy(), np.arange(len(weight))
    new[keeper] += weight[squashed]
    new[cloned] = new[squashed] = weight[cloned] / 2
    parent[squashed] = cloned
    return new, parent, {"into": keeper, "from": squashed, "weight": weight[squashed]}
