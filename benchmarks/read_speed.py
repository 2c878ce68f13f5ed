"""Reading speed: all weights and all ancestries of the final walkers, from one file, against raw HDF5 and the peers."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray
from tree_run import tree_run

import wepy_data as wd

MOST_OVER_FLOOR = 20.0
LEAST_OVER_PEER = 100.0
PEERS = ("wepy", "westpa")
Answer = tuple[NDArray[np.float64], NDArray[np.int64]]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the file if it is not there, measure, print; 1 if a requirement is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--walkers", type=int, default=200, help="walkers per cycle (default: %(default)s)")
    parser.add_argument("--cycles", type=int, default=2000, help="cycles (default: %(default)s)")
    parser.add_argument("--work", type=Path, required=True, help="directory for files; made if it is missing")
    parser.add_argument("--repeats", type=int, default=21, help="the median of so many counts (default: %(default)s)")
    parser.add_argument("--peers", metavar="PYTHON", help="also measure the peers, with this interpreter")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    path = options.work / f"read-{options.walkers}x{options.cycles}.run.h5"
    if not path.exists():
        make_run(path, options.walkers, options.cycles)
    result = measure(path, options.repeats)
    if options.peers:
        result["peers"] = {name: peer(name, options) for name in PEERS}
        result["over_peer"] = min(result["peers"].values()) / result["ours"]
    print(json.dumps(result) if options.json else report(result))
    slow = result["over_floor"] >= MOST_OVER_FLOOR or result.get("over_peer", LEAST_OVER_PEER) < LEAST_OVER_PEER
    return int(slow)


def measure(path: Path, repeats: int) -> dict[str, Any]:
    """Return median CPU seconds of our front door and of the floor, the file being opened anew each time."""
    first = cpu(lambda: front_door(path))  # the schema is read and h5py warmed up once in a process
    for mine, raw in zip(front_door(path), floor(path), strict=True):
        np.testing.assert_array_equal(mine, raw)  # a time for a wrong answer is worth nothing
    times: dict[str, list[float]] = {"open": [], "ours": [], "floor": []}
    tasks: dict[str, Callable[[Path], object]] = {"open": opened, "ours": front_door, "floor": floor}
    for _ in range(repeats):  # in turn, so that noise hits all alike
        for name, task in tasks.items():
            times[name].append(cpu(lambda: task(path)))  # noqa: B023 (called at once)
    medians = {name: statistics.median(found) for name, found in times.items()}
    return {
        "file_bytes": path.stat().st_size,
        "first": first,
        **medians,
        "over_floor": medians["ours"] / medians["floor"],
    }


def opened(path: Path) -> int:
    """Open a run and close it."""
    with wd.open_run(path) as run:
        return run.n_cycles


def front_door(path: Path) -> Answer:
    """Return all weights and the ancestries of the final walkers, as a user gets them."""
    with wd.open_run(path) as run:
        return run.observable("weight"), run.lineage.trace_all()


def floor(path: Path) -> Answer:
    """Return the same by the least that HDF5 and numpy must do."""
    with h5py.File(path, "r") as file:
        weight, parent = file["/segments/weight"][:], file["/segments/parent"][:]
        stops = file["/cycles/segment_stop"][:]
    found = np.empty((len(stops), int(stops[-1] - stops[-2])), np.int64)
    found[-1] = np.arange(stops[-2], stops[-1])
    for row in range(len(stops) - 1, 0, -1):
        parent.take(found[row], out=found[row - 1], mode="wrap")
    return weight, found


def cpu(task: Callable[[], object]) -> float:
    """Return the CPU seconds of a call."""
    began = time.process_time()
    task()
    return time.process_time() - began


def peer(name: str, options: argparse.Namespace) -> float:
    """Return the CPU seconds that a peer's fastest way takes for both, its imports excluded."""
    script = Path(__file__).parent / "peers" / f"{name}_read.py"
    # -E: a PYTHONPATH with our `wepy` in it must not hide theirs
    command = [options.peers, "-E", str(script), "--work", str(options.work)]
    command += ["--walkers", str(options.walkers), "--cycles", str(options.cycles)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    found = json.loads(answer.strip().splitlines()[-1])
    return float(found["read_weights_cpu_seconds"] + found["trace_final_cpu_seconds"])


def report(result: dict[str, Any]) -> str:
    """Return the figures as a table."""
    rows = [
        ("floor: h5py and numpy", result["floor"]),
        ("wepy_data", result["ours"]),
        ("  of it, opening", result["open"]),
        ("  the first time in a process", result["first"]),
        *((f"peer: {name}", seconds) for name, seconds in result.get("peers", {}).items()),
    ]
    lines = ["all weights and all ancestries of the final walkers, from file", ""]
    lines += [f"{name:<32}{seconds * 1e3:10.2f} ms CPU" for name, seconds in rows]
    lines += ["", f"wepy_data / floor {result['over_floor']:12.2f}   (must be below {MOST_OVER_FLOOR:g})"]
    if "over_peer" in result:
        lines.append(f"faster peer / wepy_data {result['over_peer']:6.0f}   (must be {LEAST_OVER_PEER:g} or more)")
    return "\n".join(lines)


def make_run(path: Path, walkers: int, cycles: int) -> None:
    """Write a run of walker trees."""
    wd.write_run(path, tree_run(walkers, cycles))


if __name__ == "__main__":
    sys.exit(main())
