"""`wepy resume`: how far it goes, with which settings, and what it says when it does not."""

import signal

import pytest

import wepy_data as wd

KILLED = """
import os, sys
from wepy.cli import main
from wepy.recorder import Recorder

commit = Recorder.commit

def dies(recorder, *facts):
    cycle = commit(recorder, *facts)
    if cycle.index == {last}:
        os._exit(9)
    return cycle

Recorder.commit = dies
main(sys.argv[1:])
"""


def done(ended, code=0):
    assert ended.returncode == code, ended
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.fixture
def killed(wepy):
    """Return a function that runs a command, killed right after the commit of a cycle."""

    def run(last, *arguments):
        ended = wepy(*arguments, program=("-c", KILLED.format(last=last)))
        assert ended.returncode == 9, ended

    return run


def n_cycles(wepy):
    with wd.FileRun(wepy.folder / "run.h5") as run:
        return run.n_cycles, run.sealed


@pytest.mark.parametrize("option", [("--more", 5), ("--cycles", 7)])
def test_a_longer_run_that_was_stopped_goes_on_to_its_new_end(wepy, example, killed, option):
    done(wepy("run", example("double-well").name, "--cycles", 2))
    killed(4, "resume", "run.h5", *option)
    assert "5 of 7" in wepy("watch", "run.h5").stdout
    done(wepy("resume", "run.h5"))
    assert n_cycles(wepy) == (7, True)
    assert "7 of 7" in wepy("watch", "run.h5").stdout
    with wd.FileRun(wepy.folder / "run.h5") as run:
        assert [start["cycles"] for start in run.header.provenance] == [2, 7, 7]


def test_what_stops_a_longer_run_says_how_far_a_resume_will_go(wepy, example, interrupted):
    done(wepy("run", example("double-well").name, "--cycles", 2))
    process = wepy.start("resume", "run.h5", "--more", 100000)
    code, _, text, _ = interrupted(process, signal.SIGINT, whole_group=False, first="3 of ")
    assert code == 130
    assert "wepy resume run.h5 goes on up to 100002" in text


def test_forced_settings_are_the_runs_own_from_then_on(wepy, example, killed):
    config = example("double-well", cycles="3")
    done(wepy("run", config.name))
    config.write_text(config.read_text().replace("height = 9.0", "height = 5.0"))
    refused = done(wepy("resume", "run.h5", "--config", config.name, "--more", 2), 2)
    assert "  engine.potential.height: 9.0 in the run, 5.0 now" in refused.splitlines()
    killed(3, "resume", "run.h5", "--config", config.name, "--force", "--more", 2)
    done(wepy("resume", "run.h5"))
    done(wepy("resume", "run.h5", "--more", 1))
    assert wd.check(wepy.folder / "run.h5") == []
    with wd.FileRun(wepy.folder / "run.h5") as run:
        assert run.header.config["engine"]["height"] == 5.0
        assert run.n_cycles == 6
    branched = done(wepy("branch", "run.h5", "--cycle", -1, "--cycles", 1, "-o", "b.h5"))
    assert "other settings" not in branched
    branched = done(wepy("branch", "run.h5", "--cycle", -1, "--cycles", 1, "-o", "c.h5", "--seed", 9))
    assert "other settings than those of run.h5:\n  seed: 1 in the run, 9 now\n" in branched


def test_other_start_states_are_listed_and_refused(wepy, example):
    config = example("double-well", cycles="2")
    done(wepy("run", config.name))
    before = (wepy.folder / "run.h5").read_bytes()
    text = config.read_text().replace("x = [-1.0]", "x = [-0.9]")
    config.write_text(text + '\n[[sources]]\nlabel = "right"\nx = [0.1]\n')
    refused = done(wepy("resume", "run.h5", "--config", config.name, "--more", 2, "--force"), 2).splitlines()
    assert "was run with other states" in refused[0]
    assert refused[1] == "  sources[0]: None in the run, " + refused[1].partition("the run, ")[2]
    assert refused[2:] == ["  states[0].x: [-1.0] in the run, [-0.9] now"]
    assert (wepy.folder / "run.h5").read_bytes() == before


def test_the_same_structures_under_another_name_are_no_other_states(wepy, example):
    config = example("alanine-dipeptide", cycles="1", steps="20")
    done(wepy("run", config.name, "--dispatch", "serial"))
    (pdb,) = wepy.folder.glob("*.pdb")
    pdb.rename(wepy.folder / "other.pdb")
    config.write_text(config.read_text().replace(pdb.name, "other.pdb"))
    resume = ("resume", "run.h5", "--config", config.name, "--more", 1, "--dispatch", "serial")
    done(wepy(*resume))
    text = (wepy.folder / "other.pdb").read_text()
    (wepy.folder / "other.pdb").write_text(text + "REMARK changed\n")
    assert "states[0].pdb: " in done(wepy(*resume), 2)


def test_the_states_of_a_run_from_python_are_those_of_its_file(wepy, example, double_well):
    for _ in double_well(store=wepy.folder / "run.h5", config={"by": "hand"}).run(cycles=1):
        pass
    config = example("double-well")
    said = done(wepy("resume", "run.h5", "--config", config.name, "--more", 1), 2)
    assert "start states and sources are those that run.h5 holds" in said
    assert "  binner" in said


@pytest.mark.parametrize("command", [("run", "double-well.toml"), ("resume", "run.h5")])
def test_a_journal_without_its_file_gets_the_same_advice_everywhere(wepy, example, command):
    config = example("double-well", cycles="2")
    config.rename(wepy.folder / "double-well.toml")
    wd.Journal(wepy.folder / "run.h5.journal").close()
    said = done(wepy(*command), 2)
    assert "run.h5 is missing, and run.h5.journal is beside its place" in said
    assert "wepy run --overwrite" in said
    assert len(said.splitlines()) == 1
    done(wepy("run", "double-well.toml", "--overwrite"))
