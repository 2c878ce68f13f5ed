# ruff: noqa: E402 (SCOOP must be loaded quietly before anything is imported from it)
"""The origin: what makes this ordinary process SCOOP's root without letting it compute.

SCOOP keeps its state in module globals. Opening an origin sets them, closing it puts back what was there, so that a
process can be an origin again, with other workers. Of SCOOP's interface only `futures.submit` and what
`futures.wait(..., timeout=0)` does are used: whatever blocks in SCOOP also computes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from wepy.dispatch.scoop.library import load

load()  # quietly, before the imports below do it aloud

import scoop
import scoop._control as control
import scoop._types as types
from scoop import futures, shared
from scoop.broker.structs import BrokerInfo

from wepy.dispatch.scoop.broker import Broker
from wepy.dispatch.scoop.link import LOOPBACK, OriginLink, QuietLogger
from wepy.errors import DispatchError

NOT_USED = "wepy"  # SCOOP wants a main script for its workers to import; ours import what tasks need
_WORKER_ALIAS = "SCOOP_WORKER"  # a module name that SCOOP invents for the main script
_ABSENT = object()


_SIZE = 2  # any number but 1, for which SCOOP would compute alone
_NO_PORT = 0  # our links know themselves where the broker is


def settings(*, is_origin: bool) -> Mapping[str, Any]:
    """Return the globals that SCOOP's own launcher would set."""
    return MappingProxyType(
        {
            "IS_RUNNING": True,
            "IS_ORIGIN": is_origin,
            "BROKER": BrokerInfo(LOOPBACK, _NO_PORT, _NO_PORT, LOOPBACK),
            "SIZE": _SIZE,
            "DEBUG": False,
            "MAIN_MODULE": NOT_USED,
            "CONFIGURATION": {"headless": False, "backend": "ZMQ"},
            "WORKING_DIRECTORY": ".",
            "SHUTDOWN_REQUESTED": False,
            "logger": QuietLogger(),
        }
    )


class Origin:
    """The calling process as SCOOP's origin.

    Parameters
    ----------
    broker : Broker
        Of this process.

    Raises
    ------
    DispatchError
        If this process takes part in a SCOOP pool already.
    """

    def __init__(self, broker: Broker) -> None:
        if scoop.IS_RUNNING:
            raise DispatchError(
                "this process takes part in a SCOOP pool already: leave the other `with Scoop()` first; under"
                " `python -m scoop` start the script with plain `python` instead"
            )
        self._before: list[tuple[Any, str, object]] = []
        self._pending: dict[Any, Any] = {}  # SCOOP future -> the caller's key
        try:
            for name, value in settings(is_origin=True).items():
                self._set(scoop, name, value)
            self._set(scoop, "worker", None)
            self._set(shared, "elements", {})
            self._set(
                types, "Communicator", partial(OriginLink, broker.origin, None, broker.origin_address, broker.context)
            )
            self._set(control, "futureDict", {})
            self._set(control, "execQueue", types.FutureQueue())
            self._set(control, "current", types.Future((-1, 0), None))  # a root that is never run
            self._set(futures, "_controller", True)
        except BaseException:
            self.close()
            raise
        self._queue = control.execQueue
        self.link: OriginLink = self._queue.socket

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way."""
        return not self._pending

    def submit(self, key: object, function: Callable[..., Any], *arguments: object) -> None:
        """Send a call to the workers."""
        self._pending[futures.submit(function, *arguments)] = key

    def collect(self, timeout: float) -> list[tuple[Any, Any]]:
        """Wait up to `timeout` s and return the (key, result) pairs that have come."""
        done = self._exchange()
        if not done and self.link.is_ready(timeout):
            done = self._exchange()
        return [(self._pending.pop(future), future.resultValue) for future in done]

    def forget(self, unwanted: Callable[[Any], bool]) -> None:
        """Forget calls whose key is unwanted; those that run already run to their end and are ignored."""
        dropped = [future for future, key in self._pending.items() if unwanted(key)]
        self._exchange()
        for future in dropped:
            del self._pending[future]
            future._delete()
        self.link.forget(dropped)

    def close(self) -> None:
        """Close the sockets and put SCOOP's globals back."""
        queue = control.execQueue
        if queue is not None:
            queue.shutdown()
        for module, name, value in reversed(self._before):
            if value is _ABSENT:
                delattr(module, name)
            else:
                setattr(module, name, value)
        self._before.clear()
        if sys.modules.get(_WORKER_ALIAS) is sys.modules.get("__main__"):
            sys.modules.pop(_WORKER_ALIAS, None)

    def _exchange(self) -> list[Any]:
        """Send what SCOOP still holds back, read what has come, and return the pending calls that are done.

        As `futures.wait(..., timeout=0)`, which makes a class and three sets at each call.
        """
        self._queue.flush()
        self._queue.updateQueue()
        return [future for future in self._pending if future.isDone]

    def _set(self, module: Any, name: str, value: object) -> None:
        self._before.append((module, name, getattr(module, name, _ABSENT)))
        setattr(module, name, value)
