"""Dispatch by SCOOP, started and stopped from an ordinary Python process: a script, a notebook, a test."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from wepy.dispatch.courier import Courier, Lost, parcel_of
from wepy.dispatch.identity import Identity
from wepy.dispatch.remote import Answer, Key, Request, lost
from wepy.dispatch.scoop.children import Children
from wepy.dispatch.scoop.library import VERSION, load
from wepy.dispatch.scoop.worker import perform
from wepy.dispatch.workers import worker_count
from wepy.errors import DispatchError
from wepy.protocols import Description, Outcome

if TYPE_CHECKING:
    from wepy.dispatch.scoop.broker import Broker
    from wepy.dispatch.scoop.origin import Origin

_WAIT = 0.05  # s; how long one look for answers may take
_TICK = 0.005  # s; between looks at workers that start
_STARTUP = 120.0  # s; until every worker has asked for work
_GRACE = 1.0  # s; for idle workers to leave by themselves

Item = TypeVar("Item")
Result = TypeVar("Result")


class Scoop:
    """Runs items on SCOOP workers of this host.

    The calling process is SCOOP's origin: it submits and collects but never computes. Broker and workers start on
    entering and are gone after leaving; everything listens on the loopback interface only. A worker that dies is
    replaced and its item runs again. Functions must come from modules that workers can import: they get this process's
    `sys.path`, and do not run the script itself, so that it needs no ``if __name__ == "__main__":``.

    Parameters
    ----------
    workers : int or None
        Number of workers; None for one per processor.

    Raises
    ------
    ConfigurationError
        If `workers` is not a positive number.
    DispatchError
        On entering: SCOOP is not installed, is in use already, or workers do not start.
    """

    def __init__(self, workers: int | None = None) -> None:
        self._workers = worker_count(workers, "Scoop")
        self._session: _Session | None = None

    @property
    def slots(self) -> int:
        """How many items run at the same time: the number of workers that are alive, at least 1."""
        return self._session.slots if self._session is not None else self._workers

    def run(self, function: Callable[[Item], Result], items: Sequence[Item]) -> Iterator[Outcome[Result]]:
        """Yield one outcome for every item in order of completion; see `wepy.protocols.Dispatcher.run`."""
        if self._session is None:
            raise DispatchError("Scoop has no workers: use it inside `with Scoop() as dispatcher:`")
        return self._session.courier.outcomes(parcel_of(function, importable_main=False), items)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "scoop", "workers": self._workers, "scoop": VERSION}

    def __enter__(self) -> Self:
        if self._session is not None:
            raise DispatchError("this Scoop is entered already")
        load()
        self._session = _Session(self._workers)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()


class _Session:
    """A channel over SCOOP: one broker, one origin, some children."""

    def __init__(self, workers: int) -> None:
        from wepy.dispatch.scoop.broker import Broker
        from wepy.dispatch.scoop.origin import Origin

        self.courier = Courier(self)
        self._addresses: dict[Identity, bytes] = {}
        self._broker: Broker = Broker()
        self._origin: Origin | None = None
        self._children: Children | None = None
        ports = {"task_port": self._broker.task_port, "info_port": self._broker.info_port}
        try:
            self._origin = Origin(**ports, size=workers)
            self._children = Children(workers, {**ports, "size": workers}, self._broker.has_met)
            self._await_workers(workers)
        except BaseException:
            self.close()
            raise

    @property
    def slots(self) -> int:
        return max(1, len(self._broker.workers))

    def post(self, request: Request, to: Identity | None) -> None:
        address = self._addresses.get(to, b"") if to is not None else b""
        self._open_origin().submit(request.key, perform, address, request)

    def receive(self) -> list[Answer | Lost]:
        self._tend()
        return [self._answer(key, result) for key, result in self._open_origin().collect(_WAIT)]

    def cancel(self, keys: Sequence[Key]) -> None:
        if self._origin is not None and keys:
            self._origin.forget(set(keys).__contains__)

    def close(self) -> None:
        """Stop everything; workers that are idle leave, those that are busy are ended."""
        origin, self._origin = self._origin, None
        children, self._children = self._children, None
        is_idle = origin is not None and origin.is_idle
        try:
            if origin is not None:
                origin.close()
            self._broker.dismiss()
        finally:
            try:
                if children is not None:
                    children.close(grace=_GRACE if is_idle else 0.0)
            finally:
                self._broker.stop()

    def _open_origin(self) -> Origin:
        if self._origin is None:
            raise DispatchError("this Scoop has been left: run inside `with Scoop() as dispatcher:`")
        return self._origin

    def _answer(self, key: Key, result: int | tuple[bytes, Answer]) -> Answer | Lost:
        if isinstance(result, int):
            return Lost(key, lost(key, deaths=result, hint=self._children.last_words if self._children else ""))
        address, answer = result
        self._addresses[answer.worker] = address
        return answer

    def _await_workers(self, workers: int) -> None:
        deadline = time.monotonic() + _STARTUP
        while len(self._broker.workers) < workers:
            self._tend(is_starting=True)
            if time.monotonic() > deadline:
                raise DispatchError(
                    f"{len(self._broker.workers)} of {workers} SCOOP workers have started within {_STARTUP:g} s"
                )
            time.sleep(_TICK)

    def _tend(self, *, is_starting: bool = False) -> None:
        """Replace dead workers and tell the broker of them; raise if there is nobody left to work."""
        if self._children is None or self._origin is None:
            raise DispatchError("this Scoop has been left: run inside `with Scoop() as dispatcher:`")
        if not self._broker.is_alive:
            raise DispatchError("the SCOOP broker has ended; its error is on the terminal. Leave and enter Scoop again")
        for worker in self._children.tend():
            self._origin.link.left(worker)
            self._addresses.pop(worker, None)
        if not len(self._children) or (is_starting and self._children.abandoned):
            raise DispatchError(f"SCOOP workers do not start. {self._children.last_words}")
