"""The local worker processes: started, watched, replaced and stopped."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, cast

from wepy.dispatch.identity import Identity, worker_identity

_START = (
    "import json, sys; settings = json.loads(sys.stdin.readline()); sys.path[:] = settings.pop('path');"
    " from wepy.dispatch.scoop.worker import work; work(settings)"
)
_TAIL = 30  # lines of a worker's messages that are kept
_MAX_FAILED_STARTS = 3  # in a row, before a place is given up


class Child:
    """One local worker process.

    Parameters
    ----------
    settings : mapping
        What `wepy.dispatch.scoop.worker.work` expects.
    """

    def __init__(self, settings: Mapping[str, object]) -> None:
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _START, "wepy-worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C in the terminal is the manager's to handle
        )
        self._lifeline = cast(IO[str], self._process.stdin)
        self._messages = cast(IO[str], self._process.stdout)
        with contextlib.suppress(BrokenPipeError):  # died already: seen when it is looked after
            self._lifeline.write(json.dumps({**settings, "path": _search_path()}) + "\n")
            self._lifeline.flush()
        self._reader = threading.Thread(target=self._read, name="wepy-worker-messages", daemon=True)
        self._reader.start()

    @property
    def identity(self) -> Identity:
        """Who the worker is."""
        return Identity(host=worker_identity().host, pid=self._process.pid)

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
        return f"{self.identity} {end}; its last messages:\n{''.join(self._tail) or '(none)'}"

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
        if not self.wait(0.2):
            self._process.kill()
            self._process.wait()
        self._reader.join(timeout=1.0)
        if not self._reader.is_alive():  # else a grandchild still writes to the pipe
            self._messages.close()

    def _read(self) -> None:
        with contextlib.suppress(ValueError):  # closed under our hands
            for line in self._messages:
                self._tail.append(line)


class Children:
    """The local workers of one pool; a place whose worker dies gets a new one.

    Parameters
    ----------
    count : int
        Number of places.
    settings : mapping
        What `wepy.dispatch.scoop.worker.work` expects.
    has_joined : callable
        Says whether a worker has ever asked for work.
    """

    def __init__(self, count: int, settings: Mapping[str, object], has_joined: Callable[[Identity], bool]) -> None:
        self._settings = settings
        self._has_joined = has_joined
        self._children: dict[int, Child] = {}
        self._failed_starts = [0] * count
        self._last_words = ""
        try:
            for place in range(count):
                self._children[place] = Child(settings)
        except BaseException:
            self.close(grace=0.0)
            raise

    def __len__(self) -> int:
        return len(self._children)

    @property
    def abandoned(self) -> int:
        """Number of places that are given up because no worker would start there."""
        return sum(failures >= _MAX_FAILED_STARTS for failures in self._failed_starts)

    @property
    def last_words(self) -> str:
        """How the last worker that died ended, and what it wrote."""
        return self._last_words

    def tend(self) -> list[Identity]:
        """Replace dead workers; return who died."""
        dead = [(place, child) for place, child in self._children.items() if not child.is_alive]
        for place, child in dead:
            self._last_words = child.last_words()
            child.end()
            self._failed_starts[place] = 0 if self._has_joined(child.identity) else self._failed_starts[place] + 1
            if self._failed_starts[place] < _MAX_FAILED_STARTS:
                self._children[place] = Child(self._settings)
            else:
                del self._children[place]
        return [child.identity for _, child in dead]

    def close(self, *, grace: float) -> None:
        """End all workers; those that have joined, and so were told to leave, have `grace` s to do so."""
        deadline = time.monotonic() + grace
        try:
            for child in self._children.values():
                if self._has_joined(child.identity):
                    child.wait(deadline - time.monotonic())
        finally:
            for child in self._children.values():
                child.cut()
            for child in self._children.values():
                child.end()
            self._children.clear()


def _search_path() -> list[str]:
    """Return where this process finds modules, so that workers find the same."""
    return [str(Path(entry).absolute()) for entry in sys.path]
