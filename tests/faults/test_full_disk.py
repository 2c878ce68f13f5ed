"""A full disk, feigned by a limit to the size of files: the run stops and says so, and goes on once there is room."""

import pytest
from command import example, wepy

import wepy_data as wd

CYCLES = 24
LIMITS = [100, 4_000, 70_000, 300_000, 1_600_000, 1_700_000]  # bytes


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the file of the run that had room."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert wepy(folder, "run", config_in(folder)).code == 0
    return folder / "run.h5"


def config_in(folder, name="double-well", **replaced):
    return example(name, folder, cycles=str(CYCLES), **replaced)


def assert_undisturbed(path, undisturbed):
    with wd.FileRun(undisturbed) as one, wd.FileRun(path) as other:
        assert wd.compare(one, other) is None
        assert other.sealed
    assert wd.check(path) == []
    assert [found.name for found in path.parent.iterdir() if found.suffix not in (".toml", ".pdb")] == ["run.h5"]


def assert_refused(ended, words):
    """Fail unless a command has said in one line what could not be written, and no more of it."""
    assert ended.code in (1, 2), ended.err
    assert words in ended.err.splitlines()[-1]
    assert "Traceback" not in ended.err
    assert "Exception ignored" not in ended.err
    assert "errno = " not in ended.err


@pytest.mark.parametrize("limit", LIMITS)
def test_a_run_without_room_stops_and_goes_on_where_it_was(undisturbed, tmp_path, limit):
    path = tmp_path / "run.h5"
    ended = wepy(tmp_path, "run", config_in(tmp_path), largest_file=limit)
    assert_refused(ended, "cannot be written")
    assert ended.code == (1 if path.exists() else 2)
    if not path.exists():  # not even the file of a run without cycles
        assert [found.suffix for found in tmp_path.iterdir()] == [".toml"]
        return
    with wd.FileRun(path) as run:
        safe = run.n_cycles
        assert not run.sealed
    assert f"{safe} cycles are safe in run.h5; wepy resume run.h5 goes on" in ended.err
    assert wd.check(path) == []
    again = wepy(tmp_path, "resume", "run.h5", largest_file=limit)
    assert_refused(again, "cannot be written")
    assert again.code == 1
    ended = wepy(tmp_path, "resume", "run.h5")
    assert ended.code == 0, ended.err
    assert_undisturbed(path, undisturbed)
    with wd.FileRun(path) as run:
        assert [record["cycle"] for record in run.header.provenance] == [0, safe, safe]


def test_a_seal_without_room_leaves_the_growing_run(undisturbed, tmp_path):
    path = tmp_path / "run.h5"
    stopped_before_the_seal(tmp_path)
    before = path.read_bytes()
    for limit in (0, 50_000, 150_000):
        ended = wepy(tmp_path, "resume", "run.h5", "--cycles", CYCLES, largest_file=limit)
        assert_refused(ended, "run.h5")
        assert ended.code == (1 if limit else 2)  # without any room, nothing is started
        with wd.FileRun(path) as run:
            assert (run.n_cycles, run.sealed) == (CYCLES, False)
        assert path.stat().st_size >= len(before) // 2
    assert wepy(tmp_path, "resume", "run.h5", "--cycles", CYCLES).code == 0
    assert_undisturbed(path, undisturbed)


def test_a_sealed_run_that_has_no_room_to_grow_stays_sealed(undisturbed, tmp_path):
    path = tmp_path / "run.h5"
    assert wepy(tmp_path, "run", config_in(tmp_path), "--cycles", CYCLES // 2).code == 0
    for limit in (0, 50_000, 150_000):
        ended = wepy(tmp_path, "resume", "run.h5", "--cycles", CYCLES, largest_file=limit)
        assert_refused(ended, "run.h5")
        with wd.FileRun(path) as run:
            assert (run.n_cycles, run.sealed) == (CYCLES // 2, True)
        assert wd.check(path) == []
    assert wepy(tmp_path, "resume", "run.h5", "--cycles", CYCLES).code == 0
    assert_undisturbed(path, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("limit", [350_000, 600_000, 900_000])
def test_a_journal_without_room_stops_the_run_too(tmp_path, limit):
    config = config_in(tmp_path / "whole", "alanine-dipeptide", steps="200", stride="1")  # journal larger than file
    assert wepy(tmp_path / "whole", "run", config, "--cycles", 2, "--dispatch", "serial").code == 0
    config = config_in(tmp_path / "full", "alanine-dipeptide", steps="200", stride="1")
    ended = wepy(tmp_path / "full", "run", config, "--cycles", 2, "--dispatch", "serial", largest_file=limit)
    assert_refused(ended, "run.h5.journal")
    assert wepy(tmp_path / "full", "resume", "run.h5", "--cycles", 2, "--dispatch", "serial").code == 0
    assert_undisturbed(tmp_path / "full" / "run.h5", tmp_path / "whole" / "run.h5")


def stopped_before_the_seal(folder):
    """Run all cycles, and stop where the last one is committed but the run is not sealed."""
    config = config_in(folder)
    assert wepy(folder, "run", config, "--cycles", CYCLES - 1).code == 0
    program = (
        "import sys; from wepy.cli import main; from wepy.recorder import Recorder; import os;"
        "Recorder.seal = lambda *_: os._exit(9); main(sys.argv[1:])"
    )
    from subprocess import run
    from sys import executable

    done = run([executable, "-c", program, "resume", "run.h5", "--cycles", str(CYCLES)], cwd=folder, check=False)
    assert done.returncode == 9
