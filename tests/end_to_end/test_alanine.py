"""From a molecule to a trajectory of an ancestry: what was stored is what other programs read."""

import csv

import mdtraj
import numpy as np
import pytest

import wepy_data as wd
from wepy.config import build_simulation, read_configuration
from wepy.config.example import examples_folder

CYCLES = 25
PHI, PSI = [4, 6, 8, 14], [6, 8, 14, 16]


@pytest.fixture(scope="module")
def alanine(tmp_path_factory):
    """Return the file of a short run of the example, energies recorded, with a target that walkers reach."""
    folder = tmp_path_factory.mktemp("alanine")
    base = examples_folder() / "alanine_dipeptide"
    config = read_configuration(base / "alanine-dipeptide.toml")
    settings = config.model_copy(
        update={
            "run": config.run.model_copy(update={"output": folder / "run.h5"}),
            "engine": config.engine.model_copy(update={"observables": ["potential_energy", "kinetic_energy"]}),
            "recycling": config.recycling.model_copy(update={"lower": [-0.9, float("-inf")]}),
            "dispatch": config.dispatch.model_copy(update={"kind": "serial"}),
        }
    )
    for _ in build_simulation(settings, base).run(cycles=CYCLES):
        pass
    return folder / "run.h5"


@pytest.fixture
def run(alanine):
    with wd.open_run(alanine) as opened:
        yield opened


@pytest.fixture
def lineage(run, tmp_path):
    """Return a lineage of the last cycle, its DCD as mdtraj reads it, and the rows of its table."""
    path = run.lineage.trace(run.segment_id(cycle=-1, walker=1))
    wd.export_dcd(run, path, tmp_path / "lineage.dcd")
    trajectory = mdtraj.load(str(tmp_path / "lineage.dcd"), top=str(tmp_path / "lineage.pdb"))
    with (tmp_path / "lineage.csv").open() as file:
        return path, trajectory, list(csv.DictReader(file))


def test_the_run_conforms(alanine):
    assert wd.check(alanine) == []


def test_the_dcd_is_the_stored_frames(run, lineage):
    path, trajectory, table = lineage
    stored = run.frames(path)
    assert len(path) == CYCLES
    assert trajectory.n_frames == stored.n_frames == len(table) == 2 * CYCLES
    assert np.abs(trajectory.xyz - stored.xyz).max() * 10 < 1e-3  # Å
    assert trajectory.unitcell_lengths is None


def test_torsions_of_the_dcd_are_the_stored_order_parameter(run, lineage):
    path, trajectory, _ = lineage
    stored = np.asarray(run.observable("order_parameter", path))
    again = mdtraj.compute_dihedrals(trajectory, [PHI, PSI], periodic=False)
    difference = (again - stored + np.pi) % (2 * np.pi) - np.pi
    assert stored.shape == again.shape == (2 * CYCLES, 2)
    assert np.abs(difference).max() < 1e-4


def test_the_table_names_segment_cycle_weight_and_time_of_every_frame(run, lineage):
    path, _, table = lineage
    assert [int(row["segment"]) for row in table] == np.repeat(path, 2).tolist()
    assert [int(row["cycle"]) for row in table] == np.repeat(np.arange(CYCLES), 2).tolist()
    weight = run.table("segments")["weight"].to_numpy()
    assert [float(row["weight"]) for row in table] == np.repeat(weight[path], 2).tolist()
    assert np.allclose([float(row["time_ps"]) for row in table], 0.02 * np.arange(1, 2 * CYCLES + 1))


def test_clones_start_where_their_parent_ended_and_stay_sane(run):
    segments = run.table("segments")
    children = segments["parent"].value_counts()
    cloned = np.isin(segments["parent"], children[children > 1].index[children[children > 1].index >= 0])
    assert cloned.sum() > 10
    for name in ("potential_energy", "kinetic_energy"):
        energy = np.asarray(run.observable(name, np.flatnonzero(cloned)))
        assert np.isfinite(energy).all()
        assert np.abs(energy).max() < 1e3  # kJ/mol; 22 atoms at 600 K


def test_a_walk_along_a_lineage_has_no_jumps(run, lineage):
    path, trajectory, _ = lineage
    continuous = np.repeat(run.table("segments")["continuous"].to_numpy()[path], 2).astype(bool)
    continuous[1::2] = True  # within a segment
    step = np.sqrt(((trajectory.xyz[1:] - trajectory.xyz[:-1]) ** 2).sum(axis=2)).max(axis=1)
    assert step[continuous[1:]].max() < 0.15  # nm in 20 fs


def test_recycled_walkers_start_anew(run):
    events = run.table("events")
    assert len(events) > 0
    progress = run.table("segments").loc[events["segment"]]
    phi = progress.filter(like="progress").to_numpy()[:, 0]
    assert ((phi >= -0.9) & (phi < 1.9199)).all()
