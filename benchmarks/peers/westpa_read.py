"""CPU time of WESTPA 2022.16 to read a recorded run: all weights, and the lineages of all final walkers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import westpa
from harness import Clock, Forest, answer, arguments, forest, insist, timed
from numpy.typing import NDArray
from westpa.analysis.core import Run
from westpa.core.data_manager import WESTDataManager
from westpa.core.segment import Segment
from westpa.core.states import BasisState, InitialState
from westpa.core.systems import WESTSystem
from westpa.core.yamlcfg import YAMLConfig
from westpa.tools.selected_segs import AllSegmentSelection
from westpa.trajtree.trajtree import TrajTreeSet

NOTES = [
    "the file is written by WESTPA's own data manager, iteration by iteration as in a run: groups, seg_index, "
    "progress coordinate (2 points), weight graph; no bin mappers and no new_weights (nothing is recycled)",
    "lineages by TrajTreeSet and a loop over its parent offsets, WESTPA's fastest way; building it is part of the time",
    "weights by westpa.analysis.Run; files are in the page cache",
    "the floors read the same groups with h5py and numpy alone: what the file format permits, not a tool of WESTPA's; "
    "a user who loops over its data manager's get_all_parent_ids comes near",
    "analysis_trace: Walker.trace() of westpa.analysis, for a few final walkers, scaled to all of them",
]


def made(path: Path, tree: Forest) -> float:
    """Write `tree` as a west.h5 at `path`; return the CPU seconds it took."""
    cycles, walkers = tree.parent.shape
    part = path.with_suffix(".part")
    with Clock() as clock:
        manager = _manager(part)
        manager.prepare_backing()
        manager.current_iteration = 1
        manager.save_target_states([])
        source = BasisState("source", 1.0, pcoord=np.array([-1.0]))
        manager.create_ibstate_group([source])
        manager.update_initial_states([_started(state) for state in manager.create_initial_states(walkers, 1)], 1)
        for cycle in range(cycles):
            segments = list(_segments(tree, cycle))
            manager.prepare_iteration(cycle + 1, segments)
            for segment in segments:
                segment.status, segment.endpoint_type = Segment.SEG_STATUS_COMPLETE, Segment.SEG_ENDPOINT_CONTINUES
            manager.update_segments(cycle + 1, segments)
            manager.current_iteration = cycle + 1
        manager.flush_backing()
        manager.close_backing()
    part.rename(path)
    return clock.cpu


def weights(path: Path) -> float:
    """Read every weight with westpa.analysis; return their sum."""
    with Run.open(str(path)) as run:
        return float(sum(iteration.weights.sum() for iteration in run))


def weights_floor(path: Path) -> float:
    """Read every weight with h5py alone; return their sum."""
    with h5py.File(path, "r") as file:
        return float(sum(group["seg_index"].fields("weight")[:].sum() for group in file["iterations"].values()))


def lineages(path: Path, cycles: int) -> int:
    """Trace all final walkers with TrajTreeSet; return the sum of the segment indices on the way."""
    manager = _manager(path)
    manager.open_backing("r")
    tree = TrajTreeSet(AllSegmentSelection(1, cycles + 1, manager), manager)
    manager.close_backing()
    parent, segment = tree.trajtable["parent_offset"].tolist(), tree.trajtable["seg_id"].tolist()
    total = 0
    for row in range(tree.iter_offsets[cycles], len(parent)):
        at = row
        while at >= 0:
            total += segment[at]
            at = parent[at]
    return total


def lineages_floor(path: Path) -> int:
    """Trace all final walkers with h5py and numpy alone; return the sum of the segment indices on the way."""
    with h5py.File(path, "r") as file:
        parents = [group["seg_index"].fields("parent_id")[:] for group in file["iterations"].values()]
    line: NDArray[np.int64] = np.arange(len(parents[-1]))
    total = int(line.sum())
    for row in parents[:0:-1]:
        line = row[line]
        total += int(line.sum())
    return total


def analysis_traces(path: Path, walkers: int) -> int:
    """Trace the first `walkers` final walkers with westpa.analysis; return how many segments they have."""
    with Run.open(str(path)) as run:
        last = run.iteration(run.num_iterations)
        return sum(len(last.walker(index).trace()) for index in range(walkers))


def main() -> None:
    """Make the file if it is not there, measure and answer."""
    parser = arguments(__doc__, walkers=200, cycles=2000)
    parser.add_argument("--repeats", type=int, default=1, help="the best of so many runs counts (default: %(default)s)")
    parser.add_argument(
        "--sample", type=int, default=2, help="walkers to trace by westpa.analysis (default: %(default)s)"
    )
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    tree = forest(options.walkers, options.cycles)
    path = options.work / f"read-{options.walkers}x{options.cycles}.west.h5"
    making = None if path.exists() else made(path, tree)
    read_cpu, total = timed(lambda: weights(path), options.repeats)
    read_floor_cpu, total_floor = timed(lambda: weights_floor(path), options.repeats)
    trace_cpu, checksum = timed(lambda: lineages(path, options.cycles), options.repeats)
    trace_floor_cpu, checksum_floor = timed(lambda: lineages_floor(path), options.repeats)
    sample_cpu, sampled = timed(lambda: analysis_traces(path, options.sample), 1)
    insist(options.cycles, round(total), "sum of all weights")
    insist(options.cycles, round(total_floor), "sum of all weights, by h5py")
    insist(tree.checksum(), checksum, "sum of walker indices on all lineages")
    insist(tree.checksum(), checksum_floor, "sum of walker indices on all lineages, by h5py")
    insist(options.cycles * options.sample, sampled, "segments on the lineages that westpa.analysis traced")
    answer(
        peer="westpa",
        version=westpa.__version__,
        walkers=options.walkers,
        cycles=options.cycles,
        segments=options.walkers * options.cycles,
        file_bytes=path.stat().st_size,
        made_cpu_seconds=making,
        read_weights_cpu_seconds=read_cpu,
        read_weights_floor_cpu_seconds=read_floor_cpu,
        trace_final_cpu_seconds=trace_cpu,
        trace_final_floor_cpu_seconds=trace_floor_cpu,
        analysis_trace_final_cpu_seconds=sample_cpu * options.walkers / options.sample,
        extrapolated=["analysis_trace_final_cpu_seconds"],
        notes=NOTES,
    )


def _manager(path: Path) -> Any:
    """Return WESTPA's data manager for the file at `path`, with a system of one float64 coordinate."""
    westpa.rc.config = YAMLConfig()
    system = WESTSystem()
    system.pcoord_dtype = np.float64
    manager = WESTDataManager()
    manager.we_h5filename, manager.system = str(path), system
    return manager


def _started(state: Any) -> Any:
    state.basis_state_id, state.pcoord, state.iter_used = 0, np.array([-1.0]), 1
    state.istate_type, state.istate_status = InitialState.ISTATE_TYPE_BASIS, InitialState.ISTATE_STATUS_PREPARED
    return state


def _segments(tree: Forest, cycle: int) -> Iterator[Any]:
    """Yield the segments of one cycle, their weight parents included."""
    parents = tree.parent[cycle].tolist()
    sources = [{parent} for parent in parents] if cycle else [{-(index + 1)} for index in range(len(parents))]
    for _, squashed, keeper in tree.exchanges[cycle - 1] if cycle else ():
        sources[keeper].add(squashed)
    for index, (parent, weight) in enumerate(zip(parents, tree.weight[cycle].tolist(), strict=True)):
        yield Segment(
            n_iter=cycle + 1,
            seg_id=index,
            weight=weight,
            parent_id=parent if cycle else -(index + 1),
            wtg_parent_ids=sources[index],
            pcoord=np.full((2, 1), -1.0),
            status=Segment.SEG_STATUS_PREPARED,
        )


if __name__ == "__main__":
    main()
