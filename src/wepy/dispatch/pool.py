"""A channel over any executor of `concurrent.futures`, which is replaced when it breaks.

Rules:

- What runs on a worker is `remote.call`, which never raises: whatever a future raises is the executor's own error.
- A broken executor does not tell whose item broke it: every item that was under way has died once more. Any other error
  of a future (cancelled, given up by a scheduler) is a death of its own item only.
- An item that has died once runs again beside others; twice, alone; three times, it is given up. So only what kills its
  worker when alone is given up.
- An executor is as good as broken if it refuses work, if an item is under way for longer than the timeout, or if items
  have died, nothing is under way and it does not answer. A new one that does not answer either is an error.
"""

from __future__ import annotations

import contextlib
import inspect
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import dataclass

from wepy.dispatch.courier import Courier, Lost
from wepy.dispatch.identity import Identity, worker_identity
from wepy.dispatch.remote import Answer, Key, Kind, Request, call, lost
from wepy.errors import ConfigurationError, DispatchError

_MAX_DEATHS = 3
_MAX_REFUSALS = 3  # submissions in a row that are refused by executors which have just answered
_WAIT = 0.05  # s; how long one look for answers may take


class Pool:
    """A channel over the executors that `make` returns, one at a time.

    Parameters
    ----------
    make : callable
        Returns a new executor.
    slots : int
        How many requests its workers run at the same time.
    patience : float
        Time for a new executor to answer once for each slot, s.
    timeout : float or None
        Longest that a request may be under way, s; None for no limit.
    close : bool
        Whether executors are shut down here.
    advice : str
        The way out if workers do not answer, a sentence for the user.

    Raises
    ------
    ConfigurationError
        If `make` returns something else.
    DispatchError
        If there is no executor that answers.
    """

    def __init__(
        self,
        make: Callable[[], Executor],
        slots: int,
        *,
        patience: float,
        timeout: float | None = None,
        close: bool = True,
        advice: str,
    ) -> None:
        self.courier = Courier(self)
        self._make = make
        self._slots = slots
        self._patience = patience
        self._timeout = timeout
        self._close = close
        self._advice = advice
        self._flying: dict[Future[Answer], _Flight] = {}
        self._held: deque[Request] = deque()  # wait until no suspect is left
        self._suspects: deque[Request] = deque()  # each must run alone
        self._alone: Future[Answer] | None = None  # a suspect that runs now
        self._deaths: Counter[Key] = Counter()
        self._refusals = 0
        self._ready: list[Answer | Lost] = []
        self._executor: Executor | None = self._made()

    @property
    def slots(self) -> int:
        """How many requests run at the same time."""
        return self._slots

    @property
    def name(self) -> str:
        """The type of the executor in use, with its module."""
        return _name(self._open())

    def post(self, request: Request, to: Identity | None) -> None:
        """Send a request to any worker: an executor cannot address one."""
        self._sort(request)
        self._release()

    def receive(self) -> list[Answer | Lost]:
        """Wait a moment for answers; what has died is sent again or lost."""
        done, _ = wait(self._flying, timeout=_WAIT, return_when=FIRST_COMPLETED)
        failures = [failure for future in done if (failure := _failure(future)) is not None]
        if any(isinstance(failure, BrokenExecutor) for failure in failures):
            self._replace()
        else:
            for future in done:
                self._land(future, self._flying.pop(future))
            if self._has_overdue():
                self._replace()
            elif failures and not self._flying:
                self._revive()
        self._release()
        ready, self._ready = self._ready, []
        return ready

    def cancel(self, keys: Sequence[Key]) -> None:
        """Forget requests; those that run already run to their end."""
        unwanted = set(keys)
        self._suspects = deque(request for request in self._suspects if request.key not in unwanted)
        self._held = deque(request for request in self._held if request.key not in unwanted)
        for future, flight in list(self._flying.items()):
            if flight.request.key in unwanted:
                flight.is_wanted = False
                if future.cancel():
                    del self._flying[future]
        for key in unwanted:
            self._deaths.pop(key, None)

    def close(self) -> None:
        """Let go of the executor; it is shut down if that is to be done here, and what still runs is not waited for."""
        executor, self._executor = self._executor, None
        if executor is not None:
            self._dismiss(executor, is_idle=all(future.done() for future in self._flying))

    def _open(self) -> Executor:
        if self._executor is None:
            raise DispatchError("this dispatcher has been left: run inside its `with`")
        return self._executor

    def _release(self) -> None:
        """Send what may run now."""
        while self._held and not self._suspects and self._alone not in self._flying:
            self._submit(self._held.popleft())
        if self._suspects and not self._flying:
            self._alone = self._submit(self._suspects.popleft())

    def _submit(self, request: Request) -> Future[Answer] | None:
        executor = self._open()
        try:
            future = executor.submit(_perform, request, uuid.uuid4().hex)
        except Exception as error:  # broke, or was shut down, while nobody looked; this request had no part in it
            self._refusals += 1
            if self._refusals > _MAX_REFUSALS:
                raise DispatchError(f"{_name(executor)} takes no work: {_in_words(error)}. {self._advice}") from error
            self._replace()
            self._sort(request)
            return None
        self._refusals = 0
        self._flying[future] = _Flight(request, time.monotonic())
        return future

    def _replace(self) -> None:
        """Go on with a new executor; what was under way runs again, or again and alone, or is lost."""
        self._dismiss(self._open(), is_idle=False)
        flying, self._flying = self._flying, {}
        self._executor = self._made()
        for future, flight in flying.items():
            self._land(future, flight)

    def _revive(self) -> None:
        """Replace the executor unless it answers; called when nothing is under way that could hold up its answer."""
        try:
            self._await(self._open())
        except DispatchError:
            self._replace()

    def _has_overdue(self) -> bool:
        """Return whether something is under way for too long; say so of what is."""
        if self._timeout is None:
            return False
        latest = time.monotonic() - self._timeout
        overdue = [flight for flight in self._flying.values() if flight.since < latest]
        for flight in overdue:
            flight.verdict = f"it was not back within {self._timeout:g} s"
        return bool(overdue)

    def _land(self, future: Future[Answer], flight: _Flight) -> None:
        """Take what became of a request, if anybody waits for it."""
        if not flight.is_wanted:
            return
        failure = _failure(future)
        if failure is None:
            answer = future.result()
            if answer.kind is not Kind.MISS:  # it will be sent again, and is as suspect as before
                self._deaths.pop(flight.request.key, None)
            self._ready.append(answer)
            return
        self._deaths[flight.request.key] += 1
        if self._deaths[flight.request.key] < _MAX_DEATHS:
            self._sort(flight.request)
        else:
            hint = f"how it ended the last time: {flight.verdict or _in_words(failure)}"
            self._ready.append(Lost(flight.request.key, lost(flight.request.key, _MAX_DEATHS, hint)))

    def _sort(self, request: Request) -> None:
        is_suspect = self._deaths[request.key] == _MAX_DEATHS - 1
        (self._suspects if is_suspect else self._held).append(request)

    def _made(self) -> Executor:
        """Return a new executor that has answered."""
        try:
            executor = self._make()
        except Exception as error:
            raise DispatchError(f"the executor could not be made: {_in_words(error)}") from error
        if not isinstance(executor, Executor):
            raise ConfigurationError(
                f"make(): expected a concurrent.futures.Executor, got a {type(executor).__qualname__}"
            )
        try:
            self._await(executor)
        except BaseException:
            if self._close:
                _stop(executor, is_idle=False)
            raise
        return executor

    def _await(self, executor: Executor) -> None:
        """Return when the executor has answered once for each slot; raise `DispatchError` if it does not."""
        probes: list[Future[Identity]] = []
        try:
            probes.extend(executor.submit(_present, uuid.uuid4().hex) for _ in range(self._slots))
            done, silent = wait(probes, timeout=self._patience, return_when=FIRST_EXCEPTION)
            failure = next(filter(None, map(_failure, done)), None)
        except Exception as error:  # noqa: BLE001 (an executor refuses in its own way)
            failure = error
        finally:
            for probe in probes:
                probe.cancel()
        if failure is not None:
            raise DispatchError(f"{_name(executor)} does not work: {_in_words(failure)}. {self._advice}") from failure
        if silent:
            raise DispatchError(f"{_name(executor)} has not answered within {self._patience:g} s. {self._advice}")

    def _dismiss(self, executor: Executor, *, is_idle: bool) -> None:
        for future in self._flying:
            future.cancel()
        if self._close:
            _stop(executor, is_idle=is_idle)


@dataclass(slots=True)
class _Flight:
    """A request under way: since when, whether anybody still waits for it, and what has been found wrong with it."""

    request: Request
    since: float
    is_wanted: bool = True
    verdict: str = ""


def _perform(request: Request, attempt: str) -> Answer:
    """Call the function on the item. No two attempts are equal: dask takes equal calls for one."""
    return call(request)


def _present(attempt: str) -> Identity:
    return worker_identity()


def _failure(future: Future[Answer] | Future[Identity]) -> BaseException | None:
    """Return why a call has brought no answer; None if it has."""
    if future.cancelled() or not future.done():
        return CancelledError("it was given up, by its executor or with it")
    return future.exception()


def _stop(executor: Executor, *, is_idle: bool) -> None:
    """Shut an executor down. Of one that is not idle, processes are killed or, if that cannot be done, left to end."""
    if is_idle:
        executor.shutdown(wait=True)
        return
    if isinstance(executor, ProcessPoolExecutor):
        for process in list((getattr(executor, "_processes", None) or {}).values()):  # nothing public before 3.14
            with contextlib.suppress(OSError, ValueError):  # gone already
                process.kill()
        executor.shutdown(wait=True)
        return
    can_kill = "kill_workers" in inspect.signature(executor.shutdown).parameters  # loky
    with contextlib.suppress(Exception):  # what is broken may fail at this too
        executor.shutdown(wait=can_kill, **({"kill_workers": True} if can_kill else {}))


def _name(executor: Executor) -> str:
    return f"{type(executor).__module__}.{type(executor).__qualname__}"


def _in_words(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
