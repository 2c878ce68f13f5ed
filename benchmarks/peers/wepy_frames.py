"""CPU time of wepy 1.2 to make an mdtraj trajectory of one final walker's lineage."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from harness import SEED, answer, arguments, forest, insist, timed
from wepy.analysis.contig_tree import Contig
from wepy.hdf5 import WepyHDF5
from wepy.resampling.decisions.clone_merge import MultiCloneMergeDecision
from wepy.resampling.resamplers.clone_merge import CloneMergeResampler
from wepy.walker import Walker, WalkerState
from wepy_manager import TOPOLOGY
from wepy_read import write_records

NOTES = [
    "WepyHDF5.trace_to_mdtraj of a known trace; finding the lineage is not part of the time (see wepy_read.py)",
    "one frame for each walker and cycle, which is all that its file holds; files are in the page cache",
]


def main() -> None:
    """Make the file if it is not there, measure and answer."""
    parser = arguments(__doc__, walkers=20, cycles=2000)
    parser.add_argument("--atoms", type=int, default=100, help="atoms of a frame (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=3, help="the best of so many runs counts (default: %(default)s)")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    path = options.work / f"frames-{options.walkers}x{options.cycles}x{options.atoms}.wepy.h5"
    if not path.exists():
        _make(path, options.walkers, options.cycles, options.atoms)
    file = WepyHDF5(str(path), mode="r")
    with file:
        contig = Contig(file, decision_class=MultiCloneMergeDecision)
        trace = contig.lineages([contig.final_contig_trace()[0]])[0]
        cpu, found = timed(lambda: file.trace_to_mdtraj(trace), options.repeats)
    insist(options.cycles, found.n_frames, "frames of a lineage")
    insist(options.atoms, found.n_atoms, "atoms of a frame")
    answer(
        peer="wepy", version=version("wepy"), walkers=options.walkers, cycles=options.cycles, atoms=options.atoms,
        file_bytes=path.stat().st_size, lineage_frames_cpu_seconds=cpu, n_frames=found.n_frames, notes=NOTES,
    )  # fmt: skip


def _make(path: Path, walkers: int, cycles: int, atoms: int) -> None:
    """Write a run of random positions by WepyHDF5's own calls."""
    tree, rng, part = forest(walkers, cycles), np.random.default_rng(SEED), path.with_suffix(".part")
    part.unlink(missing_ok=True)
    file = WepyHDF5(str(part), mode="w", topology=json.dumps(_topology(atoms)))
    file.set_mode(mode="r+")
    with file:
        state = WalkerState(positions=np.zeros((atoms, 3)), box_vectors=np.eye(3))
        file.new_run([Walker(state, 1.0 / walkers) for _ in range(walkers)])
        resampler = CloneMergeResampler()
        file.init_run_fields_resampling(0, resampler.resampling_fields())
        file.init_run_fields_resampling_decision(0, resampler.DECISION.enum_dict_by_name())
        file.init_record_fields("resampling", resampler.resampling_record_field_names())
        boxes = np.tile(10 * np.eye(3), (cycles, 1, 1))
        for weights in tree.weight.T[:, :, None]:
            values = {"positions": rng.random((cycles, atoms, 3)), "box_vectors": boxes}
            first = {name: value[:1] for name, value in values.items()}
            index = file.add_traj(0, weights=weights[:1], data=first).attrs["traj_idx"]
            rest = {name: value[1:] for name, value in values.items()}
            file.extend_traj(0, index, weights=weights[1:], data=rest)
        write_records(file, tree)
    part.rename(path)


def _topology(atoms: int) -> dict[str, Any]:
    residue = TOPOLOGY["chains"][0]["residues"][0]
    several = [{**residue["atoms"][0], "index": index, "name": f"P{index}"} for index in range(atoms)]
    return {"chains": [{"index": 0, "residues": [{**residue, "atoms": several}]}], "bonds": []}


if __name__ == "__main__":
    main()
