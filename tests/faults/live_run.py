"""A run whose every value follows from its row number: one process writes it, others read it and look at all of it.

Started as a program by the test of live readers and by its benchmark:

    live_run.py write RUN --seconds S [--durable] [--warm-up W]
    live_run.py read RUN [--interval S] [--check all|new|read]

Each prints one JSON object when it is done.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import zlib
from pathlib import Path

import numpy as np

import wepy_data as wd

STRUCTURE = frozenset({"/cycles/index", "/cycles/crc", "/segments/frame_stop"})
EDGES = "/particles/trajectory/box/edges"
SIZES = {"feature": 2, "atom": 22}


def layout():
    """Return a layout with coordinates, boxes and observables."""
    return wd.Layout(
        sizes=SIZES,
        parts=frozenset(["/particles", EDGES]),
        named={
            "/observables/<name>/value": (wd.Named(name="order_parameter", shape=(2,)), wd.Named(name="energy")),
            "/segments/observables/<name>": (wd.Named(name="size", dtype="f4"),),
        },
    )


def header():
    """Return the header of the run."""
    found = layout()
    static = {
        path: column.empty(1 if column.dim == "state" else SIZES["atom"]) for path, column in found.static.items()
    }
    return wd.Header(layout=found, static=static, config={"run": {"cycles": 0}})


def row_stop(dim, cycles):
    """Return the end of the rows of the first `cycles` cycles; works on arrays."""
    k = np.asarray(cycles, np.int64)
    segments = 4 * k + k // 2
    return {
        "cycle": k, "segment": segments, "frame": segments + segments // 2, "merge": k // 3, "event": k // 5,
        "bin": np.minimum(k, 7), "worker": np.minimum(k, 2),
    }[dim]  # fmt: skip


def expected(column, start, stop):
    """Return rows [start, stop) of a column as they must be; not of the checksum."""
    rows = np.arange(start, stop, dtype=np.int64)
    name = column.path.rsplit("/", 1)[1]
    if column.path == "/cycles/index":
        return rows
    if column.dim == "cycle" and name.endswith("_stop"):
        return row_stop(name.removesuffix("_stop"), rows + 1)
    if column.path == "/segments/frame_stop":
        return rows + 1 + (rows + 1) // 2
    count = int(np.prod(column.shape, dtype=np.int64))
    places = np.arange(start * count, stop * count, dtype=np.uint64)
    noise = _mixed(places + np.uint64(zlib.crc32(column.path.encode()) << 32))
    dtype = column.numpy_dtype
    if dtype.kind == "f":
        values = (noise >> np.uint64(40)).astype(dtype) / dtype.type(1 << 24)
    elif dtype.kind == "S":
        values = (noise % np.uint64(1_000_000)).astype("S20").astype(dtype)
    else:
        values = (noise % np.uint64(100)).astype(dtype)
    return values.reshape(len(rows), *column.shape)


def _mixed(x):
    """Return splitmix64 of each number: neighbours differ in everything."""
    with np.errstate(over="ignore"):
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))


def crc_of(rows, growing):
    """Return the checksum of a cycle as the schema's text defines it."""
    crc = 0
    for path in growing:
        if path != "/cycles/crc":
            crc = zlib.crc32(np.ascontiguousarray(rows[path]).tobytes(), crc)
    return crc


def make_cycle(growing, index):
    """Return a cycle to be written."""
    rows = {
        path: expected(column, int(row_stop(column.dim, index)), int(row_stop(column.dim, index + 1)))
        for path, column in growing.items()
        if path != "/cycles/crc"
    }
    rows["/cycles/crc"] = np.array([crc_of(rows, growing)], "<u4")
    return wd.Cycle(index=index, rows=rows)


def write(path, seconds, *, durable, warm_up):
    """Append cycles as fast as the disk takes them, then seal; return how many, and how fast.

    For the first `warm_up` seconds it goes slowly, and they do not count: readers start meanwhile.
    """
    head = header()
    journal = wd.Journal(wd.journal_path(path), durable=durable)
    with wd.FileWriter(path, head, durable=durable) as writer:
        growing, index = head.layout.growing, 0
        ready = [make_cycle(growing, k) for k in range(64)]
        journal.rotate(wd.Entry(step="plan", facts={"cycle": 0}))
        began = time.monotonic()
        while time.monotonic() - began < warm_up:
            writer.append(ready[index] if index < len(ready) else make_cycle(growing, index))
            index += 1
            time.sleep(0.1)
        first, began, cpu = index, time.monotonic(), time.process_time()
        while time.monotonic() - began < seconds:
            writer.append(ready[index] if index < len(ready) else make_cycle(growing, index))
            index += 1
        elapsed, cpu = time.monotonic() - began, time.process_time() - cpu
        writer.seal({p: column.empty(1) for p, column in head.layout.planned.items()})
    journal.remove()
    return {"cycles": index, "counted": index - first, "elapsed": elapsed, "cpu": cpu}


class Witness:
    """Looks at what a reader shows, and fails at the first value that is not as it must be."""

    def __init__(self, seed):
        self.values = 0
        self._chance = np.random.default_rng(seed)

    def see(self, run, first, last, paths=None):
        """Look at all rows of cycles [first, last)."""
        growing = run.header.layout.growing
        for path in paths or growing:
            column = growing[path]
            start, stop = (int(row_stop(column.dim, k)) for k in (first, last))
            found = run.reader.read(path, start, stop)
            assert len(found) == stop - start, f"{path}: {len(found)} rows, expected {stop - start}"
            if path != "/cycles/crc":
                wanted = expected(column, start, stop)
                assert found.dtype == wanted.dtype, f"{path}: {found.dtype}"
                assert found.tobytes() == wanted.tobytes(), f"{path}: wrong in cycles {first} to {last}"
            self.values += found.size
        if paths is None and last > first:
            wanted = make_cycle(growing, last - 1)["/cycles/crc"][0]
            assert run.reader.read("/cycles/crc")[last - 1] == wanted, "/cycles/crc"

    def glance(self, run, first, last):
        """Read all rows of cycles [first, last), and no more."""
        for path, column in run.header.layout.growing.items():
            self.values += run.reader.read(path, *(int(row_stop(column.dim, k)) for k in (first, last))).size

    def see_again(self, run):
        """Look once more at some columns of some earlier cycles."""
        if run.n_cycles:
            first = int(self._chance.integers(run.n_cycles))
            paths = self._chance.choice(list(run.header.layout.growing), 6).tolist()
            self.see(run, first, min(run.n_cycles, first + 100), paths)


def read(path, *, interval, check):
    """Poll a run until it is sealed; return what was seen."""
    deadline = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < deadline, "no run has appeared"
        time.sleep(0.005)
    witness, polls, news, cpu = Witness(time.time_ns()), 0, 0, time.process_time()
    seen, states = 0, set()
    with wd.open_run(path) as run:
        while True:
            polls += 1
            sealed, changed = run.sealed, run.refresh()
            news += changed
            assert run.n_cycles >= seen, f"{run.n_cycles} cycles after {seen}"
            assert changed or (run.n_cycles, run.sealed) == (seen, sealed) or polls == 1
            if check == "read":
                witness.glance(run, seen, run.n_cycles)
            else:
                witness.see(run, seen, run.n_cycles)
            if check == "all":
                witness.see_again(run)
                states.add(run.state)
                if polls % 10 == 0:
                    with wd.open_run(path) as fresh:
                        assert fresh.n_cycles >= run.n_cycles
                        witness.see(fresh, max(0, fresh.n_cycles - 3), fresh.n_cycles)
            seen = run.n_cycles
            if run.sealed:
                break
            time.sleep(interval)
        if check == "all":
            witness.see(run, 0, run.n_cycles)
    found = {"cycles": seen, "polls": polls, "news": news, "values": witness.values, "states": sorted(states)}
    return found | {"cpu": time.process_time() - cpu}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["write", "read"])
    parser.add_argument("path", type=Path)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--durable", action="store_true")
    parser.add_argument("--warm-up", type=float, default=0.0)
    parser.add_argument("--interval", type=float, default=0.0)
    parser.add_argument("--check", choices=["all", "new", "read"], default="all")
    options = parser.parse_args()
    if options.role == "write":
        result = write(options.path, options.seconds, durable=options.durable, warm_up=options.warm_up)
    else:
        result = read(options.path, interval=options.interval, check=options.check)
    print(json.dumps(result))


if __name__ == "__main__":
    sys.exit(main())
