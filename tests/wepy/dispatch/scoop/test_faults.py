"""Faults of real worker processes, three of them: what is expected comes out, and no process is left."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from dispatch_workload import announced_sleep, exits_once, fail, large_result, process_id, slow_process_id, square
from process_table import children, wait_until_gone

from wepy.dispatch import RemoteError, Scoop
from wepy.dispatch.scoop.key import write_key

LIMIT = 60  # s for each test


@pytest.fixture(autouse=True)
def in_time():
    """Fail a test that hangs, where it hangs."""

    def late(number, frame):
        raise TimeoutError(f"not done within {LIMIT} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@contextlib.contextmanager
def three(**settings):
    """Three workers; fails if one of their processes is left afterwards."""
    before = set(children(os.getpid()))
    with Scoop(**{"workers": 3, **settings}) as dispatcher:
        yield dispatcher
        mine = set(children(os.getpid())) - before
    assert wait_until_gone(mine, 3.0) == []


def values(outcomes):
    found = {outcome.index: outcome.value for outcome in outcomes if outcome.error is None}
    return [found[index] for index in sorted(found)]


def busy_worker(folder, known=()):
    """Wait until some process has announced that it works; return it."""
    while not (found := [int(path.name.partition("-")[2]) for path in folder.iterdir()]):
        time.sleep(0.005)
    return next(pid for pid in found if pid not in known)


def when_busy(folder, act):
    """Do something to the first worker that works, in a thread; return when it was done and to whom."""
    done = []

    def wait():
        pid = busy_worker(folder)
        act(pid)
        done.append((time.monotonic(), pid))

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, done


def kill(pid):
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_busy_worker_that_is_ended_costs_less_than_a_second(number, tmp_path):
    with three() as dispatcher:
        list(dispatcher.run(square, range(9)))
        thread, done = when_busy(tmp_path, lambda pid: os.kill(pid, number))
        items = [(index, str(tmp_path), 0.3) for index in range(3)]
        assert values(dispatcher.run(announced_sleep, items)) == [0, 1, 2]
        thread.join()
        assert time.monotonic() - done[0][0] < 0.3 + 1.0


def test_an_idle_worker_that_is_killed_is_replaced(tmp_path):
    with three() as dispatcher:
        pids = set(values(dispatcher.run(slow_process_id, [0.05] * 9)))
        kill(min(pids))
        again = set()
        while len(again) < 3:  # the new one takes a moment to start
            again |= set(values(dispatcher.run(slow_process_id, [0.05] * 12)))
        assert min(pids) not in again


def test_a_worker_that_is_killed_while_it_returns_a_large_result(tmp_path):
    size = 60_000_000
    with three() as dispatcher:
        list(dispatcher.run(square, range(9)))
        thread, _ = when_busy(tmp_path, kill)
        found = values(dispatcher.run(large_result, [(index, str(tmp_path), size) for index in range(3)]))
        thread.join()
        assert [len(value) for value in found] == [size] * 3


def test_an_exit_in_an_item_is_a_death_and_the_item_runs_again(tmp_path):
    with three() as dispatcher:
        items = [(index, str(tmp_path / "mark")) for index in range(8)]
        assert values(dispatcher.run(exits_once, items)) == list(range(8))
        assert (tmp_path / "mark").exists()


def test_results_and_errors_that_cannot_travel_are_outcomes_and_the_rest_goes_on():
    with three() as dispatcher:
        outcomes = {outcome.index: outcome for outcome in dispatcher.run(fail, ["result", "fussy", "exit", 4, 5, 6])}
        assert [outcomes[index].value for index in (3, 4, 5)] == [4, 5, 6]
        assert "cannot be pickled" in "".join(outcomes[0].error.__notes__)
        assert isinstance(outcomes[1].error, RemoteError)
        assert "Fussy: 1 and 2" in str(outcomes[1].error)
        assert "SystemExit" in str(outcomes[2].error)


@pytest.mark.slow
def test_a_stopped_worker_holds_up_nothing_for_longer_than_half_a_minute_and_works_again_when_it_goes_on(tmp_path):
    with three() as dispatcher:
        list(dispatcher.run(square, range(9)))
        thread, done = when_busy(tmp_path, lambda pid: os.kill(pid, signal.SIGSTOP))
        items = [(index, str(tmp_path), 0.2) for index in range(3)]
        assert values(dispatcher.run(announced_sleep, items)) == [0, 1, 2]
        thread.join()
        stopped_at, pid = done[0]
        assert time.monotonic() - stopped_at < 30
        assert dispatcher.slots == 2
        os.kill(pid, signal.SIGCONT)
        deadline = time.monotonic() + 20
        while pid not in values(dispatcher.run(slow_process_id, [0.02] * 12)):
            assert time.monotonic() < deadline
        assert dispatcher.slots == 3


@contextlib.contextmanager
def joining(broker, key_file):
    """A worker that joins by hand, as `wepy worker` does."""
    where = broker.local.removeprefix("tcp://")
    command = [sys.executable, "-m", "wepy", "worker", "--connect", where, "--key-file", str(key_file)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()
            process.stderr.close()


def test_a_worker_that_joins_late_takes_part(tmp_path):
    with three() as dispatcher:
        broker = dispatcher._session.broker
        write_key(tmp_path / "key", broker.key)
        assert dispatcher.slots == 3
        with joining(broker, tmp_path / "key") as process:
            deadline = time.monotonic() + 30
            while process.pid not in values(dispatcher.run(slow_process_id, [0.02] * 12)):
                assert time.monotonic() < deadline
            assert dispatcher.slots == 4
            process.send_signal(signal.SIGTERM)  # it leaves in the middle of the run
            assert values(dispatcher.run(square, range(50))) == [number**2 for number in range(50)]
            process.wait(10)


@pytest.mark.slow
def test_a_run_without_any_worker_says_so_and_goes_on_when_one_joins(tmp_path):
    said = []
    with Scoop(workers=0, listen="127.0.0.1", key_file=tmp_path / "key", tell=said.append) as dispatcher:
        broker = dispatcher._session.broker
        where = broker.remote.removeprefix("tcp://")
        assert said == [f"workers may join: wepy worker --connect {where} --key-file {tmp_path / 'key'}"]
        for first in (True, False):  # and once more, after the only one was killed
            found = []
            run = threading.Thread(target=lambda found=found: found.extend(values(dispatcher.run(square, range(9)))))
            run.start()
            while len(said) < (2 if first else 4):
                time.sleep(0.05)
            assert said[-1].startswith("no worker is alive: the run waits until one joins (wepy worker --connect")
            with joining(broker, tmp_path / "key"):
                run.join()
            assert found == [number**2 for number in range(9)]
            assert said[-1] == "a worker has joined: the run goes on"
    assert not (tmp_path / "key").exists()


def test_a_worker_joined_by_hand_leaves_when_the_run_ends(tmp_path):
    with three() as dispatcher:
        broker = dispatcher._session.broker
        write_key(tmp_path / "key", broker.key)
        with joining(broker, tmp_path / "key") as process:
            assert process.stderr.readline().startswith("connected to 127.0.0.1")
            dispatcher.__exit__(None, None, None)
            assert process.wait(10) == 0
            assert process.stderr.read() == "the run has ended\n"


def test_workers_on_this_host_have_environments_in_turn():
    with three(environment=[{"WEPY_TEST": "a"}, {"WEPY_TEST": "b"}, {"WEPY_TEST": "c"}]) as dispatcher:
        found = set()
        while len(found) < 3:
            found |= set(values(dispatcher.run(os.getenv, ["WEPY_TEST"] * 12)))
        assert found == {"a", "b", "c"}


def test_the_origin_never_computes():
    with three() as dispatcher:
        assert os.getpid() not in values(dispatcher.run(process_id, range(60)))
