"""The writing of a run's file: appearing whole, growing by whole cycles, surviving the writer's death."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from wepy_data.errors import ReplacedRunError, RunExistsError
from wepy_data.record.compare import compare
from wepy_data.record.cycle import Cycle
from wepy_data.record.run_record import RunRecord
from wepy_data.schema.layout import Named
from wepy_data.store.check import check
from wepy_data.store.reader import FileRun
from wepy_data.store.recovery import superblock_path
from wepy_data.store.snapshot import snapshot
from wepy_data.store.writer import FileWriter, write_run

WRITE = """
import sys
from wepy_data.record.cycle import Cycle
from wepy_data.store.reader import FileRun
from wepy_data.store.writer import FileWriter

source, target = sys.argv[1:]
with FileRun(source) as run:
    layout = run.header.layout
    stops = {dim: [0, *run.stops(dim)] for dim in layout.by_dim if dim != "cycle"} | {"cycle": range(run.n_cycles + 1)}
    writer = FileWriter(target, run.header)
    print("ready", flush=True)
    for index in range(run.n_cycles):
        rows = {p: run.read(p, stops[c.dim][index], stops[c.dim][index + 1]) for p, c in layout.growing.items()}
        writer.append(Cycle(index=index, rows=rows))
        print(index + 1, flush=True)
        sys.stdin.readline()
"""
FILL = """
import resource
import sys
from pathlib import Path
import numpy as np
from wepy_data.record.build import cycle_crc
from wepy_data.record.cycle import Cycle
from wepy_data.store.reader import FileRun
from wepy_data.store.writer import FileWriter

source, target, room = sys.argv[1:]
with FileRun(source) as run:
    layout = run.header.layout
    stops = {dim: [0, *run.stops(dim)] for dim in layout.by_dim if dim != "cycle"} | {"cycle": range(run.n_cycles + 1)}
    writer, done, message = FileWriter(target, run.header), 0, "nothing failed"
    try:
        for index in range(10_000):  # the first cycles, then the last one again and again, with its ends moved
            if index < run.n_cycles:
                rows = {
                    p: run.read(p, stops[c.dim][index], stops[c.dim][index + 1]) for p, c in layout.growing.items()
                }
                count = {d: stops[d][index + 1] - stops[d][index] for d in stops if d != "cycle"}
            else:
                rows |= {"/cycles/index": rows["/cycles/index"] + 1}
                rows |= {f"/cycles/{d}_stop": rows[f"/cycles/{d}_stop"] + n for d, n in count.items()}
                rows |= {"/cycles/crc": np.array([cycle_crc(layout, rows)], "<u4")}
            writer.append(Cycle(index=index, rows=rows))
            done += 1
            if done == 2:  # by now every column has its first chunk
                limit = Path(target).stat().st_size + int(room)
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    except OSError as error:
        message = str(error)
    writer.close()
    print(done, message, sep="\\n")
"""
READ = """
import sys
from wepy_data.store.check import check
from wepy_data.store.reader import FileRun

seen = []
while True:
    with FileRun(sys.argv[1]) as run:
        seen.append(run.n_cycles)
        assert len(run.read("/segments/weight")) == run.rows("segment")
        problems = check(sys.argv[1])
        assert not problems, problems[0]
        if run.sealed:
            break
assert seen == sorted(seen), seen
print(len(seen), seen[-1])
"""


def start(script: str, *arguments: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def first_cycles(run: RunRecord, count: int) -> RunRecord:
    part = RunRecord(run.header)
    for cycle in run.cycles[:count]:
        part.append(cycle)
    return part


@pytest.mark.parametrize("write", [write_run, lambda path, run: FileWriter(path, run.header)])
def test_an_existing_file_is_not_overwritten(write, rich_run, tmp_path):
    path = tmp_path / "run.h5"
    path.write_text("precious")
    with pytest.raises(RunExistsError, match="exists: choose another name"):
        write(path, rich_run)
    assert path.read_text() == "precious"
    assert [file.name for file in tmp_path.iterdir()] == ["run.h5"]


def test_an_existing_file_is_replaced_if_that_is_allowed(rich_run, tmp_path):
    path = tmp_path / "run.h5"
    path.write_text("old")
    write_run(path, rich_run, overwrite=True)
    assert check(path) == []
    with FileWriter(path, rich_run.header, overwrite=True):
        assert FileRun(path).n_cycles == 0


def test_a_file_appears_whole_or_not_at_all(rich_run, tmp_path):
    class Failing(RunRecord):
        def read(self, path, start=0, stop=None):
            if path == "/frames/time":
                raise OSError("the disk is full")
            return super().read(path, start, stop)

    failing = Failing(rich_run.header)
    failing.append(rich_run.cycles[0])
    with pytest.raises(OSError, match="the disk is full"):
        write_run(tmp_path / "run.h5", failing)
    assert not list(tmp_path.iterdir())


def test_a_file_that_came_into_being_meanwhile_is_not_overwritten(rich_run, tmp_path):
    path = tmp_path / "run.h5"

    class Slow(RunRecord):
        def read(self, name, start=0, stop=None):
            path.write_text("another's")
            return super().read(name, start, stop)

    slow = Slow(rich_run.header)
    slow.append(rich_run.cycles[0])
    with pytest.raises(RunExistsError):
        write_run(path, slow)
    assert path.read_text() == "another's"
    assert [file.name for file in tmp_path.iterdir()] == ["run.h5"]


def test_a_missing_folder_is_an_error_of_the_system(rich_run, tmp_path):
    with pytest.raises(FileNotFoundError):
        write_run(tmp_path / "nowhere" / "run.h5", rich_run)


def test_a_new_run_can_be_read_before_its_first_cycle(rich_run, tmp_path):
    with FileWriter(tmp_path / "run.h5", rich_run.header), FileRun(tmp_path / "run.h5") as run:
        assert run.n_cycles == 0
        assert not run.sealed
        assert run.planned is None
        assert check(tmp_path / "run.h5") == []


def test_cycles_are_appended_in_order_and_not_to_a_closed_file(rich_run, tmp_path):
    writer = FileWriter(tmp_path / "run.h5", rich_run.header)
    with pytest.raises(ValueError, match=r"cycle 1 does not follow: .* has 0 cycles"):
        writer.append(rich_run.cycles[1])
    writer.append(rich_run.cycles[0])
    assert writer.n_cycles == 1
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="is closed: no cycle can be appended"):
        writer.append(rich_run.cycles[1])


def test_a_reader_keeps_what_it_saw_while_the_run_goes_on_and_is_sealed(rich_run, tmp_path):
    path = tmp_path / "run.h5"
    with FileWriter(path, rich_run.header) as writer:
        writer.append(rich_run.cycles[0])
        with FileRun(path) as early:
            writer.append(rich_run.cycles[1])
            writer.append(rich_run.cycles[2])
            assert compare(first_cycles(rich_run, 1), early, volatile=True) is None
            writer.seal(rich_run.planned)
            assert compare(first_cycles(rich_run, 1), early, volatile=True) is None
    with FileRun(path) as late:
        assert compare(rich_run, late, volatile=True) is None


def test_sealing_keeps_attributes_texts_and_units(rich_run, tmp_path):
    path = tmp_path / "run.h5"
    with FileWriter(path, rich_run.header) as writer:
        for cycle in rich_run:
            writer.append(cycle)
        before = described(path)
        writer.seal(rich_run.planned)
    after = described(path)
    assert after.pop("/@sealed") == 1
    assert before.pop("/@sealed") == 0
    assert after.pop("/@header_crc") != before.pop("/@header_crc")  # /next counts
    assert {name: value for name, value in after.items() if not name.startswith("/next")} == before


def described(path: Path) -> dict[str, object]:
    found: dict[str, object] = {}
    with h5py.File(path, "r", swmr=True, locking=False) as file:
        for name in ("/", *_names(file)):
            attributes = file[name].attrs
            found |= {f"{name}@{key}": _plain(attributes[key]) for key in attributes}
        found |= {text: file[text][()] for text in ("/schema", "/config", "/provenance")}
    return found


def _names(file: h5py.File) -> list[str]:
    names: list[str] = []
    file.visit(lambda name: names.append("/" + name))
    return names


def _plain(value):
    return value.tolist() if hasattr(value, "tolist") else value


@pytest.mark.parametrize("room", [1, 30_000])
def test_a_full_disk_costs_no_committed_cycle(room, rich_run, tmp_path):
    write_run(tmp_path / "whole.h5", rich_run)
    done = subprocess.run(
        [sys.executable, "-c", FILL, tmp_path / "whole.h5", tmp_path / "run.h5", str(room)],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    committed, message = done.stdout.splitlines()
    assert "is the disk full?" in message
    with FileRun(tmp_path / "run.h5") as run:
        assert (run.n_cycles, run.sealed) == (int(committed), False)
        assert all(len(run.read(path)) == run.rows(c.dim) for path, c in run.layout.growing.items())
        assert (run.read("/cycles/crc") != 0).all()


def test_a_run_is_on_the_disk_to_the_last_byte_before_it_takes_its_place(rich_run, tmp_path, monkeypatch):
    path, synced = tmp_path / "run.h5", {}
    fsync, replace = os.fsync, Path.replace

    def noted(descriptor):
        fsync(descriptor)
        opened = os.fstat(descriptor)
        synced.update((p, p.read_bytes()) for p in tmp_path.iterdir() if os.path.samestat(p.stat(), opened))

    def compared(source, target):
        assert synced[source] == source.read_bytes()
        return replace(source, target)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(Path, "replace", compared)
    assert write_run(path, rich_run, overwrite=True) == path
    assert len(synced) == 1


def test_a_reader_in_another_process_sees_whole_cycles_only(rich_run, tmp_path):
    path = tmp_path / "run.h5"
    with FileWriter(path, rich_run.header) as writer:
        reader = start(READ, path)
        for cycle in rich_run:
            time.sleep(0.3)
            writer.append(cycle)
        time.sleep(0.3)
        writer.seal(rich_run.planned)
    out, errors = reader.communicate(timeout=60)
    assert errors == ""
    looks, cycles = map(int, out.split())
    assert looks > 1
    assert cycles == 3


@pytest.mark.parametrize("cycles", [0, 1, 2, 3])
def test_a_run_whose_writer_was_killed_is_readable_up_to_its_last_cycle(cycles, rich_run, tmp_path):
    source, target = write_run(tmp_path / "source.h5", rich_run), tmp_path / "run.h5"
    writer = start(WRITE, source, target)
    assert writer.stdout.readline() == "ready\n"
    for number in range(1, cycles + 1):
        assert int(writer.stdout.readline()) == number
        if number < cycles:
            print(file=writer.stdin, flush=True)
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    acknowledged_or_one_more(rich_run, target, cycles)


@pytest.mark.parametrize("delay", [0.001, 0.003, 0.006])
def test_a_run_whose_writer_was_killed_at_any_moment_is_readable(delay, rich_run, tmp_path):
    source, target = write_run(tmp_path / "source.h5", rich_run), tmp_path / "run.h5"
    writer = start(WRITE, source, target)
    assert writer.stdout.readline() == "ready\n"
    writer.stdin.write("\n" * 3)
    writer.stdin.flush()
    time.sleep(delay)
    writer.send_signal(signal.SIGKILL)
    out, _ = writer.communicate()
    acknowledged_or_one_more(rich_run, target, len(out.split()))


def acknowledged_or_one_more(record, path, acknowledged):
    assert check(path) == []
    with FileRun(path) as run:
        assert run.n_cycles >= acknowledged
        assert compare(first_cycles(record, run.n_cycles), run, volatile=True) is None


def test_a_writer_leaves_another_file_in_the_place_of_its_own_alone(rich_run, new_path):
    path = new_path()
    writer = FileWriter(path, rich_run.header)
    other = replace(rich_run.header, run_id="00000000-0000-4000-8000-000000000000")
    FileWriter(path, other, overwrite=True).close()
    for late in (lambda: writer.append(rich_run.cycles[0]), lambda: writer.seal(rich_run.planned)):
        with pytest.raises(ReplacedRunError, match="another file lies there now, which is left alone"):
            late()
    with FileRun(path) as run:
        assert run.header.run_id == other.run_id


def test_a_file_that_is_gone_stops_its_writer_at_the_next_cycle_and_goes_on_once_it_is_back(rich_run, new_path):
    path, elsewhere = new_path(), new_path()
    with FileWriter(path, rich_run.header) as writer:
        writer.append(rich_run.cycles[0])
        path.rename(elsewhere)
        for late in (lambda: writer.append(rich_run.cycles[1]), lambda: writer.seal(rich_run.planned)):
            with pytest.raises(ReplacedRunError, match=r"was deleted or moved .*: put it back and go on with it"):
                late()
    assert not path.exists()
    elsewhere.rename(path)
    with FileWriter.reopen(path) as writer:
        for cycle in rich_run.cycles[1:]:
            writer.append(cycle)
        writer.seal(rich_run.planned)
    with FileRun(path) as run:
        assert compare(rich_run, run, volatile=True) is None


def test_a_column_that_a_crash_would_tear_is_refused(rich_run, new_path):
    layout = rich_run.header.layout
    texts = {"/segments/observables/<name>": (Named(name="note", dtype="O"),)}
    header = replace(rich_run.header, layout=replace(layout, named={**layout.named, **texts}))
    path = new_path()
    with pytest.raises(ValueError, match=r"/segments/observables/note .*numbers and fixed-length bytes"):
        FileWriter(path, header)
    assert not path.exists()


@pytest.mark.parametrize("change", ["another dataset", "a dataset less", "another type", "another shape", "a row less"])
def test_a_cycle_that_does_not_fit_the_file_is_refused_before_anything_is_written(change, rich_run, new_path):
    path, cycle = new_path(), rich_run.cycles[0]
    rows = dict(cycle.rows)
    weight = rows["/segments/weight"]
    match change:
        case "another dataset":
            rows["/segments/new"] = weight
        case "a dataset less":
            del rows["/segments/weight"]
        case "another type":
            rows["/segments/weight"] = weight.astype("f4")
        case "another shape":
            rows["/segments/weight"] = weight[:, None]
        case "a row less":
            rows["/segments/weight"] = weight[1:]
    with FileWriter(path, rich_run.header) as writer:
        before = path.read_bytes()
        with pytest.raises(ValueError, match=r"cycle 0 (has not the datasets|does not fit)"):
            writer.append(Cycle(index=0, rows=rows))
        assert path.read_bytes() == before
        writer.append(cycle)
        assert writer.n_cycles == 1


def test_no_h5py_object_leads_from_the_writer_to_what_a_growing_file_must_not_get(rich_run, new_path):
    with FileWriter(new_path(), rich_run.header) as writer:
        held = [*vars(writer).values(), *(getattr(s, n) for s in writer._sinks.values() for n in vars(s))]
        assert not [value for value in held if isinstance(value, h5py.HLObject)]


@pytest.mark.parametrize("how", ["crash", "stop", "seal", "packed"])
def test_a_run_goes_on_from_its_file_whatever_state_it_is_in(how, rich_run, new_path):
    path = new_path()
    with FileWriter(path, rich_run.header) as writer:
        for cycle in rich_run.cycles[:2]:
            writer.append(cycle)
        crashed = path.read_bytes()
        if how == "seal":
            writer.seal(rich_run.planned)
    if how == "crash":
        path.write_bytes(crashed)
    if how == "packed":
        write_run(path, first_cycles(rich_run, 2), overwrite=True)
    with FileWriter.reopen(path) as writer:
        assert writer.n_cycles == 2
        assert writer.header.run_id == rich_run.header.run_id
        assert writer.header.created == rich_run.header.created
        with FileRun(path) as early:
            assert not early.sealed
            assert early.planned is None
            writer.append(rich_run.cycles[2])
        assert superblock_path(path).exists() == (how == "crash")
        if how == "crash":
            assert superblock_path(path).read_bytes() == crashed[:48]
        assert check(path) == []
        writer.seal(rich_run.planned)
    assert not superblock_path(path).exists()
    with FileRun(path) as run:
        assert compare(rich_run, run, volatile=True) is None


def test_what_a_user_has_put_into_a_sealed_run_stays_when_the_run_goes_on(rich_run, new_path):
    path = write_run(new_path(), rich_run)
    with h5py.File(path, "r+", locking=False) as file:
        file["/extra/note"] = "precious"
        file["/extra/numbers"] = [1, 2, 3]
    with FileWriter.reopen(path) as writer:
        writer.seal(rich_run.planned)
    copy = snapshot(path, new_path())
    for name in (path, copy):
        with h5py.File(name, "r") as file:
            assert file["/extra/note"][()] == b"precious"
            assert file["/extra/numbers"][()].tolist() == [1, 2, 3]


def test_sealing_takes_the_records_of_all_starts(rich_run, new_path):
    path, starts = new_path(), [*rich_run.header.provenance, {"kind": "resume", "time": "later"}]
    with FileWriter(path, rich_run.header) as writer:
        writer.append(rich_run.cycles[0])
        writer.seal(rich_run.planned, provenance=starts)
    with FileRun(path) as run:
        assert list(run.header.provenance) == starts


def test_a_writer_that_has_failed_writes_nothing_more(rich_run, tmp_path):
    write_run(tmp_path / "whole.h5", rich_run)
    script = FILL.replace("writer.close()\n", "writer.append(Cycle(index=done, rows=rows))\n")
    done = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "whole.h5", tmp_path / "run.h5", "1"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert "is closed: no cycle can be appended" in done.stderr


def test_a_run_whose_order_parameter_has_no_dimensions_is_copied_as_any_other(rich_run, tmp_path):
    path = write_run(tmp_path / "run.h5", rich_run)
    with h5py.File(path, "r+") as file:
        for name in ("/segments/progress", "/bins/centre"):
            rows = len(file[name])
            del file[name]
            file.create_dataset(name, (rows, 0), "f8")
    with FileRun(path) as run:
        write_run(tmp_path / "copy.h5", run)
        FileWriter(tmp_path / "growing.h5", run.header).close()
        for name in ("copy.h5", "growing.h5"):
            with FileRun(tmp_path / name) as again:
                assert again.read("/segments/progress").shape == (again.rows("segment"), 0)
