"""The watch over a worker's connection: counts its visits to the manager, and ends a worker whose manager is gone.

A worker that was cut off comes back when the network does. But nobody is there to end a worker on another host whose
manager was killed: it ends itself, soon if the manager's host says that nobody listens there, else after a while.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from typing import Any, Final

from wepy.dispatch.scoop.library import load

load()  # quietly, before anything is imported from SCOOP

import zmq  # noqa: E402
from zmq.utils.monitor import recv_monitor_message  # noqa: E402

ABANDONED: Final = 91  # exit code of a worker that has lost its manager
_REFUSALS_FOR = 5.0  # s; the manager's host is there, and nobody listens
_LOOK = 500  # ms
_EVENTS = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_DISCONNECTED


class Watch:
    """Watches a socket in a thread of its own.

    Parameters
    ----------
    watched : zmq.Socket
        The connection; not yet connected.
    endpoint : str
        Where it will connect to.
    patience : float
        Seconds without connection after which the process ends.
    """

    def __init__(self, watched: Any, endpoint: str, *, patience: float) -> None:
        self.visits = 0
        self._endpoint, self._patience = endpoint, patience
        self._events = watched.get_monitor_socket(_EVENTS)
        self._is_over = False
        threading.Thread(target=self._watch, name="wepy-watch", daemon=True).start()

    def stop(self) -> None:
        """Let the process end as it likes from now on."""
        self._is_over = True

    def _watch(self) -> None:
        lost_at: float | None = time.monotonic()  # not connected yet
        refused_at: float | None = None
        while not self._is_over:
            try:
                while self._events.poll(_LOOK if lost_at is None else 0):
                    if recv_monitor_message(self._events)["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                        self.visits += 1
                        lost_at = refused_at = None
                    elif lost_at is None:
                        lost_at = time.monotonic()
            except zmq.ZMQError:  # closed: the worker is ending
                return
            if lost_at is None:
                continue
            now = time.monotonic()
            refused_at = (refused_at or now) if self._is_refused() else None
            if refused_at is not None and now - refused_at > _REFUSALS_FOR:
                _end(f"the manager at {self._endpoint} is gone")
            if now - lost_at > self._patience:
                _end(f"the manager at {self._endpoint} was out of reach for {self._patience:g} s")
            time.sleep(_LOOK / 1000)

    def _is_refused(self) -> bool:
        host, _, port = self._endpoint.removeprefix("tcp://").rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=2.0).close()
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
        return False


def _end(why: str) -> None:
    print(f"wepy worker: {why}", file=sys.stderr, flush=True)  # noqa: T201 (there is nobody to raise it to)
    os._exit(ABANDONED)
