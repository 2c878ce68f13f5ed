"""Tables of chosen cycles and columns, and observables computed on one and two processes: time and memory.

python benchmarks/questions.py --work DIR            # 200 walkers x 2000 cycles; 20,000 frames of 1,000 atoms
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
from read_speed import make_run

import wepy_data as wd

WALKERS, CYCLES, ATOMS, FRAMES = 200, 2000, 1000, 20_000
REPEATS = 9


def slow(trajectory: mdtraj.Trajectory) -> np.ndarray:
    """Radius of gyration, seven times over: a function that takes longer than reading."""
    return np.mean([mdtraj.compute_rg(trajectory) for _ in range(7)], axis=0)


def median(question: Callable[[], object]) -> float:
    """Return milliseconds."""
    times = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        question()
        times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times)


def tables(path: Path) -> dict[str, float]:
    """Return how long tables take, from an open run."""
    with wd.open_run(path) as run:
        run.table("segments", -1)  # pandas is imported once
        return {
            "all segments": median(lambda: run.table("segments")),
            "ten cycles, two columns": median(lambda: run.table("segments", (500, 510), ["cycle", "weight"])),
            "all decisions": median(lambda: run.table("decisions")),
            "decisions of one cycle": median(lambda: run.table("decisions", 1000)),
        }


def wide_run(path: Path) -> None:
    """Write a growing run of one cycle after the other, without resampling, with many atoms."""
    rng, n = np.random.default_rng(1), 50
    layout = wd.Layout(
        sizes={"feature": 1, "atom": ATOMS}, parts=frozenset(["/particles"]),
        named={"/observables/<name>/value": (wd.Named(name="order_parameter", shape=(1,)),)},
    )  # fmt: skip
    static = {
        "/states/kind": np.zeros(1, "u1"), "/states/label": np.array([b"start"], "S64"),
        "/states/probability": np.ones(1), "/particles/trajectory/species": np.full(ATOMS, 6, "i4"),
        "/particles/trajectory/mass": np.full(ATOMS, 12.0), "/particles/trajectory/charge": np.zeros(ATOMS),
    }  # fmt: skip
    software = {"wepy": wd.__version__, "python": "3"}
    start = {
        "kind": "start",
        "time": "2026-01-01T00:00:00+00:00",
        "software": software,
        "host": {"name": "b"},
        "seed": 1,
    }
    last = None
    with wd.FileWriter(path, wd.Header(layout=layout, static=static, provenance=[start]), durable=False) as writer:
        for cycle in range(FRAMES // (2 * n)):
            last = wd.build_cycle(layout, last, _facts(rng, cycle, n), np.full(n, 2))
            writer.append(last)


def _facts(rng: np.random.Generator, cycle: int, n: int) -> dict[str, Any]:
    x, rows = rng.random((2 * n, 1)), 2 * cycle * n + np.arange(2 * n) + 1
    facts: dict[str, Any] = {
        "/segments/weight": np.full(n, 1 / n),
        "/segments/parent": np.arange(n) + (cycle - 1) * n if cycle else [-1] * n,
        "/segments/state": [-1 if cycle else 0] * n, "/segments/continuous": [int(cycle > 0)] * n,
        "/segments/progress": x[1::2], "/segments/bin": [-1] * n, "/segments/cpu_time": np.zeros(n),
        "/segments/wall_time": np.zeros(n), "/segments/worker": [0] * n, "/frames/md_step": rows,
        "/frames/time": rows * 1.0, "/frames/total_time": rows * 1.0, "/observables/order_parameter/value": x,
        "/particles/trajectory/position/value": rng.random((2 * n, ATOMS, 3), np.float32),
        "/cycles/began": [float(cycle)], "/cycles/ended": [cycle + 1.0],
        **{f"/bins/{name}": [] for name in ("index", "parent", "level", "target_count")},
        "/bins/centre": np.zeros((0, 1)),
    }  # fmt: skip
    if not cycle:
        facts |= {"/workers/host": np.array([b"b"], "S64"), "/workers/pid": [1]}
        facts["/workers/platform"] = np.array([b""], "S64")
    return facts


def computing(path: Path) -> dict[str, float]:
    """Return how long an observable takes on one and two processes, and what it takes of memory, MB."""
    for left in path.parent.glob(f"{path.name}.*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    found = {"positions, MB": FRAMES * ATOMS * 12 / 1e6}
    with wd.open_run(path) as run:
        run.frames([0])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for workers in (1, 2):
            began = time.perf_counter()
            run.compute(slow, name=f"slow{workers}", units="nm", workers=workers)
            found[f"{workers} process{'es' * (workers > 1)}, s"] = time.perf_counter() - began
        found["memory above reading one frame, MB"] = (
            resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        ) / 1e3
        np.testing.assert_array_equal(run.observable("slow1"), run.observable("slow2"))
        found["asking for it again, ms"] = median(lambda: run.observable("slow1"))
    return found


def main() -> None:
    """Make the files if they are not there, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="directory for files; made if it is missing")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    long, wide = options.work / f"read-{WALKERS}x{CYCLES}.run.h5", options.work / f"wide-{ATOMS}.run.h5"
    if not long.exists():
        make_run(long, WALKERS, CYCLES)
    if not wide.exists():
        wide_run(wide)
    computed = computing(wide)  # first: memory is measured at its highest
    print(json.dumps({"tables, ms": tables(long), "computing": computed}, indent=1))


if __name__ == "__main__":
    main()
