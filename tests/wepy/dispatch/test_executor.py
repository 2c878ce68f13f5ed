"""Executors of others as dispatchers: process pool, loky, dask and MPI, with real processes."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from dispatch_workload import announced_sleep, fail, killed_once, poison, process_id, square
from executors import WORKERS, dask_cluster, loky, process_pool

import wepy
import wepy_data as wd
from wepy import FromExecutor
from wepy.dispatch import RemoteError
from wepy.errors import ConfigurationError, DispatchError, WorkerLost

HERE = Path(__file__).parent
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of loky, dask and what they import
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # dask leaves sockets to the collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # the same
]


@pytest.fixture(scope="module")
def dask():
    with dask_cluster() as make:
        yield make


@pytest.fixture(params=["process pool", "loky", "dask"])
def make(request):
    if request.param == "dask":
        return request.getfixturevalue("dask")
    return {"process pool": process_pool, "loky": loky}[request.param]


@pytest.fixture
def dispatcher(make):
    with FromExecutor(make, slots=WORKERS) as dispatcher:
        yield dispatcher


@pytest.fixture(autouse=True)
def in_time():
    """Fail a test that hangs, where it hangs."""

    def late(number, frame):
        raise TimeoutError("not done within 90 s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(90)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def values(outcomes):
    found = {outcome.index: outcome for outcome in outcomes}
    assert [outcome.error for outcome in found.values() if outcome.error is not None] == []
    return [found[index].value for index in sorted(found)]


def test_values_come_back_from_other_processes(dispatcher):
    assert values(dispatcher.run(square, range(20))) == [number**2 for number in range(20)]
    assert os.getpid() not in values(dispatcher.run(process_id, range(10)))


def test_errors_are_outcomes_and_the_rest_goes_on(dispatcher):
    outcomes = {outcome.index: outcome for outcome in dispatcher.run(fail, ["value", "fussy", "result", 4])}
    assert outcomes[3].value == 4
    assert isinstance(outcomes[0].error, ValueError)
    assert isinstance(outcomes[1].error, RemoteError)
    assert "cannot be pickled" in "".join(outcomes[2].error.__notes__)


def test_nothing_is_lost_when_a_worker_dies_in_an_item(dispatcher, tmp_path):
    items = [(index, str(tmp_path / "mark")) for index in range(10)]
    assert values(dispatcher.run(killed_once, items)) == list(range(10))
    assert (tmp_path / "mark").exists()


def test_nothing_is_lost_when_a_worker_is_killed_from_outside(dispatcher, tmp_path):
    def kill():
        while not (found := [int(path.name.partition("-")[2]) for path in tmp_path.iterdir()]):
            time.sleep(0.005)
        os.kill(found[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    assert values(dispatcher.run(announced_sleep, [(index, str(tmp_path), 0.2) for index in range(8)])) == list(
        range(8)
    )
    thread.join()


@pytest.mark.parametrize("make", ["process pool", "loky"], indirect=True)
def test_an_item_that_kills_its_worker_is_given_up_and_the_others_are_not(dispatcher):
    outcomes = {outcome.index: outcome for outcome in dispatcher.run(poison, list(range(8)))}
    assert [index for index, outcome in outcomes.items() if outcome.error is not None] == [2]
    assert isinstance(outcomes[2].error, WorkerLost)
    assert "died 3 times" in str(outcomes[2].error)
    assert values(dispatcher.run(square, [3])) == [9]


def simulation(store, dispatcher=None):
    return wepy.Simulation(
        engine=wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3, stride=5),
        order_parameter=wepy.Coordinates(labels=("x",)),
        balancer=wepy.HuberKim(6),
        states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
        walkers=6, steps=10, seed=1, store=store, dispatcher=dispatcher,
    )  # fmt: skip


def assert_same(one, two):
    with wd.FileRun(one) as left, wd.FileRun(two) as right:
        assert wd.compare(left, right) is None


def test_a_run_over_an_executor_is_the_serial_run(make, tmp_path):
    list(simulation(tmp_path / "serial.h5").run(cycles=4))
    list(simulation(tmp_path / "run.h5", FromExecutor(make, slots=WORKERS)).run(cycles=4))
    assert_same(tmp_path / "serial.h5", tmp_path / "run.h5")
    with wd.open_run(tmp_path / "run.h5") as run:
        assert os.getpid() not in run.table("workers").pid.tolist()


def test_a_run_over_mpi_is_the_serial_run(tmp_path):
    pytest.importorskip("mpi4py", exc_type=ImportError)
    mpiexec = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if mpiexec is None:
        pytest.skip("there is no mpiexec")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment |= {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    program, store = str(HERE / "mpi_run.py"), tmp_path / "mpi.h5"
    command = [mpiexec, "-n", "3", sys.executable, "-m", "mpi4py.futures", program, str(store)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=80, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    subprocess.run([sys.executable, program, str(tmp_path / "serial.h5")], env=environment, check=True)
    assert_same(tmp_path / "serial.h5", store)
    with wd.open_run(store) as run:
        assert 1 <= run.table("workers").pid.nunique() <= 2


class Deaf(ThreadPoolExecutor):
    """An executor that never runs anything."""

    def submit(self, function, /, *arguments, **keywords):
        return Future()


def test_an_executor_that_does_not_answer_is_an_error_and_no_hang():
    with pytest.raises(DispatchError, match=r"has not answered within 0\.2 s\. See that its workers run"):
        FromExecutor(Deaf, slots=2, patience=0.2).__enter__()


def test_what_makes_no_executor_is_an_error():
    with pytest.raises(DispatchError, match="the executor could not be made: ZeroDivisionError"):
        FromExecutor(lambda: 1 / 0, slots=2).__enter__()
    with pytest.raises(ConfigurationError, match=r"make\(\): expected a concurrent\.futures\.Executor, got a int"):
        FromExecutor(lambda: 3, slots=2).__enter__()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"make": 3, "slots": 2}, r"make=...\): expected a function"),
        ({"make": process_pool, "slots": 0}, r"slots=...\): expected a whole number"),
        ({"make": process_pool, "slots": 2, "patience": 0}, r"patience=...\): expected seconds"),
    ],
)
def test_wrong_arguments_are_refused(arguments, said):
    with pytest.raises(ConfigurationError, match=said):
        FromExecutor(**arguments)


def test_outside_the_with_there_are_no_workers():
    with pytest.raises(DispatchError, match="use it inside"):
        FromExecutor(process_pool, slots=2).run(square, [1])
