"""The command `wepy-data compute`."""

import shutil
import signal
import subprocess
import sys

import mdtraj as md
import numpy as np
import pytest
from click.testing import CliRunner

import wepy_data as wd
from wepy_data.cli import main

MODULE = '''
import time

def height(trajectory):
    """Height of the first atom."""
    return trajectory.xyz[:, 0, 2]

def slow(trajectory):
    time.sleep(0.3)
    return trajectory.xyz[:, 0, 2]

def failing(trajectory):
    raise ValueError("line one\\nline two")

number = 3
'''


@pytest.fixture
def path(ensemble_file, tmp_path, monkeypatch):
    (tmp_path / "my_measures.py").write_text(MODULE)
    (tmp_path / "broken.pdb").write_text("no atoms\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("my_measures", None)
    return shutil.copy(ensemble_file, tmp_path / "run.h5")


def compute(*arguments):
    return CliRunner(env={"COLUMNS": "100"}).invoke(main, ["compute", *map(str, arguments)])


@pytest.fixture
def frames(ensemble_file):
    with wd.open_run(ensemble_file) as run:
        return run.frames(np.arange(run.n_segments))


@pytest.mark.parametrize(
    ("options", "expected", "unit"),
    [
        (["--distance", "0,3"], lambda t: md.compute_distances(t, [[0, 3]])[:, 0], "nm"),
        (["--angle", "0, 1, 2"], lambda t: md.compute_angles(t, [[0, 1, 2]])[:, 0], "rad"),
        (["--dihedral", "0,1,2,3"], lambda t: md.compute_dihedrals(t, [[0, 1, 2, 3]])[:, 0], "rad"),
        (["--rg"], md.compute_rg, "nm"),
        (["--rg", "--atoms", "0-2"], lambda t: md.compute_rg(t.atom_slice([0, 1, 2])), "nm"),
        (["--rmsd", "first"], lambda t: md.rmsd(t, t[0]), "nm"),
        (["--rmsd", "native.pdb", "--atoms", "0,1,3"], lambda t: md.rmsd(t, t[5], atom_indices=[0, 1, 3]), "nm"),
        (["--function", "my_measures:height", "--units", "nm"], lambda t: t.xyz[:, 0, 2], "nm"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_what_is_computed_is_mdtraj_s_and_in_the_run(path, tmp_path, frames, options, expected, unit):
    frames[5].save_pdb(str(tmp_path / "native.pdb"))
    done = compute(path, "x", *options)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"x in {unit}, of 392 frames, is in {path}\n"
    with wd.open_run(path) as run:
        np.testing.assert_allclose(
            run.observable("x"), expected(frames), atol=1e-3
        )  # positions in PDB files are rounded
        assert run.unit("x") == unit
    assert wd.check(path) == []


def test_it_is_listed_and_in_the_table(path):
    done = compute(path, "highest", "--function", "my_measures:height", "--per", "segment", "--survivors")
    assert done.exit_code == 0
    info = CliRunner().invoke(main, ["info", str(path)]).stdout
    assert "highest (per segment)" in info
    table = CliRunner().invoke(main, ["table", str(path), "segments", "--columns", "highest_0"])
    assert "nan" in table.stdout


def test_built_in_ones_of_a_segment_are_those_of_its_last_frame(path):
    assert compute(path, "d", "--distance", "0,3").exit_code == 0
    assert compute(path, "end", "--distance", "0,3", "--per", "segment").exit_code == 0
    with wd.open_run(path) as run:
        last = run.observable("frame_stop") - 1
        np.testing.assert_array_equal(run.observable("end"), run.observable("d")[last])
        assert run.unit("end") == "nm"
        assert run.table("segments", columns=["end"]).attrs["units"] == {"end": "nm"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([], "give one of --function, --distance"),
        (["--rg", "--distance", "0,1"], "give one of"),
        (["--distance", "0"], "expected 2 atoms, as in 0,1; got '0'"),
        (["--distance", "0,9"], "no atom 9: this run has atoms 0 to 3"),
        (["--distance", "1,1"], "expected different atoms"),
        (["--distance", "0,1", "--atoms", "0,1"], "leave --atoms out"),
        (["--rg", "--atoms", "name XX"], "the selection is empty"),
        (["--rmsd", "nowhere.pdb"], "nowhere.pdb: no such file"),
        (["--rmsd", "broken.pdb"], "it cannot be read"),
        (["--function", "my_measures"], "expected package.module:function"),
        (["--function", "my_measures:none"], "AttributeError"),
        (["--function", "no_such_module:f"], "ModuleNotFoundError"),
        (["--function", "my_measures:number"], "is int, not a function"),
        (["--function", "my_measures:failing"], "failing failed on segments 0 to"),
        (["--function", "my_measures:failing", "--workers", "2"], "failing failed on segments"),
        (["--rg", "--workers", "0"], "workers"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # mdtraj leaves broken files open
def test_mistakes_are_one_line_and_code_2(path, options, says):
    done = compute(path, "x", *options)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert wd.check(path) == []


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_does_not_wait_for_what_takes_long(path, tmp_path, workers):
    (tmp_path / "my_measures.py").write_text(
        "import pathlib, time\n\ndef endless(t):\n    pathlib.Path('begun').touch()\n    time.sleep(1000)\n"
    )
    line = [sys.executable, "-m", "wepy_data", "compute", str(path), "x", "--function", "my_measures:endless"]
    line += ["--workers", str(workers)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        shown = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert "Traceback" not in shown


def test_ctrl_c_keeps_what_was_finished(path, tmp_path):
    line = [sys.executable, "-m", "wepy_data", "compute", str(path), "x", "--function", "my_measures:slow"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path) as process:
        while not list(tmp_path.glob("run.h5.unfinished/*/*.npz")):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert "the same command goes on" in process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert compute(path, "x", "--function", "my_measures:slow").exit_code == 0
    assert not list(tmp_path.glob("run.h5.unfinished*"))
