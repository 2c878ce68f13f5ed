"""CPU time of wepy 1.2 to read a recorded run: all weights, and the lineages of all final walkers."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from harness import Clock, Forest, answer, arguments, forest, insist, timed
from wepy.analysis.contig_tree import Contig
from wepy.hdf5 import WepyHDF5
from wepy.resampling.decisions.clone_merge import CloneMergeDecisionEnum, MultiCloneMergeDecision
from wepy.resampling.resamplers.clone_merge import CloneMergeResampler
from wepy.walker import Walker, WalkerState
from wepy_manager import TOPOLOGY

NOTES = [
    "the file is made by WepyHDF5's own calls in the reporter's order (first frame, then the rest), so its layout, "
    "8-byte chunks included, is that of a real run; record columns are filled in bulk, not one by one",
    "file_bytes is a little below the reporter's (its records are filled in bulk): for sizes see wepy_manager.py",
    "lineages by Contig, wepy's fastest way; opening the file and building the Contig are part of the time",
    "weights by WepyHDF5.iter_trajs_fields, its fastest way; files are in the page cache",
]
KEEP, CLONE = CloneMergeDecisionEnum.NOTHING.value, CloneMergeDecisionEnum.CLONE.value
SQUASH, KEEP_MERGE = CloneMergeDecisionEnum.SQUASH.value, CloneMergeDecisionEnum.KEEP_MERGE.value


def made(path: Path, tree: Forest) -> float:
    """Write `tree` as a wepy file at `path`; return the CPU seconds it took."""
    cycles, walkers = tree.parent.shape
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with Clock() as clock:
        file = WepyHDF5(str(part), mode="w", topology=json.dumps(TOPOLOGY), n_dims=1)
        file.set_mode(mode="r+")
        with file:
            start = [Walker(WalkerState(positions=np.zeros((1, 1))), 1.0 / walkers) for _ in range(walkers)]
            file.new_run(start)
            resampler = CloneMergeResampler()
            file.init_run_fields_resampling(0, resampler.resampling_fields())
            file.init_run_fields_resampling_decision(0, resampler.DECISION.enum_dict_by_name())
            file.init_record_fields("resampling", resampler.resampling_record_field_names())
            for weights in tree.weight.T[:, :, None]:
                positions = np.zeros((cycles, 1, 1))
                trajectory = file.add_traj(0, weights=weights[:1], data={"positions": positions[:1]})
                index = trajectory.attrs["traj_idx"]
                file.extend_traj(0, index, weights=weights[1:], data={"positions": positions[1:]})
            write_records(file, tree)
    part.rename(path)
    return clock.cpu


def weights(path: Path) -> float:
    """Read every weight; return their sum."""
    file = WepyHDF5(str(path), mode="r")
    with file:
        return float(sum(fields["weights"].sum() for fields in file.iter_trajs_fields(["weights"])))


def lineages(path: Path) -> int:
    """Trace all final walkers to their founders; return the sum of the walker indices on the way."""
    file = WepyHDF5(str(path), mode="r")
    with file:
        contig = Contig(file, decision_class=MultiCloneMergeDecision)
        lines = contig.lineages(contig.final_contig_trace())
    return sum(walker for line in lines for _, walker, _ in line)


def main() -> None:
    """Make the file if it is not there, measure and answer."""
    parser = arguments(__doc__, walkers=200, cycles=2000)
    parser.add_argument("--repeats", type=int, default=1, help="the best of so many runs counts (default: %(default)s)")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    tree = forest(options.walkers, options.cycles)
    path = options.work / f"read-{options.walkers}x{options.cycles}.wepy.h5"
    making = None if path.exists() else made(path, tree)
    read_cpu, total = timed(lambda: weights(path), options.repeats)
    trace_cpu, checksum = timed(lambda: lineages(path), options.repeats)
    insist(options.cycles, round(total), "sum of all weights")
    insist(tree.checksum(), checksum, "sum of walker indices on all lineages")
    answer(
        peer="wepy",
        version=version("wepy"),
        walkers=options.walkers,
        cycles=options.cycles,
        segments=options.walkers * options.cycles,
        file_bytes=path.stat().st_size,
        made_cpu_seconds=making,
        read_weights_cpu_seconds=read_cpu,
        trace_final_cpu_seconds=trace_cpu,
        extrapolated=[],
        notes=NOTES,
    )


def write_records(file: Any, tree: Forest) -> None:
    """Write who was cloned, squashed and kept, in bulk."""
    cycles, walkers = tree.parent.shape
    decision = np.full((cycles, walkers), KEEP)
    target = np.empty((cycles, walkers), dtype=object)
    for cycle in range(cycles):
        for walker in range(walkers):
            target[cycle, walker] = np.array([walker])
        for cloned, squashed, keeper in tree.exchanges[cycle] if cycle < cycles - 1 else ():
            decision[cycle, [cloned, squashed, keeper]] = CLONE, SQUASH, KEEP_MERGE
            target[cycle, cloned], target[cycle, squashed] = np.array([cloned, squashed]), np.array([keeper])
    columns = {
        "_cycle_idxs": np.repeat(np.arange(cycles), walkers),
        "decision_id": decision.reshape(-1, 1),
        "walker_idx": np.tile(np.arange(walkers), cycles).reshape(-1, 1),
        "step_idx": np.zeros((cycles * walkers, 1), dtype=int),
        "target_idxs": target.reshape(-1),
    }
    group = file.resampling_grp(0)
    if set(group) != set(columns):
        raise SystemExit(f"wepy's resampling records: expected {sorted(columns)}, found {sorted(group)}")
    for name, column in columns.items():
        group[name].resize(column.shape)
        group[name][...] = column


if __name__ == "__main__":
    main()
