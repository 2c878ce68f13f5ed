"""A SCOOP worker: what runs in the processes that `Scoop` starts, here and on other hosts, and in `wepy worker`.

Its settings come as one line of JSON on standard input. Standard input stays open as its lifeline: when the manager is
gone, however it went, the worker ends.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from math import inf
from typing import Any

from wepy.dispatch.lifeline import hold
from wepy.dispatch.remote import Answer, Request, call
from wepy.dispatch.scoop.library import load
from wepy.errors import DispatchError

PATIENCE = 600.0  # s; of a worker that cannot reach its manager
REFUSED = 92  # exit code of a worker that its manager has turned away

_ONE_AT_A_TIME = sys.float_info.min  # s of work at hand below which a worker asks for more: none
_TRIES = 3  # handshakes that fail before a worker believes that the key is another one
_HANDSHAKE = 10.0  # s
_FAREWELL = 0.2  # s; until the message is out


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a worker is told when it starts.

    Parameters
    ----------
    endpoint : str
        Where the broker is: `tcp://host:port`.
    key : str
        The run's key as text; empty if the broker asks for none.
    name : str
        What the manager calls this worker.
    patience : float
        Seconds after which it ends if it cannot reach its manager.
    path : list of str
        Where it finds modules, instead of Python's own list; empty to leave that alone.
    """

    endpoint: str
    key: str = ""
    name: str = ""
    patience: float = PATIENCE
    path: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The settings as one line."""
        return json.dumps(asdict(self)) + "\n"


def work(settings: Mapping[str, Any]) -> None:
    """Work until the pool is stopped; for a process that a manager has started.

    Parameters
    ----------
    settings : mapping
        As `Settings` takes them.
    """
    faulthandler.enable()
    hold(_moved_stdin())
    try:
        serve(Settings(**settings))
    except DispatchError as error:
        print(f"wepy worker: {error}", file=sys.stderr, flush=True)  # noqa: T201 (nobody is there to raise it to)
        sys.exit(REFUSED)


def serve(settings: Settings, tell: Callable[[str], object] = lambda text: None) -> None:
    """Work until the manager says that the work is done.

    Raises
    ------
    DispatchError
        If the manager cannot be reached, has another key, or does not want this worker; says why.
    """
    load()
    import scoop
    import scoop._control as control
    import scoop._types as types
    import zmq
    from scoop import futures

    from wepy.dispatch.scoop.key import RunKey
    from wepy.dispatch.scoop.link import WorkerLink
    from wepy.dispatch.scoop.origin import settings as scoop_settings

    class OneAtATime(types.FutureQueue):  # type: ignore[misc]  # SCOOP has no types
        """A queue that asks for a task only when it has none: what waits behind a task might die with it."""

        def __init__(self) -> None:
            super().__init__()
            self.lowwatermark = _ONE_AT_A_TIME
            self.highwatermark = inf  # nor does it give any away

        def shutdown(self) -> None:
            if hasattr(self, "socket"):  # else the manager was gone before there was one
                super().shutdown()

    key = RunKey.from_text(settings.key) if settings.key else None
    _reach(settings.endpoint, key, settings.patience)
    for name, value in scoop_settings(is_origin=False).items():
        setattr(scoop, name, value)
    types.Communicator = partial(
        WorkerLink,
        settings.endpoint,
        key,
        name=settings.name,
        patience=settings.patience,
        welcome=lambda: tell(f"connected to {settings.endpoint.removeprefix('tcp://')}"),
    )
    control.FutureQueue = OneAtATime
    try:
        futures._startup(None)
    except zmq.Again as error:
        raise DispatchError(f"the manager at {settings.endpoint.removeprefix('tcp://')} does not answer") from error


def leave() -> None:
    """Tell the manager, if there is one, that this worker leaves."""
    load()
    import scoop._control as control
    import zmq

    with contextlib.suppress(AttributeError, zmq.ZMQError):  # not connected yet, or not any more
        control.execQueue.socket.goodbye()
        time.sleep(_FAREWELL)


def perform(addressee: bytes, request: Request) -> tuple[bytes, Answer]:
    """Answer a request and tell this worker's address; the first argument is for the origin's link."""
    import scoop

    return scoop.worker, call(request)


def _reach(endpoint: str, key: Any, patience: float) -> None:
    """Wait until the manager listens, and see whether the two understand each other; raise `DispatchError` if not."""
    where = endpoint.removeprefix("tcp://")
    host, _, port = where.rpartition(":")
    deadline = time.monotonic() + patience
    while True:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=5.0).close()
            break
        except socket.gaierror as error:
            raise DispatchError(
                f"{host}: {error.strerror}; expected the name or address of the manager's host"
            ) from error
        except OSError as error:
            if time.monotonic() > deadline:
                raise DispatchError(
                    f"no manager at {where}: {error.strerror or error}; is the run there, and listening (--listen)?"
                ) from error
            time.sleep(0.5)
    failures = []
    for _ in range(_TRIES):
        failures.append(_handshake(endpoint, key))
        if not failures[-1]:
            return
    if "refused" not in failures:
        raise DispatchError(
            f"what listens at {where} does not answer: is it a manager, and can it be reached both ways?"
        )
    raise DispatchError(
        f"the manager at {where} does not take this key: it is of another run, or of an earlier start of this one "
        "(take the key file that the running manager has written), or the manager wants none (--insecure)"
        if key is not None
        else f"the manager at {where} asks for a key: give the file that it has written"
    )


def _handshake(endpoint: str, key: Any) -> str:
    """Return nothing if a connection can be made, else what failed."""
    import zmq
    from zmq.utils.monitor import recv_monitor_message

    from wepy.dispatch.scoop.link import prepare

    failed = zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
    failed |= zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
    with zmq.Context() as context, context.socket(zmq.DEALER) as probe:
        probe.setsockopt(zmq.LINGER, 0)
        prepare(probe, key)
        events = probe.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | failed)
        probe.connect(endpoint)
        try:
            if not events.poll(int(1000 * _HANDSHAKE)):
                return "silence"
            return "" if recv_monitor_message(events)["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED else "refused"
        finally:
            probe.disable_monitor()
            events.close(linger=0)


def _moved_stdin() -> int:
    """Return standard input under a number that no child process inherits, and put nothing in its place."""
    moved = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return moved
