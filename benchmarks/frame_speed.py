"""Frames and exports: one lineage beside a contiguous read, all lineages in one pass, gigabytes to DCD beside `cp`."""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import mdtraj  # its import is not part of any figure
import numpy as np
from frame_run import POSITIONS, make_run

import wepy_data as wd

LEAST_OF_CONTIGUOUS = 0.5
LEAST_OVER_PEER = 50.0
MOST_OVER_CP = 2.0
MOST_MEMORY = 300e6  # bytes
PARTS = ("lineage", "all", "export")
Seconds = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the files that are not there, measure, print; 1 if a requirement is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help="lineage, all, export; all three by default")
    parser.add_argument("--work", type=Path, required=True, help="directory for files; made if it is missing")
    parser.add_argument("--gigabytes", type=float, default=5.0, help="frames exported to DCD (default: %(default)s)")
    parser.add_argument("--repeats", type=int, default=15, help="the median of so many counts (default: %(default)s)")
    parser.add_argument("--peers", metavar="PYTHON", help="also measure wepy 1.2, with this interpreter")
    parser.add_argument("--keep", action="store_true", help="keep the files")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of lines")
    parser.add_argument("--one-export", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one_export:
        return one_export(*options.one_export)
    options.work.mkdir(parents=True, exist_ok=True)
    tasks = {"lineage": lineage, "all": all_lineages, "export": export}
    found = {part: tasks[part](options) for part in options.parts or PARTS}
    print(json.dumps(found) if options.json else "\n".join(report(found)))
    return int(any(missed(found)))


def lineage(options: argparse.Namespace) -> dict[str, Any]:
    """Measure one lineage of 2000 segments of 100 atoms: an mdtraj trajectory, and as many bytes read in one piece."""
    found: dict[str, Any] = {}
    for frames, compression in ((1, "none"), (10, "none"), (10, "gzip")):
        path = options.work / f"lineage-20x2000x{frames}-{compression}.run.h5"
        make_run(path, 20, 2000, frames, 100, compression)
        with wd.open_run(path) as run, h5py.File(path, "r", locking=False, swmr=False) as file:
            segments, dataset, _ = run.lineage.trace(run.segment_id()), file[POSITIONS], run.topology
            tasks = {"ours": lambda: run.frames(segments), "floor": lambda: dataset[: 2000 * frames]}  # noqa: B023
            _check(run, segments, dataset)
            found[f"{frames} frames, {compression}"] = medians(tasks, options.repeats)
        _remove(options, path)
    if options.peers:
        found["peer"] = _peer(options)
    return found


def all_lineages(options: argparse.Namespace) -> dict[str, Any]:
    """Measure all surviving lineages of 200 walkers and 2000 cycles: their frames once, and a DCD file of each."""
    path = make_run(options.work / "all-200x2000.run.h5", 200, 2000, 1, 100)
    with wd.open_run(path) as run:
        paths, survivors, _ = run.lineage.trace_all().T, run.lineage.survivors(), run.topology
        read = medians({"cpu": lambda: sum(len(block) for block in run.iter_frames(survivors))}, 3)
        began, wall = cpu(), time.perf_counter()
        written = wd.export_paths(run, paths, options.work / "all.dcd", overwrite=True)
        result = {"export_cpu": cpu() - began, "export_wall": time.perf_counter() - wall}
        result |= {"frames_read": len(survivors), "frames_written": written.n_frames, "read_cpu": read["cpu"]}
        result["bytes"] = sum(one.trajectory.stat().st_size for one in written.files)
        for one in written.files:
            for file in (one.trajectory, one.table):
                file.unlink()
        written.files[0].topology.unlink()
        written.index.unlink()
    _remove(options, path)
    return result


def export(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the export of gigabytes to DCD in a process of its own, and `cp` of the DCD file."""
    frames = round(options.gigabytes * 1e9 / 12_000)
    path = make_run(options.work / f"export-{options.gigabytes:g}.run.h5", 100, max(1, frames // 1000), 10, 1000)
    target, copy = options.work / "export.dcd", options.work / "copy.dcd"
    command = [sys.executable, str(Path(__file__)), "--work", str(options.work), "--one-export", str(path), str(target)]
    result: dict[str, Any] = {"gigabytes": path.stat().st_size / 1e9, "ours": [], "cp": []}
    for _ in range(3):  # in turn, so that noise hits both alike
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
        result["ours"].append(json.loads(answer.splitlines()[-1]))
        result["cp"].append(_copied(target, copy))
        for file in (copy, target, target.with_suffix(".pdb"), target.with_suffix(".csv")):
            file.unlink()
    _remove(options, path)
    for name in ("cpu", "wall"):
        result[f"over_cp_{name}"] = _median(result["ours"], name) / _median(result["cp"], name)
    result["memory"] = max(one["memory"] for one in result["ours"])
    return result


def one_export(source: Path, target: Path) -> int:
    """Export all frames of a run; print the times of the trajectory and of everything, and memory above the base."""
    told: dict[str, float] = {}

    def tell(done: int, total: int) -> None:
        told.update(cpu=cpu(), wall=time.perf_counter())

    with wd.open_run(source) as run:
        segments = np.arange(run.n_segments)
        wd.export_frames(run, segments[:1], target.with_suffix(".npz"))  # what is imported and read once
        for suffix in (".npz", ".pdb", ".csv"):
            target.with_suffix(suffix).unlink()
        base, began, wall = _forget_peak(), cpu(), time.perf_counter()
        wd.export_frames(run, segments, target, progress=tell)
        answer = {"cpu": cpu() - began, "wall": time.perf_counter() - wall, "memory": _peak() - base}
    answer |= {"trajectory_cpu": told["cpu"] - began, "trajectory_wall": told["wall"] - wall}
    print(json.dumps(answer))
    return 0


def _forget_peak() -> int:
    """Return the memory that this process has now, bytes; its peak is this from now on."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """Return the most memory that this process has had, bytes."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def medians(tasks: dict[str, Callable[[], object]], repeats: int) -> Seconds:
    """Return median CPU seconds of tasks done in turn, so that noise hits all alike."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            began = cpu()
            kept = task()  # freeing it is not part of the time
            times[name].append(cpu() - began)
            del kept
    return {name: statistics.median(found) for name, found in times.items()}


def cpu() -> float:
    """Return the CPU seconds of this process so far, user and system."""
    return time.process_time()


def report(found: dict[str, Any]) -> list[str]:
    """Return the figures in lines."""
    return [line for part, lines in _REPORTS.items() if part in found for line in lines(found[part])]


def _lineage_lines(found: dict[str, Any]) -> list[str]:
    lines = []
    for name, one in found.items():
        if name == "peer":
            times = one / found["1 frames, none"]["ours"]
            lines.append(f"lineage, wepy 1.2: {one * 1e3:.0f} ms CPU, {times:.0f} x ours (wanted: {LEAST_OVER_PEER:g})")
        else:
            ours, floor = one["ours"] * 1e3, one["floor"] * 1e3
            speed = f"{floor / ours:.2f} of its speed"
            lines.append(f"lineage, {name}: {ours:.1f} ms CPU, contiguous {floor:.1f} ms: {speed}")
    return lines


def _all_lines(found: dict[str, Any]) -> list[str]:
    spent = f"{found['export_cpu']:.1f} s CPU, {found['export_wall']:.1f} s"
    return [
        f"all lineages: {found['frames_read']} frames read in {found['read_cpu'] * 1e3:.0f} ms CPU",
        f"  {found['frames_written']} frames ({found['bytes'] / 1e6:.0f} MB of DCD) written in {spent}",
    ]


def _export_lines(found: dict[str, Any]) -> list[str]:
    lines = [f"export of {found['gigabytes']:.1f} GB: {found['memory'] / 1e6:.0f} MB above the base"]
    for name in ("cpu", "wall"):
        ours, cp = _median(found["ours"], name), _median(found["cp"], name)
        part = _median(found["ours"], f"trajectory_{name}")
        spent = f"{ours:.1f} s, of it the trajectory {part:.1f} s"
        lines.append(f"  {name}: {spent}; cp and sync {cp:.1f} s: {ours / cp:.2f} x")
    return lines


_REPORTS = {"lineage": _lineage_lines, "all": _all_lines, "export": _export_lines}


def missed(found: dict[str, Any]) -> list[bool]:
    """Return, for each requirement, whether it is missed."""
    wanted = []
    if "lineage" in found:
        one = found["lineage"]["10 frames, none"]
        wanted.append(one["floor"] / one["ours"] < LEAST_OF_CONTIGUOUS)
        if "peer" in found["lineage"]:
            wanted.append(found["lineage"]["peer"] / found["lineage"]["1 frames, none"]["ours"] < LEAST_OVER_PEER)
    if "export" in found:
        wanted += [found["export"]["memory"] > MOST_MEMORY, found["export"]["over_cp_wall"] > MOST_OVER_CP]
    return wanted


def _check(run: wd.Run, segments: Any, dataset: h5py.Dataset) -> None:
    """A time for a wrong answer is worth nothing."""
    frames = run.frames(segments)
    rows = np.flatnonzero(np.isin(run.table("frames").segment, segments))
    np.testing.assert_array_equal(frames.xyz[::97], dataset[rows[::97]])
    if not isinstance(frames, mdtraj.Trajectory):
        raise TypeError(type(frames))


def _copied(source: Path, target: Path) -> Seconds:
    began, wall = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(["cp", source, target], check=True)
    subprocess.run(["sync", target], check=True)
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = ended.ru_utime - began.ru_utime + ended.ru_stime - began.ru_stime
    return {"cpu": used, "wall": time.perf_counter() - wall}


def _median(found: list[Seconds], name: str) -> float:
    return statistics.median(one[name] for one in found)


def _peer(options: argparse.Namespace) -> float:
    script = Path(__file__).parent / "peers" / "wepy_frames.py"
    # -E: a PYTHONPATH with our `wepy` in it must not hide theirs
    command = [options.peers, "-E", str(script), "--work", str(options.work)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    _remove(options, *options.work.glob("frames-*.wepy.h5"))
    return float(json.loads(answer.strip().splitlines()[-1])["lineage_frames_cpu_seconds"])


def _remove(options: argparse.Namespace, *files: Path) -> None:
    for file in files:
        if not options.keep:
            file.unlink()


if __name__ == "__main__":
    sys.exit(main())
