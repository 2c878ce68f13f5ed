"""A segment that kills its worker: the run stops, names the walker, and goes on once the cause is gone."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from poison_run import POISONED, simulation

import wepy
import wepy_data as wd


@pytest.mark.parametrize("dispatcher", [wepy.Scoop, wepy.Processes])
def test_a_run_with_a_poison_segment_stops_cleanly_and_is_resumed(dispatcher, tmp_path):
    cycles = 5
    for _ in simulation(tmp_path / "serial.h5", None).run(cycles=cycles):
        pass
    poison = tmp_path / "poison"
    poison.touch()
    path = tmp_path / "run.h5"
    run = simulation(path, poison, dispatcher(workers=3)).run(cycles=cycles)
    cycle, walker = POISONED
    with pytest.raises(wepy.WorkerLost, match=rf"cycle {cycle}, walker {walker}: .*died 3 times"):
        list(run)
    with wd.FileRun(path) as found:
        assert found.n_cycles == cycle
    poison.unlink()
    list(simulation(path, poison, dispatcher(workers=2)).resume(cycles=cycles))
    with wd.FileRun(tmp_path / "serial.h5") as one, wd.FileRun(path) as two:
        assert wd.compare(one, two) is None
    assert wd.check(path) == []


def test_the_poison_is_one(tmp_path):
    poison = tmp_path / "poison"
    poison.touch()
    program = (
        "from pathlib import Path; from poison_run import simulation; "
        f"list(simulation(None, Path({str(poison)!r})).run(cycles=5))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parent, check=False)
    assert done.returncode == -signal.SIGKILL
