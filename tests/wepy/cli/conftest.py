"""The command `wepy` as a person starts it: a process of its own."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wepy.config.example import copy_example


class Command:
    """Starts `python -m wepy` in a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __call__(self, *arguments, timeout=60, program=("-m", "wepy"), preexec_fn=None):
        return subprocess.run(
            [sys.executable, *program, *map(str, arguments)],
            cwd=self.folder, capture_output=True, text=True, timeout=timeout, check=False, preexec_fn=preexec_fn,
        )  # fmt: skip

    def start(self, *arguments):
        return subprocess.Popen(
            [sys.executable, "-m", "wepy", *map(str, arguments)],
            cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip


@pytest.fixture
def wepy(tmp_path):
    return Command(tmp_path)


@pytest.fixture
def example(wepy):
    """Return a maker of copies of the examples in the command's folder, with other text in some places."""

    def copy(name, **replaced):
        config = copy_example(name, wepy.folder)
        lines = config.read_text().splitlines()
        for key, value in replaced.items():
            (place,) = (place for place, line in enumerate(lines) if line.startswith(f"{key} ="))
            lines[place] = f"{key} = {value}"
        config.write_text("\n".join(lines) + "\n")
        return config

    return copy


@pytest.fixture
def interrupted():
    """Return a function that waits for a run's first cycles, sends a signal, and returns what is left."""

    def stop(process, number, *, whole_group, first="1 of "):
        deadline = time.monotonic() + 60
        lines = []
        while time.monotonic() < deadline:
            lines.append(process.stderr.readline())
            if lines[-1].startswith(first):
                break
        assert lines[-1].startswith(first), lines
        if whole_group:  # what a terminal does for Ctrl-C
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        out, err = process.communicate(timeout=60)
        deadline = time.monotonic() + 5  # Python's own resource tracker ends a moment after its process
        while (left := _session(process.pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return process.returncode, out, "".join(lines) + err, left

    return stop


def _session(leader):
    """Return the processes left in a session."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[3]) == leader and fields[0] not in "ZX":
            found.append(int(folder.name))
    return found
