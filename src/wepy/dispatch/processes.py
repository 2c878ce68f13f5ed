"""Dispatch to a pool of processes on this host, by the standard library alone."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self, TypeVar

from wepy.dispatch.courier import Courier, Lost, parcel_of
from wepy.dispatch.identity import Identity, worker_identity
from wepy.dispatch.lifeline import hold
from wepy.dispatch.remote import Answer, Key, Request, call, lost
from wepy.dispatch.workers import worker_count
from wepy.errors import DispatchError
from wepy.protocols import Description, Outcome

_MAX_DEATHS = 3
_WAIT = 0.05  # s; how long one look for answers may take
_STARTUP = 120.0  # s; until every worker has answered once

Item = TypeVar("Item")
Result = TypeVar("Result")


class Processes:
    """Runs items on processes of this host.

    Workers are spawned, never forked (a forked OpenMM or CUDA hangs), so a script must guard its entry point with
    ``if __name__ == "__main__":``. If a worker dies the pool is built anew and what it had under way runs again.

    Parameters
    ----------
    workers : int or None
        Number of processes; None for one per processor.

    Raises
    ------
    ConfigurationError
        If `workers` is not a positive number.
    DispatchError
        On entering, if workers cannot be started.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = worker_count(workers, "Processes")
        self._pool: _Pool | None = None

    @property
    def slots(self) -> int:
        """How many items run at the same time."""
        return self._workers

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Outcome[Result]]:
        """Yield one outcome for every item in order of completion; see `wepy.protocols.Dispatcher.run`."""
        if self._pool is None:
            raise DispatchError("Processes has no workers: use it inside `with Processes() as dispatcher:`")
        main = sys.modules.get("__main__")
        importable = getattr(main, "__spec__", None) is not None or hasattr(main, "__file__")
        return self._pool.courier.outcomes(parcel_of(function, importable_main=importable), items)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "processes", "workers": self._workers, "start_method": "spawn"}

    def __enter__(self) -> Self:
        if self._pool is not None:
            raise DispatchError("this Processes is entered already")
        self._pool = _Pool(self._workers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()


class _Pool:
    """A channel over a process pool that is replaced when it breaks.

    A broken pool does not tell whose item broke it. Items that were under way run again side by side once; whoever is
    there a second time runs again alone, so that only what kills its worker when alone is given up.
    """

    def __init__(self, workers: int) -> None:
        self.courier = Courier(self)
        self._workers = workers
        self._executor = _started(workers)
        self._flying: dict[Future[Answer], Request] = {}
        self._suspects: deque[Request] = deque()  # each must run alone
        self._alone: Future[Answer] | None = None  # a suspect that runs now
        self._held: deque[Request] = deque()  # wait until no suspect is left
        self._deaths: Counter[Key] = Counter()
        self._lost: list[Lost] = []

    @property
    def slots(self) -> int:
        return self._workers

    def post(self, request: Request, to: Identity | None) -> None:
        """Send a request to any worker: a pool cannot address one."""
        self._sort(request)
        self._release()

    def receive(self) -> list[Answer | Lost]:
        answers: list[Answer | Lost] = []
        done, _ = wait(self._flying, timeout=_WAIT, return_when=FIRST_COMPLETED)
        broken = []
        for future in done:
            request = self._flying.pop(future)
            try:
                answers.append(future.result())
            except BrokenProcessPool:
                broken.append(request)
        if broken:
            self._rebuild(broken)
        self._release()
        answers += self._lost
        self._lost = []
        return answers

    def cancel(self, keys: Sequence[Key]) -> None:
        unwanted = set(keys)
        self._suspects = deque(request for request in self._suspects if request.key not in unwanted)
        self._held = deque(request for request in self._held if request.key not in unwanted)
        for future, request in list(self._flying.items()):
            if request.key in unwanted and future.cancel():
                del self._flying[future]
        for key in unwanted:
            self._deaths.pop(key, None)

    def close(self) -> None:
        _stop(self._executor, is_idle=all(future.done() for future in self._flying))

    def _submit(self, request: Request) -> Future[Answer] | None:
        try:
            future = self._executor.submit(call, request)
        except BrokenProcessPool:  # broke while nobody looked; this request had no part in it
            self._rebuild([])
            self._sort(request)
            return None
        self._flying[future] = request
        return future

    def _rebuild(self, broken: list[Request]) -> None:
        """Start a new pool; what was under way runs again, or again and alone, or is lost."""
        broken += self._flying.values()
        self._flying.clear()
        _stop(self._executor, is_idle=False)
        self._executor = _started(self._workers)
        for request in broken:
            self._deaths[request.key] += 1
            self._sort(request)

    def _sort(self, request: Request) -> None:
        deaths = self._deaths[request.key]
        if deaths >= _MAX_DEATHS:
            self._lost.append(Lost(request.key, lost(request.key, deaths)))
        elif deaths == _MAX_DEATHS - 1:
            self._suspects.append(request)
        else:
            self._held.append(request)

    def _release(self) -> None:
        if self._suspects:
            if not self._flying:
                self._alone = self._submit(self._suspects.popleft())
        elif self._alone not in self._flying:
            held, self._held = self._held, deque()
            for request in held:
                self._submit(request)


def _started(workers: int) -> ProcessPoolExecutor:
    """Return a pool all of whose workers have answered."""
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_settle)
    try:
        for future in [executor.submit(worker_identity) for _ in range(workers)]:
            future.result(timeout=_STARTUP)
    except (BrokenProcessPool, TimeoutError) as error:
        _stop(executor, is_idle=False)
        raise DispatchError(
            "worker processes could not be started; their messages are on the terminal. A script that uses Processes"
            ' must keep its work under `if __name__ == "__main__":`, because every worker imports it'
        ) from error
    except BaseException:
        _stop(executor, is_idle=False)
        raise
    return executor


def _stop(executor: ProcessPoolExecutor, *, is_idle: bool) -> None:
    """Stop a pool; returns when its processes are gone. Those of a pool that is not idle are killed."""
    if not is_idle:
        for process in list((getattr(executor, "_processes", None) or {}).values()):
            with contextlib.suppress(OSError, ValueError):  # gone already
                process.kill()
    executor.shutdown(wait=True, cancel_futures=True)


def _settle() -> None:
    """Prepare a worker: it ends with its manager, and Ctrl-C is the manager's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    manager = multiprocessing.parent_process()
    if manager is not None:
        hold(manager.sentinel)
