"""The judge of damaged files: a process that makes them, opens them in every way, and says what came of it.

It reads lines `FAMILY KIND SEED` and answers each with a line of JSON: `verdict` and `detail`. A verdict of `refused`,
`reported`, `equal` or (under checksums that are right) `consistent` is as it should be. A crash ends the process; a
hang ends it too, with a traceback on stderr.
"""

from __future__ import annotations

import contextlib
import faulthandler
import hashlib
import io
import json
import os
import random
import resource
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import mdtraj  # noqa: F401 (what it needs is not the file's fault)
import networkx  # noqa: F401
import numpy as np
from byte_damage import BYTE_DAMAGE, damage_bytes
from good_runs import make_good_runs, make_journal
from journal_damage import JOURNAL_DAMAGE, damage_journal
from object_damage import OBJECT_DAMAGE, damage_objects

import wepy_data as wd
from wepy_data.cli import main as command
from wepy_data.schema.location import schema_folder
from wepy_data.schema.problem import LEVELS

ROOM = 1 << 28  # bytes that may be needed whatever the size of the file
FAIR = (wd.DataError, FileNotFoundError)
TRUSTED = frozenset({"checksummed", "forged"})
"""Damage under checksums that are right: it may give a run that is sound and another one."""

Answers = dict[str, str]


def answers(path: Path) -> Answers:
    """Return what a run's file says to every question, as digests; what cannot be answered says so."""
    found: Answers = {}
    with wd.open_run(path) as run:
        for name, ask in questions(run):
            try:
                found[name] = hashlib.sha256(repr(_plain(ask())).encode("utf-8", "backslashreplace")).hexdigest()
            except FAIR as error:
                found[name] = f"{type(error).__name__}: {error}"
                if len(str(error)) > 3000 or not str(error):
                    raise AssertionError(f"a message of {len(str(error))} characters") from error
    return found


def questions(run: wd.Run) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield everything that can be asked of a run."""
    yield "identity", lambda: (run.n_cycles, run.n_segments, run.n_frames, run.sealed)
    yield "header", lambda: _header(run)
    yield "topology", lambda: run.topology.to_dataframe()[0].to_csv() + str(run.topology.n_bonds)
    for name in ("segments", "cycles", "merges", "events", "bins", "states", "frames", "workers"):
        yield name, lambda name=name: run.table(name).to_csv()
    yield "growing", lambda: [run.reader.read(p) for p in run.reader.layout.growing]
    yield "planned", lambda: run.reader.planned
    yield "trace", lambda: run.lineage.trace_all()
    for which in ("compressed", "survivors", "all"):
        yield which, lambda which=which: sorted(run.lineage.graph(which).edges(data="length"))
    yield "frames", lambda: _frames(run)
    yield "observables", lambda: [run.observable(name) for name in run.observables]
    yield "ancestry", lambda: wd.ancestry_table(run, run.segment_id()).to_csv()


def _header(run: wd.Run) -> Any:
    h = run.header
    told = (h.config, h.provenance, dict(h.inputs), h.compression, h.topology, h.author, h.run_id, h.created)
    link = h.continues
    return (*told, link and tuple(getattr(link, name) for name in type(link).__slots__), h.static)


def _frames(run: wd.Run) -> Any:
    found = run.frames(run.lineage.trace(run.segment_id()))
    return found.xyz, found.time, found.unitcell_vectors


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return (value.dtype.str, value.shape, value.tobytes())
    if isinstance(value, dict) or hasattr(value, "items"):
        return [(k, _plain(v)) for k, v in value.items()]
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def judge_run(path: Path, expected: Answers, *, trusted: bool, commands: bool) -> tuple[str, str]:
    """Return verdict and detail for one damaged file."""
    try:
        levels = LEVELS if commands else LEVELS[-1:]
        problems = [str(problem) for level in levels for problem in wd.check(path, level)]
        refused = ""
    except FAIR as error:
        problems, refused = [], f"{type(error).__name__}: {error}"
    try:
        found = answers(path)
    except FAIR as error:
        found = {"open": f"{type(error).__name__}: {error}"}
    copy = path.with_suffix(".copy")
    try:
        with wd.open_run(path) as run:
            wd.write_run(copy, run.reader, overwrite=True)
    except FAIR:
        pass
    if commands:
        _commands(path)
    if refused:
        return "refused", refused
    if problems:
        return "reported", problems[0]
    if found == expected:
        return "equal", ""
    wrong = sorted(name for name in {*found, *expected} if found.get(name) != expected.get(name))
    if trusted and all(":" not in answer for name, answer in found.items() if ":" not in expected.get(name, "")):
        return "consistent", ", ".join(wrong)
    silent = [name for name in wrong if ":" not in found.get(name, "")]
    return ("SILENT", ", ".join(silent)) if silent and "open" not in found else ("refused", found[wrong[0]])


def _commands(path: Path) -> None:
    for arguments in (
        ["info", str(path)],
        ["check", str(path)],
        ["ancestry", str(path)],
        ["table", str(path), "segments"],
    ):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
            try:
                command(arguments)
            except SystemExit as end:
                if end.code not in (0, 1, 2):
                    raise AssertionError(f"wepy-data {arguments[0]} ended with {end.code}") from end
            except click.exceptions.Exit as end:
                raise AssertionError(f"wepy-data {arguments[0]} ended with {end.exit_code}") from end
        if "Traceback" in said.getvalue():
            raise AssertionError(f"wepy-data {arguments[0]}: {said.getvalue()[-500:]}")


def judge_journal(path: Path, expected: list[str], *, trusted: bool) -> tuple[str, str]:
    """Return verdict and detail for one damaged journal: what is read must be a beginning of what was written."""
    found = []
    try:
        for entry in wd.read_journal(path):
            found.append(repr(_plain((entry.step, dict(entry.facts), dict(entry.arrays)))))
            if any(array.dtype.hasobject for array in entry.arrays.values()):
                return "OBJECTS", str(path)
    except FAIR as error:
        return "refused", str(error)
    if found == expected[: len(found)]:
        return "equal", f"{len(found)} of {len(expected)} entries"
    return ("consistent", "") if trusted else ("SILENT", f"{len(found)} entries")


class Court:
    """The good files, and the judging of their damaged copies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.good = make_good_runs(schema_folder() / "conformance" / "valid", folder)
        self.journal = make_journal(folder, self.good[0])
        (folder / "good.h5").write_bytes(self.good[0].read_bytes())
        os.mkfifo(folder / "fifo")
        self.answers = {path: answers(path) for path in self.good}
        self.entries = [repr(_plain((e.step, dict(e.facts), dict(e.arrays)))) for e in wd.read_journal(self.journal)]

    def judge(self, family: str, kind: str, seed: int) -> tuple[str, str]:
        """Make one damaged file and judge it."""
        chance = random.Random(f"{family} {kind} {seed}")
        target = self.folder / f"damaged-{family}-{kind}-{seed}.h5"
        trusted = kind in TRUSTED
        try:
            if family == "journal":
                damage_journal(kind, self.journal, target, chance)
                return judge_journal(target, self.entries, trusted=trusted)
            states = self.good if family == "bytes" else [p for p in self.good if "killed" not in p.name]
            good = states[seed % len(states)]
            (damage_bytes if family == "bytes" else damage_objects)(kind, good, target, chance)
            room = ROOM + 4 * target.stat().st_size
            before = _peak(reset=True)
            verdict = judge_run(target, self.answers[good], trusted=trusted, commands=seed % 8 == 0)
            grown = _peak() - before
            return verdict if grown < room else ("MEMORY", f"{grown >> 20} MiB for {target.stat().st_size} bytes")
        finally:
            target.unlink(missing_ok=True)
            target.with_suffix(".copy").unlink(missing_ok=True)


KINDS = {"bytes": BYTE_DAMAGE, "objects": OBJECT_DAMAGE, "journal": JOURNAL_DAMAGE}


def _peak(*, reset: bool = False) -> int:
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) << 10


def main(folder: Path) -> None:
    """Judge what is asked for on stdin."""
    court = Court(folder)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + (1 << 30),) * 2)
    out = sys.stdout
    print(json.dumps({"verdict": "ready"}), flush=True)
    for line in sys.stdin:
        family, kind, seed = line.split()
        try:
            verdict, detail = court.judge(family, kind, int(seed))
        except Exception:  # noqa: BLE001 (whatever escapes is a failure, and told)
            verdict, detail = "TRACEBACK", traceback.format_exc()
        print(json.dumps({"verdict": verdict, "detail": detail}), file=out, flush=True)


if __name__ == "__main__":
    faulthandler.enable()
    main(Path(sys.argv[1]))
