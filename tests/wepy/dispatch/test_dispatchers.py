"""What every dispatcher promises, tried on each of them."""

import os
import subprocess
import sys

import pytest
from dispatch_workload import Counting, Fussy, doubled_bytes, fail, process_id, square
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wepy.dispatch import Processes, RemoteError, Scoop, Serial
from wepy.errors import ConfigurationError, DispatchError, SegmentError
from wepy.protocols import Outcome


@pytest.fixture(scope="module")
def serial():
    with Serial() as dispatcher:
        yield dispatcher


@pytest.fixture(scope="module")
def processes():
    with Processes(workers=2) as dispatcher:
        yield dispatcher


@pytest.fixture(scope="module")
def scoop():
    with Scoop(workers=2) as dispatcher:
        yield dispatcher


@pytest.fixture(params=["serial", "processes", "scoop"])
def dispatcher(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(params=["processes", "scoop"])
def remote(request):
    return request.getfixturevalue(request.param)


def values(outcomes):
    by_index = {outcome.index: outcome for outcome in outcomes}
    assert [outcome.error for outcome in by_index.values() if outcome.error is not None] == []
    return [by_index[index].value for index in range(len(by_index))]


def errors(outcomes):
    return {outcome.index: outcome.error for outcome in outcomes}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.lists(st.integers(-(10**6), 10**6), max_size=12))
def test_values_are_those_of_the_function_one_outcome_each(dispatcher, numbers):
    outcomes = list(dispatcher.run(square, numbers))
    assert len(outcomes) == len(numbers)
    assert values(outcomes) == [number * number for number in numbers]


def test_large_items_come_back_whole(dispatcher):
    items = [bytes([index]) * 1_000_000 for index in range(6)]
    assert values(dispatcher.run(doubled_bytes, items)) == [item + item for item in items]


def test_an_error_of_the_function_is_an_outcome_of_its_type(dispatcher):
    found = errors(dispatcher.run(fail, ["value", "fine", "segment"]))
    assert isinstance(found[0], ValueError)
    assert str(found[0]) == "not a good value"
    assert found[1] is None
    assert isinstance(found[2], SegmentError)
    assert all("process " in "".join(found[index].__notes__) for index in (0, 2))


def test_notes_of_an_error_show_the_workers_traceback(remote):
    (error,) = errors(remote.run(fail, ["value"])).values()
    assert "in fail" in "".join(error.__notes__)
    assert 'raise ValueError("not a good value")' in "".join(error.__notes__)


def test_an_error_that_does_not_pickle_comes_back_in_words(remote):
    (error,) = errors(remote.run(fail, ["fussy"])).values()
    assert isinstance(error, RemoteError)
    assert "dispatch_workload.Fussy: 1 and 2 (raised in process" in str(error)
    assert Fussy(1, 2).args  # still what the test says it is


def test_leaving_the_interpreter_is_an_error_of_the_item_and_no_workers_end(remote):
    (error,) = errors(remote.run(fail, ["exit"])).values()
    assert isinstance(error, RemoteError)
    assert "SystemExit: 3" in str(error)
    assert values(remote.run(square, [3])) == [9]


@pytest.mark.parametrize("how", ["result", "generator"])
def test_a_result_that_does_not_pickle_is_an_error_of_the_item(remote, how):
    found = errors(remote.run(fail, ["fine", how, "fine"]))
    assert [found[0], found[2]] == [None, None]
    assert "its result" in "".join(found[1].__notes__)
    assert "cannot be pickled" in "".join(found[1].__notes__)


def test_an_item_that_does_not_pickle_is_an_error_of_the_item(remote):
    found = errors(remote.run(square, [1, (x for x in [1]), 3]))
    assert [found[0], found[2]] == [None, None]
    assert "item 1 cannot be sent" in "".join(found[1].__notes__)


def test_a_function_that_does_not_pickle_is_refused_at_once(remote):
    with pytest.raises(DispatchError, match=r"<lambda> cannot be sent to workers: expected a module-level function"):
        remote.run(lambda item: item, [1])


def test_items_are_run_elsewhere_and_on_every_worker(remote, tmp_path):
    found = values(remote.run(Counting(tmp_path), list(range(60))))
    pids = {pid for pid, _ in found}
    assert len(pids) == remote.slots == 2
    assert os.getpid() not in pids


def test_a_function_arrives_once_in_each_worker_and_keeps_what_it_learned(remote, tmp_path):
    function = Counting(tmp_path)
    found = [pair for _ in range(3) for pair in values(remote.run(function, list(range(20))))]
    arrivals = {int(log.name): log.read_text().count("arrived") for log in tmp_path.iterdir()}
    assert arrivals == dict.fromkeys({pid for pid, _ in found}, 1)
    assert sum(max(calls for pid, calls in found if pid == worker) for worker in arrivals) == len(found)


def test_a_changed_function_is_sent_again(remote, tmp_path):
    function = Counting(tmp_path)
    values(remote.run(function, [1]))
    function.calls = 1000
    assert values(remote.run(function, [1]))[0][1] == 1001


def test_an_abandoned_run_does_not_disturb_the_next(dispatcher):
    run = dispatcher.run(square, list(range(20)))
    assert isinstance(next(run), Outcome)
    run.close()
    assert values(dispatcher.run(square, [5, 6, 7])) == [25, 36, 49]


def test_a_newer_run_ends_the_older_loudly(remote):
    older = remote.run(square, list(range(20)))
    next(older)
    assert values(remote.run(square, [5])) == [25]
    with pytest.raises(DispatchError, match="newer run"):
        list(older)


def test_no_items_no_outcomes(dispatcher):
    assert list(dispatcher.run(square, [])) == []


def test_this_process_is_the_serial_worker(serial):
    assert values(serial.run(process_id, [1])) == [os.getpid()]


def test_the_serial_dispatcher_lets_ctrl_c_through(serial):
    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(serial.run(interrupted, [1]))


def test_descriptions_say_what_was_set(serial, processes, scoop):
    assert serial.describe() == {"kind": "serial"}
    assert processes.describe() == {"kind": "processes", "workers": 2, "start_method": "spawn"}
    assert scoop.describe() == {"kind": "scoop", "workers": 2, "scoop": "0.7.2.0"}


@pytest.mark.parametrize("kind", [Processes, Scoop])
@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_a_wrong_number_of_workers_is_refused(kind, workers):
    with pytest.raises(ConfigurationError, match=r"expected a whole number from 1 up"):
        kind(workers=workers)


@pytest.mark.parametrize("kind", [Processes, Scoop])
def test_by_default_there_is_one_worker_per_processor(kind):
    assert kind().slots == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("kind", [Processes, Scoop])
def test_running_without_entering_is_refused(kind):
    with pytest.raises(DispatchError, match="inside `with"):
        kind(workers=1).run(square, [1])


def test_entering_twice_at_once_is_refused(remote):
    with pytest.raises(DispatchError, match="already"):
        remote.__enter__()


def test_the_front_door_does_not_import_scoop():
    code = "import sys, wepy.dispatch; sys.exit(bool({'scoop', 'zmq'} & set(sys.modules)))"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", code], env=environment).returncode == 0
