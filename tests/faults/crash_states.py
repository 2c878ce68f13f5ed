"""Every state that a crash of the writer can leave: written down as it writes, rebuilt, opened, repaired, gone on with.

A program, run in processes of their own:

- `write FOLDER SCENARIO` performs the writes, with the log preloaded;
- `verify LOG RUN FOLDER SCENARIO FIRST STEP REOPEN_STEP` rebuilds states FIRST, FIRST + STEP, ... of the file RUN in
  FOLDER, repairs every REOPEN_STEP-th of them and goes on with it, and says what is wrong;
- `fill FOLDER SCENARIO STEP` fills the disk at every STEP-th byte, with the log preloaded, and says what is wrong.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import h5py
import numpy as np

from wepy_data import Cycle, FileRun, FileWriter, Header, Layout, Named, RunRecord, build_cycle, repair
from wepy_data.store import chunk

PAGE = 4096
MORE = 5  # cycles after a reopening
_HEAD = struct.Struct("<cQQQ")


@dataclass(frozen=True)
class Scenario:
    """What is written: cycles at each opening of the file, whether it is sealed before the next, walkers, chunks."""

    parts: tuple[int, ...]
    sealed: bool = False
    walkers: int = 12
    column: int = 1 << 14  # bytes of a chunk
    block: int = 1 << 18


SCENARIOS = {
    "as it is": Scenario((9,)),
    "small chunks": Scenario((40,), column=128, block=512),
    "many chunks": Scenario((60,), walkers=10, column=8, block=96),
    "two chunks of every column": Scenario((6,), walkers=900, block=1 << 15),
    "reopened": Scenario((5, 7, 5), column=256, block=1024),  # after a stop, then after a kill within a commit
    "reopened after a seal": Scenario((5, 5), sealed=True, column=256, block=1024),
}


def record_of(scenario: Scenario) -> RunRecord:
    """Return the undisturbed run, with some cycles more than are written."""
    rng = np.random.default_rng(7)
    layout = Layout(
        sizes={"atom": 2, "feature": 1},
        parts=frozenset(["/particles"]),
        named={"/observables/<name>/value": (Named(name="order_parameter", shape=(1,), unit="nm"),)},
    )
    static = {path: column.empty(2) for path, column in layout.static.items()}
    static["/states/kind"] = np.array([0, 1], "u1")
    static["/states/probability"] = np.ones(2)
    static["/states/label"] = np.array([b"start", b"source"], "S64")
    record = RunRecord(Header(layout=layout, static=static, config={}, provenance=[], run_id=_RUN_ID))
    n = scenario.walkers
    for cycle in range(sum(scenario.parts) + MORE):
        first, rows = record.rows("segment"), record.rows("frame") + 1 + np.arange(n)
        position = rng.normal(size=(n, 2, 3)).astype("f4")
        parent = np.full(n, -1) if not cycle else first - n + rng.integers(0, n, n)
        bins = [] if cycle % 3 else [cycle]
        facts = {
            "/segments/weight": np.full(n, 1 / n), "/segments/parent": parent,
            "/segments/state": np.full(n, -1 if cycle else 0), "/segments/continuous": np.ones(n, "u1"),
            "/segments/progress": position[:, 0, :1], "/segments/bin": np.full(n, cycle // 3),
            "/segments/cpu_time": rng.random(n), "/segments/wall_time": rng.random(n), "/segments/worker": np.zeros(n),
            "/frames/md_step": np.full(n, cycle + 1), "/frames/time": np.full(n, cycle + 1.0),
            "/frames/total_time": rows * 1.0, "/observables/order_parameter/value": position[:, 0, :1],
            "/particles/trajectory/position/value": position, "/cycles/began": [1e9 + cycle],
            "/cycles/ended": [1e9 + cycle + 0.5], "/bins/index": bins, "/bins/parent": [-1] * len(bins),
            "/bins/level": [0] * len(bins), "/bins/target_count": [4] * len(bins),
            "/bins/centre": np.zeros((len(bins), 1)),
            "/merges/into": [first], "/merges/from": [first - 1 if cycle else first], "/merges/weight": [0.1 / n],
        }  # fmt: skip
        facts |= {"/workers/host": np.array([b"here"] * (not cycle), "S64"), "/workers/pid": [41] * (not cycle)}
        facts["/workers/platform"] = np.array([b"CPU"] * (not cycle), "S64")
        facts["/segments/worker"] = np.zeros(n, int)
        previous = record.cycles[-1] if cycle else None
        record.append(build_cycle(layout, previous, facts, np.ones(n, int)))
    return record


_RUN_ID = "00000000-0000-4000-8000-000000000000"


def set_chunks(scenario: Scenario) -> None:
    chunk._LIVE.update(column=scenario.column, block=scenario.block)


def planned_of(record: RunRecord) -> dict[str, np.ndarray]:
    """Return any planned walkers: here only their being there counts."""
    return {path: column.empty() for path, column in record.header.layout.planned.items()}


def write(folder: Path, scenario: Scenario) -> None:
    """Write the scenario, acknowledging each cycle; the process ends without closing the file."""
    acknowledge = ctypes.CDLL(None).acknowledge
    acknowledge.argtypes = [ctypes.c_uint64]
    set_chunks(scenario)
    record, done = record_of(scenario), 0
    path = folder / "run.h5"
    for part in scenario.parts:
        writer = FileWriter.reopen(path) if done else FileWriter(path, record.header)
        for cycle in record.cycles[done : done + part]:
            writer.append(cycle)
            acknowledge(cycle.index + 1)
        done += part
        if scenario.sealed:
            writer.seal(planned_of(record))
        elif done % 4:
            writer.close()
        else:
            _abandon(writer, record.cycles[done], folder / "copy")
    os._exit(0)


def _abandon(writer: FileWriter, cycle: Cycle, copy: Path) -> None:
    """Leave the file as a kill in the middle of a commit would: from now on this process sees a copy in its place."""
    sinks = sorted(writer._sinks.values(), key=lambda sink: sink.dim == "cycle")
    writer._write(writer._file, cycle, sinks[:-4])
    copy.write_bytes(writer.path.read_bytes())
    copy.replace(writer.path)


@dataclass(frozen=True)
class State:
    """The run's file at one moment: its bytes, how many cycles were acknowledged, which write was the last one."""

    data: bytes
    acknowledged: int
    what: str


def states(log: Path, path: Path, first: int, step: int) -> Iterator[tuple[int, State]]:
    """Yield every `step`-th state of the file: after each write, and with each write torn at every page."""
    for number, (data, acknowledged, what) in enumerate(_moments(log, path)):
        if number % step == first:
            yield number, State(data(), acknowledged, what)


def _moments(log: Path, path: Path) -> Iterator[tuple[Callable[[], bytes], int, str]]:
    """Yield what makes the file's bytes at a moment, how many cycles were acknowledged, and the last write."""
    files: dict[int, bytearray] = {}
    current, acknowledged = -1, 0
    for number, (kind, inode, offset, data) in enumerate(_records(log)):
        if kind == b"A":
            acknowledged = offset
            continue
        file = files.setdefault(inode, bytearray())
        if kind == b"N":
            if os.fsdecode(data) != str(path):
                continue
            current = inode
        elif kind == b"T":
            del file[offset:]
            file.extend(bytes(offset - len(file)))
        else:
            stop = offset + len(data)
            for edge in range(PAGE * (offset // PAGE + 1), stop, PAGE) if inode == current else ():
                what = f"{number}: {len(data)} bytes at {offset}, torn at {edge}"
                yield partial(_torn, file, offset, data[: edge - offset]), acknowledged, what
            _put(file, offset, data)
        if inode == current:
            yield partial(bytes, file), acknowledged, f"{number}: {kind.decode()} {len(data)} bytes at {offset}"


def _torn(file: bytearray, offset: int, data: bytes) -> bytes:
    torn = bytearray(file)
    _put(torn, offset, data)
    return bytes(torn)


def _records(log: Path) -> Iterator[tuple[bytes, int, int, bytes]]:
    with log.open("rb") as file:
        while head := file.read(_HEAD.size):
            kind, inode, offset, length = _HEAD.unpack(head)
            yield kind, inode, offset, file.read(length)


def _put(file: bytearray, offset: int, data: bytes) -> None:
    file.extend(bytes(max(0, offset - len(file))))
    file[offset : offset + len(data)] = data


def verify(log: Path, written: Path, folder: Path, scenario: Scenario, first: int, step: int, reopen_step: int) -> None:
    """Print what is wrong with the states, a line each, and their number."""
    set_chunks(scenario)
    record = record_of(scenario)
    path = folder / "run.h5"
    looked = reopened = 0
    for number, state in states(log, written, first, step):
        path.write_bytes(state.data)
        looked += 1
        print("at", number, flush=True)
        try:
            cycles = _read(path, record, state)
            if looked % reopen_step == 0:
                reopened += 1
                _repair(path, record, state, cycles)
                path.write_bytes(state.data)
                _go_on(path, record, cycles)
        except Exception as error:  # noqa: BLE001 (whatever is wrong is reported, and the next one tried)
            print("wrong", number, state.what, f"{type(error).__name__}: {' '.join(str(error).split())}", flush=True)
        for file in folder.iterdir():
            file.unlink()
    print("looked", looked, reopened, flush=True)


def _read(path: Path, record: RunRecord, state: State) -> int:
    with FileRun(path) as run:
        if run.n_cycles < state.acknowledged:
            raise ValueError(f"{state.acknowledged} cycles acknowledged, {run.n_cycles} found")
        _same(run, record)
        return run.n_cycles


def _same(run: FileRun, record: RunRecord) -> None:
    rows = {
        dim: (record.stops(dim)[run.n_cycles - 1] if run.n_cycles else 0)
        for dim in record.header.layout.by_dim
        if dim != "cycle"
    }
    rows["cycle"] = run.n_cycles
    for path, column in record.header.layout.growing.items():
        if run.read(path).tobytes() != record.read(path)[: rows[column.dim]].tobytes():
            raise ValueError(f"{path} differs from the record")


def _repair(path: Path, record: RunRecord, state: State, cycles: int) -> None:
    found = repair(path)
    if found.n_cycles != cycles:
        raise ValueError(f"{cycles} cycles found, {found.n_cycles} kept by repair")
    if found.original is not None and found.original.read_bytes() != state.data:
        raise ValueError("the original was not kept")
    with h5py.File(path, "r") as file:
        if file["/cycles/crc"].shape != (cycles,):
            raise ValueError(f"/cycles/crc has {file['/cycles/crc'].shape} rows after repair")
    _go_on(path, record, cycles)


def _go_on(path: Path, record: RunRecord, cycles: int) -> None:
    with FileWriter.reopen(path) as writer:
        if writer.n_cycles != cycles:
            raise ValueError(f"{cycles} cycles found, {writer.n_cycles} reopened")
        for cycle in record.cycles[cycles : cycles + MORE]:
            writer.append(cycle)
        with FileRun(path) as run:
            _same(run, record)
    with FileRun(path) as run:
        _same(run, record)
        if run.n_cycles != min(cycles + MORE, record.n_cycles):
            raise ValueError(f"{run.n_cycles} cycles after reopening at {cycles}")


def fill(folder: Path, scenario: Scenario, step: int) -> None:
    """Fill the disk at every `step`-th byte of the growing file; print what is wrong, and how often it was filled.

    Two kinds of full: no block is left behind an offset, and the file may not become longer (RLIMIT_FSIZE).
    """
    set_chunks(scenario)
    record, path = record_of(scenario), folder / "run.h5"
    with FileWriter(path, record.header, overwrite=True, durable=False) as writer:
        first = path.stat().st_size
        for cycle in record:
            writer.append(cycle)
        last = path.stat().st_size
    full = ctypes.CDLL(None).fill_disk
    full.argtypes = [ctypes.c_uint64]
    tried = stopped = 0
    for size in range(first, last, step):
        for limit, free in ((partial(full, size), partial(full, 2**63)), (partial(_limit, size), partial(_limit, -1))):
            try:
                stopped += _fill(path, record, limit, free)
            except Exception as error:  # noqa: BLE001 (as above)
                free()
                print("wrong", size, limit.func, f"{type(error).__name__}: {' '.join(str(error).split())}", flush=True)
            tried += 1
    print("tried", tried, stopped)


def _fill(path: Path, record: RunRecord, limit: Callable[[], None], free: Callable[[], None]) -> bool:
    """Fill the disk while a run is written, and go on when there is room; return whether it was stopped."""
    writer, done = FileWriter(path, record.header, overwrite=True, durable=False), 0
    limit()
    try:
        for cycle in record:
            writer.append(cycle)
            done += 1
    except OSError:
        writer.close()
    free()
    _same_count(path, record, done)
    with FileWriter.reopen(path, durable=False) as writer:
        for cycle in record.cycles[done:]:
            writer.append(cycle)
    _same_count(path, record, record.n_cycles)
    return done < record.n_cycles


def _limit(size: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def _same_count(path: Path, record: RunRecord, cycles: int) -> None:
    with FileRun(path) as run:
        _same(run, record)
        if run.n_cycles != cycles:
            raise ValueError(f"{cycles} cycles acknowledged, {run.n_cycles} found")


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), SCENARIOS[sys.argv[3]])
    elif sys.argv[1] == "fill":
        fill(Path(sys.argv[2]), SCENARIOS[sys.argv[3]], int(sys.argv[4]))
    else:
        verify(*map(Path, sys.argv[2:5]), SCENARIOS[sys.argv[5]], *map(int, sys.argv[6:]))
