"""`wepy branch`: a new run from any cycle of another one, which is only read."""

import subprocess
import sys

import pytest

import wepy_data as wd

CYCLES = 8
KILLED_IN_CYCLE_0 = """
import os, sys
from wepy.cli import main
from wepy.recorder import Recorder

{place}
main(sys.argv[1:])
"""
BEFORE_THE_PLAN = "Recorder.plan = lambda *_: os._exit(9)"
AFTER_THE_PLAN = "Recorder.collected = lambda *_: os._exit(9)"


def done(ended, code=0):
    assert ended.returncode == code, ended
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.fixture
def trunk(wepy, example):
    """Return a maker of a sealed run of a few cycles."""

    def make(*options, states="all", **replaced):
        config = example("double-well", cycles=str(CYCLES), **replaced)
        config.write_text(config.read_text() + f'\n[storage]\nstates = "{states}"\n')
        done(wepy("run", config.name, *options))
        return wepy.folder / "run.h5"

    return make


def assert_equal(path, other):
    with wd.FileRun(path) as left, wd.FileRun(other) as right:
        assert wd.compare(left, right) is None
        assert left.sealed
    assert wd.check(path) == []
    assert not wd.journal_path(path).exists()


def test_a_branch_is_resumed_like_any_other_run(wepy, trunk):
    trunk()
    done(wepy("branch", "run.h5", "--cycle", 3, "-o", "whole.h5", "--cycles", 5))
    done(wepy("branch", "run.h5", "--cycle", 3, "-o", "b.h5", "--cycles", 2))
    done(wepy("resume", "b.h5", "--more", 3))
    assert_equal(wepy.folder / "b.h5", wepy.folder / "whole.h5")


@pytest.mark.parametrize("place", [BEFORE_THE_PLAN, AFTER_THE_PLAN], ids=["before-the-plan", "after-the-plan"])
def test_a_branch_that_was_killed_in_its_first_cycle_goes_on(wepy, trunk, place):
    trunk()
    branch = ("branch", "run.h5", "--cycle", "3", "--cycles", "3", "-o")
    done(wepy(*branch, "whole.h5"))
    program = KILLED_IN_CYCLE_0.format(place=place)
    killed = subprocess.run([sys.executable, "-c", program, *branch, "b.h5"], cwd=wepy.folder, check=False)
    assert killed.returncode == 9
    done(wepy("resume", "b.h5"))
    assert_equal(wepy.folder / "b.h5", wepy.folder / "whole.h5")


@pytest.mark.parametrize("name", ["run.h5", "./run.h5", "link.h5"])
def test_a_run_is_not_replaced_by_its_own_branch(wepy, trunk, name):
    before = trunk().read_bytes()
    (wepy.folder / "link.h5").symlink_to("run.h5")
    said = done(wepy("branch", "run.h5", "--cycle", 3, "-o", name, "--overwrite"), 2)
    assert "is the run to branch from, and is only read" in said
    assert (wepy.folder / "run.h5").read_bytes() == before


def test_a_branch_may_have_other_sources(wepy, trunk):
    trunk(lower="[-0.9]")
    (config,) = wepy.folder.glob("*.toml")
    config.write_text(config.read_text() + '\n[[sources]]\nlabel = "there"\nx = [-1.1]\n')
    said = done(wepy("branch", "run.h5", "--cycle", 3, "-o", "b.h5", "--config", config.name, "--cycles", 2))
    assert "recycled walkers restart from the states of the configuration now" in said
    with wd.FileRun(wepy.folder / "b.h5") as run:
        kinds, x = run.header.static["/states/kind"], run.header.static["/states/arrays/x"]
        assert x[kinds == 1].tolist() == [[-1.1]]
        assert run.rows("event") > 0
