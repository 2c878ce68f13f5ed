"""What can be wished for in an import from wepy 1.x, from Python and from the command line."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import wepy_data as wd
from wepy_data.cli import main


def nothing(n):
    return [(walker, "NOTHING", [walker]) for walker in range(n)]


def run_of(n_walkers=2, cycles=3, **more):
    return {"weights": [[1 / n_walkers] * n_walkers] * cycles, "steps": [[nothing(n_walkers)]] * cycles, **more}


def test_a_file_of_several_runs_names_them(write_wepy, tmp_path):
    path = write_wepy(tmp_path / "wepy.h5", run_of(2), run_of(3), continuations=[(1, 0)])
    with pytest.raises(
        wd.SelectionError, match=r"run 0 \(2 walkers\), run 1 \(3 walkers, continues run 0\): choose one"
    ):
        wd.import_wepy(path, tmp_path / "run.h5")
    with pytest.raises(wd.SelectionError, match="there is no run 2"):
        wd.import_wepy(path, tmp_path / "run.h5", run=2)


def test_a_continuation_by_other_walkers_is_told_and_not_followed(write_wepy, tmp_path):
    path = write_wepy(tmp_path / "wepy.h5", run_of(2), run_of(3), continuations=[(1, 0)])
    _, later = wd.import_wepy_runs(path, str(tmp_path / "run-{run}.h5"))
    assert any(line.startswith("which segments of run 0 the founders continue") for line in later.unknown)
    with wd.open_runs([tmp_path / "run-0.h5", tmp_path / "run-1.h5"]) as runs:
        assert len(runs.lineage.trace(runs.segment_id(-1, 0))) == 3


def test_a_run_may_continue_a_run_that_continues_one(write_wepy, tmp_path):
    path = write_wepy(tmp_path / "wepy.h5", run_of(), run_of(), run_of(), continuations=[(1, 0), (2, 1)])
    reports = wd.import_wepy_runs(path, str(tmp_path / "run-{run}.h5"))
    assert [wd.check(report.output) for report in reports] == [[], [], []]
    with wd.open_runs([report.output for report in reversed(reports)]) as runs:
        assert len(runs.lineage.trace(runs.segment_id(-1, 1))) == 9
        assert runs[2].header.continues.cycles_before == 6


def test_lengths_are_converted_and_units_told(write_wepy, tmp_path):
    frames = np.arange(3 * 3 * 3.0).reshape(3, 3, 3)
    fields = {
        "alt_reps/all": frames,
        "velocities": frames,
        "observables/rmsd": np.arange(3.0).reshape(3, 1),
        "potential_energy": np.arange(3.0).reshape(3, 1),
        "time": 2000 * np.arange(1, 4.0).reshape(3, 1),
    }
    units = {
        "positions": "angstrom",
        "box_vectors": "angstrom",
        "velocities": "angstrom/femtosecond",
        "potential_energy": "kilojoule/mole",
        "time": "femtosecond",
    }
    path = write_wepy(tmp_path / "wepy.h5", run_of(fields=fields), units=units)
    report = wd.import_wepy(path, tmp_path / "run.h5", timestep=2.0)
    assert "positions, converted from Angstrom to nm" in report.taken
    assert wd.check(tmp_path / "run.h5") == []
    with wd.open_run(tmp_path / "run.h5") as run:
        ids = run.segment_id(2, 0)
        assert run.observable("alt_reps_all", [ids])[0] == pytest.approx(frames[2] / 10)
        assert run.velocities([ids])[0] == pytest.approx(frames[2] * 100)
        assert run.observable("rmsd", [ids]).tolist() == [2.0]
        assert run.unit("potential_energy") == "kJ mol-1"
        assert run.frames([ids]).unitcell_lengths[0] == pytest.approx([0.2, 0.2, 0.2])
        assert run.reader.read("/frames/time").tolist() == [2.0, 2.0, 4.0, 4.0, 6.0, 6.0]


def test_a_field_can_be_the_order_parameter_and_others_left_out(write_wepy, tmp_path):
    fields = {"observables/rmsd": np.arange(3.0).reshape(3, 1), "forces": np.zeros((3, 3, 3))}
    path = write_wepy(tmp_path / "wepy.h5", run_of(fields=fields, progress=False))
    report = wd.import_wepy(
        path,
        tmp_path / "run.h5",
        order_parameter="observables/rmsd",
        fields=["positions"],
        units={"order_parameter": "nm"},
    )
    assert "field forces: it was not wanted" in report.left_out
    assert wd.check(tmp_path / "run.h5") == []
    with wd.open_run(tmp_path / "run.h5") as run:
        assert run.table("segments").progress.tolist() == [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]
        assert (run.unit("order_parameter"), "forces" in run.observables) == ("nm", False)
    with pytest.raises(wd.SelectionError, match=r"no field rmsd, mass in run 0 of .*: there are box_vectors, forces"):
        wd.import_wepy(path, tmp_path / "other.h5", order_parameter="mass", fields=["rmsd"])


def test_a_run_without_progress_has_an_order_parameter_of_zeros_and_says_so(write_wepy, tmp_path):
    report = wd.import_wepy(write_wepy(tmp_path / "wepy.h5", run_of(progress=False)), tmp_path / "run.h5")
    assert any(line.startswith("the order parameter: there are no progress records") for line in report.unknown)
    assert wd.check(tmp_path / "run.h5") == []


def test_some_atoms_of_a_topology_are_stored_in_its_order(write_wepy, tmp_path):
    path = write_wepy(tmp_path / "wepy.h5", run_of(n_atoms=2), main_rep=[2, 0])
    wd.import_wepy(path, tmp_path / "run.h5")
    assert wd.check(tmp_path / "run.h5") == []
    with wd.open_run(tmp_path / "run.h5") as run:
        assert [atom.name for atom in run.topology.atoms] == ["Na", "Ar"]
        assert run.header.static["/particles/trajectory/id"].tolist() == [0, 2]
        assert run.header.static["/particles/trajectory/species"].tolist() == [11, 18]


def test_the_number_of_walkers_may_change(write_wepy, tmp_path):
    grow = [(0, "CLONE", [0, 2]), (1, "NOTHING", [1])]
    shrink = [(0, "KEEP_MERGE", [0]), (1, "SQUASH", [0]), (2, "NOTHING", [1])]
    weights = [[0.5, 0.5], [0.25, 0.5, 0.25], [0.75, 0.25], [0.375, 0.25, 0.375]]
    fields = {"observables/cycle": np.arange(4.0).reshape(4, 1)}
    run = {"weights": weights, "steps": [[grow], [shrink], [grow], [nothing(3)]], "fields": fields}
    wd.import_wepy(write_wepy(tmp_path / "wepy.h5", run), tmp_path / "run.h5")
    assert wd.check(tmp_path / "run.h5") == []
    with wd.open_run(tmp_path / "run.h5") as found:
        assert found.observable("cycle").tolist() == found.table("segments").cycle.tolist()


def test_ids_of_decisions_are_those_of_the_file(write_wepy, tmp_path):
    wd.import_wepy(write_wepy(tmp_path / "wepy.h5", run_of(ids={"NOTHING": 0})), tmp_path / "run.h5")
    assert wd.check(tmp_path / "run.h5") == []


def test_what_the_file_says_of_itself_is_in_the_provenance(peer_file, tmp_path):
    wd.import_wepy(peer_file("wepy_nacl_revo_omm"), tmp_path / "run.h5", run=0)
    with wd.open_run(tmp_path / "run.h5") as run:
        (record,) = run.header.provenance
        assert (record["source"]["format"], record["source"]["version"]) == ("wepy", "1")
        assert record["components"]["recycling"]["records"]["boundary_distance"] == [[0.33]]
        assert record["components"]["storage"]["units"]["velocities_unit"] == "nanometer/picosecond"
        assert record["report"]["counts"]["events"] == 7
        json.dumps(record, allow_nan=False)
        assert run.table("segments", cycles=0).resampler_variation.nunique() == 1


def test_progress_is_told_cycle_by_cycle(write_wepy, tmp_path):
    told = []
    wd.import_wepy(
        write_wepy(tmp_path / "wepy.h5", run_of()), tmp_path / "run.h5", progress=lambda *done: told.append(done)
    )
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_the_command_imports_one_run_or_each_to_its_file(peer_file, tmp_path):
    path, runner = str(peer_file("wepy_nacl_revo_omm")), CliRunner()
    done = runner.invoke(main, ["import", path, "-o", str(tmp_path / "run-{run}.h5")])
    assert done.exit_code == 0, done.output
    assert wd.check(tmp_path / "run-0.h5") == wd.check(tmp_path / "run-1.h5") == []
    assert "15 cycles, 150 segments" in done.output
    one = runner.invoke(main, ["import", path, "-o", str(tmp_path / "one.h5"), "--run", "1", "--last", "3"])
    assert "4 cycles, 40 segments" in one.output
    for wrong, message in (
        ([], "choose one"),
        (["--run", "5"], "no run 5"),
        (["--run", "0", "--last", "99"], "no cycle 99"),
    ):
        failed = runner.invoke(main, ["import", path, "-o", str(tmp_path / "x.h5"), *wrong])
        assert (failed.exit_code, message in failed.output) == (2, True)
    assert not (tmp_path / "x.h5").exists()


def test_other_files_are_refused_by_name(tmp_path, write_wepy):
    wd.import_wepy(write_wepy(tmp_path / "wepy.h5", run_of()), tmp_path / "run.h5")
    with pytest.raises(wd.NotARunError, match="no file of wepy"):
        wd.import_wepy(tmp_path / "run.h5", tmp_path / "again.h5")
    with pytest.raises(wd.SelectionError, match="already"):
        wd.import_run(tmp_path / "run.h5", tmp_path / "again.h5")
    with pytest.raises(wd.SelectionError, match=r"expected \{run\} in it"):
        wd.import_wepy_runs(tmp_path / "wepy.h5", str(tmp_path / "again.h5"))
    with pytest.raises(wd.NotARunError, match="import it"):
        wd.open_run(tmp_path / "wepy.h5")
