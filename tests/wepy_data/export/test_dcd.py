"""Lineages as DCD trajectories."""

import mdtraj
import numpy as np
import pandas as pd
import pytest

from wepy_data import Run, RunExistsError, SelectionError, export_dcd, open_run
from wepy_data.export import mdtraj_file, stream
from wepy_data.query.topology import topology_of_particles


@pytest.fixture
def run(ensemble_file):
    with open_run(ensemble_file) as run:
        yield run


def loaded(exported):
    return mdtraj.load(exported.trajectory, top=exported.topology)


def test_mdtraj_reads_back_the_stored_frames(run, tmp_path):
    lineage = run.lineage.trace(run.segment_id(-1, 3))
    exported = export_dcd(run, lineage, tmp_path / "lineage.dcd")
    again, stored = loaded(exported), run.frames(lineage)
    assert exported.n_frames == len(stored) == len(again)
    assert np.abs(again.xyz - stored.xyz).max() * 10 < 1e-3  # Å
    assert again.unitcell_lengths is None
    assert [atom.name for atom in again.topology.atoms] == ["N", "CA", "C", "O"]


def test_boxes_come_back_in_lengths_and_angles(make_ensemble, tmp_path):
    run = Run(make_ensemble(3, periodic=True))
    again = loaded(export_dcd(run, run.lineage.trace(run.segment_id()), tmp_path / "lineage.dcd"))
    np.testing.assert_allclose(again.unitcell_lengths, np.tile([3.0, 3.5, 4.0], (6, 1)), rtol=1e-6)
    np.testing.assert_allclose(again.unitcell_angles, 90.0, rtol=1e-6)
    assert np.abs(again.xyz - run.frames(run.lineage.trace(run.segment_id())).xyz).max() < 1e-4  # never wrapped


def test_table_says_what_each_frame_is(run, tmp_path):
    lineage = run.lineage.trace(run.segment_id(-1, 3))
    table = pd.read_csv(export_dcd(run, lineage, tmp_path / "l.dcd").table, dtype=str).map(float)  # exact
    segments, frames = run.table("segments"), run.table("frames")
    assert table.frame.tolist() == list(range(len(table)))
    assert table.segment.tolist() == np.repeat(lineage, 2).tolist()
    for name in ("cycle", "walker", "weight"):
        assert table[name].tolist() == segments.loc[table.segment, name].tolist()
    mine = frames[frames.segment.isin(lineage)]
    assert table.time_ps.tolist() == mine.time.tolist()
    assert table.md_step.tolist() == mine.md_step.tolist()
    np.testing.assert_array_equal(table[["phi_rad", "psi_rad"]], run.observable("order_parameter", lineage))
    np.testing.assert_array_equal(table.phi_rad[1::2], segments.loc[lineage, "progress_0"])


def test_small_blocks_give_the_same_files(run, tmp_path, monkeypatch):
    lineage = run.lineage.trace(run.segment_id())
    whole = export_dcd(run, lineage, tmp_path / "whole.dcd")
    monkeypatch.setattr(stream, "BLOCK_BYTES", 200)
    told = []
    parts = export_dcd(run, lineage, tmp_path / "parts.dcd", progress=lambda done, total: told.append((done, total)))
    assert len(told) > 3
    assert told[-1] == (24, 24)
    assert parts.table.read_text() == whole.table.read_text()
    np.testing.assert_array_equal(loaded(parts).xyz, loaded(whole).xyz)


def test_chosen_atoms_only_in_order_of_the_topology(run, tmp_path):
    lineage = run.lineage.trace(run.segment_id())
    again = loaded(export_dcd(run, lineage, tmp_path / "part.dcd", atoms=[3, 1]))
    assert [atom.name for atom in again.topology.atoms] == ["CA", "O"]
    np.testing.assert_allclose(again.xyz, run.frames(lineage).xyz[:, [1, 3]], atol=1e-4)


def test_particles_that_are_no_atoms_have_no_element(ensemble_record, tmp_path):
    run = Run(ensemble_record)
    run.topology = topology_of_particles([6, 0, 0, 8])
    text = export_dcd(run, 0, tmp_path / "l.dcd").topology.read_text()
    mine = [line for line in text.splitlines() if line.startswith(("ATOM", "HETATM"))]
    elements = [atom.element.symbol for atom in run.topology.atoms]
    assert elements == ["C", "VS", "VS", "O"]
    assert [line[76:78].strip() for line in mine] == [symbol.replace("VS", "") for symbol in elements]


def test_segments_of_a_record_in_memory_are_exported_too(ensemble_record, tmp_path):
    assert export_dcd(Run(ensemble_record), 0, tmp_path / "one.dcd").n_frames == 2


@pytest.mark.parametrize("there", ["l.dcd", "l.pdb", "l.csv"])
def test_nothing_is_written_if_one_of_the_files_exists(run, tmp_path, there):
    (tmp_path / there).write_text("mine")
    with pytest.raises(RunExistsError, match=there):
        export_dcd(run, 0, tmp_path / "l.dcd")
    assert [path.name for path in tmp_path.iterdir()] == [there]
    assert (tmp_path / there).read_text() == "mine"


def test_existing_files_are_replaced_when_told_so(run, tmp_path):
    for name in ("l.dcd", "l.pdb", "l.csv"):
        (tmp_path / name).write_text("old")
    assert len(loaded(export_dcd(run, 0, tmp_path / "l.dcd", overwrite=True))) == 2
    assert len(list(tmp_path.iterdir())) == 3


def test_failure_leaves_no_file_behind(run, tmp_path):
    def fail(done, total):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        export_dcd(run, 0, tmp_path / "l.dcd", progress=fail)
    assert not list(tmp_path.iterdir())


def test_positions_too_large_for_a_pdb_are_kept_in_the_trajectory(make_ensemble, tmp_path, monkeypatch):
    monkeypatch.setattr(mdtraj_file, "PDB_LIMIT", 1e-3)
    run = Run(make_ensemble(2))
    again = loaded(export_dcd(run, 0, tmp_path / "l.dcd"))
    np.testing.assert_allclose(again.xyz, run.frames(0).xyz, atol=1e-4)


@pytest.mark.parametrize(
    ("segments", "atoms", "message"),
    [
        ([], None, "nothing to export"),
        (0, [], "no atoms are selected"),
        (0, [4], "atoms 0 to 3"),
        (10**6, None, "no segment 1000000"),
    ],
)
def test_impossible_selection_says_why(run, tmp_path, segments, atoms, message):
    with pytest.raises(SelectionError, match=message):
        export_dcd(run, segments, tmp_path / "l.dcd", atoms=atoms)
    assert not list(tmp_path.iterdir())


def test_run_without_coordinates_says_so(make_ensemble, tmp_path):
    with pytest.raises(SelectionError, match="no coordinates"):
        export_dcd(Run(make_ensemble(2, particles=False)), 0, tmp_path / "l.dcd")


def test_other_suffix_and_missing_folder_are_refused(run, tmp_path):
    with pytest.raises(SelectionError, match=r"ends in \.dcd"):
        export_dcd(run, 0, tmp_path / "l.xtc")
    with pytest.raises(FileNotFoundError, match="no folder"):
        export_dcd(run, 0, tmp_path / "nowhere" / "l.dcd")


def test_labels_that_would_collide_give_way_to_numbers(make_ensemble, tmp_path):
    record = make_ensemble(2)
    record.header.provenance[0]["components"]["order_parameter"]["labels"] = ["phi", "phi"]
    table = pd.read_csv(export_dcd(Run(record), 0, tmp_path / "l.dcd").table)
    assert list(table.columns[-2:]) == ["order_parameter_0", "order_parameter_1"]
