"""Snapshots: closed copies of runs that may be growing."""

import subprocess
import sys

import h5py
import pytest

from wepy_data import FileRun, FileWriter, Journal, check, compare, journal_path, snapshot, write_run
from wepy_data.errors import RunBusyError, RunExistsError, SelectionError
from wepy_data.record.run_record import RunRecord

WRITE = """
import sys
from wepy_data.record.cycle import Cycle
from wepy_data import FileRun, FileWriter

with FileRun(sys.argv[1]) as run:
    layout, writer = run.header.layout, FileWriter(sys.argv[2], run.header)
    stops = {dim: [0, *run.stops(dim)] for dim in layout.by_dim if dim != "cycle"} | {"cycle": range(run.n_cycles + 1)}
    for index in range(run.n_cycles):
        rows = {p: run.read(p, stops[c.dim][index], stops[c.dim][index + 1]) for p, c in layout.growing.items()}
        writer.append(Cycle(index=index, rows=rows))
        print(index + 1, flush=True)
"""


def first_cycles(run, count):
    part = RunRecord(run.header)
    for cycle in run.cycles[:count]:
        part.append(cycle)
    return part


def test_a_snapshot_of_a_growing_run_opens_in_any_program(rich_run, tmp_path):
    with FileWriter(tmp_path / "run.h5", rich_run.header) as writer:
        writer.append(rich_run.cycles[0])
        copy = snapshot(tmp_path / "run.h5", tmp_path / "copy.h5")
        writer.append(rich_run.cycles[1])
    with h5py.File(copy, "r") as file:
        assert file["/segments/weight"].shape == (rich_run.stops("segment")[0],)
    assert check(copy) == []
    with FileRun(copy) as run:
        assert compare(first_cycles(rich_run, 1), run, volatile=True) is None


def test_a_snapshot_of_a_sealed_run_is_sealed(rich_run, tmp_path):
    copy = snapshot(write_run(tmp_path / "run.h5", rich_run), tmp_path / "copy.h5")
    with FileRun(copy) as run:
        assert run.sealed
        assert compare(rich_run, run, volatile=True) is None


def test_a_snapshot_never_takes_the_place_of_a_run(rich_run, tmp_path):
    path = write_run(tmp_path / "run.h5", rich_run)
    (tmp_path / "link.h5").symlink_to(path)
    other = tmp_path / "other.h5"
    journal = Journal(journal_path(other))
    for target, error in ((path, SelectionError), (tmp_path / "link.h5", SelectionError), (other, RunBusyError)):
        with pytest.raises(error):
            snapshot(path, target, overwrite=True)
    journal.close()


def test_no_run_starts_in_the_place_of_a_snapshot_that_is_being_written(rich_run, tmp_path, monkeypatch):
    path, target = write_run(tmp_path / "run.h5", rich_run), tmp_path / "copy.h5"

    def meanwhile(*arguments, **settings):
        with pytest.raises(RunBusyError, match="another process is writing this run"):
            Journal(journal_path(target), overwrite=True)
        return write_run(*arguments, **settings)

    monkeypatch.setattr("wepy_data.store.snapshot.write_run", meanwhile)
    snapshot(path, target, overwrite=True)
    assert sorted(found.name for found in tmp_path.iterdir()) == ["copy.h5", "run.h5"]


def test_a_link_in_the_place_of_a_snapshot_stays_one(rich_run, tmp_path):
    path, link, target = write_run(tmp_path / "run.h5", rich_run), tmp_path / "link.h5", tmp_path / "copy.h5"
    link.symlink_to(target)
    for overwrite in (False, True):
        snapshot(path, link, overwrite=overwrite)
        assert link.is_symlink()
        assert check(target) == []
    with pytest.raises(RunExistsError, match=r"link\.h5 exists"):
        snapshot(path, link)


def test_an_existing_file_is_overwritten_only_if_that_is_allowed(rich_run, tmp_path):
    path, copy = write_run(tmp_path / "run.h5", rich_run), tmp_path / "copy.h5"
    copy.write_text("precious")
    with pytest.raises(RunExistsError):
        snapshot(path, copy)
    assert copy.read_text() == "precious"
    command = [sys.executable, "-m", "wepy_data", "snapshot", path, "-o", copy]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2
    assert (
        subprocess.run([*command, "--overwrite"], capture_output=True, text=True, check=True).stdout
        == f"wrote {copy}\n"
    )
    assert check(copy) == []


def test_snapshots_of_a_run_that_is_written_meanwhile_have_whole_cycles(make_ensemble, tmp_path):
    record = make_ensemble(60)
    source, path = write_run(tmp_path / "source.h5", record), tmp_path / "run.h5"
    writer = subprocess.Popen([sys.executable, "-c", WRITE, source, path], stdout=subprocess.PIPE, text=True)
    seen = []
    writer.stdout.readline()
    while not seen or seen[-1] < 60:
        copy = snapshot(path, tmp_path / "copy.h5", overwrite=True)
        with FileRun(copy) as run:
            seen.append(run.n_cycles)
            assert compare(first_cycles(record, run.n_cycles), run, volatile=True) is None
    assert writer.wait(timeout=10) == 0
    writer.stdout.close()
    assert seen == sorted(seen)
