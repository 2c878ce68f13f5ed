"""CPU time of one resampling step of WESTPA 2022.16's own driver, from walkers in their bins to the next walkers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import westpa
from harness import Clock, answer, arguments, insist
from westpa.core.binning import RectilinearBinMapper
from westpa.core.segment import Segment
from westpa.core.systems import WESTSystem
from westpa.core.we_driver import WEDriver
from westpa.core.yamlcfg import YAMLConfig


class TimedDriver(WEDriver):  # type: ignore[misc]
    """Times splitting and merging without the making of segments before it."""

    split_merge_cpu = 0.0

    def _run_we(self) -> None:
        with Clock() as clock:
            super()._run_we()
        self.split_merge_cpu = clock.cpu


def driver(n_bins: int, target: int) -> TimedDriver:
    """Return a driver for bins 0 to n_bins - 1 along a progress coordinate that is the bin's number."""
    westpa.rc.config = YAMLConfig()
    system = WESTSystem()
    system.pcoord_ndim, system.pcoord_len, system.pcoord_dtype = 1, 2, np.float64
    system.bin_mapper = RectilinearBinMapper([np.arange(n_bins + 1) - 0.5])
    system.bin_target_counts = np.full(n_bins, target)
    return TimedDriver(rc=westpa.rc, system=system)


def resample(weights: list[float], bins: list[int], n_bins: int, target: int) -> tuple[float, float, int]:
    """Return CPU seconds, those of splitting and merging alone, and the number of new walkers."""
    found = driver(n_bins, target)
    found.new_iteration()
    segments: list[Any] = []
    for index, (weight, home) in enumerate(zip(weights, bins, strict=True)):
        segment = Segment(n_iter=1, seg_id=index, parent_id=0, weight=weight, wtg_parent_ids={0})
        segment.pcoord = np.full((2, 1), float(home))
        segments.append(segment)
    found.assign(segments)
    with Clock() as clock:
        found.construct_next()
    return clock.cpu, found.split_merge_cpu, sum(1 for _ in found.next_iter_segments)


def main() -> None:
    """Resample the ensemble of a file and answer."""
    parser = arguments(__doc__, walkers=0, cycles=0)
    parser.add_argument("--ensemble", type=Path, required=True, help="npz with weights and bins")
    parser.add_argument("--target", type=int, required=True, help="walkers wanted in each bin")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with np.load(options.ensemble) as file:
        weights, bins = file["weights"].tolist(), file["bins"].tolist()
    n_bins = max(bins) + 1
    times = []
    for _ in range(options.repeats):
        *seconds, count = resample(weights, bins, n_bins, options.target)
        insist(options.target * len(set(bins)), count, "new walkers")
        times.append(seconds)
    whole, alone = min(times)
    answer(peer="westpa", version=westpa.__version__, cpu_seconds=whole, split_merge_cpu_seconds=alone)


if __name__ == "__main__":
    main()
