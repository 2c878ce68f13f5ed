"""Dispatch to any executor of `concurrent.futures`: what brings wepy to dask, loky, MPI, Parsl and others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from types import TracebackType
from typing import Self, TypeVar

from wepy.dispatch.courier import parcel_of
from wepy.dispatch.pool import Pool
from wepy.errors import ConfigurationError, DispatchError
from wepy.protocols import Description, Outcome

_ADVICE = (
    "See that its workers run and can import wepy; a script that starts workers must keep its work under"
    ' `if __name__ == "__main__":`. Workers that take longer to come need FromExecutor(..., patience=...)'
)

Item = TypeVar("Item")
Result = TypeVar("Result")


class FromExecutor:
    """Runs items on the workers of an executor.

    An executor that breaks is replaced, and what it had under way runs again. Functions must come from modules that
    workers can import: a script or notebook itself is not one, wherever the workers are.

    Parameters
    ----------
    make : callable
        Returns a new `concurrent.futures.Executor` whenever it is called: on entering, and when the one in use is
        broken.
    slots : int
        How many items its workers run at the same time.
    close : bool
        Whether executors are shut down on leaving and when broken; False for one that others use too.
    patience : float
        Time for the workers of a new executor to answer, s; long for workers that wait in a queue.
    timeout : float or None
        Time for an item to come back, s: what takes longer has died, and the executor is replaced. An item may wait for
        another one at its worker, so let it be more than twice what an item takes. None, the default, for no limit: an
        executor that never says what became of an item holds up the run then.

    Raises
    ------
    ConfigurationError
        If an argument is not what it should be; on entering, if `make` returns no executor.
    DispatchError
        On entering, or when a broken executor is replaced: it cannot be made, or its workers do not answer.

    Examples
    --------
    >>> from concurrent.futures import ThreadPoolExecutor
    >>> with FromExecutor(lambda: ThreadPoolExecutor(2), slots=2) as dispatcher:
    ...     sorted(outcome.value for outcome in dispatcher.run(abs, [-1, 2]))
    [1, 2]
    """

    def __init__(
        self,
        make: Callable[[], Executor],
        slots: int,
        *,
        close: bool = True,
        patience: float = 120.0,
        timeout: float | None = None,
    ) -> None:
        if not callable(make):
            raise ConfigurationError(
                "FromExecutor(make=...): expected a function that returns a new executor, such as"
                f" lambda: ProcessPoolExecutor(4), got a {type(make).__qualname__}"
            )
        if isinstance(slots, bool) or not isinstance(slots, int) or slots < 1:
            raise ConfigurationError(f"FromExecutor(slots=...): expected a whole number from 1 up, got {slots!r}")
        for name, seconds in (("patience", patience), ("timeout", 1.0 if timeout is None else timeout)):
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds > 0:
                raise ConfigurationError(f"FromExecutor({name}=...): expected seconds above 0, got {seconds!r}")
        self._make = make
        self._slots = slots
        self._close = close
        self._patience = patience
        self._timeout = timeout
        self._pool: Pool | None = None

    @property
    def slots(self) -> int:
        """How many items run at the same time, as given."""
        return self._slots

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Outcome[Result]]:
        """Yield one outcome for every item in order of completion; see `wepy.protocols.Dispatcher.run`."""
        if self._pool is None:
            raise DispatchError("FromExecutor has no workers: use it inside `with FromExecutor(...) as dispatcher:`")
        return self._pool.courier.outcomes(parcel_of(function, importable_main=False), items)

    def describe(self) -> Description:
        """Return kind and settings as JSON values; the executor's type is known inside the `with` only."""
        executor = self._pool.name if self._pool is not None else None
        return {"kind": "executor", "executor": executor, "slots": self._slots}

    def __enter__(self) -> Self:
        if self._pool is not None:
            raise DispatchError("this FromExecutor is entered already")
        self._pool = Pool(
            self._make,
            self._slots,
            patience=self._patience,
            timeout=self._timeout,
            close=self._close,
            advice=_ADVICE,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()
