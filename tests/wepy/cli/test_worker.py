"""`wepy worker`, as a user types it, and the options that let it join."""

import os
import signal
import subprocess
import sys
import time

import pytest
import zmq

import wepy_data as wd
from wepy.dispatch.scoop.key import RunKey, write_key


def worker(*arguments, **environment):
    command = [sys.executable, "-m", "wepy", "worker", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, **environment}
    )


@pytest.fixture
def manager(tmp_path, example):
    """A run that waits for workers; its file and where it listens."""
    config = example("double-well")
    command = [
        sys.executable,
        "-m",
        "wepy",
        "run",
        str(config),
        "--workers",
        "0",
        "--listen",
        "127.0.0.1",
        "--cycles",
        "5",
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if line.startswith("workers may join: "):
                yield process, config.parent / "run.h5", line.split()[6]
                break
        process.kill()


def test_a_worker_that_has_the_key_file_joins_and_leaves_when_the_run_ends(manager):
    process, run, where = manager
    done = worker("--connect", where, "--key-file", f"{run}.key")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "the run has ended")
    assert process.wait(30) == 0
    assert not run.with_name("run.h5.key").exists()
    with wd.FileRun(run) as found:
        assert (found.n_cycles, found.rows("worker")) == (5, 1)


def test_the_key_may_come_from_the_environment(manager):
    _, run, where = manager
    done = worker("--connect", where, WEPY_KEY=run.with_name("run.h5.key").read_text())
    assert done.returncode == 0, done.stderr


def test_another_key_is_refused_and_said_so(manager, tmp_path):
    _, _, where = manager
    write_key(tmp_path / "other.key", RunKey(manager=zmq.curve_keypair()[0], worker=zmq.curve_keypair()[1]))
    done = worker("--connect", where, "--key-file", tmp_path / "other.key")
    assert done.returncode == 1
    assert f"the manager at {where} does not take this key" in done.stderr
    done = worker("--connect", where, "--insecure")
    assert done.returncode == 1
    assert f"the manager at {where} asks for a key" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "Missing option '--connect'"),
        (("--connect", "host"), "--connect host: expected host:port"),
        (("--connect", "host:0"), "--connect host:0: expected host:port"),
        (("--connect", "127.0.0.1:1"), "a worker needs the run's key"),
        (("--connect", "127.0.0.1:1", "--key-file", "none.key"), "none.key: No such file"),
    ],
)
def test_mistakes_are_one_line_and_code_2(arguments, said):
    done = worker(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_manager_that_is_not_there_is_waited_for_and_then_named():
    began = time.monotonic()
    done = worker("--connect", "127.0.0.1:1", "--insecure", "--patience", 1)
    assert time.monotonic() - began > 1
    assert done.returncode == 1
    assert "no manager at 127.0.0.1:1: Connection refused; is the run there, and listening (--listen)?" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_told_to_leave_leaves_at_once(manager, number):
    process, run, where = manager
    command = [sys.executable, "-m", "wepy", "worker", "--connect", where, "--key-file", f"{run}.key"]
    process.send_signal(signal.SIGSTOP)  # so that the run does not end first
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as joined:
        time.sleep(1.5)
        joined.send_signal(number)
        assert joined.wait(5) == 128 + number
    process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--workers", "0"), "expected at least 1 worker; 0 needs hosts or listen"),
        (("--hosts", "alpha:x"), "alpha:x: expected a number of workers from 1 up"),
        (("--hostfile", "none.txt"), "none.txt: No such file"),
        (("--listen", "999.1.1.1"), "999.1.1.1: expected the address of an interface of this host"),
        (("--dispatch", "serial", "--hosts", "alpha"), 'expected kind = "scoop" with hosts'),
    ],
)
def test_workers_that_cannot_be_had_are_refused_before_anything_starts(wepy, example, arguments, said):
    config = example("double-well")
    done = wepy("run", config, *arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (config.parent / "run.h5").exists()


def test_an_unreachable_host_is_said_with_the_words_of_ssh(wepy, example):
    config = example("double-well")
    done = wepy("run", config, "--hosts", "no-such-host.invalid")
    assert done.returncode == 1
    assert "SCOOP workers do not start. the worker on no-such-host.invalid ended with exit code 255" in done.stderr
    assert not (config.parent / "run.h5").exists()
