# ruff: noqa: E402 (SCOOP must be loaded quietly before anything is imported from it)
"""The ends of the wire: SCOOP's communicator with one connection, to the broker, and our additions to its messages.

SCOOP's own opens a port on every worker, on all interfaces, and unpickles what arrives there; results go from worker to
origin over it. Ours opens none: results go through the broker, which is in the origin's process, so that only one port
has to be reachable, guarded and tunnelled. A result names its task in the same message, so that both arrive or neither.
"""

from __future__ import annotations

import copy
import logging
import os
import pickle
import uuid
from collections.abc import Callable
from typing import Any

from wepy.dispatch.scoop.library import load

load()  # quietly, before the imports below do it aloud

import scoop
import scoop._control as control
import zmq
from scoop._comm.scoopexceptions import Shutdown
from scoop._comm.scoopzmq import LINGER_TIME, REPLY, REQUEST, STATUS_ANS, TASK, ZMQCommunicator

from wepy.dispatch.scoop.introduction import introduce
from wepy.dispatch.scoop.key import RunKey, opened
from wepy.dispatch.scoop.watch import Watch
from wepy.errors import DispatchError

LOOPBACK = "127.0.0.1"

HELLO = b"wepy:hello"  # worker -> broker: its introduction
WHO = b"wepy:who"  # broker -> worker: introduce yourself, I do not know you (any more)
REFUSED = b"wepy:refused"  # broker -> worker: why it cannot work here
GOODBYE = b"wepy:goodbye"  # worker -> broker: I leave, and not because of what I was doing
DISMISSED = b"wepy:dismissed"  # broker -> worker: the work is done
RUN = b"wepy:run"  # broker -> worker: the run's id
FORGET = b"wepy:forget"  # origin -> broker: nobody waits for these tasks any more
LOST = b"wepy:lost"  # broker -> origin: a task is given up after so many deaths
LEFT = b"wepy:left"  # origin -> broker: name of a worker whose process has ended

HEARTBEAT = 3_000  # ms between signs of life
SILENCE = 9_000  # ms without one after which a connection is closed: a stopped process, a link that is down
_STALL = 30_000  # ms; the broker answers a newcomer at once or is gone
_POLL = 200  # ms; how long a worker waits at most before it looks whether its connection is a new one


class QuietLogger(logging.Logger):
    """A logger for SCOOP: silent, and with the method name that Python has deprecated."""

    def __init__(self) -> None:
        super().__init__("wepy.scoop", logging.CRITICAL + 1)

    def warn(self, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a warning, as SCOOP spells it."""
        self.warning(msg, *args, **kwargs)


class RefusedError(DispatchError):
    """The manager does not want this worker; says why."""


class _SilentSocket(zmq.Socket[bytes]):
    """A socket that never listens."""

    def bind(self, addr: str) -> Any:  # pyzmq returns a context of its own
        """Do nothing."""


class Link(ZMQCommunicator):  # type: ignore[misc]  # SCOOP has no types
    """SCOOP's communicator with one connection, without its thread, and leaving without ending the pool.

    Parameters
    ----------
    endpoint : str
        Where the broker is, as ZMQ spells it.
    key : RunKey or None
        What the broker asks for.
    address : bytes
        Its name among all that are connected to the broker.
    context : zmq.Context, optional
        Of the broker, if it is in this process.
    """

    def __init__(
        self, endpoint: str, key: RunKey | None, address: bytes, context: zmq.Context[Any] | None = None
    ) -> None:
        self._endpoint, self._key, self._address, self._shared = endpoint, key, address, context
        self._process = os.getpid()
        super().__init__()
        self.socket.setsockopt(zmq.RCVTIMEO, -1)
        self.socket.setsockopt(zmq.SNDTIMEO, -1)

    def createZMQSocket(self, sock_type: int) -> Any:  # noqa: N802 (SCOOP's name)
        """Return a socket that never listens; the one to the broker under a name of its own."""
        made: zmq.Context[Any] = vars(self)["ZMQcontext"]
        if self._shared is not None and made is not self._shared:
            made.destroy()  # by SCOOP, just now
            self.ZMQcontext = self._shared
        socket = self.ZMQcontext.socket(sock_type, socket_class=_SilentSocket)
        socket.setsockopt(zmq.LINGER, LINGER_TIME)
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.setsockopt(zmq.RCVHWM, 0)
        socket.setsockopt(zmq.IMMEDIATE, 1)
        if sock_type == zmq.DEALER:
            scoop.worker = self._address
            socket.setsockopt(zmq.RCVTIMEO, _STALL)  # while SCOOP's constructor waits for the broker
            socket.setsockopt(zmq.SNDTIMEO, _STALL)
            prepare(socket, self._key)
        return socket

    def _addBroker(self, brokerEntry: object) -> None:  # noqa: N802 (SCOOP's names)
        """Connect to the broker, and to nothing else."""
        if not self.broker_set:
            self.socket.connect(self._endpoint)
            self.broker_set.add(brokerEntry)

    def addPeer(self, peer: bytes) -> None:  # noqa: N802 (SCOOP's name)
        """Connect to nobody: results go through the broker."""

    def pumpInfoSocket(self) -> None:  # noqa: N802 (SCOOP's name)
        """Read nothing: the broker says all on the one connection."""

    def _reportFutures(self) -> None:  # noqa: N802 (SCOOP's name)
        """Report nothing: SCOOP would use the main socket from a second thread."""

    def shutdown(self) -> None:
        """Close the sockets; safe to call twice, and in a process forked from the one that opened them."""
        if self._process != os.getpid() or self.ZMQcontext.closed:
            return
        if self._shared is None:
            self.ZMQcontext.destroy(linger=LINGER_TIME)
        else:
            for socket in (self.direct_socket, self.infoSocket, self.socket):
                socket.close(linger=0)


class WorkerLink(Link):
    """A worker's end: introduces itself at each visit, and answers in one message.

    Parameters
    ----------
    endpoint, key
        As for `Link`.
    name : str
        What the manager calls this worker.
    patience : float
        Seconds after which a worker that cannot reach its manager ends.
    welcome : callable
        Called when the manager has let the worker in, at each visit.
    """

    def __init__(
        self, endpoint: str, key: RunKey | None, *, name: str, patience: float, welcome: Callable[[], object]
    ) -> None:
        self._name, self._patience, self._welcome = name, patience, welcome
        self._run, self._visit = "", 1
        self._watch: Watch | None = None
        super().__init__(endpoint, key, f"{os.getpid()}:{uuid.uuid4().hex}".encode())
        self._introduce()

    def createZMQSocket(self, sock_type: int) -> Any:  # noqa: N802 (SCOOP's name)
        """Return a socket; watch the one to the broker."""
        socket = super().createZMQSocket(sock_type)
        if sock_type == zmq.DEALER:
            self._watch = Watch(socket, self._endpoint, patience=self._patience)
        return socket

    def shutdown(self) -> None:
        """Close the connection; the watch, in its thread, keeps the context in use until the process ends."""
        if self._watch is not None:
            self._watch.stop()
        for socket in (self.direct_socket, self.infoSocket, self.socket):
            socket.close(linger=LINGER_TIME)

    def sendRequest(self) -> None:  # noqa: N802 (SCOOP's name)
        """Ask for a task; at a new visit, say first who asks."""
        self._visit_again()
        self.socket.send(REQUEST)

    def sendFuture(self, future: Any) -> None:  # noqa: N802 (SCOOP's name)
        """Send no task: workers run what they are given."""
        raise RefusedError("tasks cannot make tasks")

    def goodbye(self) -> None:
        """Say that this worker leaves; its task is not to blame."""
        self.socket.send(GOODBYE, zmq.NOBLOCK)

    def sendStatusRequest(self, future: Any) -> None:  # noqa: N802 (SCOOP's name)
        """Ask for no status: a task is never lost."""

    def _poll(self, timeout: int) -> Any:
        """Wait for messages; SCOOP waits only if it has nothing to do."""
        if self._visit_again():
            self.socket.send(REQUEST)  # the one before may be lost
        return self.poller.poll(min(timeout, _POLL))

    def _visit_again(self) -> bool:
        """Introduce this worker again if its connection is a new one: what was on the way then is lost."""
        visits = self._watch.visits if self._watch is not None else 1
        if visits <= self._visit:
            return False
        self._visit = visits
        self._introduce()
        return True

    def _recv(self) -> Any:
        kind, *frames = self.socket.recv_multipart()
        if kind == DISMISSED:
            raise Shutdown("the work is done")
        if kind == REFUSED:
            raise RefusedError(frames[0].decode("utf-8", "replace"))
        if kind == RUN:
            self._run = frames[0].decode("ascii", "replace")
            self._welcome()
        elif kind == WHO:
            self._introduce()
        elif kind != STATUS_ANS:
            return pickle.loads(frames[0])  # noqa: S301 (of our manager, which has shown its key)
        return None

    def _sendReply(self, destination: bytes, fid: bytes, *args: bytes) -> None:  # noqa: N802 (SCOOP's name)
        self.socket.send_multipart([REPLY, *args, fid, destination], copy=False)

    def _introduce(self) -> None:
        self.socket.send_multipart([HELLO, introduce(name=self._name, run=self._run, visit=self._visit).packed()])


class OriginLink(Link):
    """The origin's end: can address tasks, forget them, and tell of ended workers."""

    def sendFuture(self, future: Any) -> None:  # noqa: N802 (SCOOP's name)
        """Send a task, `perform(addressee, request)`: what it is for, and the address of who shall have it, if any."""
        addressee, request = future.args
        sent = copy.copy(future)
        sent.greenlet, sent.children = None, {}
        item = f"{request.key.run}:{request.key.index}".encode()
        task = pickle.dumps(sent, pickle.HIGHEST_PROTOCOL)
        self.socket.send_multipart([TASK, task_id(future), task, item, addressee])

    def _recv(self) -> Any:
        kind, first, *frames = self.socket.recv_multipart()
        if kind != LOST:
            return pickle.loads(first)  # noqa: S301 (a result, of a worker that has shown the key)
        lost = copy.copy(control.futureDict.get(pickle.loads(first)))  # noqa: S301 (the id that we sent)
        if lost is not None:
            lost.resultValue, lost.isDone = int(frames[0]), True
        return lost

    def forget(self, futures: list[Any]) -> None:
        """Tell the broker that nobody waits for these tasks any longer."""
        if futures:
            self.socket.send_multipart([FORGET, *map(task_id, futures)])

    def left(self, name: str) -> None:
        """Tell the broker that a worker process has ended."""
        self.socket.send_multipart([LEFT, name.encode()])

    def is_ready(self, timeout: float) -> bool:
        """Wait up to `timeout` s and return whether anything has arrived."""
        return bool(self.poller.poll(int(1000 * timeout)))


def prepare(socket: Any, key: RunKey | None) -> None:
    """Make a socket that is about to connect give signs of life, come back after a break, and show the key."""
    socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, SILENCE)
    socket.setsockopt(zmq.RECONNECT_IVL, 100)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 2_000)
    socket.setsockopt(zmq.CONNECT_TIMEOUT, 5_000)
    socket.setsockopt(zmq.HANDSHAKE_IVL, 10_000)
    socket.setsockopt(zmq.IPV6, 1)
    opened(key, socket)


def task_id(future: Any) -> bytes:
    """Return a future's id as SCOOP writes it in messages."""
    return pickle.dumps(future.id, pickle.HIGHEST_PROTOCOL)
