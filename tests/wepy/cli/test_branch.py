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
