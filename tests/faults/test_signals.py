"""Signals: a run stops in order at the first one and at once at the second, and goes on as if there had been none."""

import re
import signal
import time

import pytest
from command import Command, example, wepy
from mortal_run import simulation

import wepy_data as wd

INT, TERM = signal.SIGINT, signal.SIGTERM
CODES = {INT: 130, TERM: 143}
CYCLES = 4
SLOW = pytest.mark.slow


def config_in(folder):
    return example("alanine-dipeptide", folder, steps="1000", cycles=str(CYCLES))  # long enough to be caught in


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the file of the run that no signal has disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert wepy(folder, "run", config_in(folder), "--dispatch", "serial").code == 0
    return folder / "run.h5"


def assert_undisturbed(path, undisturbed):
    with wd.FileRun(undisturbed) as one, wd.FileRun(path) as other:
        assert wd.compare(one, other) is None
        assert other.sealed
    assert wd.check(path) == []
    assert not wd.journal_path(path).exists()


def signalled(command, path, cycle, numbers, *, whole_group):
    """Send signals in the dynamics of a cycle, each once the one before was heard; return how the command has ended."""
    deadline = time.monotonic() + 60
    while (running := wd.running_cycle(path)) is None or running.cycle != cycle or not running.n_finished:
        assert command.process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    for said, number in zip(["stopping after this cycle", "stopped"], numbers, strict=False):
        command.send(number, whole_group=whole_group)
        command.wait_for(said)
    return command.ended()


def stop_and_resume(folder, dispatch, numbers, *, whole_group):
    """Start, signal, look at what is left, and go on."""
    path = folder / "run.h5"
    workers = ("--dispatch", dispatch, *(() if dispatch == "serial" else ("--workers", 2)))
    command = Command(folder, "run", config_in(folder), *workers)
    ended = signalled(command, path, 1, numbers, whole_group=whole_group)
    assert ended.code == CODES[numbers[0]], ended.err
    assert "cycles are safe in run.h5; wepy resume run.h5 goes on" in ended.err
    assert "Traceback" not in ended.err
    with wd.FileRun(path) as run:
        safe, sealed = run.n_cycles, run.sealed
    steps = [entry.step for entry in wd.read_journal(wd.journal_path(path))]
    told = re.search(r"stopped: (\d+) cycles are safe", ended.err)
    assert told is not None
    assert safe - 1 <= int(told[1]) <= safe  # a signal may fall between a commit and the count of it
    assert not sealed
    assert wd.check(path) == []
    ended = wepy(folder, "resume", "run.h5", *workers)
    assert ended.code == 0, ended.err
    assert f"run.h5 holds {safe} cycle" in ended.err
    return path, safe, steps


@pytest.mark.parametrize(
    ("dispatch", "number", "whole_group"),
    [
        ("serial", INT, True), pytest.param("serial", TERM, False, marks=SLOW),
        pytest.param("processes", INT, True, marks=SLOW), pytest.param("processes", TERM, False, marks=SLOW),
        pytest.param("scoop", INT, True, marks=SLOW), pytest.param("scoop", TERM, False, marks=SLOW),
    ],
)  # fmt: skip
def test_one_signal_lets_the_running_cycle_finish(undisturbed, tmp_path, dispatch, number, whole_group):
    path, safe, steps = stop_and_resume(tmp_path, dispatch, [number], whole_group=whole_group)
    assert safe == 2
    assert (steps[0], steps[-1]) == ("plan", "balance")
    assert_undisturbed(path, undisturbed)


@pytest.mark.parametrize(
    ("dispatch", "number", "whole_group"),
    [
        pytest.param("serial", INT, True, marks=SLOW), ("serial", TERM, False),
        pytest.param("processes", INT, True, marks=SLOW), pytest.param("processes", TERM, False, marks=SLOW),
        pytest.param("scoop", INT, True, marks=SLOW), pytest.param("scoop", TERM, False, marks=SLOW),
    ],
)  # fmt: skip
def test_two_signals_stop_at_once_and_keep_what_is_done(undisturbed, tmp_path, dispatch, number, whole_group):
    path, safe, steps = stop_and_resume(tmp_path, dispatch, [number, number], whole_group=whole_group)
    assert safe in (1, 2)  # 2 where the cycle was done before the second signal was heard
    if safe == 1:
        assert set(steps) == {"plan", "segments"}
    assert_undisturbed(path, undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("dispatch", ["serial", "scoop"])
def test_a_resumed_run_is_stopped_and_resumed_like_any_other(undisturbed, tmp_path, dispatch):
    config = config_in(tmp_path)
    workers = ("--dispatch", dispatch, *(() if dispatch == "serial" else ("--workers", 2)))
    assert wepy(tmp_path, "run", config, "--cycles", 1, *workers).code == 0
    command = Command(tmp_path, "resume", "run.h5", "--cycles", CYCLES, *workers)
    ended = signalled(command, tmp_path / "run.h5", 2, [TERM], whole_group=False)
    assert ended.code == 143, ended.err
    ended = wepy(tmp_path, "resume", "run.h5", "--cycles", CYCLES, *workers)
    assert ended.code == 0, ended.err
    assert_undisturbed(tmp_path / "run.h5", undisturbed)
    with wd.FileRun(tmp_path / "run.h5") as run:
        assert [record["kind"] for record in run.header.provenance] == ["start", "resume", "resume"]


def test_an_interrupt_within_the_dynamics_leaves_the_journal_and_one_in_the_loop_seals(tmp_path):
    def interrupted_in(place, path):
        run = simulation("logged", path)
        segment = run.engine.run
        if place == "dynamics":

            def stumble(state, steps, stream):
                if (stream.cycle, stream.walker) == (3, 2):
                    raise KeyboardInterrupt
                return segment(state, steps, stream)

            run.engine.run = stumble
        for cycle in run.run(cycles=6):
            if place == "loop" and cycle.index == 2:
                raise KeyboardInterrupt

    for _ in simulation("logged", tmp_path / "whole.h5").run(cycles=6):
        pass
    for place, sealed in (("dynamics", False), ("loop", True)):
        path = tmp_path / f"{place}.h5"
        with pytest.raises(KeyboardInterrupt):
            interrupted_in(place, path)
        with wd.FileRun(path) as run:
            assert (run.n_cycles, run.sealed) == (3, sealed)
        for _ in simulation("logged", path).resume(cycles=6):
            pass
        assert_undisturbed(path, tmp_path / "whole.h5")
