"""The workers that a pool starts itself, here and over ssh: started, watched, replaced and stopped."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, cast

from wepy.dispatch.scoop.worker import Settings

_START = (
    "import json, sys; settings = json.loads(sys.stdin.readline()); sys.path[:] = settings['path'] or sys.path;"
    " from wepy.dispatch.scoop.worker import work; work(settings)"
)
_SSH = ("-T", "-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "LogLevel=INFO")
_TUNNEL = re.compile(r"Allocated port (\d+) for remote forward")
_TAIL = 30  # lines of a worker's messages that are kept
_MAX_FAILED_STARTS = 3  # in a row, before a place is given up
_AT_ONCE = 8  # starts on one host: an ssh server turns away who comes with many others
_SLOWEST_RETRY = 60.0  # s; a host that had workers may come back


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where one worker shall run.

    Parameters
    ----------
    host : str
        As ssh knows it; empty for this host.
    python : str
        Python there.
    environment : mapping of str to str
        Environment variables beside those that are there anyway.
    ssh : sequence of str
        The command ssh, with options of the user's.
    tunnel : bool
        Whether the worker reaches the broker through its ssh connection.
    """

    host: str = ""
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)
    ssh: Sequence[str] = ("ssh",)
    tunnel: bool = False

    def command(self, endpoint: str) -> list[str]:
        """Return what to run here."""
        worker = [self.python, "-P", "-c", _START, "wepy-worker"]
        if not self.host:
            return worker
        variables = [f"{name}={value}" for name, value in self.environment.items()]
        tunnel = ["-o", "ExitOnForwardFailure=yes", "-R", f"127.0.0.1:0:{endpoint.removeprefix('tcp://')}"]
        there = shlex.join(["env", *variables, *worker])
        ours = [*_SSH, *(tunnel if self.tunnel else ())]  # first: ssh takes the first word on a matter
        return [self.ssh[0], *ours, *self.ssh[1:], self.host, f"exec {there}"]


class Child:
    """One worker process, or the ssh that holds one on another host.

    Parameters
    ----------
    place : Place
        Where it runs.
    settings : Settings
        What it is told; the endpoint is that of this host's side if there is a tunnel.
    """

    def __init__(self, place: Place, settings: Settings) -> None:
        self.place, self.name = place, settings.name
        self._settings = replace(settings, path=[] if place.host else _search_path())
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._process = subprocess.Popen(
            place.command(settings.endpoint),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=None if place.host else {**os.environ, **place.environment},
            start_new_session=True,  # Ctrl-C in the terminal is the manager's to handle
        )
        self._lifeline = cast(IO[str], self._process.stdin)
        self._messages = cast(IO[str], self._process.stdout)
        if not place.tunnel:
            self._instruct(self._settings)
        self._reader = threading.Thread(target=self._read, name="wepy-worker-messages", daemon=True)
        self._reader.start()

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """Return how the process ended and the last lines that it wrote; waits for them if it has ended."""
        if not self.is_alive:
            self._reader.join(timeout=1.0)
        code = self._process.poll()
        end = "is running" if code is None else f"ended with {f'signal {-code}' if code < 0 else f'exit code {code}'}"
        who = f"the worker on {self.place.host}" if self.place.host else f"worker process {self._process.pid}"
        return f"{who} {end}; its last messages:\n{''.join(self._tail) or '(none)'}"

    def cut(self) -> None:
        """Close the worker's lifeline, so that it ends whatever it is doing."""
        with contextlib.suppress(OSError):
            self._lifeline.close()

    def wait(self, timeout: float) -> bool:
        """Wait up to `timeout` s and return whether the process has ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, timeout))
        return not self.is_alive

    def end(self) -> None:
        """End the process if it runs, and free all it holds here."""
        self.cut()
        if not self.wait(2.0 if self.place.host else 0.2):
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=1.0)
        if not self._reader.is_alive():  # else a grandchild still writes to the pipe
            self._messages.close()

    def _instruct(self, settings: Settings) -> None:
        with contextlib.suppress(BrokenPipeError, ValueError):  # died already: seen when it is looked after
            self._lifeline.write(settings.text)
            self._lifeline.flush()

    def _read(self) -> None:
        is_told = not self.place.tunnel
        with contextlib.suppress(ValueError):  # closed under our hands
            for line in self._messages:
                found = None if is_told else _TUNNEL.search(line)
                if found:
                    is_told = True
                    self._instruct(replace(self._settings, endpoint=f"tcp://127.0.0.1:{found[1]}"))
                else:
                    self._tail.append(line)


@dataclass(slots=True)
class _Seat:
    """A place, and who is there now."""

    place: Place
    child: Child | None = None
    failures: int = 0
    has_had_one: bool = False
    not_before: float = 0.0

    @property
    def is_given_up(self) -> bool:
        return self.failures >= _MAX_FAILED_STARTS and not (self.has_had_one and self.place.host)


class Children:
    """The workers of one pool that it has started; a place whose worker dies gets a new one.

    A place where three workers in a row do not start is given up, unless it is on another host and has had one: that
    host may come back.

    Parameters
    ----------
    places : sequence of Place
        Where to start them.
    settings : mapping of bool to Settings
        What they are told: on this host and through tunnels (False), on hosts that connect themselves (True).
    has_joined : callable
        Says whether a worker with a name has ever asked for work.
    """

    def __init__(
        self, places: Sequence[Place], settings: Callable[[Place], Settings], has_joined: Callable[[str], bool]
    ) -> None:
        self._settings, self._has_joined = settings, has_joined
        self._seats = [_Seat(place) for place in places]
        self._last_words = ""
        try:
            self._fill()
        except BaseException:
            self.close(grace=0.0)
            raise

    def __len__(self) -> int:
        """Return how many places have a worker or may get one."""
        return sum(not seat.is_given_up for seat in self._seats)

    @property
    def abandoned(self) -> int:
        """Number of places that are given up because no worker would start there."""
        return len(self._seats) - len(self)

    @property
    def last_words(self) -> str:
        """How the last worker that died ended, and what it wrote."""
        return self._last_words

    def tend(self) -> list[str]:
        """Replace dead workers; return the names of those who died."""
        died = []
        for seat in self._seats:
            if seat.child is None or seat.child.is_alive:
                continue
            child, seat.child = seat.child, None
            died.append(child.name)
            self._last_words = child.last_words()
            child.end()
            has_joined = self._has_joined(child.name)
            seat.has_had_one |= has_joined
            seat.failures = 0 if has_joined else seat.failures + 1
            if seat.failures and seat.place.host:
                seat.not_before = time.monotonic() + min(2.0**seat.failures, _SLOWEST_RETRY)
        self._fill()
        return died

    def close(self, *, grace: float) -> None:
        """End all workers; those that have joined, and so were told to leave, have `grace` s to do so."""
        children = [seat.child for seat in self._seats if seat.child is not None]
        deadline = time.monotonic() + grace
        try:
            for child in children:
                if self._has_joined(child.name):
                    child.wait(deadline - time.monotonic())
        finally:
            for child in children:
                child.cut()
            for child in children:
                child.end()
            self._seats.clear()

    def _fill(self) -> None:
        """Start workers where there is none."""
        for seat in self._seats:
            if seat.child is None and not seat.is_given_up and time.monotonic() >= seat.not_before:
                if seat.place.host and self._starting(seat.place.host) >= _AT_ONCE:
                    continue
                settings = replace(self._settings(seat.place), name=uuid.uuid4().hex)
                try:
                    seat.child = Child(seat.place, settings)
                except OSError as error:  # no ssh, no more processes or open files
                    self._last_words = f"a worker could not be started: {error}"
                    seat.failures += 1
                    seat.not_before = time.monotonic() + 1.0

    def _starting(self, host: str) -> int:
        children = [seat.child for seat in self._seats if seat.place.host == host]
        return sum(child is not None and not self._has_joined(child.name) for child in children)


def _search_path() -> list[str]:
    """Return where this process finds modules, so that workers find the same."""
    return [str(Path(entry).absolute()) for entry in sys.path]
