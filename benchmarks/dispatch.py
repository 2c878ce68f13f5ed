"""What dispatching costs: wepy.Scoop beside a bare process pool and, where they are installed, loky, dask and MPI.

All pools are measured in turn in one session; workers have started and worked before the clock does.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from dispatch_pools import POOLS, Elapsed, Pool, missing, process_pool, scoop
from dispatch_workload import Engine, same, sleep

from wepy.dispatch import Scoop

OURS, PLAIN = "Scoop", "ProcessPool"
SEGMENT, LONG_SEGMENT = 0.05, 1.0  # s
SHORT = 2.5  # s; what ideally takes less is measured three times
STATE = 1_200_000  # bytes of a state of 50,000 atoms
ATOMS, PREPARATION = 12_000, 0.1
MOST: Mapping[str, int] = MappingProxyType({"dask": 32})  # workers

Result = dict[str, Any]  # of one section, for the line of JSON


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print tables and a line of JSON; 1 if something is not as wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="section", help=f"of {', '.join(SECTIONS)}; all by default")
    parser.add_argument("--quick", action="store_true", help="a smoke run: few workers, few items")
    parser.add_argument("--without", nargs="*", default=[], metavar="POOL", help=f"of {', '.join(POOLS)}: leave out")
    options = parser.parse_args(arguments)
    strangers = [f"no section {name}" for name in options.sections if name not in SECTIONS]
    strangers += [f"no pool {name}" for name in options.without if name not in POOLS]
    if strangers:
        parser.error("; ".join(strangers))
    begin = time.perf_counter()
    absent = {**missing(), **dict.fromkeys(options.without, "not wanted")}
    for name, reason in absent.items():
        print(f"without {name}: {reason}")
    pools = {name: pool for name, pool in POOLS.items() if name not in absent}
    results: Result = {"python": platform.python_version(), "processors": os.cpu_count(), "load": os.getloadavg()[0]}
    for name in options.sections or SECTIONS:
        print(f"\n{name}\n{'=' * len(name)}", flush=True)
        start = time.perf_counter()
        results[name] = SECTIONS[name](pools, options.quick)
        results[name]["seconds"] = round(time.perf_counter() - start, 1)
    results["seconds"] = round(time.perf_counter() - begin, 1)
    print()
    print(json.dumps(results))
    verdicts = [found.get("verdicts", {}) for found in results.values() if isinstance(found, dict)]
    return int(any(not verdict["holds"] for found in verdicts for verdict in found.values()))


def efficiency(pools: Mapping[str, Pool], quick: bool) -> Result:
    """Compare ideal and measured times of sleeping segments."""
    sizes = {2: (8, 24), 4: (8, 24)} if quick else dict.fromkeys((8, 16, 32, 64), (48, 192, 1000))
    long = {2: (4,)} if quick else {8: (48,)}
    short_table = _efficiency(pools, sizes, SEGMENT)
    long_table = _efficiency(pools, long, LONG_SEGMENT)
    most = "4 x 24" if quick else "32 x 1000"
    ratio = short_table[OURS][most] / short_table.get(PLAIN, {}).get(most, math.nan)
    (few,) = long_table[OURS].values()
    return {
        "segments_50_ms": short_table,
        "segments_1_s": long_table,
        "verdicts": {
            **verdict(f"efficiency against the process pool's, {most} of 50 ms", ratio, at_least=0.95),
            **verdict(f"efficiency with {next(iter(long))} workers and 1 s", few, at_least=0.98),
        },
    }


def _efficiency(
    pools: Mapping[str, Pool], sizes: Mapping[int, Sequence[int]], seconds: float
) -> dict[str, dict[str, float]]:
    table: dict[str, dict[str, float]] = {name: {} for name in pools}
    print(f"efficiency with segments of {seconds:g} s (workers x walkers)")
    print(f"{'':14}" + "".join(f"{name:>14}" for name in pools))
    for workers, counts in sizes.items():
        for name, pool in pools.items():
            table[name] |= tried(name, pool, workers, partial(_efficiencies, workers, counts, seconds))
        for walkers in counts:
            row = f"{workers} x {walkers}"
            print(f"{row:14}" + "".join(f"{table[name].get(row, math.nan):14.3f}" for name in pools), flush=True)
    return table


def _efficiencies(workers: int, counts: Sequence[int], seconds: float, elapsed: Elapsed) -> dict[str, float]:
    found = {}
    for walkers in counts:
        ideal = math.ceil(walkers / workers) * seconds
        repeats = 3 if ideal < SHORT else 1
        took = statistics.median(elapsed(sleep, [seconds] * walkers) for _ in range(repeats))
        found[f"{workers} x {walkers}"] = round(ideal / took, 4)
    return found


def throughput(pools: Mapping[str, Pool], quick: bool) -> Result:
    """Send payloads out and back."""
    counts = {1_000: 600, 100_000: 300, STATE: 100, 12_000_000: 16}
    if quick:
        counts = {1_000: 40, 100_000: 20, STATE: 8}
    ways: dict[str, Pool] = {
        "encrypted": scoop,
        "insecure": partial(scoop, insecure=True),
        PLAIN: process_pool,
    }
    found: dict[str, dict[str, float]] = {name: {} for name in ways}
    print("2 workers, payload out and back: items/s, MB/s (both ways together)")
    print(f"{'':14}" + "".join(f"{name:>20}" for name in ways))
    for size, count in counts.items():
        items = [os.urandom(size) for _ in range(count)]
        row = f"{size / 1000:g} kB"
        for name, way in ways.items():
            with way(2) as elapsed:
                found[name][row] = count / statistics.median(elapsed(same, items) for _ in range(3))
        cells = (f"{found[name][row]:10.1f} {2 * size * found[name][row] / 1e6:9.2f}" for name in ways)
        print(f"{row:14}" + "".join(cells), flush=True)
    ours, state = found["encrypted"], f"{STATE / 1000:g} kB"
    return {
        "items_per_second": rounded(found),
        "verdicts": {
            **verdict("items/s of 1 kB against the process pool's", ours["1 kB"] / found[PLAIN]["1 kB"]),
            **verdict("MB/s of 1.2 MB against the process pool's", ours[state] / found[PLAIN][state]),
            **verdict("MB/s of 1.2 MB encrypted against insecure", ours[state] / found["insecure"][state]),
        },
    }


def caching(pools: Mapping[str, Pool], quick: bool) -> Result:
    """Run one definition for all cycles, and a new one for each cycle so that it has to travel with every segment."""
    del pools
    workers, cycles, news = 2, 3 if quick else 20, 3 if quick else 10
    positions = [np.zeros((ATOMS, 3), np.float32) for _ in range(48)]
    with scoop(workers) as elapsed:
        engine = Engine(ATOMS, PREPARATION, 0)
        first = elapsed(engine, positions[:workers])
        cached = statistics.median(elapsed(engine, positions) for _ in range(cycles)) * workers / len(positions)
        engines = [Engine(ATOMS, PREPARATION, 1 + number) for number in range(news)]
        uncached = statistics.median(elapsed(engine, positions[:workers]) for engine in engines)
    print(f"an engine of {ATOMS} atoms, prepared in {PREPARATION:g} s; segments that take no time; {workers} workers")
    print(f"  first cycle     {1e3 * first:8.1f} ms a segment (one for each worker)")
    print(f"  cached          {1e3 * cached:8.1f} ms a segment (cycles of {len(positions)})")
    print(f"  never cached    {1e3 * uncached:8.1f} ms a segment (cycles of {workers}, each with another engine)")
    return {
        "first": round(first, 5),
        "cached": round(cached, 5),
        "uncached": round(uncached, 5),
        "verdicts": verdict("overhead of a segment, cached against not", cached / uncached, at_most=0.1),
    }


def barrier(pools: Mapping[str, Pool], quick: bool) -> Result:
    """Time cycles of as many trivial items as workers."""
    workers_of, cycles = ((2,), 20) if quick else ((2, 4, 8), 200)
    table: dict[str, dict[str, float]] = {name: {} for name in pools}
    print("a cycle of one trivial item for each worker, ms (median)")
    print(f"{'workers':14}" + "".join(f"{name:>14}" for name in pools))
    for workers in workers_of:
        for name, pool in pools.items():
            table[name] |= tried(name, pool, workers, partial(_barrier, workers, cycles))
        row = str(workers)
        print(f"{row:14}" + "".join(f"{table[name].get(row, math.nan):14.2f}" for name in pools), flush=True)
    most = str(workers_of[-1])
    return {"ms": table, "verdicts": verdict(f"barrier with {most} workers, ms", table[OURS][most])}


def _barrier(workers: int, cycles: int, elapsed: Elapsed) -> dict[str, float]:
    took = statistics.median(elapsed(sleep, [0.0] * workers) for _ in range(cycles))
    return {str(workers): round(1e3 * took, 3)}


def memory(pools: Mapping[str, Pool], quick: bool) -> Result:
    """Look at the manager's resident memory while large states go out and back."""
    del pools
    looks = (2, 4, 6) if quick else (10, 50, 100, 200)
    walkers = 8 if quick else 48
    resident = []
    states = [os.urandom(STATE) for _ in range(walkers)]
    with Scoop(workers=2) as dispatcher:
        for _ in range(looks[-1]):
            states = [outcome.value for outcome in dispatcher.run(same, states)]  # the next cycle's, as in a run
            resident.append(_resident())
    print(f"resident memory of the manager, MB; cycles of {walkers} x 1.2 MB, 2 workers")
    found = {str(cycle): max(resident[cycle - min(5, looks[0]) : cycle]) for cycle in looks}
    for cycle, size in found.items():
        print(f"  cycle {cycle:>4} {size / 1e6:10.1f}  (most in the last {min(5, looks[0])})")
    growth = found[str(looks[-1])] / found[str(looks[0])] - 1
    return {
        "resident_bytes": found,
        "verdicts": verdict(f"growth from cycle {looks[0]} to {looks[-1]}", growth, at_most=0.05),
    }


def _resident() -> int:
    """Return the resident memory of this process in bytes (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def tried(name: str, pool: Pool, workers: int, measure: Callable[[Elapsed], dict[str, float]]) -> dict[str, float]:
    """Return what is measured with workers of a pool, or nothing, and say why, if another's than ours do not start."""
    if workers > MOST.get(name, workers):
        print(f"{name} with {workers} workers: left out, because they take minutes to start")
        return {}
    try:
        with pool(workers) as elapsed:
            return measure(elapsed)
    except Exception as error:
        if name == OURS:
            raise
        print(f"{name} with {workers} workers: {type(error).__name__}: {error}")
        return {}


def verdict(name: str, value: float, *, at_least: float = -math.inf, at_most: float = math.inf) -> Result:
    """Print a result and what is wanted, and return both under its name."""
    if at_least > -math.inf:
        wanted = f"at least {at_least:g}"
    elif at_most < math.inf:
        wanted = f"at most {at_most:g}"
    else:
        wanted = "as it is"
    print(f"{name}: {value:.3f} (wanted: {wanted})")
    holds = at_least <= value <= at_most or math.isnan(value)
    return {name: {"value": None if math.isnan(value) else round(value, 4), "wanted": wanted, "holds": holds}}


def rounded(table: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Return a table for JSON."""
    return {name: {row: round(value, 2) for row, value in column.items()} for name, column in table.items()}


Section = Callable[[Mapping[str, Pool], bool], Result]
SECTIONS: Mapping[str, Section] = MappingProxyType(
    {"efficiency": efficiency, "throughput": throughput, "caching": caching, "barrier": barrier, "memory": memory}
)

if __name__ == "__main__":
    sys.exit(main())
