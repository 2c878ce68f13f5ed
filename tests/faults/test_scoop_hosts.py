"""Workers on other hosts: over ssh and by hand, cut off and back; the record is the serial run's.

Hosts are network namespaces of this machine (see hosts.py); as root: pytest tests/faults/test_scoop_hosts.py
"""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from command import example
from hosts import Hosts, unavailable
from slow_run import simulation

import wepy_data as wd

FAULTS = Path(__file__).parent
SOURCE = FAULTS.parents[1] / "src"
PATH = os.pathsep.join([str(SOURCE), str(FAULTS)])


@pytest.fixture(scope="module")
def reason():
    return unavailable()


@pytest.fixture
def hosts(reason, tmp_path):
    if reason:
        pytest.skip(reason)
    folder = tmp_path / "hosts"
    folder.mkdir()
    with Hosts(folder, environment={"PYTHONPATH": PATH}) as hosts:
        yield hosts


def started(hosts, host, arguments, folder):
    return hosts.run(
        host, [sys.executable, *map(str, arguments)], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env={**os.environ, "PYTHONPATH": PATH},
    )  # fmt: skip


class Lines:
    """What a process says, line by line, as it says it."""

    def __init__(self, process):
        self.process, self.lines = process, []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())

    def wait_for(self, text, seconds=60):
        deadline = time.monotonic() + seconds
        while not any(text in line for line in list(self.lines)):
            assert time.monotonic() < deadline, (text, self.lines)
            time.sleep(0.02)
        return next(line for line in self.lines if text in line)

    def end(self, seconds=90):
        code = self.process.wait(seconds)
        self._reader.join(5)
        self.process.stdout.close()
        return code


def workers_of(path):
    with wd.FileRun(path) as run:
        return {host.decode() for host in run.read("/workers/host").tolist()}


def assert_same(path, other):
    with wd.FileRun(path) as one, wd.FileRun(other) as two:
        assert one.sealed
        assert wd.compare(one, two) is None


def test_workers_over_ssh_need_no_open_port(hosts, tmp_path):
    config = example("double-well", tmp_path, cycles="12")
    python = sys.executable
    (tmp_path / "hosts.txt").write_text(f"beta 2 python={python}  # two there\ngamma python={python} SOME='a b'\n")
    serial = [python, "-m", "wepy", "run", config, "-o", "serial.h5"]
    assert subprocess.run(serial, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    run = Lines(started(hosts, "alpha", ["-m", "wepy", "run", config, "--hostfile", "hosts.txt"], tmp_path))
    seen = set()
    while run.process.poll() is None:
        for host in ("alpha", "beta", "gamma"):
            seen |= {(host, *where) for where in hosts.listening(host)}
        time.sleep(0.1)
    assert run.end() == 0, run.lines
    assert {(host, port) for host, address, port in seen if not address.startswith("127.") and port != 22} == set()
    assert_same(tmp_path / "run.h5", tmp_path / "serial.h5")
    assert workers_of(tmp_path / "run.h5") <= {"beta", "gamma"}
    assert all(not left_on(hosts, host) for host in ("alpha", "beta", "gamma"))


@pytest.mark.slow
def test_a_host_that_is_cut_off_and_comes_back_costs_nothing_but_time(hosts, tmp_path):
    cycles, walkers, seconds = 16, 8, 0.25
    for _ in simulation(tmp_path / "serial.h5", walkers, 0.0).run(cycles=cycles):
        pass
    settings = {
        "workers": 1, "listen": f"{hosts.address('alpha')}:5555", "key_file": str(tmp_path / "run.key"),
        "hosts": [{"name": "beta", "workers": 2, "python": sys.executable}],
    }  # fmt: skip
    arguments = [FAULTS / "slow_run.py", tmp_path / "run.h5", cycles, walkers, seconds, json.dumps(settings)]
    run = Lines(started(hosts, "alpha", arguments, tmp_path))
    run.wait_for("cycle 0")
    where = ["--connect", f"{hosts.address('alpha')}:5555", "--key-file", tmp_path / "run.key"]
    joined = Lines(started(hosts, "gamma", ["-m", "wepy", "worker", *where], tmp_path))
    joined.wait_for("connected to")
    run.wait_for("cycle 2")
    hosts.cut("beta")
    began = time.monotonic()
    run.wait_for("cycle 5", seconds=60)  # a cycle needs the segments that were on beta
    assert time.monotonic() - began < 45
    hosts.mend("beta")
    assert run.end() == 0, run.lines
    assert joined.end(20) == 0, joined.lines
    assert joined.lines[-1] == "the run has ended"
    assert_same(tmp_path / "run.h5", tmp_path / "serial.h5")
    assert workers_of(tmp_path / "run.h5") == {"alpha", "beta", "gamma"}
    assert all(not left_on(hosts, host) for host in ("alpha", "beta", "gamma"))


def test_workers_elsewhere_end_with_a_manager_that_was_killed(hosts, tmp_path):
    settings = {
        "workers": 0, "listen": f"{hosts.address('alpha')}:5555", "key_file": str(tmp_path / "run.key"),
        "hosts": [{"name": "beta", "workers": 1, "python": sys.executable}],
    }  # fmt: skip
    arguments = [FAULTS / "slow_run.py", tmp_path / "run.h5", 1000, 8, 0.05, json.dumps(settings)]
    run = Lines(started(hosts, "alpha", arguments, tmp_path))
    run.wait_for("cycle 0")
    where = ["--connect", f"{hosts.address('alpha')}:5555", "--key-file", tmp_path / "run.key"]
    joined = Lines(started(hosts, "gamma", ["-m", "wepy", "worker", *where], tmp_path))
    joined.wait_for("connected to")
    time.sleep(0.5)
    run.process.kill()
    run.end()
    assert joined.end(30) == 91
    assert "is gone" in joined.lines[-1]
    assert not left_on(hosts, "beta")


def left_on(hosts, host, seconds=10):
    """Return the worker processes that are left on a host after a while."""
    deadline = time.monotonic() + seconds
    while True:
        left = [pid for pid in hosts.processes(host) if "wepy" in command_line(pid)]
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.1)


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
