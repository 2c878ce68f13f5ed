"""Small runs made by hand."""

import numpy as np
import pytest

from wepy_data.record.build import build_cycle
from wepy_data.record.header import Header
from wepy_data.record.run_record import RunRecord
from wepy_data.schema.layout import Layout, Named

VALUES, PER_SEGMENT = "/observables/<name>/value", "/segments/observables/<name>"
EDGES = "/particles/trajectory/box/edges"


def record_of(
    frames=((1, 2), (3, 1), (0, 2)),
    *,
    n_atoms=3,
    n_features=1,
    per_segment=None,
    particles=True,
    periodic=False,
    topology="",
):
    """Return a run without resampling; `frames` are the numbers of frames of each walker of each cycle."""
    parts = ["/particles"] * particles + [EDGES] * periodic
    layout = Layout(
        sizes={"atom": n_atoms, "feature": n_features},
        parts=frozenset(parts),
        named={
            VALUES: (Named(name="order_parameter", shape=(n_features,), unit="nm"),),
            PER_SEGMENT: (per_segment,) if per_segment else (),
        },
    )
    static = {
        "/states/kind": np.zeros(1, "u1"),
        "/states/label": np.array(["Grundzustand α→β".encode()], "S64"),
        "/states/probability": np.full(1, 1.0),
        "/particles/trajectory/species": np.full(n_atoms, 6),
        "/particles/trajectory/mass": np.full(n_atoms, 12.0),
        "/particles/trajectory/charge": np.zeros(n_atoms),
    }
    record = RunRecord(Header(layout=layout, topology=topology, static={path: static[path] for path in layout.static}))
    for counts in frames:
        record.append(_cycle(layout, record, np.array(counts)))
    return record


def _cycle(layout, record, counts):
    rng = np.random.default_rng(record.n_cycles)
    n, total, first = len(counts), int(counts.sum()), record.n_cycles == 0
    own, row = record.rows("segment"), record.rows("frame")
    facts = {
        "/segments/weight": np.full(n, 1 / n),
        "/segments/parent": np.full(n, -1) if first else own - n + np.arange(n),
        "/segments/state": np.full(n, 0 if first else -1),
        "/segments/continuous": np.full(n, int(not first)),
        "/segments/progress": rng.random((n, layout.sizes["feature"])),
        "/segments/bin": np.full(n, -1),
        "/segments/cpu_time": np.zeros(n),
        "/segments/wall_time": np.zeros(n),
        "/segments/worker": np.full(n, -1),
        "/frames/md_step": np.arange(total),
        "/frames/time": row + np.arange(total) * 0.5,
        "/frames/total_time": row + np.arange(total) * 1.0,
        "/observables/order_parameter/value": rng.random((total, layout.sizes["feature"])),
        "/cycles/began": [0.0],
        "/cycles/ended": [1.0],
    }
    if "/particles" in layout.parts:
        facts["/particles/trajectory/position/value"] = rng.random((total, layout.sizes["atom"], 3), "f4")
    if EDGES in layout.parts:
        lengths = rng.random((total, 3), "f4") + 2
        edges = np.zeros((total, 3, 3), "f4")
        edges[:, np.arange(3), np.arange(3)] = lengths
        facts |= {f"{EDGES}/value": edges, "/cell_lengths": lengths, "/cell_angles": np.full((total, 3), 90.0)}
    facts |= {path: np.full(n, 7.0) for path in layout.growing if path.startswith("/segments/observables/")}
    return build_cycle(layout, record.cycles[-1] if record.n_cycles else None, facts, counts)


@pytest.fixture
def make_record():
    """A function that makes runs."""
    return record_of


@pytest.fixture
def toy():
    """Two walkers, three cycles, three atoms, uneven numbers of frames."""
    return record_of()
