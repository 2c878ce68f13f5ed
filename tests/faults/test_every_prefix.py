"""The writer's file after every one of its writes, each torn at every page, too: read, repaired, gone on with."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
STATES = HERE / "crash_states.py"
PATIENCE = 1800  # s; a state that hangs its reader ends here


@dataclass(frozen=True)
class Verdict:
    """How many states were read, how many of them repaired and gone on with, and what was wrong."""

    looked: int
    reopened: int
    wrong: list[str]


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    """The library that logs writes, built here."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None and not os.environ.get("CI"):
        pytest.skip("no C compiler: the writes cannot be logged")
    library = tmp_path_factory.mktemp("shim") / "write_log.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, HERE / "write_log.c", "-ldl"], check=True)
    return library


def verdict(shim, folder, scenario, *, first=0, step=1, reopen_step=1):
    """Write a scenario with its writes logged, and look at every `step`-th state that it went through."""
    written, rebuilt = folder / "written", folder / "rebuilt"
    written.mkdir()
    rebuilt.mkdir()
    log = folder / "log"
    logged = {**os.environ, "LD_PRELOAD": str(shim), "WRITE_LOG": str(log), "WRITE_FOLDER": str(written)}
    subprocess.run([sys.executable, STATES, "write", written, scenario], check=True, env=logged, timeout=60)
    arguments = [log, written / "run.h5", rebuilt, scenario, first, step, reopen_step]
    looker = subprocess.run(
        [sys.executable, STATES, "verify", *map(str, arguments)],
        capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (looker.returncode, looker.stderr) == (0, ""), looker.stdout.splitlines()[-1:]
    *lines, last = looker.stdout.splitlines()
    looked, reopened = map(int, last.split()[1:])
    return Verdict(looked, reopened, [line for line in lines if line.startswith("wrong")])


@pytest.mark.parametrize(
    ("scenario", "step", "reopen_step"),
    [("as it is", 23, 19), ("small chunks", 73, 19), ("reopened", 29, 11), ("reopened after a seal", 23, 11)],
)
def test_no_crash_costs_a_committed_cycle(shim, tmp_path, scenario, step, reopen_step):
    found = verdict(shim, tmp_path, scenario, first=step // 2, step=step, reopen_step=reopen_step)
    assert found.wrong == []
    assert found.looked > 40
    assert found.reopened > 2


@pytest.mark.parametrize(("scenario", "step"), [("small chunks", 12_007)])
def test_no_full_disk_costs_a_committed_cycle(shim, tmp_path, scenario, step):
    filled(shim, tmp_path, scenario, step)


@pytest.mark.slow
@pytest.mark.parametrize(("scenario", "step"), [("small chunks", 1001), ("as it is", 10_007), ("many chunks", 5003)])
def test_no_full_disk_at_all_costs_a_committed_cycle(shim, tmp_path, scenario, step):
    filled(shim, tmp_path, scenario, step)


def filled(shim, folder, scenario, step):
    """Fill the disk at every `step`-th byte of a growing file, in two ways, and go on when there is room."""
    preloaded = {**os.environ, "LD_PRELOAD": str(shim), "WRITE_LOG": os.devnull, "WRITE_FOLDER": str(folder)}
    done = subprocess.run(
        [sys.executable, STATES, "fill", folder, scenario, str(step)],
        capture_output=True, text=True, timeout=PATIENCE, env=preloaded, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    *wrong, last = done.stdout.splitlines()
    tried, stopped = map(int, last.split()[1:])
    assert wrong == []
    assert 0.97 * tried < stopped <= tried  # the end of the file is room that the last commit did not need


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scenario", "step", "reopen_step"),
    [
        ("as it is", 1, 25),
        ("small chunks", 1, 25),
        ("many chunks", 9, 25),
        ("two chunks of every column", 1, 25),
        ("reopened", 1, 5),
        ("reopened after a seal", 1, 5),
    ],
)
def test_no_crash_at_all_costs_a_committed_cycle(shim, tmp_path, scenario, step, reopen_step):
    found = verdict(shim, tmp_path, scenario, step=step, reopen_step=reopen_step)
    print(f"{scenario}: {found.looked} states opened, {found.reopened} of them repaired and gone on with")
    assert found.wrong == []
    assert found.looked > 500
