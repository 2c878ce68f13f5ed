"""Files of wepy 1.x: finished runs of it, and small ones that are made up, in the same layout."""

import gzip
import json
from pathlib import Path

import h5py
import numpy as np
import pytest

PEERS = Path(__file__).resolve().parents[3] / "data" / "peers"
TOPOLOGY = json.dumps(
    {
        "chains": [
            {
                "index": 0,
                "residues": [
                    {
                        "index": 0,
                        "name": "ION",
                        "resSeq": 1,
                        "segmentID": "",
                        "atoms": [
                            {"index": i, "name": name, "element": name} for i, name in enumerate(("Na", "Cl", "Ar"))
                        ],
                    }
                ],
            }
        ],
        "bonds": [],
    }
)
IDS = {"NOTHING": 1, "CLONE": 2, "SQUASH": 3, "KEEP_MERGE": 4}


@pytest.fixture(scope="session")
def peer_file(tmp_path_factory):
    """Return a function: where a finished run of wepy 1.2 is, by its name."""
    folder = tmp_path_factory.mktemp("peers")

    def get(name):
        path = folder / f"{name}.h5"
        if not path.exists():
            path.write_bytes(gzip.decompress((PEERS / f"{name}.h5.gz").read_bytes()))
        return path

    return get


@pytest.fixture(scope="session")
def expected():
    """Return a function: what is known of a finished run."""
    return lambda name: json.loads((PEERS / f"{name}.expected.json").read_text())


@pytest.fixture(scope="session")
def write_wepy():
    """Return a function that writes runs as wepy 1.x does."""

    def write(path, *runs, continuations=(), topology=TOPOLOGY, units=None, main_rep=None):
        with h5py.File(path, "w", libver="latest") as file:
            file["topology"] = topology
            file["_settings/continuations"] = np.array(continuations, np.int64).reshape(-1, 2)
            if main_rep is not None:
                file["_settings/main_rep_idxs"] = np.array(main_rep)
            for name, unit in (units or {}).items():
                file[f"units/units/{name}_unit"] = unit
            for number, run in enumerate(runs):
                write_run(file.create_group(f"runs/{number}"), **run)
        return path

    return write


def write_run(group, *, weights, steps, warps=None, progress=True, regions=None, fields=None, n_atoms=3, ids=None):
    """Write a run.

    `weights`: of each cycle's walkers; `steps`: of each cycle a list of steps, each a list of (walker, decision,
    targets); `warps`: of each cycle a list of (walker, target); `fields`: more of them, by path, a value of each frame.
    """
    rng = np.random.default_rng(1)
    group.attrs["run_idx"] = int(group.name.split("/")[-1])
    for name, number in (ids or IDS).items():
        group[f"decision/{name}"] = np.int64(number)
    for walker in range(max(map(len, weights))):
        own = [cycle for cycle, one in enumerate(weights) if walker < len(one)]
        trajectory = group.create_group(f"trajectories/{walker}")
        values = {
            "positions": rng.normal(size=(len(own), n_atoms, 3)),
            "box_vectors": np.tile(2 * np.eye(3), (len(own), 1, 1)),
        }
        values["weights"] = np.array([weights[cycle][walker] for cycle in own]).reshape(-1, 1)
        for name, value in {**values, **{n: v[own] for n, v in (fields or {}).items()}}.items():
            trajectory.create_dataset(name, data=value, chunks=(1, *value.shape[1:]), maxshape=(None, *value.shape[1:]))
    for walker, weight in enumerate(weights[0]):
        start = group.create_group(f"init_walkers/{walker}")
        start["positions"], start["weights"] = np.zeros((1, n_atoms, 3)), np.array([[weight]])
    rows = [(c, s, *row) for c, of in enumerate(steps) for s, step in enumerate(of) for row in step]
    column(group, "resampling/_cycle_idxs", [row[0] for row in rows])
    column(group, "resampling/step_idx", [[row[1]] for row in rows])
    column(group, "resampling/walker_idx", [[row[2]] for row in rows])
    column(group, "resampling/decision_id", [[(ids or IDS)[row[3]]] for row in rows])
    ragged(group, "resampling/target_idxs", [row[4] for row in rows], "i8")
    if regions is not None:
        ragged(group, "resampling/region_assignment", [regions[c][w] for c, _, w, *_ in rows], "i8")
    if progress:
        ragged(group, "progress/distance", [rng.random(len(one)) for one in weights], "f8")
    met = [(c, *warp) for c, of in enumerate(warps or []) for warp in of]
    column(group, "warping/_cycle_idxs", [row[0] for row in met])
    column(group, "warping/walker_idx", [[row[1]] for row in met])
    column(group, "warping/target_idx", [[row[2]] for row in met])
    column(group, "warping/weight", [[weights[row[0]][row[1]]] for row in met], float)


def column(group, name, values, dtype=np.int64):
    array = (
        np.array(values, dtype).reshape(len(values), *np.shape(values[:1])[1:]) if values else np.zeros((0, 1), dtype)
    )
    array = array.reshape(-1) if name.endswith("_cycle_idxs") else array
    group.create_dataset(name, data=array, chunks=(1024, *array.shape[1:]), maxshape=(None, *array.shape[1:]))


def ragged(group, name, rows, dtype):
    made = group.create_dataset(name, (len(rows),), h5py.vlen_dtype(np.dtype(dtype)), chunks=(1024,), maxshape=(None,))
    for place, row in enumerate(rows):
        made[place] = np.array(row, dtype)
