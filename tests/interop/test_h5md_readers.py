"""The very file of a run, opened by other programs: MDAnalysis (H5MD) and mdtraj (its own HDF5 layout)."""

from pathlib import Path

import h5py
import mdtraj
import numpy as np
import pytest
from mdtraj.formats import HDF5TrajectoryFile

from wepy_data.query.run import open_run
from wepy_data.record.build import build_cycle
from wepy_data.record.header import Header
from wepy_data.record.run_record import RunRecord
from wepy_data.schema.layout import Layout, Named
from wepy_data.store.check import check
from wepy_data.store.writer import FileWriter

PDB = Path(__file__).resolve().parents[2] / "examples" / "alanine_dipeptide" / "alanine_dipeptide.pdb"
TRAJECTORY = "/particles/trajectory"
POSITIONS, EDGES = f"{TRAJECTORY}/position/value", f"{TRAJECTORY}/box/edges/value"
N_CYCLES, FRAMES_OF_WALKERS = 4, (2, 3, 1)


def mdtraj_json(topology, folder):
    """The text that mdtraj itself writes for a topology."""
    with HDF5TrajectoryFile(str(folder / "topology.h5"), "w") as file:
        file.topology = topology
    with h5py.File(folder / "topology.h5") as file:
        return file["/topology"][0].decode()


def record_of(folder, *, topology, periodic, velocities, picometres=False):
    """A run of three walkers and 22 atoms, of known coordinates."""
    molecule = mdtraj.load(str(PDB))
    n_atoms = molecule.n_atoms
    parts = {
        "/particles": True,
        "/topology": topology,
        f"{TRAJECTORY}/box/edges": periodic,
        f"{TRAJECTORY}/velocity": velocities,
        f"{TRAJECTORY}/id": picometres,
    }
    layout = Layout(
        sizes={"atom": n_atoms, "feature": 2},
        parts=frozenset(part for part, there in parts.items() if there),
        named={
            "/observables/<name>/value": (
                Named(name="order_parameter", shape=(2,), unit="nm"),
                Named(name="energy", unit="kJ mol-1"),
            ),
            "/segments/observables/<name>": (Named(name="work", shape=(3,)),),
        },
        dtypes={POSITIONS: "i4"} if picometres else {},
    )
    elements = [atom.element for atom in molecule.topology.atoms]
    header = Header(
        layout=layout,
        topology=mdtraj_json(molecule.topology, folder) if topology else "",
        static={
            "/states/kind": np.zeros(1, "u1"),
            "/states/label": np.array([b"start"], "S64"),
            "/states/probability": np.ones(1),
            f"{TRAJECTORY}/species": np.array([element.number for element in elements]),
            f"{TRAJECTORY}/mass": np.array([element.mass for element in elements]),
            f"{TRAJECTORY}/charge": np.linspace(-0.5, 0.5, n_atoms),
            f"{TRAJECTORY}/id": np.arange(n_atoms) * 2,
        },
        provenance=[
            {
                "kind": "start",
                "time": "2026-01-01T00:00:00+00:00",
                "software": {"wepy": "0", "python": "3"},
                "host": {"name": "h"},
                "seed": 1,
            }
        ],
    )
    record = RunRecord(header)
    for cycle in range(N_CYCLES):
        record.append(build_cycle(layout, *_facts(record, molecule.xyz[0], cycle), np.array(FRAMES_OF_WALKERS)))
    return record


def _facts(record, xyz, cycle):
    layout, rng = record.header.layout, np.random.default_rng(cycle)
    n, total = len(FRAMES_OF_WALKERS), sum(FRAMES_OF_WALKERS)
    within = np.concatenate([np.arange(1, count + 1) for count in FRAMES_OF_WALKERS])
    values = rng.random((total, 2))
    facts = {
        "/segments/weight": np.full(n, 1 / n),
        "/segments/parent": (cycle - 1) * n + np.arange(n) if cycle else np.full(n, -1),
        "/segments/state": np.full(n, -1 if cycle else 0),
        "/segments/continuous": np.full(n, int(cycle > 0)),
        "/segments/progress": values[np.cumsum(FRAMES_OF_WALKERS) - 1],
        "/segments/bin": np.full(n, -1),
        "/segments/cpu_time": np.zeros(n),
        "/segments/wall_time": np.zeros(n),
        "/segments/worker": np.full(n, -1),
        "/segments/observables/work": rng.random((n, 3)),
        "/frames/md_step": cycle * 3 + within,
        "/frames/time": (cycle * 3 + within) * 0.002,
        "/frames/total_time": (cycle * total + np.arange(total) + 1) * 0.002,
        "/observables/order_parameter/value": values,
        "/observables/energy/value": rng.random(total),
        f"{TRAJECTORY}/position/value": xyz + rng.normal(0, 0.3, (total, *xyz.shape)),
        "/cycles/began": [float(cycle)],
        "/cycles/ended": [cycle + 1.0],
    }
    if f"{TRAJECTORY}/velocity" in layout.parts:
        facts[f"{TRAJECTORY}/velocity/value"] = rng.normal(0, 0.5, (total, *xyz.shape))
    if f"{TRAJECTORY}/box/edges" in layout.parts:
        box = np.array([[3, 0, 0], [0.5, 3.2, 0], [0.2, 0.4, 2.9]]) * (1 + 0.01 * rng.random((total, 1, 1)))
        lengths = np.linalg.norm(box, axis=2)
        cosines = [(box[:, a] * box[:, b]).sum(1) / lengths[:, a] / lengths[:, b] for a, b in ((1, 2), (0, 2), (0, 1))]
        facts |= {
            f"{TRAJECTORY}/box/edges/value": box,
            "/cell_lengths": lengths,
            "/cell_angles": np.degrees(np.arccos(np.stack(cosines, 1))),
        }
    if layout.growing[POSITIONS].unit == "pm":
        facts[POSITIONS] = np.rint(facts[POSITIONS] * 1000).astype("i4")
        facts[EDGES] = facts[EDGES] * 1000
    return (record.cycles[-1] if cycle else None), facts


def planned(record):
    """The walkers of a run that would go on as they are."""
    n, layout = len(FRAMES_OF_WALKERS), record.header.layout
    return {path: column.empty() for path, column in layout.planned.items()} | {
        "/next/weight": np.full(n, 1 / n),
        "/next/parent": (N_CYCLES - 1) * n + np.arange(n),
        "/next/state": np.full(n, -1),
        "/next/continuous": np.ones(n, "u1"),
    }


SYSTEMS = {
    "without topology": {"topology": False, "periodic": False, "velocities": False},
    "with topology": {"topology": True, "periodic": False, "velocities": False},
    "periodic with velocities": {"topology": True, "periodic": True, "velocities": True},
    "in picometres": {"topology": True, "periodic": True, "velocities": True, "picometres": True},
}


@pytest.fixture(params=SYSTEMS)
def record(request, tmp_path):
    """A run of each kind."""
    return record_of(tmp_path, **SYSTEMS[request.param])


@pytest.fixture(params=["sealed", "closed but not sealed"])
def file(request, record, tmp_path):
    """Its file, ended in order or as a stopped run leaves it."""
    path = tmp_path / "run.h5"
    with FileWriter(path, record.header, durable=False) as writer:
        for cycle in record:
            writer.append(cycle)
        if request.param == "sealed":
            writer.seal(planned(record))
    assert check(path) == []
    return path


def nanometres(record, path=POSITIONS):
    """What is stored, in nm: whatever its unit, readers must find the same lengths."""
    values, unit = record.read(path), record.header.layout.growing[path].unit
    return (values / {"nm": 1, "pm": 1000}[unit]).astype("f4")


def compare_with_mdanalysis(universe, record):
    rows = range(record.rows("frame"))
    assert universe.trajectory.n_frames == len(rows)
    velocities = f"{TRAJECTORY}/velocity/value" in record.header.layout.growing
    assert universe.trajectory.ts.has_velocities == velocities
    for row in (*rows, 0, rows[-1]):
        step = universe.trajectory[row]
        np.testing.assert_allclose(step.positions, 10 * nanometres(record)[row], rtol=1e-6)
        assert step.time == pytest.approx(record.read("/frames/total_time")[row])
        assert step.data["step"] == row
        if velocities:
            np.testing.assert_allclose(
                step.velocities, 10 * record.read(f"{TRAJECTORY}/velocity/value")[row], rtol=1e-6
            )
        np.testing.assert_allclose(step.data["order_parameter"], record.read("/observables/order_parameter/value")[row])
        if "/cell_lengths" in record.header.layout.growing:
            box = [*10 * record.read("/cell_lengths")[row], *record.read("/cell_angles")[row]]
            np.testing.assert_allclose(step.dimensions, box, rtol=1e-5)
        else:
            assert step.dimensions is None


def compare_with_mdtraj(trajectory, record):
    np.testing.assert_array_equal(trajectory.xyz, nanometres(record))
    np.testing.assert_allclose(trajectory.time, record.read("/frames/total_time"), rtol=1e-6)
    if "/cell_lengths" in record.header.layout.growing:
        np.testing.assert_array_equal(trajectory.unitcell_lengths, record.read("/cell_lengths"))
        np.testing.assert_array_equal(trajectory.unitcell_angles, record.read("/cell_angles"))
        np.testing.assert_allclose(trajectory.unitcell_vectors, nanometres(record, EDGES), atol=2e-6)
    else:
        assert trajectory.unitcell_lengths is None


def test_mdanalysis_reads_coordinates_times_boxes_and_velocities(file, record):
    mda = pytest.importorskip("MDAnalysis")
    universe = mda.Universe(str(PDB), str(file), format="H5MD")
    compare_with_mdanalysis(universe, record)
    universe.trajectory.close()


def test_mdtraj_loads_the_file_as_its_own(file, record):
    if record.header.topology:
        trajectory = mdtraj.load(str(file))
        assert trajectory.topology == mdtraj.load(str(PDB)).topology
    else:
        with HDF5TrajectoryFile(str(file)) as reader:
            assert reader.topology is None
            found = reader.read()
        topology = mdtraj.load(str(PDB)).topology
        trajectory = mdtraj.Trajectory(found.coordinates, topology, found.time, found.cell_lengths, found.cell_angles)
    compare_with_mdtraj(trajectory, record)


def test_mdtraj_reads_chosen_frames_and_atoms(file, record):
    positions = nanometres(record)
    with HDF5TrajectoryFile(str(file)) as reader:
        reader.seek(7)
        np.testing.assert_allclose(reader.read(n_frames=2).coordinates, positions[7:9], rtol=1e-7)
        reader.seek(0)
        found = reader.read(stride=3, atom_indices=[1, 5]).coordinates
        np.testing.assert_allclose(found, positions[::3][:, [1, 5]], rtol=1e-7)


def test_our_topology_is_the_one_that_mdtraj_reads(file, record):
    with open_run(file) as run:
        if record.header.topology:
            assert run.topology == mdtraj.load(str(file)).topology == mdtraj.load(str(PDB)).topology
        else:
            elements = [atom.element for atom in mdtraj.load(str(PDB)).topology.atoms]
            assert [atom.element for atom in run.topology.atoms] == elements
