"""What readers cost a writer: its cycles per second alone, and while three processes read all that it writes."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).parents[1] / "tests" / "faults" / "live_run.py"
MOST_LOST = 0.10


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure in turn, print; 1 if the requirement is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="length of one measurement (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="alone and watched, in turn (default: %(default)s)")
    parser.add_argument("--readers", type=int, default=3, help="processes that read (default: %(default)s)")
    parser.add_argument("--interval", type=float, default=0.25, help="s between two looks (default: %(default)s)")
    parser.add_argument("--warm-up", type=float, default=3.0, help="s before each, for readers to start")
    parser.add_argument("--quick", action="store_true", help="do not wait for the disk (no fsync)")
    parser.add_argument("--work", type=Path, help="directory for the files; a temporary one by default")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=options.work) as folder:
        rounds = [
            {"alone": measure(Path(folder), options, 0), "watched": measure(Path(folder), options, options.readers)}
            for _ in range(options.rounds)
        ]
    result = summary(rounds)
    print(json.dumps({"rounds": rounds, **result}) if options.json else report(result, options))
    return int(result["lost"] >= MOST_LOST)


def measure(folder: Path, options: argparse.Namespace, readers: int) -> dict[str, Any]:
    """Return what the writer and its readers say of themselves."""
    path = folder / "run.h5"
    path.unlink(missing_ok=True)
    watching = [start("read", path, "--interval", options.interval, "--check", "read") for _ in range(readers)]
    others = [] if options.quick else ["--durable"]
    writer = start("write", path, "--seconds", options.seconds, "--warm-up", options.warm_up, *others)
    found = ended(writer)
    return {**found, "readers": [ended(process) for process in watching], "load": os.getloadavg()[0]}


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start a writer or a reader."""
    return subprocess.Popen([sys.executable, str(PROGRAM), *map(str, arguments)], stdout=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen[str]) -> dict[str, Any]:
    """Return what a process printed."""
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"a process has failed with code {process.returncode}")
    return dict(json.loads(out))


def summary(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    """Return medians over the rounds; `lost` is that of the ratios within each round."""
    speed = {
        name: [found[name]["counted"] / found[name]["elapsed"] for found in rounds] for name in ("alone", "watched")
    }
    cpu = {name: [found[name]["cpu"] / found[name]["counted"] for found in rounds] for name in ("alone", "watched")}
    readers = [
        reader["cpu"] / found["watched"]["elapsed"] for found in rounds for reader in found["watched"]["readers"]
    ]
    lost = [1 - watched / alone for alone, watched in zip(speed["alone"], speed["watched"], strict=True)]
    return {
        "cycles_per_second": {name: statistics.median(found) for name, found in speed.items()},
        "noise": {name: (max(found) - min(found)) / statistics.median(found) for name, found in speed.items()},
        "writer_cpu_per_cycle": {name: statistics.median(found) for name, found in cpu.items()},
        "reader_cpu": statistics.median(readers),
        "lost": statistics.median(lost),
        "lost_in_each": lost,
    }


def report(result: dict[str, Any], options: argparse.Namespace) -> str:
    """Return the result as a table."""
    waiting = "without" if options.quick else "with"
    lines = [
        f"a writer {waiting} fsync, and {options.readers} readers of all it writes, every {options.interval:g} s",
        "",
    ]
    for name in ("alone", "watched"):
        lines.append(
            f"{name:<10}{result['cycles_per_second'][name]:8.1f} cycles/s (max - min {result['noise'][name]:.0%})"
            f"{result['writer_cpu_per_cycle'][name] * 1e3:8.2f} ms CPU a cycle"
        )
    lines += [
        "",
        f"each reader uses {result['reader_cpu']:.1%} of a processor",
        f"lost: {result['lost']:.1%} (median; in each round {', '.join(f'{x:.1%}' for x in result['lost_in_each'])}); "
        f"must be below {MOST_LOST:.0%}",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
