"""Trajectories in all formats, read back by mdtraj, MDAnalysis and numpy."""

import json
import warnings

import h5py
import mdtraj
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from wepy_data import Run, RunExistsError, SelectionError, export_frames, open_run, write_run
from wepy_data.export import mdtraj_file
from wepy_data.query.frame import frame_rows
from wepy_data.testing import runs

QUICK = settings(max_examples=12, suppress_health_check=list(HealthCheck), deadline=None)
CLOSE = {".dcd": 1e-6, ".xtc": 6e-4, ".pdb": 6e-5, ".cif": 6e-6, ".h5": 0, ".h5md": 0}
EDGES = "/particles/trajectory/box/edges/value"
VELOCITIES = "/particles/trajectory/velocity/value"


@pytest.fixture(params=[False, True], ids=["open", "periodic"])
def run(request, make_ensemble):
    return Run(make_ensemble(periodic=request.param))


def lineage_of(run):
    return run.lineage.trace(run.segment_id(-1, 3))


def seen_by_mdanalysis(exported, **more):
    """Positions (nm), times (ps) and boxes as MDAnalysis reads them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import MDAnalysis

        warnings.simplefilter("ignore")  # it has filters of its own
        found = MDAnalysis.Universe(str(exported.topology), str(exported.trajectory), **more)
        frames = [(ts.positions / 10, ts.time, ts.dimensions) for ts in found.trajectory]
        found.trajectory.close()
    positions, times, boxes = zip(*frames, strict=True)
    return np.array(positions), np.array(times), boxes


def seen_by_mdtraj(exported):
    top = {} if exported.topology == exported.trajectory else {"top": exported.topology}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return mdtraj.load(str(exported.trajectory), **top)


@pytest.mark.parametrize("suffix", [".dcd", ".xtc", ".pdb", ".cif", ".h5"])
def test_mdtraj_reads_back_positions_times_boxes_and_atoms(run, tmp_path, suffix):
    stored = run.frames(lineage_of(run))
    again = seen_by_mdtraj(export_frames(run, lineage_of(run), tmp_path / f"l{suffix}"))
    np.testing.assert_allclose(again.xyz, stored.xyz, atol=CLOSE[suffix])
    assert [atom.name for atom in again.topology.atoms] == ["N", "CA", "C", "O"]
    if suffix in (".xtc", ".h5"):
        np.testing.assert_allclose(again.time, stored.time, rtol=1e-6)
    if stored.unitcell_lengths is None:
        assert again.unitcell_lengths is None
    else:
        np.testing.assert_allclose(again.unitcell_lengths, stored.unitcell_lengths, rtol=1e-4)
        np.testing.assert_allclose(again.unitcell_angles, stored.unitcell_angles, rtol=1e-4)


@pytest.mark.parametrize("suffix", [".dcd", ".xtc", ".pdb", ".h5md"])
def test_mdanalysis_reads_back_positions_and_boxes(run, tmp_path, suffix):
    stored = run.frames(lineage_of(run))
    exported = export_frames(run, lineage_of(run), tmp_path / f"l{suffix}")
    more = {"format": "H5MD"} if suffix == ".h5md" else {}
    positions, times, boxes = seen_by_mdanalysis(exported, **more)
    np.testing.assert_allclose(positions, stored.xyz, atol=CLOSE[suffix] + 1e-6)
    if suffix in (".xtc", ".h5md"):
        np.testing.assert_allclose(times, stored.time, rtol=1e-6)
    if suffix != ".pdb":  # without a box, it makes one up
        for found in boxes:
            if stored.unitcell_lengths is None:
                assert found is None or not np.any(found[:3])
            else:
                np.testing.assert_allclose(found, [30, 35, 40, 90, 90, 90], rtol=1e-5)


def test_numpy_reads_back_everything_from_npz(run, tmp_path):
    exported = export_frames(run, lineage_of(run), tmp_path / "l.npz")
    stored, table = run.frames(lineage_of(run)), pd.read_csv(exported.table, dtype=str).map(float)
    with np.load(exported.trajectory) as found:
        np.testing.assert_array_equal(found["positions"], stored.xyz)
        for name in ("segment", "cycle", "walker", "weight", "time_ps", "md_step"):
            np.testing.assert_array_equal(found[name], table[name])
        np.testing.assert_array_equal(found["order_parameter"], table[["phi_rad", "psi_rad"]])
        np.testing.assert_array_equal(found["atoms"], np.arange(4))
        assert ("unitcell_lengths" in found) == (stored.unitcell_lengths is not None)
        if stored.unitcell_lengths is not None:
            np.testing.assert_array_equal(found["unitcell_lengths"], stored.unitcell_lengths)
            np.testing.assert_array_equal(found["unitcell_angles"], stored.unitcell_angles)


@given(record=runs(min_cycles=1, particles=True), data=st.data())
@QUICK
def test_dcd_has_the_very_bytes_of_mdtrajs_frames(new_path, record, data):
    run, path = Run(record), new_path().with_suffix(".dcd")
    segments = data.draw(st.lists(st.integers(0, run.n_segments - 1), min_size=1, max_size=8))
    assume(len(frame_rows(record, segments)[0]) and run.topology.n_atoms)
    export_frames(run, segments, path)
    theirs = path.with_name(f"their-{path.name}")
    frames = run.frames(segments)
    frames.save_dcd(str(theirs))
    mine, other = path.read_bytes(), theirs.read_bytes()
    assert len(mine) == len(other)
    head = 92 + 172 + 12  # header, titles, number of atoms
    assert mine[:92] == other[:92]
    if frames.unitcell_lengths is None:
        assert mine[264:] == other[264:]
    else:
        np.testing.assert_allclose(
            seen_cells(mine[head:], frames), seen_cells(other[head:], frames), rtol=1e-6, atol=1e-7
        )
    np.testing.assert_array_equal(
        mdtraj.load_dcd(str(path), top=run.topology).xyz, mdtraj.load_dcd(str(theirs), top=run.topology).xyz
    )


def seen_cells(values, frames):
    size = 56 + 3 * (8 + 4 * frames.n_atoms)
    return [np.frombuffer(values[i * size + 4 : i * size + 52], "<f8") for i in range(frames.n_frames)]


@given(record=runs(min_cycles=1, particles=True, max_walkers=3), data=st.data())
@QUICK
def test_h5md_of_any_lineage_conforms_and_keeps_velocities(new_path, record, data):
    segment = data.draw(st.integers(0, record.rows("segment") - 1))
    with open_run(write_run(new_path(), record)) as run:
        path = run.lineage.trace(segment)
        rows, owners = frame_rows(run.reader, path)
        assume(len(rows) and run.topology.n_atoms)
        exported = export_frames(run, path, new_path().with_suffix(".h5md"))
        stored = run.frames(path)
        with h5py.File(exported.trajectory) as file:
            group = file["particles/trajectory"]
            assert file["h5md"].attrs["version"].tolist() == [1, 1]
            assert group["box"].attrs["dimension"] == 3
            assert (np.diff(group["position/step"][:]) > 0).all()
            np.testing.assert_array_equal(group["position/value"][:], stored.xyz)
            np.testing.assert_array_equal(group["position/time"][:], record.read("/frames/time")[rows])
            assert ("edges" in group["box"]) == (EDGES in record.header.layout.growing)
            if "edges" in group["box"]:
                edges = record.read(EDGES)[rows]
                picometres = record.header.layout.growing[EDGES].unit == "pm"
                np.testing.assert_array_equal(
                    group["box/edges/value"][:], (edges / 1000).astype("f4") if picometres else edges
                )
            assert ("velocity" in group) == (VELOCITIES in record.header.layout.growing)
            if "velocity" in group:
                np.testing.assert_array_equal(group["velocity/value"][:], record.read(VELOCITIES)[rows])
                assert group["velocity/step"] == group["position/step"]
            np.testing.assert_array_equal(file["observables/weight/value"][:], record.read("/segments/weight")[owners])
            np.testing.assert_array_equal(group["mass"][:], record.header.static["/particles/trajectory/mass"])
        positions, times, _ = seen_by_mdanalysis(exported, format="H5MD")
        np.testing.assert_allclose(positions, stored.xyz, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(times, stored.time, rtol=1e-9)


def test_h5md_refuses_what_is_no_lineage(run, tmp_path):
    with pytest.raises(SelectionError, match=r"one lineage.*\.dcd"):
        export_frames(run, run.lineage.segments_of(-1), tmp_path / "l.h5md")
    assert not list(tmp_path.iterdir())


@given(record=runs(min_cycles=1, particles=True, velocities=True), data=st.data(), stride=st.integers(1, 3))
@QUICK
def test_velocities_go_to_mdtrajs_hdf5_and_npz(new_path, record, data, stride):
    run = Run(record)
    segments = data.draw(st.lists(st.integers(0, run.n_segments - 1), min_size=1, max_size=6))
    assume(len(frame_rows(record, segments)[0]) and run.topology.n_atoms)
    atoms = data.draw(st.none() | st.lists(st.integers(0, run.topology.n_atoms - 1), min_size=1))
    stored = run.velocities(segments, atoms, stride)
    archive = export_frames(run, segments, new_path().with_suffix(".npz"), stride=stride, atoms=atoms)
    with np.load(archive.trajectory) as found:
        np.testing.assert_array_equal(found["velocities"], stored)
        np.testing.assert_array_equal(found["positions"], run.frames(segments, atoms, stride).xyz)
    hdf5 = export_frames(run, segments, new_path().with_suffix(".h5"), stride=stride, atoms=atoms)
    with h5py.File(hdf5.trajectory) as file:
        np.testing.assert_array_equal(file["velocities"][:], stored)


def test_each_format_writes_the_files_that_it_needs(run, tmp_path):
    for suffix, files in {".dcd": 3, ".xtc": 3, ".h5md": 3, ".npz": 3, ".pdb": 2, ".cif": 2, ".h5": 2}.items():
        folder = tmp_path / suffix[1:]
        folder.mkdir()
        exported = export_frames(run, 0, folder / f"l{suffix}")
        assert len(list(folder.iterdir())) == files
        assert exported.topology.exists()
        assert exported.table.exists()


def test_stride_last_and_atoms_are_those_of_frames(run, tmp_path):
    path = lineage_of(run)
    again = seen_by_mdtraj(export_frames(run, path, tmp_path / "l.h5", stride=3, which="last", atoms=[1, 2]))
    np.testing.assert_array_equal(again.xyz, run.frames(path, [1, 2], 3, "last").xyz)


def test_aligned_frames_are_as_near_to_the_first_as_mdtraj_gets_them(run, tmp_path, monkeypatch):
    path, expected = lineage_of(run), run.frames(lineage_of(run))
    expected.superpose(expected, 0, atom_indices=np.array([0, 1, 2]))
    monkeypatch.setattr("wepy_data.export.stream.BLOCK_BYTES", 200)
    again = seen_by_mdtraj(export_frames(run, path, tmp_path / "l.h5", align=[2, 0, 1], atoms=[1, 3]))
    np.testing.assert_allclose(again.xyz, expected.xyz[:, [1, 3]], atol=1e-5)


def test_a_reference_of_ones_own_and_one_that_does_not_fit(run, tmp_path):
    path, reference = lineage_of(run), run.frames(run.segment_id(0, 0), which="last")
    expected = run.frames(path).superpose(reference)
    again = seen_by_mdtraj(export_frames(run, path, tmp_path / "l.h5", align=[0, 1, 2, 3], reference=reference))
    np.testing.assert_allclose(again.xyz, expected.xyz, atol=1e-5)
    with pytest.raises(SelectionError, match="of 2 atoms, expected one of 4"):
        export_frames(run, path, tmp_path / "m.h5", align=[0], reference=reference.atom_slice([0, 1]))


def test_molecules_are_made_whole_as_mdtraj_does(make_ensemble, tmp_path):
    run = Run(make_ensemble(periodic=True))
    path = lineage_of(run)
    expected = run.frames(path)
    expected.make_molecules_whole(inplace=True)
    again = seen_by_mdtraj(export_frames(run, path, tmp_path / "l.h5", whole=True))
    np.testing.assert_allclose(again.xyz, expected.xyz, atol=1e-5)
    assert not np.allclose(again.xyz, run.frames(path).xyz, atol=1e-3)
    part = seen_by_mdtraj(export_frames(run, path, tmp_path / "part.h5", whole=True, atoms=[0, 3]))
    np.testing.assert_allclose(part.xyz, expected.xyz[:, [0, 3]], atol=1e-5)
    with pytest.raises(SelectionError, match="use whole"):
        export_frames(run, path, tmp_path / "i.h5", image=True)


def test_molecules_are_imaged_as_mdtraj_does(make_ensemble, tmp_path, monkeypatch):
    record = make_ensemble(periodic=True)
    bonds = json.loads(record.header.topology) | {"bonds": [[0, 1], [1, 2]]}
    object.__setattr__(record.header, "topology", json.dumps(bonds))
    # its own guess wants ten molecules or more
    monkeypatch.setattr(mdtraj.Topology, "guess_anchor_molecules", lambda topology: topology.find_molecules()[:1])
    run = Run(record)
    again = seen_by_mdtraj(export_frames(run, lineage_of(run), tmp_path / "l.h5", image=True))
    expected = run.frames(lineage_of(run)).image_molecules()
    np.testing.assert_allclose(again.xyz, expected.xyz, atol=1e-5)


def test_whole_molecules_need_a_box_and_bonds(make_ensemble, tmp_path):
    with pytest.raises(SelectionError, match="no box"):
        export_frames(Run(make_ensemble(2)), 0, tmp_path / "l.dcd", whole=True)
    record = make_ensemble(2, periodic=True)
    bare = json.loads(record.header.topology) | {"bonds": []}
    object.__setattr__(record.header, "topology", json.dumps(bare))
    with pytest.raises(SelectionError, match="no bonds"):
        export_frames(Run(record), 0, tmp_path / "l.dcd", whole=True)


def test_cut_leaves_what_follows_the_last_recycling(make_ensemble, tmp_path):
    run = Run(make_ensemble(30))
    segments = run.table("segments")
    jumped = [path for path in run.lineage.trace_all().T if (segments.continuous[path[1:]] == "discontinuous").any()]
    assert jumped
    for number, path in enumerate(jumped):
        table = pd.read_csv(export_frames(run, path, tmp_path / f"{number}.npz", cut=True).table)
        kept = table.segment.unique()
        assert kept.tolist() == path[-len(kept) :].tolist()
        assert segments.continuous[kept].tolist() == ["discontinuous"] + ["continuous"] * (len(kept) - 1)


@pytest.mark.parametrize("suffix", [".pdb", ".cif"])
def test_too_many_models_name_the_stride_that_will_do(run, tmp_path, monkeypatch, suffix):
    monkeypatch.setattr(mdtraj_file, "_MOST_LINES", 40)
    with pytest.raises(SelectionError, match="stride of 3 or more"):
        export_frames(run, lineage_of(run), tmp_path / f"l{suffix}")
    assert len(seen_by_mdtraj(export_frames(run, lineage_of(run), tmp_path / f"l{suffix}", stride=3))) == 8


def test_positions_without_room_in_a_pdb_are_refused(run, tmp_path, monkeypatch):
    monkeypatch.setattr(mdtraj_file, "PDB_LIMIT", 1e-3)
    with pytest.raises(SelectionError, match=r"choose \.cif"):
        export_frames(run, 0, tmp_path / "l.pdb")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".dcd", ".xtc", ".pdb", ".cif", ".h5", ".h5md", ".npz"])
def test_failure_leaves_no_file_behind_and_existing_ones_stay(run, tmp_path, suffix):
    def fail(done, total):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        export_frames(run, 0, tmp_path / f"l{suffix}", progress=fail)
    assert not list(tmp_path.iterdir())
    (tmp_path / "l.csv").write_text("mine")
    with pytest.raises(RunExistsError, match=r"l\.csv"):
        export_frames(run, 0, tmp_path / f"l{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == ["l.csv"]


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("l.trr", {}, r"\.dcd, \.xtc, .* or \.npz"),
        ("l.dcd", {"stride": 0}, "1 or more"),
        ("l.dcd", {"which": "first"}, "'all' and 'last'"),
        ("l.dcd", {"align": [9]}, "atoms 0 to 3"),
        ("l.dcd", {"align": []}, "no atoms to superpose on"),
        ("l.npz", {"scripts": True}, r"read no \.npz"),
    ],
)
def test_what_makes_no_sense_is_refused(run, tmp_path, name, more, words):
    with pytest.raises(SelectionError, match=words):
        export_frames(run, 0, tmp_path / name, **more)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".dcd", ".npz", ".h5md"])
def test_runs_without_coordinates_say_so(make_ensemble, tmp_path, suffix):
    with pytest.raises(SelectionError, match="no coordinates"):
        export_frames(Run(make_ensemble(2, particles=False)), 0, tmp_path / f"l{suffix}")
