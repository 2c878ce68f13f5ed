# ruff: noqa: E402 (SCOOP must be loaded quietly before anything is imported from it)
"""The broker between origin and workers: SCOOP's wire protocol, but a dead worker costs time and nothing else.

SCOOP's own broker dies with the first dead worker, takes long tasks for lost, and listens on all interfaces. This one

- keeps every task until the origin has said that its result is there (or unwanted), and gives the tasks of a worker
  that died to others; a task whose worker died three times *while it ran* is answered with its loss;
- gives a worker one task at a time, on request;
- gives an addressed task to its addressee, or to anyone if that one has died;
- never unpickles what it is sent, except a task of the origin's that it has to give up.

It shares no state with the thread that uses it but `workers`, a tuple that is replaced and never changed.
"""

from __future__ import annotations

import contextlib
import json
import pickle
import threading
import time
from collections import deque
from dataclasses import dataclass

from wepy.dispatch.scoop.library import load

load()  # quietly, before the imports below do it aloud

import zmq
from scoop._comm.scoopzmq import (
    INIT,
    REPLY,
    REQUEST,
    SHUTDOWN,
    STATUS_ANS,
    STATUS_DONE,
    STATUS_GIVEN,
    STATUS_REQ,
    TASK,
    VARIABLE,
)
from zmq.utils.monitor import recv_monitor_message

from wepy.dispatch.identity import Identity
from wepy.dispatch.scoop.link import ADDRESSED, COLLECTED, HELLO, LEFT, LOOPBACK

MAX_DEATHS = 3

_CALM, _ALERT = 500, 20  # ms between looks at the workers: usually, and for a while after a disconnection
_ALERT_FOR = 1.0  # s
_BATCH = 64  # messages read between two looks at the rest
_LINGER = 0  # ms; when it stops there is nobody left to whom a message would matter

_DISMISS, _STOP = b"dismiss", b"stop"

Address = bytes
TaskId = bytes


@dataclass(slots=True)
class _Task:
    frame: bytes
    origin: Address
    holder: Address = b""
    is_finished: bool = False
    deaths: int = 0


class Broker:
    """Runs in a thread of the manager's process, so that it cannot be lost without it.

    Attributes
    ----------
    workers : tuple of Address
        Workers that are connected and have asked for work at least once.
    task_port, info_port : int
        Where it listens, on loopback only.
    """

    def __init__(self) -> None:
        self._context = zmq.Context()
        self._tasks_socket = self._context.socket(zmq.ROUTER)
        self._info_socket = self._context.socket(zmq.PUB)
        for socket in (self._tasks_socket, self._info_socket):
            socket.setsockopt(zmq.LINGER, _LINGER)
            socket.setsockopt(zmq.SNDHWM, 0)
            socket.setsockopt(zmq.RCVHWM, 0)
        self._tasks_socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # a send to the dead is an error, not a silence
        self._tasks_socket.setsockopt(zmq.ROUTER_HANDOVER, 1)
        self.task_port = self._tasks_socket.bind_to_random_port(f"tcp://{LOOPBACK}")
        self.info_port = self._info_socket.bind_to_random_port(f"tcp://{LOOPBACK}")
        self._monitor = self._tasks_socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        self._tasks: dict[TaskId, _Task] = {}
        self._queue: deque[TaskId] = deque()
        self._letters: dict[Address, deque[TaskId]] = {}  # tasks for one worker
        self._idle: dict[Address, None] = {}  # in order of request
        self._processes: dict[Address, Identity] = {}
        self._met: set[Identity] = set()
        self.workers: tuple[Address, ...] = ()
        self._alert_until = 0.0
        self._bell, self._door = self._context.socket(zmq.PAIR), self._context.socket(zmq.PAIR)
        self._door.bind("inproc://stop")
        self._bell.connect("inproc://stop")
        self._thread = threading.Thread(target=self._serve, name="wepy-scoop-broker", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it still serves."""
        return self._thread.is_alive()

    def has_met(self, worker: Identity) -> bool:
        """Whether this process ever asked for work."""
        return worker in self._met

    def dismiss(self) -> None:
        """Tell idle workers to leave. Stop only when they have: a message followed by a disconnection gets lost."""
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
        poller.register(self._tasks_socket, zmq.POLLIN)
        poller.register(self._monitor, zmq.POLLIN)
        poller.register(self._door, zmq.POLLIN)
        try:
            while True:
                is_alert = time.monotonic() < self._alert_until
                ready = dict(poller.poll(_ALERT if is_alert else _CALM))
                if self._door in ready:
                    if self._door.recv() == _STOP:
                        break
                    self._info_socket.send(SHUTDOWN)
                if self._monitor in ready:
                    self._drain_monitor()
                if time.monotonic() < self._alert_until or not ready:
                    self._probe()
                if self._tasks_socket in ready:
                    self._read()
        finally:
            self._tasks_socket.disable_monitor()
            self._context.destroy(linger=_LINGER)

    def _drain_monitor(self) -> None:
        while self._monitor.poll(0):
            recv_monitor_message(self._monitor)
        self._alert_until = time.monotonic() + _ALERT_FOR

    def _read(self) -> None:
        for _ in range(_BATCH):
            try:
                address, kind, *frames = self._tasks_socket.recv_multipart(zmq.NOBLOCK)
                self._receive(address, kind, frames)
            except zmq.Again:
                return
            except (IndexError, TypeError, ValueError):  # not a message of this protocol
                continue

    def _receive(self, address: Address, kind: bytes, frames: list[bytes]) -> None:
        if kind == TASK:
            self._tasks[frames[0]] = _Task(frame=frames[1], origin=address)
            self._queue.append(frames[0])
        elif kind == ADDRESSED:
            self._tasks[frames[0]] = _Task(frame=frames[1], origin=address)
            self._address(frames[0], frames[2])
        elif kind == REQUEST:
            self._idle[address] = None
            if address not in self.workers:
                self._join(address)
        elif kind == STATUS_DONE:
            task = self._tasks.get(frames[0])
            if task is not None and task.holder == address:
                task.is_finished = True
        elif kind == COLLECTED:
            for task_id in frames:
                self._tasks.pop(task_id, None)  # its id may stay in a queue, where it is passed over
        elif kind == REPLY:  # a result whose worker had no direct connection yet
            self._send([frames[-1], kind, *frames[:-1], address])
        elif kind == HELLO:
            host, pid = json.loads(frames[0])
            self._processes[address] = Identity(host=host, pid=pid)
        elif kind == LEFT:
            self._bury_process(Identity(*json.loads(frames[0])))
        elif kind == INIT:
            self._welcome(address)
        elif kind == STATUS_REQ:  # never "lost": SCOOP would run it twice
            self._send([address, STATUS_ANS, frames[0], STATUS_GIVEN])
        elif kind == VARIABLE:
            self._info_socket.send_multipart([VARIABLE, *frames])
        self._give()

    def _join(self, address: Address) -> None:
        if address in self._processes:
            self._met.add(self._processes[address])
        self.workers = (*self.workers, address)

    def _welcome(self, address: Address) -> None:
        """Answer a newcomer with what SCOOP expects: configuration, shared variables, other brokers."""
        nothing = pickle.dumps({}, pickle.HIGHEST_PROTOCOL)
        self._send([address, nothing, nothing])
        self._send([address, pickle.dumps(set(), pickle.HIGHEST_PROTOCOL)])

    def _address(self, task_id: TaskId, addressee: Address) -> None:
        if addressee in self.workers:
            self._letters.setdefault(addressee, deque()).append(task_id)
        else:
            self._queue.append(task_id)

    def _give(self) -> None:
        for address in [address for address in self._idle if self._letters.get(address)]:
            self._give_first(self._letters[address], address)
        while self._queue and self._idle:
            self._give_first(self._queue, next(iter(self._idle)))

    def _give_first(self, queue: deque[TaskId], address: Address) -> None:
        """Give the first task in `queue` that is still wanted to an idle worker."""
        task = self._tasks.get(queue[0])
        if task is None:
            queue.popleft()
        elif self._send([address, TASK, task.frame]):
            queue.popleft()
            del self._idle[address]
            task.holder, task.is_finished = address, False
        else:
            self._bury(address)

    def _send(self, frames: list[bytes]) -> bool:
        try:
            self._tasks_socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.ZMQError as error:
            if error.errno in (zmq.EHOSTUNREACH, zmq.EAGAIN):
                return False
            raise
        return True

    def _probe(self) -> None:
        """Look who is gone by sending each worker an answer that it ignores."""
        nothing = [STATUS_ANS, pickle.dumps(None), STATUS_GIVEN]
        for address in self.workers:
            if not self._send([address, *nothing]):
                self._bury(address)
        self._give()

    def _bury_process(self, process: Identity) -> None:
        for address in [address for address, other in self._processes.items() if other == process]:
            self._bury(address)

    def _bury(self, address: Address) -> None:
        """Forget a dead worker; what it held and the origin has not got goes to others."""
        self.workers = tuple(worker for worker in self.workers if worker != address)
        self._idle.pop(address, None)
        self._processes.pop(address, None)
        self._queue.extendleft(reversed(self._letters.pop(address, deque())))
        for task_id, task in list(self._tasks.items()):
            if task.holder == address:
                task.holder = b""
                task.deaths += not task.is_finished
                if task.deaths >= MAX_DEATHS:
                    self._give_up(task_id, task)
                else:
                    self._queue.appendleft(task_id)

    def _give_up(self, task_id: TaskId, task: _Task) -> None:
        """Answer a task with its loss, in the worker's place."""
        future = pickle.loads(task.frame)  # noqa: S301 (the origin's: this very process)
        future.callable = future.args = future.kargs = None
        future.resultValue = task.deaths
        future.isDone = True
        self._send([task.origin, REPLY, pickle.dumps(future, pickle.HIGHEST_PROTOCOL)])
        del self._tasks[task_id]
