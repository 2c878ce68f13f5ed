import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import wepy_data as wd
from wepy_data.store.bulk import bulk_writing
from wepy_data.testing import runs


def _write(path, record, **more):
    with bulk_writing(path, record.header, rows={}, **more) as writer:
        for cycle in record.cycles:
            writer.append(cycle)
        writer.end(record.planned)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs())
def test_what_is_written_in_bulk_is_what_is_written_in_one_go(tmp_path, record):
    path = tmp_path / "bulk.h5"
    _write(path, record, overwrite=True)
    assert wd.check(path) == []
    with wd.FileRun(path) as found:
        assert wd.compare(found, record, volatile=True) is None
        assert found.sealed == record.sealed


def _long_record(n_cycles=40, n_walkers=2000):
    layout = wd.Layout(
        sizes={"atom": 0, "feature": 1},
        named={"/observables/<name>/value": (wd.Named(name="order_parameter", shape=(1,)),)},
    )
    static = {
        "/states/kind": np.zeros(1, "u1"),
        "/states/label": np.array([b"a"], "S64"),
        "/states/probability": np.ones(1),
    }
    record, previous = wd.RunRecord(wd.Header(layout=layout, static=static, provenance=[{"kind": "import"}])), None
    for n in range(n_cycles):
        value = np.arange(n_walkers, dtype=float)[:, None] + n
        start = n * n_walkers
        facts = {
            "/segments/weight": np.full(n_walkers, 1 / n_walkers),
            "/segments/parent": np.arange(n_walkers) + start - n_walkers if n else np.full(n_walkers, -1),
            "/segments/state": np.full(n_walkers, -1 if n else 0),
            "/segments/continuous": np.full(n_walkers, int(n > 0)),
            "/segments/progress": value,
            "/segments/bin": np.full(n_walkers, -1),
            "/segments/cpu_time": np.zeros(n_walkers),
            "/segments/wall_time": np.zeros(n_walkers),
            "/segments/worker": np.full(n_walkers, -1),
            **{f"/bins/{name}": np.zeros(0, int) for name in ("index", "parent", "level", "target_count")},
            "/bins/centre": np.zeros((0, 1)),
            "/cycles/began": [0.0],
            "/cycles/ended": [0.0],
            "/frames/md_step": np.full(n_walkers, n + 1),
            "/frames/time": np.full(n_walkers, n + 1.0),
            "/frames/total_time": np.arange(start, start + n_walkers) + 1.0,
            "/observables/order_parameter/value": value,
        }
        previous = wd.build_cycle(layout, previous, facts, np.ones(n_walkers, int))
        record.append(previous)
    return record


def test_a_run_of_many_chunks(tmp_path):
    record = _long_record()
    _write(tmp_path / "run.h5", record)
    with wd.FileRun(tmp_path / "run.h5") as found:
        assert found.header.layout.growing.keys() == record.header.layout.growing.keys()
        assert wd.compare(found, record, volatile=True) is None


def test_a_run_that_is_not_ended_does_not_appear(tmp_path):
    record = _long_record(1, 2)
    with pytest.raises(ValueError, match="was not ended"), bulk_writing(tmp_path / "run.h5", record.header, rows={}):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_kill_leaves_the_old_file(tmp_path):
    path = tmp_path / "run.h5"
    path.write_bytes(b"old")
    code = (
        "import os, signal, sys; from wepy_data.store.bulk import bulk_writing; import numpy as np, wepy_data as wd\n"
        "layout = wd.Layout(sizes={'atom': 0, 'feature': 1})\n"
        "static = {'/states/kind': np.zeros(1, 'u1'), '/states/label': np.array([b'a'], 'S64'),\n"
        "          '/states/probability': np.ones(1)}\n"
        f"with bulk_writing({str(path)!r}, wd.Header(layout=layout, static=static), rows={{}}, overwrite=True):\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    found = subprocess.run([sys.executable, "-c", code], env=dict(os.environ), check=False)
    assert found.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


def test_a_file_in_the_way_is_refused(tmp_path):
    record = _long_record(1, 2)
    _write(tmp_path / "run.h5", record)
    with pytest.raises(wd.RunExistsError):
        _write(tmp_path / "run.h5", record)
