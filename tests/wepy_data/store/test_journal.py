"""The journal: what it gives back, whatever a crash or an interruption left of it."""

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wepy_data.errors import ReplacedRunError, RunBusyError, RunExistsError
from wepy_data.store import journal as module
from wepy_data.store.journal import Entry, Journal, is_held, journal_path, read_journal, writing

TYPES = st.sampled_from(["<f8", ">f4", "<i8", "u1", "?", "S3"])
ARRAYS = hnp.arrays(TYPES, hnp.array_shapes(min_dims=0, min_side=0, max_side=3))
FACTS = st.integers() | st.text(max_size=3) | st.none()
ENTRIES = st.builds(
    Entry,
    step=st.text(max_size=5),
    facts=st.dictionaries(st.text(max_size=3), FACTS, max_size=2),
    arrays=st.dictionaries(st.text(max_size=3), ARRAYS, max_size=2),
)


def plain(entry):
    arrays = {name: (a.shape, a.dtype.newbyteorder("<"), a.tolist()) for name, a in entry.arrays.items()}
    return repr((entry.step, dict(entry.facts), arrays))


def written(path, entries):
    """Write a journal, each entry by itself; return the length of the file after each."""
    journal, lengths = Journal(path, overwrite=True, durable=False), [0]
    for entry in entries:
        journal.append(entry)
        lengths.append(path.stat().st_size)
    journal.close()
    return lengths


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(ENTRIES, max_size=4), data=st.data())
def test_a_torn_journal_gives_back_every_whole_entry_and_no_other(tmp_path, entries, data):
    path = tmp_path / "j"
    lengths = written(path, entries)
    kept = data.draw(st.integers(0, lengths[-1]))
    path.write_bytes(path.read_bytes()[:kept])
    whole = sum(length <= kept for length in lengths[1:])
    assert [plain(entry) for entry in read_journal(path)] == [plain(entry) for entry in entries[:whole]]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(ENTRIES, min_size=1, max_size=4), data=st.data())
def test_a_changed_byte_ends_the_journal_before_its_entry(tmp_path, entries, data):
    path = tmp_path / "j"
    lengths = written(path, entries)
    place = data.draw(st.integers(0, lengths[-1] - 1))
    raw = bytearray(path.read_bytes())
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    whole = sum(length <= place for length in lengths[1:])
    found = [plain(entry) for entry in read_journal(path)]
    wanted = [plain(entry) for entry in entries]
    assert found[:whole] == wanted[:whole]
    assert len(found) <= len(entries)


def test_rotation_forgets_what_was_before(tmp_path):
    journal = Journal(journal_path(tmp_path / "run.h5"))
    journal.append(Entry(step="old"))
    journal.rotate(Entry(step="plan"))
    journal.append(Entry(step="segments"), Entry(step="bins"))
    assert [entry.step for entry in read_journal(tmp_path / "run.h5.journal")] == ["plan", "segments", "bins"]
    journal.remove()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="is closed"):
        journal.append(Entry(step="late"))


def test_an_interrupted_rotation_keeps_the_old_journal_and_leaves_nothing_else(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "j")
    journal.append(Entry(step="old"))
    journal.wait()

    def interrupted(descriptor):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        journal.rotate(Entry(step="plan"))
    assert [entry.step for entry in read_journal(tmp_path / "j")] == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["j"]
    journal.close()


def test_a_journal_to_be_replaced_stays_until_there_is_something_to_put_in_its_place(tmp_path):
    path = tmp_path / "run.h5.journal"
    journal = Journal(path)
    journal.append(Entry(step="old"))
    journal.close()
    Journal(path, overwrite=True).release()
    assert [entry.step for entry in read_journal(path)] == ["old"]
    journal = Journal(path, overwrite=True)
    journal.append(Entry(step="new"))
    journal.append(Entry(step="newer"))
    journal.close()
    assert [entry.step for entry in read_journal(path)] == ["new", "newer"]


def test_objects_are_refused(tmp_path):
    journal = Journal(tmp_path / "j")
    with pytest.raises(TypeError, match="and x is neither"):
        journal.append(Entry(step="s", arrays={"x": np.array([object()])}))
    journal.close()


def test_a_journal_that_is_being_written_is_not_replaced(tmp_path):
    path = tmp_path / "run.h5.journal"
    journal = Journal(path)
    for _ in range(3):
        journal.rotate(Entry(step="plan"))
        with pytest.raises(RunBusyError, match="another process is writing this run"):
            Journal(path, overwrite=True)
    journal.close()
    with pytest.raises(RunExistsError, match="the journal of an unfinished run"):
        Journal(path)
    Journal(path, overwrite=True).remove()
    assert not path.exists()


def test_a_journal_that_is_taken_over_shows_what_it_held_and_stays_until_it_is_rotated(tmp_path):
    path = tmp_path / "j"
    with path.open("wb"):
        pass
    first = Journal(path, overwrite=True)
    first.append(Entry(step="plan"), Entry(step="segments", arrays={"x": np.arange(3.0)}))
    first.close()
    with path.open("ab") as file:
        file.write(b"torn")
    before = path.read_bytes()
    journal = Journal.take_over(path)
    assert [entry.step for entry in journal.found] == ["plan", "segments"]
    assert path.read_bytes() == before
    with pytest.raises(RunBusyError, match="another process is writing this run"):
        Journal.take_over(path)
    journal.rotate(*journal.found)
    journal.append(Entry(step="more"))
    with pytest.raises(RunBusyError):
        Journal.take_over(path)
    journal.close()
    assert [entry.step for entry in read_journal(path)] == ["plan", "segments", "more"]


def test_taking_over_a_missing_journal_begins_a_new_one(tmp_path):
    journal = Journal.take_over(tmp_path / "j")
    assert journal.found == ()
    journal.append(Entry(step="plan"))
    journal.remove()
    assert list(tmp_path.iterdir()) == []


def held(run):
    """Hold a run for a while without writing to its journal, as a repair does."""
    context = writing(run)
    context.__enter__()
    return context


STARTS = {
    "resume": lambda run: Journal.take_over(journal_path(run)),
    "overwrite": lambda run: Journal(journal_path(run), overwrite=True),
    "repair": held,
}


def at_once(starts, run):
    """Start in threads at the same moment; return what each of them got, a writer or an error."""
    together, got = threading.Barrier(len(starts)), []

    def start(name):
        together.wait()
        try:
            got.append(STARTS[name](run))
        except Exception as error:  # noqa: BLE001 (the test looks at it)
            got.append(error)

    threads = [threading.Thread(target=start, args=(name,)) for name in starts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


@pytest.mark.parametrize("left", [False, True], ids=["no journal", "a journal"])
@pytest.mark.parametrize(
    "starts", [("resume",) * 2, ("overwrite",) * 2, ("resume", "overwrite"), ("resume", "overwrite", "repair") * 2]
)
def test_of_all_who_start_at_the_same_moment_one_writes_the_run(tmp_path, monkeypatch, left, starts):
    monkeypatch.setattr(module, "_PATIENCE", 1)
    for number in range(60):
        run = tmp_path / f"{number}.h5"
        if left:
            old = Journal(journal_path(run))
            old.append(Entry(step="old"))
            old.close()
        got = at_once(starts, run)
        winners = [one for one in got if not isinstance(one, Exception)]
        assert len(winners) == 1, got
        assert [type(one) for one in got if one is not winners[0]] == [RunBusyError] * (len(starts) - 1)
        assert is_held(journal_path(run))
        if isinstance(winners[0], Journal):
            winners[0].rotate(Entry(step="mine"))
            assert [entry.step for entry in read_journal(journal_path(run))] == ["mine"]
            winners[0].remove()
        else:
            winners[0].__exit__(None, None, None)
            assert journal_path(run).exists() == left


def test_a_writer_that_is_killed_leaves_no_lock(tmp_path):
    code = f"""
        import os, signal
        from wepy_data import Entry, Journal
        journal = Journal({str(tmp_path / "run.h5.journal")!r})
        journal.rotate(Entry(step="plan"))
        journal.append(Entry(step="segments"))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    journal = Journal.take_over(tmp_path / "run.h5.journal")
    assert [entry.step for entry in journal.found] == ["plan", "segments"]
    journal.close()


def test_holding_a_run_leaves_its_journal_as_it_is(tmp_path):
    run, path = tmp_path / "run.h5", tmp_path / "run.h5.journal"
    with writing(run):
        assert is_held(path)
        with pytest.raises(RunBusyError, match="another process is writing this run"):
            Journal.take_over(path)
    assert list(tmp_path.iterdir()) == []
    journal = Journal(path)
    journal.append(Entry(step="plan"))
    journal.close()
    before = path.stat()
    with writing(run):
        pass
    assert path.stat().st_ino == before.st_ino
    assert [entry.step for entry in read_journal(path)] == ["plan"]


def test_a_link_to_a_run_leads_to_its_journal(tmp_path):
    (tmp_path / "folder").mkdir()
    run, link, chain = tmp_path / "folder" / "run.h5", tmp_path / "link.h5", tmp_path / "chain.h5"
    link.symlink_to(run)  # there is no run yet
    chain.symlink_to("link.h5")
    journal = Journal(journal_path(link))
    for path in (run, link, chain):
        assert is_held(journal_path(path))
        with pytest.raises(RunBusyError):
            Journal(journal_path(path), overwrite=True)
    journal.remove()
    assert journal_path("run.h5") == Path("run.h5.journal")


def test_an_empty_journal_is_in_nobodys_way(tmp_path):
    path = tmp_path / "run.h5.journal"
    Journal(path).close()
    Journal(path).release()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_was_deleted_comes_back_and_one_that_was_replaced_stops_its_writer(tmp_path):
    path = tmp_path / "run.h5.journal"
    journal = Journal(path)
    path.unlink()
    journal.rotate(Entry(step="plan"))
    assert [entry.step for entry in read_journal(path)] == ["plan"]
    assert is_held(path)
    path.unlink()
    other = Journal(path)
    other.append(Entry(step="other"))
    with pytest.raises(ReplacedRunError, match="was replaced while this run was being written"):
        journal.rotate(Entry(step="plan"))
    journal.remove()
    assert is_held(path)
    assert [entry.step for entry in read_journal(path)] == ["other"]
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    other.close()


def test_a_write_that_fails_leaves_no_half_entry_behind(tmp_path):
    code = f"""
        import resource, signal
        import numpy as np
        from wepy_data import Entry, Journal
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        journal = Journal({str(tmp_path / "j")!r})
        journal.append(Entry(step="whole"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
        try:
            journal.append(Entry(step="big", arrays={{"x": np.zeros(10_000)}}))
        except OSError:
            journal.append(Entry(step="small"))
            journal.close()
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=True)
    assert [entry.step for entry in read_journal(tmp_path / "j")] == ["whole", "small"]


def test_entries_that_arrive_while_the_disk_is_busy_share_the_next_wait(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "j")
    waits, gate = [], threading.Event()

    def slow(descriptor):
        waits.append(os.fstat(descriptor).st_size)
        gate.wait(10)

    monkeypatch.setattr("wepy_data.store.group_sync.os.fsync", slow)
    for step in range(50):
        journal.append(Entry(step=str(step)))
    gate.set()
    journal.wait()
    assert len(waits) <= 2
    assert waits[-1] == (tmp_path / "j").stat().st_size
    journal.close()


def test_a_disk_that_fails_is_reported_at_the_next_step(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "j")

    def broken(descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("wepy_data.store.group_sync.os.fsync", broken)
    journal.append(Entry(step="a"))
    with pytest.raises(OSError, match="Input/output error"):
        journal.wait()
    monkeypatch.undo()
    journal.close()
