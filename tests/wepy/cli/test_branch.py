"""`wepy branch`: a new run from any cycle of another one, which is only read."""

import numpy as np
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
    assert wepy(*branch, "b.h5", program=("-c", program)).returncode == 9
    done(wepy("resume", "b.h5"))
    assert_equal(wepy.folder / "b.h5", wepy.folder / "whole.h5")


def test_a_branch_of_the_same_seed_repeats_the_run_bit_for_bit(wepy, trunk):
    path = trunk(lower="[-0.9]")
    said = done(wepy("branch", "run.h5", "--cycle", 3, "-o", "b.h5"))
    assert "not exact" not in said
    assert "other settings" not in said
    with wd.FileRun(path) as run, wd.FileRun(wepy.folder / "b.h5") as branch:
        assert branch.n_cycles == CYCLES - 4
        first = int(run.stops("segment")[3])
        founders = int(branch.stops("segment")[0])
        parent = run.read("/segments/parent", first)
        labels = branch.header.static["/states/label"][:founders].tolist()
        assert labels == [f"{run.header.run_id}:{segment}".encode() for segment in parent[:founders].tolist()]
        assert branch.read("/segments/parent", founders).tolist() == (parent[founders:] - first).tolist()
        for name in ("weight", "walker", "progress", "arrays/x"):
            values = run.read(f"/segments/{name}", first), branch.read(f"/segments/{name}")
            assert values[0].tobytes() == values[1].tobytes(), name
        assert indices(run, first) == indices(branch, 0)
        state = run.read("/segments/state", first)[
            founders:
        ]  # restarts: the branch has its founders' states before them
        assert branch.read("/segments/state", founders).tolist() == np.where(state < 0, -1, state + founders).tolist()
        for name in ("continuous", "worker"):
            assert (
                run.read(f"/segments/{name}", first)[founders:].tolist()
                == branch.read(f"/segments/{name}", founders).tolist()
            )
        frames = branch.read("/segments/frame_stop") + int(run.stops("frame")[3])
        assert frames.tolist() == run.read("/segments/frame_stop", first).tolist()
        assert (branch.read("/segments/cycle") + 4).tolist() == run.read("/segments/cycle", first).tolist()
        merge = int(run.stops("merge")[4])  # those into the founders belong to the run alone
        assert len(run.read("/merges/weight", merge)) > 0
        assert run.read("/merges/weight", merge).tobytes() == branch.read("/merges/weight").tobytes()
        for name in ("into", "from"):
            assert (branch.read(f"/merges/{name}") + first).tolist() == run.read(f"/merges/{name}", merge).tolist()
        frame = int(run.stops("frame")[3])
        for name in ("/particles/trajectory/position/value", "/observables/order_parameter/value"):
            assert run.read(name, frame).tobytes() == branch.read(name).tobytes()
        event = int(run.stops("event")[3])
        assert len(run.read("/events/weight", event)) > 0
        assert run.read("/events/weight", event).tobytes() == branch.read("/events/weight").tobytes()
        assert (branch.read("/events/segment") + first).tolist() == run.read("/events/segment", event).tolist()
        for name in ("weight", "arrays/x", "merges/weight", "continuous"):
            assert run.planned[f"/next/{name}"].tobytes() == branch.planned[f"/next/{name}"].tobytes(), name
        assert (branch.planned["/next/parent"] + first).tolist() == run.planned["/next/parent"].tolist()


def indices(run, first):
    """Return the bins' own indices of segments: their rows are in order of first use, which differs."""
    return run.read("/bins/index")[run.read("/segments/bin", first)].tolist()


def test_a_branch_of_a_sealed_run_repeats_what_a_resume_does(wepy, trunk):
    path = trunk(states="last")
    assert "not exact" not in done(wepy("branch", "run.h5", "--cycle", -1, "-o", "b.h5", "--cycles", 2))
    done(wepy("resume", "run.h5", "--more", 2))
    with wd.FileRun(path) as run, wd.FileRun(wepy.folder / "b.h5") as branch:
        first = int(run.stops("segment")[CYCLES - 1])
        for name in ("weight", "progress"):
            values = run.read(f"/segments/{name}", first), branch.read(f"/segments/{name}")
            assert values[0].tobytes() == values[1].tobytes()


def test_a_branch_from_frames_says_that_it_is_not_exact(wepy, trunk):
    path = trunk(states="last")
    said = done(wepy("branch", "run.h5", "--cycle", 3, "-o", "b.h5"))
    assert "not exact: run.h5 has not kept the states after cycle 3 in full precision" in said
    with wd.FileRun(path) as run, wd.FileRun(wepy.folder / "b.h5") as branch:
        first, count = int(run.stops("segment")[3]), int(branch.stops("segment")[0])
        assert (
            run.read("/segments/weight", first, first + count).tobytes()
            == branch.read("/segments/weight", 0, count).tobytes()
        )
        mine, other = run.read("/segments/progress", first, first + count), branch.read("/segments/progress", 0, count)
        assert mine.tobytes() != other.tobytes()
        np.testing.assert_allclose(mine, other, atol=1e-5)  # single precision at the start
    assert wd.check(wepy.folder / "b.h5") == []


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


def test_a_branch_has_the_cycles_that_its_run_was_still_to_have(wepy, trunk):
    trunk()
    done(wepy("resume", "run.h5", "--cycles", CYCLES + 4))
    done(wepy("branch", "run.h5", "--cycle", CYCLES, "-o", "b.h5"))
    with wd.FileRun(wepy.folder / "b.h5") as run:
        assert run.n_cycles == 3
