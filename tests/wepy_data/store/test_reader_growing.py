"""The reading of runs that grow, stop, go on, and end while they are read."""

import contextlib
import os
import random
import shutil
import threading
import time

import h5py
import numpy as np
import pytest
from h5py._objects import phil

from wepy_data.errors import ClosedRunError, DamagedRunError, DataError, ReplacedRunError
from wepy_data.query.run import Run, open_run
from wepy_data.record.compare import compare
from wepy_data.record.header import Header
from wepy_data.record.run_record import RunRecord
from wepy_data.store.check import check
from wepy_data.store.journal import Entry, Journal, journal_path
from wepy_data.store.opening import _limit_attempts
from wepy_data.store.reader import FileRun
from wepy_data.store.standing import running_cycle
from wepy_data.store.writer import FileWriter, write_run


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.h5"


@pytest.fixture
def stopped(rich_run, path):
    """A run of two cycles that nobody writes."""
    with FileWriter(path, rich_run.header) as writer:
        for cycle in rich_run.cycles[:2]:
            writer.append(cycle)
    return path


def same(run, record, cycles):
    """Whether a run has the first cycles of a record, every value of them."""
    assert run.n_cycles == cycles
    for name, column in record.header.layout.growing.items():
        stop = record.cycles[cycles - 1].stop(column.dim) if cycles and column.dim != "cycle" else cycles
        np.testing.assert_array_equal(run.read(name), record.read(name)[:stop], name)
    return True


def test_a_reader_follows_a_run_through_growth_seal_and_resume(rich_run, path):
    with FileWriter(path, rich_run.header) as writer, FileRun(path) as run:
        assert same(run, rich_run, 0)
        for count, cycle in enumerate(rich_run.cycles, 1):
            writer.append(cycle)
            assert run.n_cycles == count - 1
            assert run.refresh()
            assert same(run, rich_run, count)
            assert not run.refresh()
        writer.seal(rich_run.planned)
        assert not run.sealed
        assert run.refresh()
        assert run.sealed
        assert compare(run, rich_run) is None
        FileWriter.reopen(path).close()
        assert run.refresh()
        assert not run.sealed
        assert run.planned is None
        assert same(run, rich_run, 3)


def test_what_has_not_changed_for_a_while_is_not_opened_again(stopped, monkeypatch):
    long_ago = time.time() - 100
    os.utime(stopped, (long_ago, long_ago))
    with FileRun(stopped) as run:
        monkeypatch.setattr("wepy_data.store.reader.open_file", None)
        assert not run.refresh()


def test_two_readers_in_one_process_see_what_each_other_has_not(rich_run, path):
    with FileWriter(path, rich_run.header) as writer:
        writer.append(rich_run.cycles[0])
    with FileRun(path) as early, FileRun(path) as late:
        with FileWriter.reopen(path) as writer:
            writer.append(rich_run.cycles[1])
        assert late.refresh()
        assert same(late, rich_run, 2)
        assert same(early, rich_run, 1)
        assert early.refresh()
        assert same(early, rich_run, 2)
        assert same(late, rich_run, 2)
        assert early.header.run_id == late.header.run_id == rich_run.header.run_id


def test_a_reader_is_not_disturbed_by_one_that_refreshes_in_another_thread(stopped, rich_run):
    with FileRun(stopped) as run:
        stop = threading.Event()

        def refresh():
            with FileRun(stopped) as other:
                while not stop.is_set():
                    other.refresh()

        thread = threading.Thread(target=refresh)
        thread.start()
        try:
            for _ in range(20):
                assert same(run, rich_run, 2)
        finally:
            stop.set()
            thread.join()


def test_an_opening_keeps_out_of_hdf5_while_another_thread_is_in_it():
    """HDF5 is not made for two threads: it crashes, or says of a dataset what is not so."""
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    thread = threading.Thread(target=_limit_attempts, args=(access,))
    with phil:
        thread.start()
        thread.join(0.1)
        assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive()


def test_another_run_in_its_place_is_refused_and_the_old_one_stays_readable(stopped, rich_run):
    other = RunRecord(Header(layout=rich_run.header.layout, static=rich_run.header.static))
    with FileRun(stopped) as run:
        write_run(stopped, other, overwrite=True)
        with pytest.raises(ReplacedRunError, match="is another run now"):
            run.refresh()
        assert same(run, rich_run, 2)


def test_another_run_is_refused_in_the_place_of_one_without_cycles(rich_run, path):
    FileWriter(path, rich_run.header).close()
    other = RunRecord(Header(layout=rich_run.header.layout, static=rich_run.header.static))
    with FileRun(path) as run, FileRun(path) as late:
        late.refresh()  # `run` has let go of the file from now on
        write_run(path, other, overwrite=True)
        with pytest.raises(ReplacedRunError, match="is another run now"):
            run.refresh()


def test_an_older_copy_in_its_place_is_refused(rich_run, path):
    copy = path.with_name("copy.h5")
    with FileWriter(path, rich_run.header) as writer:
        writer.append(rich_run.cycles[0])
    shutil.copy(path, copy)
    with FileWriter.reopen(path) as writer:
        writer.append(rich_run.cycles[1])
    with FileRun(path) as run:
        copy.replace(path)
        with pytest.raises(DamagedRunError, match="has 1 cycles, and had 2"):
            run.refresh()


def test_a_file_that_is_gone_says_so(stopped):
    with FileRun(stopped) as run:
        stopped.unlink()
        with pytest.raises(FileNotFoundError, match="no such file"):
            run.refresh()
    with pytest.raises(ClosedRunError):
        run.refresh()


def edit(path, change):
    with h5py.File(path, "r+", libver=("v110", "v110"), locking=False) as file:
        change(file)


def zero(file):
    for column in file["/cycles"].values():
        column[-1] = 0


def more(file):
    for column in file["/cycles"].values():
        column.resize(len(column) + 1, axis=0)


def beyond(file):
    file["/cycles/segment_stop"][-1] += 1000


def half(file):
    file["/cycles/crc"][-1] = 0


def other(file):
    file["/segments/weight"][-1] = 0.125


@pytest.mark.parametrize("change", [zero, beyond, half, other])
def test_a_last_commit_that_is_not_whole_does_not_count(change, stopped, rich_run):
    edit(stopped, change)
    with FileRun(stopped) as run:
        assert same(run, rich_run, 1)


def test_a_row_of_zeros_after_the_last_commit_does_not_count(stopped, rich_run):
    edit(stopped, more)
    with FileRun(stopped) as run:
        assert same(run, rich_run, 2)


def test_more_than_one_commit_that_does_not_match_is_damage(stopped):
    def change(file):
        file["/cycles/crc"][:] = 0

    edit(stopped, change)
    with pytest.raises(DamagedRunError, match="/cycles/crc: the checksum of cycle 0"):
        FileRun(stopped)


def test_the_state_says_whether_somebody_writes(rich_run, path):
    journal = Journal(journal_path(path))
    with FileWriter(path, rich_run.header) as writer:
        for cycle in rich_run.cycles:
            writer.append(cycle)
        with open_run(path) as run:
            assert run.state == "growing"
            journal.close()
            assert run.state == "stopped"
            writer.seal(rich_run.planned)
            assert run.state == "growing"  # it has changed since
            assert run.refresh()
            assert run.state == "sealed"
    assert Run(rich_run).state == "sealed"


def test_the_journal_says_how_far_the_running_cycle_is(path):
    assert running_cycle(path) is None
    with_journal = Journal(journal_path(path))
    assert running_cycle(path) is None
    with_journal.append(
        Entry(step="plan", facts={"cycle": 7}, arrays={"weight": np.ones(4)}),
        Entry(step="segments", arrays={"walker": np.array([2, 0])}),
        Entry(step="segments", arrays={"walker": np.array([2])}),
    )
    found = running_cycle(path)
    assert (found.cycle, found.n_walkers, found.n_finished) == (7, 4, 2)
    with_journal.append(Entry(step="segments", facts={"cycle": "x"}))
    assert running_cycle(path) is None
    with_journal.remove()


def test_a_refreshed_run_forgets_its_lineage_and_only_then(rich_run, path):
    with FileWriter(path, rich_run.header) as writer, open_run(path) as run:
        writer.append(rich_run.cycles[0])
        assert run.refresh()
        lineage = run.lineage
        assert not run.refresh()
        assert run.lineage is lineage
        writer.append(rich_run.cycles[1])
        assert run.refresh()
        assert run.lineage.n_cycles == 2


def test_a_record_in_memory_can_be_refreshed_too(rich_run):
    record = RunRecord(rich_run.header)
    run = Run(record)
    assert run.state == "growing"
    record.append(rich_run.cycles[0])
    assert run.refresh()
    assert not run.refresh()
    assert run.lineage.n_cycles == 1


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "7", '"', ""])
def test_hostile_json_is_damage(text, stopped):
    def change(file):
        del file["/config"]
        file["/config"] = text

    edit(stopped, change)
    with FileRun(stopped) as run, pytest.raises(DamagedRunError, match="/config"):
        _ = run.header


def test_a_chunk_that_cannot_be_unpacked_is_damage_with_a_name(rich_run, path):
    write_run(path, rich_run)
    with h5py.File(path) as file:
        chunk = file["/segments/progress"].id.get_chunk_info(0)
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(b"\xff" * chunk.size)
    with FileRun(path) as run, pytest.raises(DamagedRunError, match="/segments/progress cannot be read"):
        run.read("/segments/progress")


def test_damaged_metadata_of_a_growing_file_does_not_hang(rich_run, path):
    with FileWriter(path, rich_run.header) as writer:
        writer.append(rich_run.cycles[0])
        content = path.read_bytes()
    chance = random.Random(2)
    signatures = [
        i for i in range(len(content) - 4) if content[i : i + 4] in (b"OHDR", b"EAHD", b"EAIB", b"FRHP", b"BTHD")
    ]
    for place in chance.sample(signatures, 12):
        damaged = bytearray(content)
        damaged[place + 6] ^= 0xFF
        copy = path.with_name("copy.h5")
        copy.write_bytes(damaged)
        began = time.monotonic()
        with contextlib.suppress(DataError), FileRun(copy) as run:  # what was hit may not be needed
            for name in run.layout.growing:
                run.read(name)
        assert time.monotonic() - began < 5


def test_a_stopped_run_can_be_checked_while_it_is_open(stopped):
    with FileRun(stopped):
        assert check(stopped) == []
