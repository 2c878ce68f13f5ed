"""Readers of a run that another process writes as fast as it can: every value that they see, until it is sealed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("live_run.py")


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def ended(process, timeout):
    try:
        out, err = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert process.returncode == 0, err
    return json.loads(out)


def watched(path, seconds, intervals, *options):
    """Return what the writer and each of the readers say in the end."""
    processes = [start("read", path, "--interval", interval) for interval in intervals]
    processes.append(start("write", path, "--seconds", seconds, *options))
    try:
        *readers, writer = [ended(process, timeout=seconds + 120) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return writer, readers


def test_three_readers_see_only_right_values_of_a_run_that_grows_and_is_sealed(tmp_path):
    writer, readers = watched(tmp_path / "run.h5", 3, (0, 0.01, 0.1))
    for reader in readers:
        assert reader["cycles"] == writer["cycles"] > 20
        assert reader["news"] > 3
        assert set(reader["states"]) == {"growing", "sealed"}


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--durable",)], ids=["without fsync", "with fsync"])
def test_three_readers_see_only_right_values_for_a_minute(options, tmp_path):
    writer, readers = watched(tmp_path / "run.h5", 60, (0, 0.01, 0.25), *options)
    assert writer["cycles"] > 1000
    for reader in readers:
        assert reader["cycles"] == writer["cycles"]
        assert reader["news"] > 50
        assert set(reader["states"]) == {"growing", "sealed"}
