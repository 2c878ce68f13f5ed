"""CPU time of manager, record and commit per walker and cycle, beside the peers' on the same task in the same session.

python benchmarks/manager_overhead.py                                  # ours
python benchmarks/manager_overhead.py --peers peers/bin/python         # and both peers', with ratios
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import wepy

STEPS = 5
EDGES = [-np.inf, *np.round(np.arange(-1.1, 0.95, 0.1), 10), 1.0, np.inf]
WARM_UP = 60  # cycles before the clock starts: every bin is full


def simulation(walkers: int, store: Path | None) -> wepy.Simulation:
    per_bin = max(1, round(walkers / (len(EDGES) - 2)))
    return wepy.Simulation(
        engine=wepy.OverdampedLangevin(wepy.DoubleWell(), timestep=1e-3),
        order_parameter=wepy.Coordinates(),
        binner=wepy.Rectilinear([EDGES]),
        balancer=wepy.HuberKim(per_bin),
        recycling=wepy.Recycling(wepy.Region([1.0])),
        states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
        walkers=walkers,
        steps=STEPS,
        seed=1,
        store=store,
        overwrite=True,
    )


def measure(walkers: int, cycles: int, store: Path | None) -> dict[str, float]:
    run = simulation(walkers, store).run(cycles=WARM_UP + cycles)
    for _ in range(WARM_UP):
        next(run)
    cpu, wall, count = time.process_time(), time.perf_counter(), 0
    for cycle in run:  # sealing included
        count += cycle.n_walkers
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"walker_cycles": count, "cpu_seconds": cpu, "wall_seconds": wall, "cpu_per_walker_cycle": cpu / count}


def dynamics(walkers: int) -> float:
    engine = wepy.OverdampedLangevin(wepy.DoubleWell(), timestep=1e-3)
    states = [{"x": np.array([-1.0])}] * walkers
    rounds, cpu = 20, time.process_time()
    for cycle in range(rounds):
        engine.run_batch(states, STEPS, [wepy.Stream(1, wepy.Purpose.DYNAMICS, cycle, i) for i in range(walkers)])
    return (time.process_time() - cpu) / rounds / walkers


def peer(python: Path, script: str, walkers: int, work: Path) -> dict[str, Any]:
    path = Path(__file__).parent / "peers" / script
    command = [python, path, "--walkers", str(walkers), "--cycles", "50", "--work", work]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # `wepy` must be theirs
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True, env=clean)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--walkers", type=int, default=200)
    parser.add_argument("--cycles", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peers", type=Path, help="Python of an environment that has the peers")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        own = dynamics(options.walkers)
        rows = [("wepy-ensemble: dynamics alone", own, None)]
        for label, store in (("in memory", None), ("record, journal and HDF5 file", folder / "run.h5")):
            found = [measure(options.walkers, options.cycles, store) for _ in range(options.repeats)]
            cost = statistics.median(one["cpu_per_walker_cycle"] for one in found) - own
            rows.append((f"wepy-ensemble: {label}", cost, None))
        ours = rows[-1][1]
        if options.peers:
            old = peer(options.peers, "wepy_manager.py", options.walkers, folder / "wepy")
            rows.append(("wepy 1.2, HDF5 reporter", old["overhead_cpu_per_walker_cycle"], 10))
            west = peer(options.peers, "westpa_manager.py", options.walkers, folder / "westpa")
            rows.append(("WESTPA 2022.16, serial, default block 1", west["overhead_cpu_per_walker_cycle"], 3))
            block = west["block_10000"]["overhead_cpu_per_walker_cycle"]
            rows.append(("WESTPA 2022.16, serial, block 10000", block, None))
    print(f"CPU per walker and cycle, {options.walkers} walkers, dynamics subtracted")
    for label, cost, wanted in rows:
        ratio = f"   {cost / ours:6.1f} x ours" if not label.startswith("wepy-e") else ""
        print(f"  {label:42s} {cost * 1e6:8.1f} us{ratio}" + (f" (wanted: {wanted} x)" if wanted else ""))


if __name__ == "__main__":
    main()
