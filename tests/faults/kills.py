"""Kills: a run's processes ended with SIGKILL at a moment that a file, or the clock, tells; and what they leave."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import wepy_data as wd

PROGRAM = Path(__file__).with_name("mortal_run.py")
STAGE = 6  # a run is sealed every so many cycles, and gone on with
MARK = "WEPY_TESTMARK"
Segment = tuple[int, int]  # cycle, walker


@dataclass(frozen=True)
class Moment:
    """When to kill: `delay` s after the `number`-th change of the run's journal or file, or of its temporary files."""

    watched: str
    number: int
    delay: float

    @classmethod
    def drawn(cls, random: Random) -> Moment:
        """Return a moment in the start, the dynamics, a commit, a rotation, a seal or the copy that follows one."""
        watched = random.choices(["start", "journal", "file", "parts", "copy"], [2, 6, 3, 2, 4])[0]
        most = {"start": 0, "journal": 50, "file": 16, "parts": 24, "copy": 3}[watched]
        delay = random.uniform(0.1, 0.8) if watched == "start" else random.choice([0.0, random.expovariate(500)])
        return cls(watched, random.randint(min(1, most), most), delay)


@dataclass(frozen=True)
class Left:
    """What a kill has left: the process that has run each segment that is safe, and what the engine had logged."""

    owners: dict[Segment, int]
    logged: int  # lines


@dataclass
class Tally:
    """What was killed, where, and what it cost."""

    kills: int = 0
    finished: int = 0
    landed: Counter[str] = field(default_factory=Counter)
    segments: int = 0
    rerun: int = 0
    slowest_end: float = 0.0  # s until the last worker of a killed manager was gone


def start(name: str, store: Path, cycles: int) -> tuple[subprocess.Popen[bytes], str]:
    """Start a run, or go on with it; return its process, the leader of its group, and a mark of all it starts."""
    mark = uuid.uuid4().hex
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), name, str(store), str(cycles)],
        env={**os.environ, MARK: mark}, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return process, mark


def marked(mark: str) -> list[int]:
    """Return the running processes that have a mark."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                found += [int(folder.name)] if state not in "ZX" else []
        except OSError:  # it has just ended
            continue
    return found


def wait_until_gone(mark: str, seconds: float = 10.0) -> float:
    """Wait until no process has a mark; return how long it took."""
    began = time.monotonic()
    while (left := marked(mark)) and time.monotonic() - began < seconds:
        time.sleep(0.01)
    assert not left, f"processes {left} have outlived their manager"
    return time.monotonic() - began


def wait_for(moment: Moment, process: subprocess.Popen[bytes], store: Path) -> None:
    """Wait until a moment, or until the process ends."""
    look = _look(moment.watched, store)
    seen, changes = look(), 0
    alive = os.WEXITED | os.WNOHANG | os.WNOWAIT  # asks without reaping: the process group must stay
    while changes < moment.number and os.waitid(os.P_PID, process.pid, alive) is None:
        now = look()
        changes += now != seen
        seen = now
    time.sleep(moment.delay)


def kill(process: subprocess.Popen[bytes], mark: str, *, workers: bool) -> bool:
    """Kill a manager's process group, its workers too if asked; return whether it was alive."""
    others = [pid for pid in marked(mark) if pid != process.pid] if workers else []
    os.killpg(process.pid, signal.SIGKILL)  # the leader is not reaped yet: the group is there
    for pid in others:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # by its lifeline
            continue
    output, _ = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), output.decode()
    return process.returncode != 0


def landing(store: Path) -> str:
    """Return which step a kill has interrupted: the last one that was backed up."""
    if not store.exists():
        return "before the file"
    copying = bool(_parts(store, journals=False))
    with wd.FileRun(store) as run:
        if copying:
            return "thawing" if run.sealed else "sealing"
        if run.sealed:
            return "sealed, journal left" if wd.journal_path(store).exists() else "sealed"
        entries = list(wd.read_journal(wd.journal_path(store)))
        if not entries:
            return "before the plan"
        plan = next(entry for entry in entries if entry.step == "plan")
        return "committed" if plan.facts["cycle"] < run.n_cycles else entries[-1].step


def owners(store: Path) -> dict[Segment, int]:
    """Return the process that has run each segment that is committed or in the journal."""
    found: dict[Segment, int] = {}
    if store.exists():
        with wd.FileRun(store) as run:
            pid, worker = run.read("/workers/pid"), run.read("/segments/worker")
            cycle, walker = run.read("/segments/cycle"), run.read("/segments/walker")
        found = dict(zip(zip(cycle.tolist(), walker.tolist(), strict=True), pid[worker].tolist(), strict=True))
    if wd.journal_path(store).exists():
        for entry in wd.read_journal(wd.journal_path(store)):
            if entry.step == "segments":
                found |= {(entry.facts["cycle"], w): entry.facts["pid"] for w in entry.arrays["walker"].tolist()}
    return found


def has_sealed(store: Path, cycles: int) -> bool:
    """Return whether a run was sealed with a number of cycles."""
    if not store.exists():
        return False
    with wd.FileRun(store) as run:
        return run.sealed and run.n_cycles == cycles


def finish_despite_kills(name: str, store: Path, cycles: int, kills: int, random: Random, tally: Tally) -> list[Left]:
    """Run to the end through a number of kills; return what each of them has left."""
    history: list[Left] = []
    total = STAGE
    while len(history) < kills or not has_sealed(store, cycles) or wd.journal_path(store).exists():
        if has_sealed(store, total):
            total = min(cycles, total + STAGE)
        process, mark = start(name, store, total)
        if len(history) < kills:
            wait_for(Moment.drawn(random), process, store)
            if not kill(process, mark, workers=random.random() < 0.5):
                continue
            tally.slowest_end = max(tally.slowest_end, wait_until_gone(mark))
            history.append(Left(owners(store), len(logged(store))))
            tally.kills += 1
            tally.landed[landing(store)] += 1
        else:
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 0, output.decode()
            wait_until_gone(mark)
    tally.finished += 1
    return history


def logged(store: Path) -> list[Segment]:
    """Return the segments that the engine of a logged run has finished, in order."""
    log = store.with_name(f"{store.name}.log")
    lines = log.read_text().splitlines() if log.exists() else []
    return [(int(cycle), int(walker)) for cycle, walker in map(str.split, lines)]


def assert_nothing_finished_ran_again(history: list[Left], store: Path) -> None:
    """Fail unless each segment that was safe at a kill is in the file as the process that had run it left it."""
    final, log = owners(store), logged(store)
    for left in history:
        before = left.owners
        assert not set(before) & set(log[left.logged :])
        assert {segment: final[segment] for segment in before} == before
        for pid in set(before.values()):
            assert {s for s, owner in final.items() if owner == pid} == {
                s for s, owner in before.items() if owner == pid
            }


def _parts(store: Path, *, journals: bool) -> list[str]:
    part = re.compile(rf"\.{re.escape(store.name)}(\.journal)?\.[0-9]+\.part")
    names = [found.name for found in store.parent.iterdir()]
    return [name for name in names if part.fullmatch(name) and (journals or ".journal." not in name)]


def _look(watched: str, store: Path) -> Callable[[], object]:
    if watched in ("parts", "copy"):
        return lambda: _parts(store, journals=watched == "parts")
    path = store if watched == "file" else wd.journal_path(store)
    counter = itertools.count()

    def look() -> object:
        try:
            found = path.stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns

    return look if watched != "start" else lambda: next(counter)
