"""How runs end: in failures that come back and in those that do not, without room and without permission."""

import ctypes
import os
import textwrap

import pytest

import wepy_data as wd

_DROP, _DAC_OVERRIDE = 24, 1  # prctl's PR_CAPBSET_DROP, and what lets root write anywhere


def done(ended, code=0):
    assert ended.returncode == code, ended
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.fixture
def mortal(wepy):
    """Return `wepy` of a user whom permissions bind."""
    libc = ctypes.CDLL(None, use_errno=True)

    def bound():
        if os.geteuid() == 0 and libc.prctl(_DROP, _DAC_OVERRIDE, 0, 0, 0):
            os._exit(77)

    def run(*arguments):
        ended = wepy(*arguments, preexec_fn=bound)
        if ended.returncode == 77:
            pytest.skip("root cannot give up its rights here")
        return ended

    return run


@pytest.fixture
def read_only(wepy):
    """Return a folder that nothing can be written to."""
    folder = wepy.folder / "fixed"
    folder.mkdir()
    yield folder
    folder.chmod(0o755)


def own_order_parameter(wepy, example, body, **replaced):
    """Write an example whose order parameter is a function of frames, and of the numbers of calls."""
    (wepy.folder / "own.py").write_text("import numpy as np\n" + textwrap.dedent(body))
    config = example("double-well", **replaced)
    text = config.read_text().replace(
        'kind = "coordinates"    # x itself\nindices = [0]', 'kind = "function"\nname = "own:of"'
    )
    assert "own:of" in text
    config.write_text(text)
    return config.name


FAILS_FAR_OUT = """
    def of(frames):
        x = np.asarray(frames.positions, float)[:, 0, :1].copy()
        x[x > -0.75] = np.nan
        return x
    """


def test_a_nan_stops_the_cycle_names_the_walker_and_says_what_to_do(wepy, example, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(wepy.folder), os.environ.get("PYTHONPATH", "")]))
    config = own_order_parameter(wepy, example, FAILS_FAR_OUT, steps="1")
    said = done(wepy("run", config, "--cycles", 100), 1).splitlines()
    with wd.FileRun(wepy.folder / "run.h5") as run:
        count = run.n_cycles
        assert not run.sealed
    assert count >= 2
    assert wd.check(wepy.folder / "run.h5") == []
    assert said[-1].startswith(f"wepy: cycle {count}, walker ")
    assert "expected finite numbers, found [nan] in frame 0" in said[-1]
    assert said[-2] == (
        f"stopped: {count} cycles are safe in run.h5; wepy resume run.h5 goes on up to 100 once the cause is gone; "
        f"wepy branch run.h5 --cycle {count - 2} --config CHANGED.toml -o NEW.h5 goes on with other settings"
    )
    again = done(wepy("resume", "run.h5"), 1).splitlines()
    assert again[-1] == said[-1]
    (wepy.folder / "own.py").write_text((wepy.folder / "own.py").read_text().replace("np.nan", "-0.9"))
    done(wepy("branch", "run.h5", "--cycle", count - 2, "-o", "new.h5", "--cycles", 3))
    done(wepy("resume", "run.h5", "--cycles", count + 3))
    assert wd.check(wepy.folder / "run.h5") == []


def test_coordinates_that_explode_stop_the_first_cycle(wepy, example):
    config = example("double-well", timestep="1.0")  # a step of 36 for a force that grows with the third power
    said = done(wepy("run", config.name), 1).splitlines()
    assert said[-1].startswith("wepy: cycle 0, walker ")
    assert (
        "stopped: 0 cycles are safe in run.h5; wepy resume run.h5 goes on up to 400 once the cause is gone; "
        in said[-2]
    )
    assert "with other settings, start anew (wepy run --overwrite)" in said[-2]
    with wd.FileRun(wepy.folder / "run.h5") as run:
        assert (run.n_cycles, run.sealed) == (0, False)
    config.write_text(config.read_text().replace("timestep = 1.0", "timestep = 1e-3"))
    done(wepy("run", config.name, "--cycles", 1, "--overwrite"))


def test_an_error_of_the_system_is_not_taken_for_a_full_disk(wepy, example):
    program = """
        import errno, os, sys
        import wepy_data
        from wepy.cli import main

        def fails(*_):
            raise OSError({number}, os.strerror({number}), "run.h5.journal")

        wepy_data.Journal.append = fails
        main(sys.argv[1:])
        """
    config = example("double-well").name
    for number, words in [
        ("errno.EIO", "run.h5.journal: Input/output error"),
        ("errno.ENOSPC", "run.h5.journal: No space left on device; make room, then resume"),
        ("errno.EDQUOT", "run.h5.journal: Disk quota exceeded; make room, then resume"),
    ]:
        program_text = textwrap.dedent(program).format(number=number)
        said = done(wepy("run", config, "--overwrite", program=("-c", program_text)), 1)
        assert said.splitlines()[-1] == f"wepy: {words}"


def test_a_folder_that_must_not_be_written_is_named_before_anything_is_started(wepy, mortal, example, read_only):
    config = example("double-well", cycles="5").name
    done(wepy("run", config))
    done(wepy("run", config, "-o", "fixed/old.h5"))
    before = sorted(read_only.iterdir())
    read_only.chmod(0o555)
    for command, name in [
        (("run", config, "-o", "fixed/new.h5"), "new.h5"),
        (("branch", "run.h5", "--cycle", 2, "-o", "fixed/new.h5"), "new.h5"),
        (("resume", "fixed/old.h5", "--more", 1), "fixed/old.h5"),
    ]:
        said = done(mortal(*command), 2)
        (line,) = said.splitlines()  # no forecast, no warning, and no word of HDF5's
        assert f"{name} cannot be written: " in line
        assert "fixed is read-only, or somebody else's" in line
        assert ".part" not in line
        assert sorted(read_only.iterdir()) == before


def test_the_forecast_is_made_of_runs_that_can_start_only(wepy, example):
    config = example("double-well").name
    (wepy.folder / "run.h5").write_bytes(b"precious")
    (line,) = done(wepy("run", config), 2).splitlines()
    assert "run.h5 exists" in line
