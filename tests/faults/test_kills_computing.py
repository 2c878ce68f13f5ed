"""Kills of a process that computes and stores observables: the run's file stays whole, and what it had is kept."""

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import wepy_data as wd
from wepy_data.record.run_record import RunRecord

KILLS = 8
PROGRAM = """
import itertools, os, sys
import wepy_data as wd

def corner(trajectory):
    return trajectory.xyz[:, 0]

if __name__ == "__main__":
    with wd.open_run(sys.argv[1]) as run:
        number = len(run.computed)
        for number in itertools.count(number):
            run.compute(corner, name=f"corner{number}")
            print(number, flush=True)
"""


@pytest.fixture
def path(rich_run, tmp_path, request):
    path = tmp_path / "run.h5"
    if request.param == "sealed":
        return wd.write_run(path, rich_run)
    record = RunRecord(rich_run.header)
    with wd.FileWriter(path, record.header) as writer:
        for cycle in rich_run.cycles:
            writer.append(cycle)
    return path


@pytest.mark.parametrize("path", [pytest.param("sealed", marks=pytest.mark.slow), "growing"], indirect=True)
def test_kills_while_observables_are_stored_cost_nothing(path, tmp_path, rich_run):
    script, draw = tmp_path / "program.py", random.Random(path.parent.name[:20])
    script.write_text(PROGRAM)
    expected = wd.Run(rich_run).frames(np.arange(rich_run.rows("segment"))).xyz[:, 0]
    for _ in range(KILLS):
        with subprocess.Popen([sys.executable, str(script), str(path)], stdout=subprocess.PIPE, text=True) as process:
            done = int(process.stdout.readline())
            time.sleep(draw.uniform(0, 0.15))
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split()
        done = int(rest[-1]) if rest else done
        assert wd.check(path) == []
        with wd.open_run(path) as run:
            assert {f"corner{number}" for number in range(done + 1)} <= set(run.computed)
            for name in run.computed:
                np.testing.assert_array_equal(run.observable(name), expected)
    with wd.open_run(path) as run:
        run.compute(wd.RadiusOfGyration(), name="last")
    left = {name for name in os.listdir(tmp_path) if not name.startswith("run.h5.unfinished")}  # noqa: PTH208
    assert left <= {"program.py", "run.h5", "run.h5.observables.h5"}
