"""A small weighted-ensemble run with everything in it: clones, merges, recycling, two angles, several frames."""

import os
from pathlib import Path

import numpy as np
import pytest

from wepy_data.record.build import build_cycle
from wepy_data.record.header import Header
from wepy_data.record.run_record import RunRecord
from wepy_data.schema.layout import Layout, Named
from wepy_data.store.writer import write_run

PEERS = Path(os.environ.get("PEER_RUNS", Path(__file__).resolve().parents[1] / "data" / "peers"))
"""Finished runs of other programs; `PEER_RUNS` names a folder with the uncut ones."""
VALUES = "/observables/<name>/value"
EDGES = "/particles/trajectory/box/edges"
LABELS = (b"folded", "entfaltet β".encode(), b"away")
SOURCE = np.array([-1.3, 0.9])
TOPOLOGY = (
    '{"chains": [{"index": 0, "residues": [{"index": 0, "name": "ALA", "resSeq": 1, "segmentID": "", "atoms": ['
    '{"index": 0, "name": "N", "element": "N"}, {"index": 1, "name": "CA", "element": "C"}, '
    '{"index": 2, "name": "C", "element": "C"}, {"index": 3, "name": "O", "element": "O"}]}]}], '
    '"bonds": [[0, 1], [1, 2], [2, 3]]}'
)


def ensemble(cycles=12, *, bins=5, target_count=4, frames=2, periodic=False, recycle=True, particles=True, seed=1):
    """Return a sealed run of two angles that drift, balanced in bins of the first angle."""
    rng = np.random.default_rng(seed)
    layout = _layout(periodic=periodic, particles=particles)
    record = RunRecord(_header(layout, cycles))
    n = target_count
    angle = np.tile(SOURCE, (n, 1))
    state = {"weight": np.full(n, 1 / n), "parent": np.full(n, -1), "state": np.full(n, 0), "merges": []}
    for _ in range(cycles):
        path = angle[:, None] + np.cumsum(rng.normal(0.05, 0.35, (len(angle), frames, 2)), axis=1)
        path = (path + np.pi) % (2 * np.pi) - np.pi
        end = path[:, -1]
        reached = (end[:, 0] > 1.0) & recycle
        own = record.rows("segment") + np.arange(len(end))
        facts = _facts(record, layout, state, path, np.digitize(end[:, 0], np.linspace(-2, 1, bins)), rng)
        facts |= {
            "/events/segment": own[reached],
            "/events/frame": record.rows("frame") + frames * (np.flatnonzero(reached) + 1) - 1,
            "/events/kind": np.zeros(reached.sum(), "u1"), "/events/source_state": np.ones(reached.sum(), int),
            "/events/target": np.full(reached.sum(), 2), "/events/weight": state["weight"][reached],
        }  # fmt: skip
        record.append(
            build_cycle(layout, record.cycles[-1] if record.n_cycles else None, facts, np.full(len(own), frames))
        )
        place = np.where(reached[:, None], SOURCE, end)
        survivor, weight, merges = _balance(
            state["weight"], np.digitize(place[:, 0], np.linspace(-2, 1, bins)), target_count, rng
        )
        angle = place[survivor]
        state = {
            "weight": weight, "parent": own[survivor], "state": np.where(reached[survivor], 1, -1),
            "merges": [(into, own[old], share) for into, old, share in merges],
        }  # fmt: skip
    if cycles:
        record.seal(_planned(layout, state))
    return record


def _balance(weights, bins, target_count, rng):
    """Return survivors, weights and merges: the heaviest is halved, the two lightest merge, until all bins are full."""
    groups = []
    for one in np.unique(bins):
        mine = [{int(walker): float(weights[walker])} for walker in np.flatnonzero(bins == one)]
        while len(mine) < target_count:
            heavy = mine.pop(max(range(len(mine)), key=lambda i: sum(mine[i].values())))
            mine += [{walker: share / 2 for walker, share in heavy.items()}] * 2
        while len(mine) > target_count:
            mine.sort(key=lambda group: sum(group.values()))
            first, second = mine.pop(0), mine.pop(0)
            mine.append({w: first.get(w, 0.0) + second.get(w, 0.0) for w in first.keys() | second.keys()})
        groups += mine
    survivors = [int(rng.choice(list(g), p=np.array(list(g.values())) / sum(g.values()))) for g in groups]
    merges = [(i, old, g[old]) for i, g in enumerate(groups) for old in sorted(g) if old != survivors[i]]
    return np.array(survivors), np.array([sum(g.values()) for g in groups]), merges


def _layout(*, periodic, particles):
    return Layout(
        sizes={"atom": 4, "feature": 2},
        parts=frozenset(["/particles"] * particles + [EDGES] * (periodic and particles)),
        named={VALUES: (Named(name="order_parameter", shape=(2,), unit="rad"),)},
    )


def _header(layout, cycles):
    static = {
        "/states/kind": np.array([0, 1, 2], "u1"),
        "/states/label": np.array(LABELS, "S64"),
        "/states/probability": np.array([1.0, 1.0, 0.0]),
        "/particles/trajectory/species": np.array([7, 6, 6, 8], "i4"),
        "/particles/trajectory/mass": np.array([14.0, 12.0, 12.0, 16.0]),
        "/particles/trajectory/charge": np.zeros(4),
    }
    start = {
        "kind": "start", "time": "2026-01-01T00:00:00+00:00", "seed": 1,
        "software": {"wepy": "0.1.0", "python": "3.11.9"},
        "host": {"name": "somewhere"},
        "components": {"order_parameter": {"kind": "Dihedral", "labels": ["phi", "psi"]}},
    }  # fmt: skip
    topology = TOPOLOGY if "/particles" in layout.parts else ""
    static = {path: static[path] for path in layout.static}
    return Header(layout=layout, static=static, topology=topology, provenance=[start], config={"cycles": cycles})


def _facts(record, layout, state, path, bins, rng):
    n, frames = path.shape[:2]
    rows = record.rows("frame") + 1 + np.arange(n * frames)
    steps = np.tile(record.n_cycles * frames + 1 + np.arange(frames), n)
    made = np.unique(bins)
    known = record.read("/bins/index").tolist()
    made = [int(index) for index in made if index not in known]
    row = {index: i for i, index in enumerate([*known, *made])}
    facts = {
        "/segments/weight": state["weight"], "/segments/parent": state["parent"], "/segments/state": state["state"],
        "/segments/continuous": (state["state"] < 0).astype("u1"), "/segments/progress": path[:, -1],
        "/segments/bin": [row[int(index)] for index in bins],
        "/segments/cpu_time": np.full(n, 0.25), "/segments/wall_time": np.full(n, 0.5),
        "/segments/worker": np.arange(n) % 2,
        "/frames/md_step": steps * 10, "/frames/time": steps * 0.02, "/frames/total_time": rows * 0.02,
        "/observables/order_parameter/value": path.reshape(-1, 2), "/cycles/began": [1e9], "/cycles/ended": [1e9 + 1],
        "/bins/index": made, "/bins/parent": [-1] * len(made), "/bins/level": [0] * len(made),
        "/bins/target_count": [4] * len(made), "/bins/centre": np.full((len(made), 2), np.nan),
        "/merges/into": [record.rows("segment") + into for into, _, _ in state["merges"]],
        "/merges/from": [old for _, old, _ in state["merges"]],
        "/merges/weight": [share for _, _, share in state["merges"]],
    }  # fmt: skip
    if not record.n_cycles:
        facts |= {"/workers/host": np.array([b"node1", b"node2"], "S64"), "/workers/pid": [41, 42]}
        facts["/workers/platform"] = np.array([b"CPU", b"CUDA mixed"], "S64")
    if "/particles" in layout.parts:
        facts["/particles/trajectory/position/value"] = rng.normal(0, 1.5, (len(rows), 4, 3)).astype("f4")
    if EDGES in layout.parts:
        edges = np.tile(np.diag([3.0, 3.5, 4.0]).astype("f4"), (len(rows), 1, 1))
        lengths, angles = np.tile([3.0, 3.5, 4.0], (len(rows), 1)), np.full((len(rows), 3), 90.0)
        facts |= {f"{EDGES}/value": edges, "/cell_lengths": lengths, "/cell_angles": angles}
    return facts


def _planned(layout, state):
    planned = {
        "/next/weight": state["weight"], "/next/parent": state["parent"], "/next/state": state["state"],
        "/next/continuous": (state["state"] < 0).astype("u1"), "/next/merges/into": [m[0] for m in state["merges"]],
        "/next/merges/from": [m[1] for m in state["merges"]], "/next/merges/weight": [m[2] for m in state["merges"]],
    }  # fmt: skip
    return {
        path: np.array(planned[path], column.numpy_dtype).reshape(-1, *column.shape)
        for path, column in layout.planned.items()
    }


@pytest.fixture(scope="session")
def make_ensemble():
    """A function that makes runs in memory."""
    return ensemble


@pytest.fixture(scope="session")
def ensemble_record():
    """A sealed run in memory."""
    return ensemble()


@pytest.fixture(scope="session")
def ensemble_file(ensemble_record, tmp_path_factory):
    """The same run as a file, not to be changed."""
    return write_run(tmp_path_factory.mktemp("ensemble") / "run.h5", ensemble_record)


@pytest.fixture(scope="session")
def peers():
    return PEERS
