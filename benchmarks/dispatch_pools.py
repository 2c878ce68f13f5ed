"""The ways to reach workers that `dispatch.py` compares: each starts workers, warms them up, and times calls."""

from __future__ import annotations

import base64
import contextlib
import importlib.util
import json
import logging
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, cast

from dispatch_workload import sleep

from wepy.dispatch import Scoop

HERE = str(Path(__file__).parent)
WARM_UP = 0.3  # s; a sleep for each worker
STARTUP = 90.0  # s; until all workers sleep at the same time

Function = Callable[[Any], object]
Elapsed = Callable[[Function, Sequence[Any]], float]  # seconds to call a function on items by started workers
Pool = Callable[[int], AbstractContextManager[Elapsed]]


@contextmanager
def scoop(workers: int, *, insecure: bool = False) -> Iterator[Elapsed]:
    """`wepy.Scoop`."""
    with Scoop(workers=workers, insecure=insecure) as dispatcher:

        def elapsed(function: Function, items: Sequence[Any]) -> float:
            begin = time.perf_counter()
            for outcome in dispatcher.run(function, items):
                if outcome.error is not None:
                    raise outcome.error
            return time.perf_counter() - begin

        yield warm(elapsed, workers)


def timed(executor: Executor) -> Elapsed:
    """Return the stopwatch of an executor."""

    def elapsed(function: Function, items: Sequence[Any]) -> float:
        begin = time.perf_counter()
        waiting = {executor.submit(function, item) for item in items}
        for future in as_completed(waiting):
            waiting.discard(future)  # and its result with it
            future.result()
        return time.perf_counter() - begin

    return elapsed


@contextmanager
def process_pool(workers: int) -> Iterator[Elapsed]:
    """`concurrent.futures.ProcessPoolExecutor`, bare."""
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as executor:
        yield warm(timed(executor), workers)


@contextmanager
def loky(workers: int) -> Iterator[Elapsed]:
    """Loky's executor, bare."""
    from loky import ProcessPoolExecutor as Loky

    executor = Loky(workers)
    try:
        yield warm(timed(executor), workers)
    finally:
        executor.shutdown(wait=True)


@contextmanager
def dask(workers: int) -> Iterator[Elapsed]:
    """`dask.distributed`, a local cluster of processes."""
    from distributed import Client, LocalCluster
    from distributed import as_completed as completed

    quiet: dict[str, Any] = {"dashboard_address": ":0", "silence_logs": logging.CRITICAL}
    with (
        LocalCluster(n_workers=workers, threads_per_worker=1, memory_limit=0, **quiet) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(workers, timeout=STARTUP)

        def elapsed(function: Function, items: Sequence[Any]) -> float:
            begin = time.perf_counter()
            for future, _ in completed(client.map(function, items, pure=False), with_results=True):
                future.release()
            return time.perf_counter() - begin

        yield warm(elapsed, workers)


@contextmanager
def mpi(workers: int) -> Iterator[Elapsed]:
    """`mpi4py.futures`: one rank that manages (this file, as a program) and the workers."""
    command = [str(mpiexec()), "-n", str(workers + 1), sys.executable, "-m", "mpi4py.futures", __file__]
    environment = {
        **os.environ,
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "PYTHONPATH": os.pathsep.join([HERE, *filter(None, sys.path)]),
    }
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env=environment
    )
    stdin, stdout = cast(IO[str], process.stdin), cast(IO[str], process.stdout)

    def elapsed(function: Function, items: Sequence[Any]) -> float:
        stdin.write(base64.b64encode(pickle.dumps((function, items))).decode() + "\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise RuntimeError(f"mpiexec has ended with code {process.wait()}")
        return float(json.loads(answer))

    try:
        yield warm(elapsed, workers)
    finally:
        with contextlib.suppress(BrokenPipeError):
            stdin.close()
        process.wait()


def serve_mpi() -> None:
    """Be the rank that manages: time what standard input says."""
    from mpi4py.futures import MPIPoolExecutor

    with MPIPoolExecutor() as executor:
        elapsed = timed(executor)
        for line in sys.stdin:
            function, items = pickle.loads(base64.b64decode(line))
            print(json.dumps(elapsed(function, items)), flush=True)


def warm(elapsed: Elapsed, workers: int) -> Elapsed:
    """Return a stopwatch all of whose workers have started: as many sleeps as workers take little more than one."""
    deadline = time.monotonic() + STARTUP
    while elapsed(sleep, [WARM_UP] * workers) > 1.5 * WARM_UP:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{workers} workers have not all started within {STARTUP:g} s")
    elapsed(sleep, [0.0] * (4 * workers))
    return elapsed


def mpiexec() -> Path | None:
    """Return the launcher that belongs to this Python's mpi4py, if any."""
    beside = Path(sys.executable).parent / "mpiexec"
    found = shutil.which("mpiexec")
    return beside if beside.exists() else Path(found) if found else None


POOLS: Mapping[str, Pool] = MappingProxyType(
    {"Scoop": scoop, "ProcessPool": process_pool, "loky": loky, "dask": dask, "MPI": mpi}
)


def missing() -> dict[str, str]:
    """Return why each of the pools that are not here is skipped."""
    reasons = {
        name: f"{module} is not installed"
        for name, module in {"loky": "loky", "dask": "distributed", "MPI": "mpi4py"}.items()
        if importlib.util.find_spec(module) is None
    }
    if "MPI" not in reasons and mpiexec() is None:
        reasons["MPI"] = "there is no mpiexec"
    return reasons


if __name__ == "__main__":
    serve_mpi()
