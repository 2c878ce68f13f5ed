"""Chaos: workers killed at random all the time; the record is the serial run's, bit for bit."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest
from slow_run import simulation

import wepy
import wepy_data as wd

CYCLES, WALKERS, WORKERS = 40, 48, 4


def worker_pids():
    """Return the processes that this one has started as workers."""
    found = []
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        try:
            children = (task / "children").read_text().split()
        except (FileNotFoundError, ProcessLookupError):  # a thread that has ended meanwhile
            continue
        for pid in children:
            try:
                command = Path(f"/proc/{pid}/cmdline").read_text()
            except OSError:
                continue
            if "wepy-worker" in command:
                found.append(int(pid))
    return found


class Killer(threading.Thread):
    """Kills a random worker about every so many seconds."""

    def __init__(self, period, seed):
        super().__init__(daemon=True)
        self.kills, self.over = 0, threading.Event()
        self._period, self._random = period, random.Random(seed)

    def run(self):
        while not self.over.wait(self._random.uniform(0.5, 1.5) * self._period):
            workers = worker_pids()
            if len(workers) > 1:
                try:
                    os.kill(self._random.choice(workers), signal.SIGKILL)
                except ProcessLookupError:
                    continue
                self.kills += 1


def chaos(folder, cycles, period, seconds):
    for _ in simulation(folder / "serial.h5", WALKERS, 0.0).run(cycles=cycles):
        pass
    killer = Killer(period, 1)
    began = time.monotonic()
    run = simulation(folder / "run.h5", WALKERS, seconds, wepy.Scoop(workers=WORKERS)).run(cycles=cycles)
    next(run)
    killer.start()
    try:
        for _ in run:
            pass
    finally:
        killer.over.set()
        killer.join()
    print(f"{killer.kills} kills in {time.monotonic() - began:.1f} s")
    with wd.FileRun(folder / "serial.h5") as one, wd.FileRun(folder / "run.h5") as two:
        assert wd.compare(one, two) is None
    assert worker_pids() == []
    return killer.kills


def test_a_short_run_whose_workers_are_killed_all_the_time_is_the_serial_one(tmp_path):
    assert chaos(tmp_path, 6, 0.6, 0.02) >= 2


@pytest.mark.slow
def test_a_run_of_40_cycles_of_48_walkers_with_a_kill_every_second_is_the_serial_one(tmp_path):
    assert chaos(tmp_path, CYCLES, 1.0, 0.05) >= 15
