"""The command `wepy` in a process group of its own, as a terminal starts it, and all the processes that it starts."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kills import MARK, wait_until_gone

from wepy.config.example import copy_example


@dataclass(frozen=True)
class Ended:
    """How a command has ended."""

    code: int
    out: str
    err: str


class Command:
    """`wepy` with arguments, running in a folder.

    Parameters
    ----------
    folder : Path
        Its working directory.
    arguments : object
        What follows `wepy`.
    largest_file : int, optional
        Bytes to which any file may grow: the system's way to feign a full disk.
    environment : mapping, optional
        Further environment variables.
    """

    def __init__(self, folder: Path, *arguments: object, largest_file: int | None = None, **environment: str) -> None:
        self._mark, self._read = uuid.uuid4().hex, ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wepy", *map(str, arguments)],
            cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, MARK: self._mark, **environment}, preexec_fn=_limit(largest_file),
        )  # fmt: skip

    def wait_for(self, text: str) -> None:
        """Read what the command says until a line has some text."""
        assert self.process.stderr is not None
        while line := self.process.stderr.readline():
            self._read += line
            if text in line:
                return
        raise AssertionError(f"{text!r} was not said: {self._read}")

    def send(self, number: int, *, whole_group: bool) -> None:
        """Send a signal, to the whole group as a terminal does, or to the command alone as a batch system may."""
        if whole_group:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)

    def ended(self, timeout: float = 120) -> Ended:
        """Wait until the command has ended, and none of its processes is left."""
        try:
            out, err = self.process.communicate(timeout=timeout)
        except BaseException:
            self.process.kill()
            self.process.communicate()
            raise
        wait_until_gone(self._mark)
        return Ended(self.process.returncode, out, self._read + err)


def wepy(folder: Path, *arguments: object, **options: object) -> Ended:
    """Run `wepy` to its end."""
    return Command(folder, *arguments, **options).ended()  # type: ignore[arg-type]


def example(name: str, folder: Path, **replaced: str) -> str:
    """Copy an example to a folder, with other values of some keys; return its file's name."""
    config = copy_example(name, folder)
    lines = config.read_text().splitlines()
    for key, value in replaced.items():
        places = [place for place, line in enumerate(lines) if line.startswith(f"{key} =")]
        assert len(places) == 1, key
        lines[places[0]] = f"{key} = {value}"
    config.write_text("\n".join(lines))
    return config.name


def _limit(size: int | None) -> Callable[[], None] | None:
    if size is None:
        return None

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit
