"""The good runs that damaged files are made from: sealed, closed while growing, and as a killed writer leaves them."""

from __future__ import annotations

import shutil
from pathlib import Path

from wepy_data import Cycle, Entry, FileRun, FileWriter, Journal, write_run
from wepy_data.testing.corpus import load_case, write_case

CASES = ("rich", "topology", "features-observables", "continues")


def make_good_runs(valid: Path, folder: Path) -> list[Path]:
    """Write every case of the corpus that is used in three states, and return the files."""
    files = []
    for name in CASES:
        case = write_case(load_case(valid / f"{name}.json"), folder / f"{name}.case.h5")
        sealed, growing, killed = (folder / f"{name}.{state}.h5" for state in ("sealed", "growing", "killed"))
        with FileRun(case) as run:
            write_run(sealed, run)
            with FileWriter(growing, run.header, durable=False) as writer:
                for cycle in cycles_of(run):
                    writer.append(cycle)
                shutil.copyfile(growing, killed)
        files += [sealed, growing, killed]
    return files


def cycles_of(run: FileRun) -> list[Cycle]:
    """Return the cycles of a run on disk as values."""
    found = []
    for index in range(run.n_cycles):
        rows = {}
        for path, column in run.layout.growing.items():
            stops = run.stops(column.dim).tolist() if column.dim != "cycle" else list(range(1, run.n_cycles + 1))
            rows[path] = run.read(path, stops[index - 1] if index else 0, stops[index])
        found.append(Cycle(index=index, rows=rows))
    return found


def make_journal(folder: Path, run: Path) -> Path:
    """Write a journal with entries as a manager writes them, and return its file."""
    path = folder / "good.journal"
    journal = Journal(path, durable=False)
    with FileRun(run) as open_run:
        for cycle in cycles_of(open_run):
            journal.append(Entry(step="plan", facts={"cycle": cycle.index, "walkers": [1, 2]}, arrays=dict(cycle.rows)))
            journal.append(Entry(step="segments", facts={"index": 3, "text": "é"}, arrays={}))
    journal.close()
    return path
