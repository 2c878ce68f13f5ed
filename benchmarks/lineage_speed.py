"""Questions to walker trees, from memory and from file, beside a reference implementation and the peers."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from read_speed import cpu, make_run, peer

import wepy_data as wd

SIZES = {"small": (48, 1000), "medium": (200, 2000), "large": (1000, 10_000)}
MOST_OVER_REFERENCE = 1.3
MOST_FROM_FILE = 0.150  # s of CPU: open a run of 10^7 segments and trace all final walkers
NOISE = 20e-6  # s; what two answers may differ by when both take microseconds
PAIRS = 100_000
Query = Callable[[Any], object]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the runs that are missing, measure, print; 1 if a requirement is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="directory for files; made if it is missing")
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--reference", type=Path, help="a module with a class `Lineage` to measure beside ours")
    parser.add_argument("--peers", metavar="PYTHON", help="also measure the peers, with this interpreter (medium size)")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    reference = module_of(options.reference) if options.reference else None
    results: dict[str, Any] = {}
    for name in options.sizes:
        walkers, cycles = SIZES[name]
        path = options.work / f"read-{walkers}x{cycles}.run.h5"
        if not path.exists():
            make_run(path, walkers, cycles)
        print(f"\n{walkers} walkers x {cycles} cycles, ms CPU\n", flush=True)
        results[name] = measure(path, reference)
        if options.peers and name == "medium":
            options.walkers, options.cycles = walkers, cycles
            results[name]["peers"] = {peer_name: peer(peer_name, options) for peer_name in ("wepy", "westpa")}
            for peer_name, seconds in results[name]["peers"].items():
                print(f"{peer_name}: all weights and all final ancestries, its fastest way  {seconds * 1e3:.0f}")
    print()
    print(json.dumps(results))
    return int(any(is_missed(found) for found in results.values()))


def measure(path: Path, reference: ModuleType | None) -> dict[str, Any]:
    """Return the CPU seconds of each query: ours from memory and from file, and the reference's."""
    with wd.open_run(path) as run:
        parent, stops = run.reader.read("/segments/parent"), run.reader.stops("segment")
        weight, flows = run.reader.read("/segments/weight"), run.lineage.flows
        ours, runs = run.lineage, (3 if len(parent) > 10**6 else 9)
        start = np.concatenate([[0], stops[:-1]])
        local = (parent - np.repeat(np.concatenate([[0], start[:-1]]), np.diff(np.concatenate([[0], stops])))).astype(
            "i4"
        )
        local[parent < 0] = -1
        counts = np.diff(np.concatenate([[0], stops]))
        theirs = reference.Lineage.from_local(local, counts) if reference else None
        merges = (weight, flows.source, flows.into)
        found: dict[str, Any] = {}
        print(f"{'':<38}{'memory':>10}{'file':>10}{'reference':>10}{'ratio':>8}")
        for name, mine, other in queries(parent, stops, local, counts, merges, reference):
            tasks: dict[str, Callable[[], object]] = {"memory": lambda q=mine: q(ours)}
            tasks["file"] = lambda q=mine: from_file(path, q)
            if theirs is not None and other is not None:
                tasks["reference"] = lambda q=other: q(theirs)
            row = best(tasks, runs)
            found[name] = row
            print(line(name, row), flush=True)
    return found


def queries(
    parent: np.ndarray, stops: np.ndarray, local: np.ndarray, counts: np.ndarray, merges: Any, reference: Any
) -> list[tuple[str, Query, Query | None]]:
    """Return names, our way and the reference's."""
    count, last = len(parent), int(stops[-2])
    a, b = np.random.default_rng(1).integers(0, count, (2, PAIRS))
    end, half = len(stops) - 1, len(stops) // 2
    one, ancestor = count - 1, int(stops[half])
    weight = merges[0][last:]
    build = (lambda t: wd.Lineage(parent, stops), lambda t: reference.Lineage.from_local(local, counts))
    found: list[tuple[str, Query, Query | None]] = [
        ("build from arrays", *build),
        ("trace one", lambda t: t.trace(one), lambda t: t.trace(one)),
        ("trace all final walkers", lambda t: t.trace_all(), lambda t: t.trace_all()),
        ("ancestors in the middle cycle", lambda t: t.ancestor(None, half), lambda t: t.ancestor(t.layer(end), half)),
        ("descendants of one", lambda t: t.descendants(ancestor), lambda t: t.descendants(ancestor, end)),
        ("family sizes", lambda t: t.family_sizes(half), lambda t: t.family_sizes(half)),
        ("all pairs at lag 10", lambda t: deque(t.pairs(10), 0), lambda t: deque(t.kstep_pairs(10), 0)),
        ("all pairs at lag 100", lambda t: deque(t.pairs(100), 0), lambda t: deque(t.kstep_pairs(100), 0)),
        ("windows of 10", lambda t: deque(t.windows(10), 0), lambda t: deque(t.windows(10), 0)),
        ("one common ancestor", lambda t: t.mrca(one, last), lambda t: t.lca(one, last)),
        ("100,000 common ancestors", lambda t: t.mrca(a, b), lambda t: t.lca(a, b)),
        ("survivors", lambda t: t.survivors(), lambda t: np.flatnonzero(t.survivors())),
        ("survivors and compressed tree", lambda t: t.genealogy(), lambda t: (t.survivors(), t.coalescent())),
        ("survivor curve", lambda t: t.survivor_curve(), lambda t: t.coalescent()["survivors"]),
        ("effective ancestors", lambda t: t.effective_ancestors(weights=weight), None),
        ("coalescence of all final pairs", lambda t: t.coalescence(), lambda t: t.pairwise_coalescence()),
        ("children counts", lambda t: t.children_count(), lambda t: t.n_children()),
        ("subtree sums", lambda t: t.subtree_sum(), lambda t: t.subtree_sum()),
        ("founder of every segment", lambda t: t.founder(), lambda t: t.root_label()),
        ("extinction", lambda t: t.extinction(), None),
        ("order without crossings", lambda t: t.planar_order(), lambda t: t.planar_order()),
        ("weight origin through merges", lambda t: t.weight_origin(0), lambda t: t.flow_origin(*merges)),
        ("compressed tree as networkx", lambda t: t.graph(attributes=()), lambda t: t.to_networkx("compressed")),
    ]
    tail = local[last:]
    found.append(("append one cycle", lambda t: t.append(t.n_segments - len(tail) + tail), lambda t: t.append(tail)))
    return found


def from_file(path: Path, query: Query) -> object:
    """Answer a query from a file that is opened for it."""
    with wd.open_run(path) as run:
        return query(run.lineage)


def best(tasks: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """Return the least CPU seconds of each task, taken in turn, after one round that warms up."""
    rounds = [{name: cpu(task) for name, task in tasks.items()} for _ in range(runs + 1)]
    return {name: min(found[name] for found in rounds[1:]) for name in tasks}


def is_missed(found: dict[str, Any]) -> bool:
    """Return whether a requirement is missed."""
    slow = [
        name
        for name, row in found.items()
        if "reference" in row and row["memory"] > MOST_OVER_REFERENCE * row["reference"] + NOISE
    ]
    if slow:
        print(f"more than {MOST_OVER_REFERENCE} x the reference: {', '.join(slow)}")
    return bool(slow)


def line(name: str, row: dict[str, float]) -> str:
    """Return a query's figures as a line."""
    text = f"{name:<38}{row['memory'] * 1e3:10.3f}{row['file'] * 1e3:10.2f}"
    if "reference" in row:
        text += f"{row['reference'] * 1e3:10.3f}{row['memory'] / max(row['reference'], 1e-9):8.2f}"
    return text


def module_of(path: Path) -> ModuleType:
    """Return the module that a file holds."""
    spec = importlib.util.spec_from_file_location("reference_lineage", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path}: expected a Python file")
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


if __name__ == "__main__":
    sys.exit(main())
