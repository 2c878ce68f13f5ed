"""Dispatch to a pool of processes on this host, by the standard library alone."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from wepy.dispatch.courier import parcel_of
from wepy.dispatch.lifeline import hold
from wepy.dispatch.pool import Pool
from wepy.dispatch.workers import worker_count
from wepy.errors import DispatchError
from wepy.protocols import Description, Outcome

_STARTUP = 120.0  # s; until every worker has answered once
_ADVICE = (
    "Messages of worker processes are on the terminal. A script that uses Processes must keep its work under"
    ' `if __name__ == "__main__":`, because every worker imports it'
)

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
        self._pool: Pool | None = None

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
        self._pool = Pool(self._spawned, self._workers, patience=_STARTUP, advice=_ADVICE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _spawned(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._workers, mp_context=context, initializer=_settle)


def _settle() -> None:
    """Prepare a worker: it ends with its manager, and Ctrl-C is the manager's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    manager = multiprocessing.parent_process()
    if manager is not None:
        hold(manager.sentinel)
