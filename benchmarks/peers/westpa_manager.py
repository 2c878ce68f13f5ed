"""CPU time of WESTPA 2022.16 per walker and iteration: serial work manager, Huber-Kim balancing, recycling."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import westpa
from harness import SEED, Clock, advance, answer, arguments, dynamics_cpu
from westpa.cli.core import w_init
from westpa.core.binning import RectilinearBinMapper
from westpa.core.propagators import WESTPropagator
from westpa.core.segment import Segment
from westpa.core.systems import WESTSystem
from westpa.work_managers.serial import SerialWorkManager

BLOCK_SIZES = (1, 10000)
"""Segments per task: WESTPA's default, and so many that an iteration is one task (its best case)."""
WARM_UP = 60
"""Iterations before the clock starts: the ensemble has crossed the barrier and every bin is full."""
EDGES = [-np.inf, *(-1.1 + 0.1 * i for i in range(21)), 1.0, np.inf]
"""23 bins of width 0.1 between open ends; the last one is the target, x >= 1."""
CONFIGURATION = """\
west:
  system:
    driver: westpa_manager.DoubleWellSystem
  propagation:
    max_total_iterations: {iterations}
    propagator: westpa_manager.DoubleWell
{block}  data:
    west_data_file: west.h5
"""
NOTES = [
    f"{len(EDGES) - 1} bins, equal target counts, recycling at x >= 1; in process, as w_init and w_run --serial do",
    f"the first {WARM_UP} iterations fill the bins and are not measured; walker_cycles counts the walkers there were",
]


class DoubleWellSystem(WESTSystem):  # type: ignore[misc]
    """One progress coordinate, x, at a segment's start and end."""

    def initialize(self) -> None:
        """Set bins and target counts."""
        self.pcoord_ndim, self.pcoord_len, self.pcoord_dtype = 1, 2, np.float64
        self.bin_mapper = RectilinearBinMapper([EDGES])
        per_bin = max(1, round(int(os.environ["DOUBLE_WELL_WALKERS"]) / (self.bin_mapper.nbins - 1)))
        counts = np.full(self.bin_mapper.nbins, per_bin)
        counts[-1] = 0
        self.bin_target_counts = counts


class DoubleWell(WESTPropagator):  # type: ignore[misc]
    """The shared double well as a WESTPA propagator."""

    def __init__(self, rc: Any = None) -> None:
        super().__init__(rc)
        self._rng = np.random.default_rng(SEED)

    def get_pcoord(self, state: Any) -> None:
        """Every state is the source, x = -1."""
        state.pcoord = np.array([-1.0])

    def propagate(self, segments: Sequence[Any]) -> Sequence[Any]:
        """Advance each segment by one cycle."""
        for segment in segments:
            segment.pcoord[1, 0] = advance(float(segment.pcoord[0, 0]), self._rng)
            segment.status = Segment.SEG_STATUS_COMPLETE
        return segments


def run(cycles: int) -> Clock:
    """Initialise and warm up a simulation in the current directory, then run and time `cycles` iterations more."""
    westpa.rc.rcfile = "west.cfg"
    westpa.rc.read_config()
    westpa.rc.config["args"] = {}
    westpa.rc.process_config()
    westpa.rc.status_stream = sys.stdout
    w_init.make_work_manager = SerialWorkManager
    w_init.initialize(tstates=["target,1.05"], tstate_file=None, bstates=["source,1"], bstate_file=None)
    manager = _assembled()
    with manager.work_manager:
        manager.load_plugins()
        manager.prepare_run()
        manager.max_total_iterations = WARM_UP
        manager.run()
        manager.max_total_iterations = WARM_UP + cycles
        with Clock() as clock:
            manager.run()
        manager.finalize_run()
    return clock


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run with one block size in this process; return the figures."""
    home = options.work / f"westpa_block_{options.block_size}"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    block = "" if options.block_size == 1 else f"    block_size: {options.block_size}\n"
    (home / "west.cfg").write_text(CONFIGURATION.format(iterations=WARM_UP + options.cycles, block=block))
    os.environ["DOUBLE_WELL_WALKERS"] = str(options.walkers)
    with contextlib.chdir(home), Path("w_run.log").open("w") as log, contextlib.redirect_stdout(log):
        clock = run(options.cycles)
    with h5py.File(home / "west.h5", "r") as file:
        counts = file["summary"]["n_particles"][: WARM_UP + options.cycles]
    segments = int(counts[WARM_UP:].sum())
    dynamics = dynamics_cpu(segments)
    size = (home / "west.h5").stat().st_size
    return {
        "block_size": options.block_size,
        "walker_cycles": segments,
        "walker_cycles_in_file": int(counts.sum()),
        "cpu_seconds": clock.cpu,
        "wall_seconds": clock.wall,
        "dynamics_cpu_seconds": dynamics,
        "overhead_cpu_per_walker_cycle": (clock.cpu - dynamics) / segments,
        "file_bytes": size,
    }


def main() -> None:
    """Measure each block size in a process of its own (WESTPA's state is global) and answer."""
    parser = arguments(__doc__, walkers=200, cycles=50)
    parser.add_argument("--block-size", type=int, help="measure this block size only (default: 1, then 10000)")
    options = parser.parse_args()
    if options.block_size is not None:
        answer(**measure(options))
        return
    default, large = (_in_own_process(options, size) for size in BLOCK_SIZES)
    answer(
        peer="westpa",
        version=westpa.__version__,
        walkers=options.walkers,
        cycles=options.cycles,
        **default,
        block_10000=large,
        notes=NOTES,
    )


def _assembled() -> Any:
    """Return the simulation manager with its parts joined, as w_run does."""
    rc = westpa.rc
    manager = rc.get_sim_manager()
    manager.data_manager, manager.system = rc.get_data_manager(), rc.get_system_driver()
    manager.propagator, manager.we_driver = rc.get_propagator(), rc.get_we_driver()
    for part in (manager.propagator, manager.data_manager, manager.we_driver):
        part.system = manager.system
    return manager


def _in_own_process(options: argparse.Namespace, block_size: int) -> dict[str, Any]:
    size = ["--walkers", str(options.walkers), "--cycles", str(options.cycles), "--work", str(options.work.resolve())]
    command = [sys.executable, __file__, *size, "--block-size", str(block_size)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    main()
