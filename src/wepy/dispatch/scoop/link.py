# ruff: noqa: E402 (SCOOP must be loaded quietly before anything is imported from it)
"""The ends of the wire: SCOOP's communicator for loopback, and the few messages that ours adds to SCOOP's."""

from __future__ import annotations

import json
import logging
import os
import pickle
from typing import Any

from wepy.dispatch.scoop.library import load

load()  # quietly, before the imports below do it aloud

import zmq
from scoop._comm.scoopzmq import LINGER_TIME, ZMQCommunicator

from wepy.dispatch.identity import Identity, worker_identity

LOOPBACK = "127.0.0.1"

HELLO = b"wepy:hello"  # worker -> broker: JSON [host, pid]
ADDRESSED = b"wepy:addressed"  # origin -> broker: a task for one worker
COLLECTED = b"wepy:collected"  # origin -> broker: these tasks' results are here, or nobody waits for them
LEFT = b"wepy:left"  # origin -> broker: JSON [host, pid] of a worker process that has ended

_STALL = 30_000  # ms; the broker answers a newcomer at once or is gone


class QuietLogger(logging.Logger):
    """A logger for SCOOP: silent, and with the method name that Python has deprecated."""

    def __init__(self) -> None:
        super().__init__("wepy.scoop", logging.CRITICAL + 1)

    def warn(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a warning, as SCOOP spells it."""
        self.warning(msg, *args, **kwargs)


class _LoopbackSocket(zmq.Socket[bytes]):
    """A socket that listens on loopback when told to listen everywhere."""

    def bind(self, addr: str) -> Any:  # pyzmq returns a context of its own
        """Bind to the loopback interface."""
        return super().bind(addr.replace("*", LOOPBACK))


class Link(ZMQCommunicator):  # type: ignore[misc]  # SCOOP has no types
    """SCOOP's communicator on loopback only, without its thread, and leaving without ending the pool."""

    def __init__(self) -> None:
        self._process = os.getpid()
        super().__init__()
        self.socket.setsockopt(zmq.RCVTIMEO, -1)

    def createZMQSocket(self, sock_type: int) -> Any:  # noqa: N802 (SCOOP's name)
        """Return a socket that cannot listen beyond loopback."""
        socket = self.ZMQcontext.socket(sock_type, socket_class=_LoopbackSocket)
        socket.setsockopt(zmq.LINGER, LINGER_TIME)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        if sock_type == zmq.DEALER:
            socket.setsockopt(zmq.RCVTIMEO, _STALL)  # while SCOOP's constructor waits for the broker
        if sock_type == zmq.ROUTER:
            socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
        return socket

    def _reportFutures(self) -> None:  # noqa: N802 (SCOOP's name)
        """Report nothing: SCOOP would use the main socket from a second thread."""

    def shutdown(self) -> None:
        """Close the sockets; safe to call twice, and in a process forked from the one that opened them."""
        if self._process == os.getpid() and not self.ZMQcontext.closed:
            self.ZMQcontext.destroy(linger=LINGER_TIME)


class WorkerLink(Link):
    """A worker's end: says hello."""

    def __init__(self) -> None:
        super().__init__()
        self.socket.send_multipart([HELLO, packed(worker_identity())])


class OriginLink(Link):
    """The origin's end: can address tasks, acknowledges results, tells of ended workers."""

    def sendFuture(self, future: Any) -> None:  # noqa: N802 (SCOOP's name)
        """Send a task whose first argument is the address of the worker that shall have it, if any."""
        addressee: bytes = future.args[0]
        if not addressee:
            super().sendFuture(future)
            return
        future_state = dict(future.__dict__, greenlet=None, children={})
        copy = object.__new__(type(future))
        copy.__dict__.update(future_state)
        task = pickle.dumps(copy, pickle.HIGHEST_PROTOCOL)
        self.socket.send_multipart([ADDRESSED, task_id(future), task, addressee])

    def collected(self, futures: list[Any]) -> None:
        """Tell the broker that it need not keep these tasks any longer."""
        if futures:
            self.socket.send_multipart([COLLECTED, *map(task_id, futures)])

    def left(self, worker: Identity) -> None:
        """Tell the broker that a worker process has ended."""
        self.socket.send_multipart([LEFT, packed(worker)])

    def is_ready(self, timeout: float) -> bool:
        """Wait up to `timeout` s and return whether anything has arrived."""
        return bool(self.poller.poll(int(1000 * timeout)))


def task_id(future: Any) -> bytes:
    """Return a future's id as SCOOP writes it in messages."""
    return pickle.dumps(future.id, pickle.HIGHEST_PROTOCOL)


def packed(identity: Identity) -> bytes:
    """Return an identity as it is written in messages."""
    return json.dumps([identity.host, identity.pid]).encode()
