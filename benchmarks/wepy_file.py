"""A file as wepy 1.x writes it: a group for each walker, one frame a chunk, records of various lengths."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

TOPOLOGY = (
    '{"chains": [{"index": 0, "residues": [{"index": 0, "name": "UNK", "resSeq": 0, "segmentID": "", "atoms": ['
    '{"index": 0, "name": "A0", "element": "Ar"}, {"index": 1, "name": "A1", "element": "Ar"}]}]}], "bonds": []}'
)
_RECORDS = 1024  # a chunk of records
_IDS = {"NOTHING": 1, "CLONE": 2, "SQUASH": 3, "KEEP_MERGE": 4}


def write_wepy_file(path: Path, *, cycles: int, walkers: int, seed: int = 1) -> None:
    """Write one run: a tenth of the walkers is cloned in each cycle, as many are merged, a hundredth is warped."""
    rng = np.random.default_rng(seed)
    weight, weights, records = np.full(walkers, 1 / walkers), [], []
    for _ in range(cycles):
        weights.append(weight)
        decision, targets, weight = _resampling(rng, weight)
        records.append((decision, targets))
    with h5py.File(path, "w", libver="latest") as file:
        file["topology"] = TOPOLOGY
        file["units/units/positions_unit"] = "nanometer"
        file["units/units/box_vectors_unit"] = "nanometer"
        run = file.create_group("runs/0")
        for name, number in _IDS.items():
            run[f"decision/{name}"] = np.int64(number)
        box = np.eye(3)
        _initial(run, walkers, box)
        for walker in range(walkers):
            group = run.create_group(f"trajectories/{walker}")
            _frames(group, "positions", rng.normal(size=(cycles, 2, 3)))
            _frames(group, "box_vectors", np.broadcast_to(box, (cycles, 3, 3)))
            _frames(group, "weights", np.array([one[walker] for one in weights]).reshape(cycles, 1))
            some = np.arange(0, cycles, 10)
            _frames(group, "velocities/data", rng.normal(size=(len(some), 2, 3)))
            _frames(group, "velocities/_sparse_idxs", some)
        _write_records(run, records, rng, walkers)


def _resampling(rng: np.random.Generator, weight: np.ndarray) -> tuple[np.ndarray, list[np.ndarray], np.ndarray]:
    """Return decisions, targets and the weights after one step."""
    n = len(weight)
    some = rng.permutation(n)[: 3 * (n // 10)].reshape(3, -1)
    decision, targets = np.full(n, _IDS["NOTHING"]), [np.array([walker]) for walker in range(n)]
    after = weight.copy()
    for cloned, squashed, kept in some.T.tolist():
        decision[[cloned, squashed, kept]] = _IDS["CLONE"], _IDS["SQUASH"], _IDS["KEEP_MERGE"]
        targets[cloned], targets[squashed] = np.array([cloned, squashed]), np.array([kept])
        after[[cloned, squashed]] = weight[cloned] / 2
        after[kept] = weight[kept] + weight[squashed]
    return decision, targets, after


def _initial(run: h5py.Group, walkers: int, box: np.ndarray) -> None:
    for walker in range(walkers):
        group = run.create_group(f"init_walkers/{walker}")
        group["positions"], group["box_vectors"] = np.zeros((1, 2, 3)), box[None]
        group["weights"] = np.full((1, 1), 1 / walkers)


def _frames(group: h5py.Group, name: str, values: np.ndarray) -> None:
    group.create_dataset(name, data=values, chunks=(1, *values.shape[1:]), maxshape=(None, *values.shape[1:]))


def _write_records(run: h5py.Group, records: list[Any], rng: np.random.Generator, walkers: int) -> None:
    cycles = len(records)
    _column(run, "resampling/_cycle_idxs", np.repeat(np.arange(cycles), walkers))
    _column(run, "resampling/step_idx", np.zeros((cycles * walkers, 1), np.int64))
    _column(run, "resampling/walker_idx", np.tile(np.arange(walkers), cycles)[:, None])
    _column(run, "resampling/decision_id", np.concatenate([one for one, _ in records])[:, None])
    _ragged(run, "resampling/target_idxs", [target for _, targets in records for target in targets], np.int64)
    _ragged(run, "progress/min_distances", list(rng.random((cycles, walkers))), np.float64)
    _column(run, "resampler/_cycle_idxs", np.arange(cycles))
    _column(run, "resampler/variation", rng.random((cycles, 1)))
    warped = walkers // 100
    _column(run, "warping/_cycle_idxs", np.repeat(np.arange(cycles), warped))
    _column(run, "warping/walker_idx", np.tile(np.arange(warped), cycles)[:, None])
    _column(run, "warping/target_idx", np.zeros((cycles * warped, 1), np.int64))
    _column(run, "warping/weight", np.full((cycles * warped, 1), 1 / walkers))


def _column(run: h5py.Group, name: str, values: np.ndarray) -> None:
    run.create_dataset(name, data=values, chunks=(_RECORDS, *values.shape[1:]), maxshape=(None, *values.shape[1:]))


def _ragged(run: h5py.Group, name: str, rows: list[np.ndarray], dtype: Any) -> None:
    made = run.create_dataset(name, (len(rows),), h5py.vlen_dtype(dtype), chunks=(_RECORDS,), maxshape=(None,))
    if len({len(row) for row in rows}) == 1:  # h5py would take them for a table
        for place, row in enumerate(rows):
            made[place] = row
    else:
        made[:] = np.array(rows, object)
