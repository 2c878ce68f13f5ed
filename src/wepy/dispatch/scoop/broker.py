# ruff: noqa: E402 (SCOOP must be loaded quietly before anything is imported from it)
"""The broker between origin and workers: SCOOP's wire protocol, but a dead worker costs time and nothing else.

SCOOP's own broker dies with the first dead worker, takes long tasks for lost, and trusts whoever connects. This one

- keeps every task until its result has passed through it (or is unwanted), and gives the tasks of a worker that died,
  or has not shown a sign of life for some seconds, to others; when three workers have died with tasks of one item, the
  next is answered with its loss;
- gives a worker one task at a time, on request;
- gives a task that names a worker to that one, or to anyone if it has died;
- passes the first result of a task on and drops any further one;
- talks to workers of this run and of this code only, and listens on loopback only unless told otherwise;
- never unpickles what it is sent.

It shares no state with the thread that uses it but `workers`, a tuple that is replaced and never changed.
"""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
import uuid
from collections import Counter, deque
from dataclasses import dataclass

from wepy.dispatch.scoop.library import load

load()  # quietly, before the imports below do it aloud

import zmq
from scoop._comm.scoopzmq import (
    INIT,
    REPLY,
    REQUEST,
    STATUS_ANS,
    STATUS_GIVEN,
    STATUS_REQ,
    TASK,
)
from zmq.utils.monitor import recv_monitor_message

from wepy.dispatch.scoop.introduction import Introduction, objection
from wepy.dispatch.scoop.key import Doorkeeper, RunKey
from wepy.dispatch.scoop.link import (
    DISMISSED,
    FORGET,
    GOODBYE,
    HEARTBEAT,
    HELLO,
    LEFT,
    LOOPBACK,
    LOST,
    REFUSED,
    RUN,
    SILENCE,
    WHO,
)
from wepy.errors import DispatchError

MAX_DEATHS = 3

_CALM, _ALERT = 500, 20  # ms between looks at the workers: usually, and for a while after a disconnection
_ALERT_FOR = 1.0  # s
_BATCH = 64  # messages read between two looks at the rest
_LINGER = 500  # ms; for the last words to workers on other hosts
_HANDSHAKE = 3_000  # ms; who connects and does not show the key by then is cut off
_LARGEST = 2**30  # bytes of one part of a message
_ORIGIN = "inproc://wepy-origin"  # the origin is in this process: what it sends and gets is not copied

_DISMISS, _STOP = b"dismiss", b"stop"

Address = bytes
TaskId = bytes
Item = bytes  # what a task is for: another task may take it further, for a worker that lacked the function


@dataclass(slots=True)
class _Task:
    frame: zmq.Frame
    origin: Address
    item: Item
    holder: Address = b""


class Broker:
    """Runs in a thread of the manager's process, so that it cannot be lost without it.

    Parameters
    ----------
    listen : str
        Address of an interface of this host to listen on too, for workers on other hosts; empty for none.
    port : int
        Port there; 0 for any.
    secure : bool
        Whether only those who have the run's key are let in.

    Attributes
    ----------
    workers : tuple of Address
        Workers that are connected and have asked for work at least once.
    run : str
        Id of what it serves, so that no worker of something else joins.
    origin_address : Address
        Who alone may send tasks.
    local, remote : str
        Endpoints for workers on this host and, if it listens for them, on other ones.
    key : RunKey or None
        What workers must have.

    Raises
    ------
    DispatchError
        If it cannot listen there.
    """

    def __init__(self, *, listen: str = "", port: int = 0, secure: bool = True) -> None:
        self.run = uuid.uuid4().hex
        self.origin_address: Address = f"origin:{uuid.uuid4().hex}".encode()
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._socket = self.context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.LINGER, _LINGER)
        self._socket.setsockopt(zmq.SNDHWM, 0)
        self._socket.setsockopt(zmq.RCVHWM, 0)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # a send to the dead is an error, not a silence
        self._socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self._socket.setsockopt(zmq.HEARTBEAT_IVL, HEARTBEAT)
        self._socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, SILENCE)
        self._socket.setsockopt(zmq.HANDSHAKE_IVL, _HANDSHAKE)
        self._socket.setsockopt(zmq.MAXMSGSIZE, _LARGEST)
        self._socket.setsockopt(zmq.IPV6, ":" in listen)
        self._doorkeeper: Doorkeeper | None = None
        self.key: RunKey | None = None
        try:
            if secure:
                self._doorkeeper = Doorkeeper(self.context)
                self._doorkeeper.guard(self._socket)
                self.key = self._doorkeeper.key
            self._socket.bind(_ORIGIN)
            self.local = _bound(self._socket, LOOPBACK, 0)
            self.remote = _bound(self._socket, listen, port) if listen else ""
        except BaseException:
            self.context.destroy(linger=0)
            raise
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._tasks: dict[TaskId, _Task] = {}
        self._queue: deque[TaskId] = deque()
        self._letters: dict[Address, deque[TaskId]] = {}  # tasks for one worker
        self._idle: dict[Address, None] = {}  # in order of request
        self._known: dict[Address, Introduction] = {}
        self._waiting: dict[Address, None] = {}  # asked for work and have not introduced themselves yet
        self._deaths: Counter[Item] = Counter()  # of workers that had a task of it
        self._presumed: dict[Address, list[Item]] = {}  # items whose worker was taken for dead
        self._met: set[str] = set()
        self.workers: tuple[Address, ...] = ()
        self._alert_until = 0.0
        self._probed_at = 0.0
        self._bell, self._door = self.context.socket(zmq.PAIR), self.context.socket(zmq.PAIR)
        self._door.bind("inproc://stop")
        self._bell.connect("inproc://stop")
        self._thread = threading.Thread(target=self._serve, name="wepy-scoop-broker", daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        """Endpoint for the origin, in this process and over `context`."""
        return _ORIGIN

    @property
    def is_alive(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    def has_met(self, name: str) -> bool:
        """Whether a worker with this name ever asked for work."""
        return name in self._met

    def dismiss(self) -> None:
        """Tell all workers to leave when they are idle."""
        self._ring(_DISMISS)

    def stop(self) -> None:
        """Close all sockets; returns when that is done."""
        self._ring(_STOP)
        self._thread.join()

    def _ring(self, message: bytes) -> None:
        if self._thread.is_alive():
            with contextlib.suppress(zmq.ZMQError):  # it has just ended by itself
                self._bell.send(message)

    def _serve(self) -> None:
        poller = zmq.Poller()
        requests = None if self._doorkeeper is None else self._doorkeeper.requests
        for socket in (self._socket, self._monitor, self._door, requests):
            if socket is not None:
                poller.register(socket, zmq.POLLIN)
        try:
            while True:
                is_alert = time.monotonic() < self._alert_until
                ready = dict(poller.poll(_ALERT if is_alert else _CALM))
                if self._door in ready:
                    if self._door.recv() == _STOP:
                        self._see_off()
                        break
                    for address in self._known:
                        self._send([address, DISMISSED])
                if self._doorkeeper is not None and requests in ready:
                    self._doorkeeper.answer()
                if self._monitor in ready:
                    self._drain_monitor()
                if self._is_due():
                    self._probe()
                if self._socket in ready:
                    self._read()
        finally:
            self._socket.disable_monitor()
            self.context.destroy()

    def _see_off(self) -> None:
        """Read on for a moment, until all have left: what lies unread when a connection closes takes back last words.

        A system that closes a connection with unread data resets it, and the other side's system then drops what it
        has not read yet: a worker would not learn that it was dismissed.
        """
        deadline = time.monotonic() + _LINGER / 1000
        while self._known and time.monotonic() < deadline:
            if self._socket.poll(_ALERT):
                with contextlib.suppress(zmq.Again):
                    while time.monotonic() < deadline:  # whoever talks without end is not waited for
                        self._socket.recv_multipart(zmq.NOBLOCK)
            self._probe()

    def _is_due(self) -> bool:
        """Whether to look at the workers; however many messages come, not more often than they are looked at idle."""
        now = time.monotonic()
        return 1000 * (now - self._probed_at) >= (_ALERT if now < self._alert_until else _CALM)

    def _drain_monitor(self) -> None:
        while self._monitor.poll(0):
            recv_monitor_message(self._monitor)
        self._alert_until = time.monotonic() + _ALERT_FOR

    def _read(self) -> None:
        for _ in range(_BATCH):
            try:
                address, kind, *frames = self._socket.recv_multipart(zmq.NOBLOCK, copy=False)
                self._receive(address.bytes, kind.bytes, frames)
            except zmq.Again:
                return
            except (IndexError, RecursionError, TypeError, ValueError):  # not a message of this protocol
                continue

    def _receive(self, address: Address, kind: bytes, frames: list[zmq.Frame]) -> None:
        if kind in (TASK, FORGET, LEFT) and address != self.origin_address:
            return
        if kind == TASK:
            task_id, frame, item, addressee = frames
            self._tasks[task_id.bytes] = _Task(frame=frame, origin=address, item=item.bytes)
            if addressee.bytes in self.workers:
                self._letters.setdefault(addressee.bytes, deque()).append(task_id.bytes)
            else:
                self._queue.append(task_id.bytes)
        elif kind == REQUEST:
            self._request(address)
        elif kind == REPLY:
            payload, task_id, origin = frames
            if self._tasks.pop(task_id.bytes, None) is not None:  # else another worker was faster, or nobody waits
                self._send([origin.bytes, REPLY, payload, address])
        elif kind == FORGET:
            for task_id in frames:
                self._tasks.pop(task_id.bytes, None)  # its id may stay in a queue, where it is passed over
        elif kind == HELLO:
            self._meet(address, Introduction.unpacked(frames[0].bytes))
        elif kind == LEFT:
            name = frames[0].bytes.decode()
            for found in [found for found, worker in self._known.items() if worker.name == name]:
                self._bury(found)
        elif kind == GOODBYE:
            self._bury(address, is_death=False)
        elif kind == INIT:
            self._welcome(address)
        elif kind == STATUS_REQ:  # never "lost": SCOOP would run it twice
            self._send([address, STATUS_ANS, frames[0], STATUS_GIVEN])
        self._give()

    def _meet(self, address: Address, worker: Introduction) -> None:
        """Let a worker in, or turn it away; at a new visit, what it was given at an earlier one goes back."""
        reason = objection(worker, self.run)
        if reason:
            self._send([address, REFUSED, reason.encode()])
            return
        self._deaths.subtract(self._presumed.pop(address, ()))  # it was out of reach, not dead
        before = self._known.get(address)
        if before is not None and before.visit != worker.visit:
            self._take_back(address, is_death=False)
        self._known[address] = worker
        self._send([address, RUN, self.run.encode()])
        if address in self._waiting:
            del self._waiting[address]
            self._request(address)

    def _request(self, address: Address) -> None:
        worker = self._known.get(address)
        if worker is None:
            self._waiting[address] = None
            self._send([address, WHO])
            return
        self._idle[address] = None
        if address not in self.workers:
            self._met.add(worker.name)
            self.workers = (*self.workers, address)

    def _welcome(self, address: Address) -> None:
        """Answer a newcomer with what SCOOP expects: configuration, shared variables, other brokers."""
        nothing = pickle.dumps({}, pickle.HIGHEST_PROTOCOL)
        self._send([address, nothing])
        self._send([address, nothing])
        self._send([address, pickle.dumps(set(), pickle.HIGHEST_PROTOCOL)])

    def _give(self) -> None:
        for address in [address for address in self._idle if self._letters.get(address)]:
            self._give_first(self._letters[address], address)
        while self._queue and self._idle:
            self._give_first(self._queue, next(iter(self._idle)))

    def _give_first(self, queue: deque[TaskId], address: Address) -> None:
        """Give the first task in `queue` that is still wanted to an idle worker."""
        task = self._tasks.get(queue[0])
        if task is None or task.holder:
            queue.popleft()
        elif self._send([address, TASK, task.frame]):
            queue.popleft()
            del self._idle[address]
            task.holder = address
        else:
            self._bury(address)

    def _send(self, frames: list[bytes | zmq.Frame]) -> bool:
        try:
            self._socket.send_multipart(frames, zmq.NOBLOCK, copy=False)
        except zmq.ZMQError as error:
            if error.errno in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                return False
            raise
        return True

    def _probe(self) -> None:
        """Look who is gone by sending each worker an answer that it ignores."""
        self._probed_at = time.monotonic()
        for address in list(self._known):
            if not self._send([address, STATUS_ANS]):
                self._bury(address)
        self._give()

    def _bury(self, address: Address, *, is_death: bool = True) -> None:
        """Forget a worker that is dead or out of reach; what it held goes to others."""
        self.workers = tuple(worker for worker in self.workers if worker != address)
        self._idle.pop(address, None)
        self._waiting.pop(address, None)
        self._known.pop(address, None)
        self._queue.extendleft(reversed(self._letters.pop(address, deque())))
        self._take_back(address, is_death=is_death)

    def _take_back(self, address: Address, *, is_death: bool) -> None:
        """Queue again what a worker held, before all else."""
        for task_id, task in list(self._tasks.items()):
            if task.holder == address:
                task.holder = b""
                if is_death:
                    self._deaths[task.item] += 1
                    self._presumed.setdefault(address, []).append(task.item)
                if self._deaths[task.item] >= MAX_DEATHS:
                    self._give_up(task_id, task)
                else:
                    self._queue.appendleft(task_id)

    def _give_up(self, task_id: TaskId, task: _Task) -> None:
        """Answer a task with its loss, in the worker's place."""
        self._send([task.origin, LOST, task_id, str(self._deaths[task.item]).encode()])
        del self._tasks[task_id]


def _bound(socket: zmq.Socket[bytes], host: str, port: int) -> str:
    """Listen and return the endpoint, with the port that was found."""
    where = f"tcp://{f'[{host}]' if ':' in host else host}:{port or '*'}"
    try:
        socket.bind(where)
    except zmq.ZMQError as error:
        raise DispatchError(
            f"cannot listen on {host}{f' port {port}' if port else ''}: {error.strerror}; expected the address of an "
            "interface of this host, and a free port"
        ) from error
    return socket.getsockopt_string(zmq.LAST_ENDPOINT).rstrip("\0")
