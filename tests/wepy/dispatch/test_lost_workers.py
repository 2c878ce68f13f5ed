"""Workers that die: what they had under way is run again, or given up if it is what kills them."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from dispatch_workload import announced_poison, announced_sleep, killed_once, poison, process_id, square
from process_table import children, is_running, wait_until_gone

from wepy.dispatch import Processes, Scoop
from wepy.errors import WorkerLost

MANAGER = """
import sys
from dispatch_workload import {function} as function
from wepy.dispatch import {kind}

def main():
    with {kind}(workers=2) as dispatcher:
        for outcome in dispatcher.run(function, {items}):
            print("outcome", outcome.index, outcome.error, flush=True)

{guard}main()
"""


@pytest.fixture(params=[Processes, Scoop])
def dispatcher(request):
    with request.param(workers=2) as dispatcher:
        yield dispatcher


def test_nothing_is_lost_when_a_worker_dies_in_the_middle_of_an_item(dispatcher, tmp_path):
    items = [(index, str(tmp_path / "mark")) for index in range(12)]
    outcomes = list(dispatcher.run(killed_once, items))
    assert sorted((outcome.index, outcome.value, outcome.error) for outcome in outcomes) == [
        (index, index, None) for index in range(12)
    ]
    assert (tmp_path / "mark").exists()


def test_nothing_is_lost_when_workers_are_killed_from_outside(dispatcher, tmp_path):
    def kill_some():
        for count in (1, 6):
            while len(started := sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime)) < count:
                time.sleep(0.005)
            os.kill(int(started[-1].name.partition("-")[2]), signal.SIGKILL)

    killer = threading.Thread(target=kill_some)
    killer.start()
    outcomes = list(dispatcher.run(announced_sleep, [(index, str(tmp_path), 0.05) for index in range(16)]))
    killer.join()
    assert sorted(outcome.index for outcome in outcomes) == list(range(16))
    assert {outcome.error for outcome in outcomes} == {None}


def test_an_item_that_kills_its_worker_is_given_up_and_the_others_are_not(dispatcher):
    outcomes = {outcome.index: outcome for outcome in dispatcher.run(poison, list(range(8)))}
    assert sorted(outcomes) == list(range(8))
    assert [index for index, outcome in outcomes.items() if outcome.error is not None] == [2]
    assert isinstance(outcomes[2].error, WorkerLost)
    assert "item 2: the worker died 3 times" in str(outcomes[2].error)


def test_as_many_workers_die_for_an_item_as_its_error_says(dispatcher, tmp_path):
    outcomes = list(dispatcher.run(announced_poison, [(index, str(tmp_path)) for index in range(4)]))
    (error,) = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert "item 2: the worker died 3 times" in str(error)
    assert len(list(tmp_path.glob("2-*"))) == 3


def test_workers_that_died_between_runs_are_replaced(dispatcher):
    before = {outcome.value for outcome in dispatcher.run(process_id, list(range(20)))}
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    after = {outcome.value for outcome in dispatcher.run(process_id, list(range(20)))}
    assert after
    assert not after & before


def test_no_process_is_left_after_leaving(dispatcher):
    assert [outcome.value for outcome in dispatcher.run(square, [2])] == [4]
    workers = children(os.getpid())
    dispatcher.__exit__(None, None, None)
    left = [pid for pid in wait_until_gone(workers, 0.0) if "resource_tracker" not in command(pid)]
    assert left == []


def test_leaving_in_the_middle_of_a_run_ends_busy_workers(dispatcher, tmp_path):
    run = dispatcher.run(announced_sleep, [(0, str(tmp_path), 0.0), *[(index, str(tmp_path), 600) for index in (1, 2)]])
    assert next(run).index == 0
    workers = [pid for pid in children(os.getpid()) if "resource_tracker" not in command(pid)]
    assert len(workers) == 2
    began = time.monotonic()
    dispatcher.__exit__(None, None, None)
    assert time.monotonic() - began < 3
    assert wait_until_gone(workers, 0.0) == []
    run.close()


@pytest.mark.parametrize("kind", ["Processes", "Scoop"])
@pytest.mark.parametrize("function", ["announced_sleep", "stubborn"])
def test_no_worker_outlives_a_killed_manager(kind, function, tmp_path):
    guard = 'if __name__ == "__main__":\n    '
    (tmp_path / "marks").mkdir()
    items = [(index, str(tmp_path / "marks"), 600) for index in range(4)]
    manager = started_manager(tmp_path, kind=kind, function=function, items=items, guard=guard)
    with manager:
        workers = awaited_workers(tmp_path / "marks")
        time.sleep(0.1)  # well into the items
        assert all(map(is_running, workers))
        manager.kill()
    assert wait_until_gone(workers, 5.0) == []


def test_a_script_for_scoop_needs_no_main_guard(tmp_path):
    manager = started_manager(tmp_path, kind="Scoop", function="noisy", items=[1, 2, 3], guard="")
    output, messages = manager.communicate(timeout=60)
    assert manager.returncode == 0
    assert sorted(output.splitlines()) == [f"outcome {index} None" for index in range(3)]
    assert messages == ""  # neither SCOOP nor workers write to the user's terminal


def started_manager(folder, *, kind, function, items, guard):
    script = folder / "manager.py"
    script.write_text(MANAGER.format(kind=kind, function=function, items=items, guard=guard))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [sys.executable, str(script)], env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def awaited_workers(marks, count=2):
    """Wait until workers have announced themselves; return their process ids."""
    deadline = time.monotonic() + 30
    while len(workers := [int(mark.name.partition("-")[2]) for mark in marks.iterdir()]) < count:
        assert time.monotonic() < deadline, "the workers have not begun"
        time.sleep(0.01)
    return workers


def command(pid):
    return Path(f"/proc/{pid}/cmdline").read_text() if is_running(pid) else ""
