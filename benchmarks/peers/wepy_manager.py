"""CPU time of wepy 1.2 per walker and cycle: serial mapper, with and without its HDF5 reporter."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from harness import SEED, STEPS, Clock, advance, answer, arguments, dynamics_cpu
from wepy.reporter.hdf5 import WepyHDF5Reporter
from wepy.resampling.resamplers.resampler import NoResampler
from wepy.runners.runner import Runner
from wepy.sim_manager import Manager
from wepy.walker import Walker, WalkerState
from wepy.work_mapper.mapper import Mapper

NOTES = [
    "resampler: wepy's NoResampler (it ships no bin resampler), so binning and balancing cost it nothing",
    "stored: positions (one coordinate), weights, resampling records; reporter and file settings are the defaults",
]
TOPOLOGY = {
    "chains": [
        {
            "index": 0,
            "residues": [
                {
                    "index": 0,
                    "name": "P",
                    "resSeq": 1,
                    "segmentID": "",
                    "atoms": [{"index": 0, "name": "P", "element": "VS"}],
                }
            ],
        }
    ],
    "bonds": [],
}


class DoubleWell(Runner):  # type: ignore[misc]
    """The shared double well as a wepy runner: one float in, one float out."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(SEED)

    def run_segment(self, walker: Any, segment_length: int, **_: object) -> Any:
        """Advance one walker by one cycle."""
        x = advance(float(walker.state["positions"][0, 0]), self._rng)
        return Walker(WalkerState(positions=np.array([[x]])), walker.weight)


def run(walkers: int, cycles: int, path: Path | None) -> Clock:
    """Run a simulation from scratch, recorded at `path` if there is one; return its times, without imports."""
    resampler = NoResampler()
    reporters = []
    if path is not None:
        path.unlink(missing_ok=True)
        topology = json.dumps(TOPOLOGY)
        reporters = [
            WepyHDF5Reporter(file_path=str(path), mode="w", topology=topology, n_dims=1, resampler=resampler),
        ]
    start = [Walker(WalkerState(positions=np.array([[-1.0]])), 1.0 / walkers) for _ in range(walkers)]
    manager = Manager(start, runner=DoubleWell(), resampler=resampler, work_mapper=Mapper(), reporters=reporters)
    with Clock() as clock:
        manager.run_simulation(cycles, STEPS)
    return clock


def main() -> None:
    """Measure and answer."""
    options = arguments(__doc__, walkers=200, cycles=50).parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    path = options.work / "manager.wepy.h5"
    segments = options.walkers * options.cycles
    recorded = run(options.walkers, options.cycles, path)
    bare = run(options.walkers, options.cycles, None)
    dynamics = dynamics_cpu(segments)
    answer(
        peer="wepy",
        version=version("wepy"),
        walkers=options.walkers,
        cycles=options.cycles,
        walker_cycles=segments,
        cpu_seconds=recorded.cpu,
        wall_seconds=recorded.wall,
        dynamics_cpu_seconds=dynamics,
        overhead_cpu_per_walker_cycle=(recorded.cpu - dynamics) / segments,
        no_file={
            "cpu_seconds": bare.cpu,
            "wall_seconds": bare.wall,
            "overhead_cpu_per_walker_cycle": (bare.cpu - dynamics) / segments,
        },
        file_bytes=path.stat().st_size,
        notes=NOTES,
    )


if __name__ == "__main__":
    main()
