"""The repair of a run's file: what is found, what is kept, and who may do it when."""

import subprocess
import sys
from dataclasses import replace

import h5py
import numpy as np
import pytest

from wepy_data import Entry, FileRun, FileWriter, Journal, check, compare, journal_path, repair, write_run
from wepy_data.errors import DamagedRunError, NotARunError, RunBusyError
from wepy_data.record.run_record import RunRecord
from wepy_data.store import create, recovery
from wepy_data.store.copy import copy_extra
from wepy_data.store.superblock import PAGE, Superblock


def first_cycles(run, count):
    part = RunRecord(run.header)
    for cycle in run.cycles[:count]:
        part.append(cycle)
    return part


def crashed(path, record, cycles):
    """Leave a file as a kill does after some cycles."""
    with FileWriter(path.with_suffix(".growing"), record.header, overwrite=True) as writer:
        for cycle in record.cycles[:cycles]:
            writer.append(cycle)
        path.write_bytes(writer.path.read_bytes())
    return path


def with_tail(path, record, cycles):
    """Leave a file as a kill does within the commit after some cycles."""
    rows = dict(record.cycles[cycles].rows) | {"/cycles/crc": np.zeros(1, "<u4")}
    torn = replace(record.cycles[cycles], rows=rows)
    with FileWriter(path.with_suffix(".growing"), record.header, overwrite=True) as writer:
        for cycle in (*record.cycles[:cycles], torn):
            writer.append(cycle)
        path.write_bytes(writer.path.read_bytes())
    return path


def test_a_crashed_run_is_repaired_and_its_original_kept(rich_run, tmp_path):
    path = crashed(tmp_path / "run.h5", rich_run, 2)
    before = path.read_bytes()
    result = repair(path)
    assert result.found == ("it was not closed by its writer",)
    assert (result.n_cycles, result.dropped) == (2, {})
    assert result.original == tmp_path / "run.h5.before-repair"
    assert result.original.read_bytes() == before
    assert check(path) == []
    with FileRun(path) as run:
        assert compare(first_cycles(rich_run, 2), run, volatile=True) is None
        assert run.header.run_id == rich_run.header.run_id


def test_rows_that_were_never_committed_are_dropped_and_counted(rich_run, tmp_path):
    path = with_tail(tmp_path / "run.h5", rich_run, 1)
    result = repair(path)
    counts = {
        dim: rich_run.stops(dim)[1] - rich_run.stops(dim)[0] for dim in rich_run.header.layout.by_dim if dim != "cycle"
    }
    assert result.dropped == {dim: n for dim, n in (counts | {"cycle": 1}).items() if n}
    with h5py.File(path, "r") as file:  # as another program would open it
        assert file["/cycles/crc"].shape == (1,)
        assert file["/segments/weight"][()].tolist() == rich_run.cycles[0].weight.tolist()


def test_a_run_that_needs_no_repair_is_left_alone(rich_run, tmp_path):
    path = write_run(tmp_path / "run.h5", rich_run)
    before = path.stat()
    result = repair(path)
    assert (result.found, result.original, result.n_cycles) == ((), None, 3)
    assert path.stat() == before


def test_a_repaired_run_goes_on_and_is_repaired_no_further(rich_run, tmp_path):
    path = with_tail(tmp_path / "run.h5", rich_run, 1)
    repair(path)
    assert repair(path).found == ()
    with FileWriter.reopen(path) as writer:
        for cycle in rich_run.cycles[1:]:
            writer.append(cycle)
        writer.seal(rich_run.planned)
    with FileRun(path) as run:
        assert compare(rich_run, run, volatile=True) is None


def test_an_original_kept_before_is_not_overwritten(rich_run, tmp_path):
    for number, kept in enumerate(["run.h5.before-repair", "run.h5.before-repair-2", "run.h5.before-repair-3"]):
        path = crashed(tmp_path / "run.h5", rich_run, number)
        assert repair(path).original.name == kept
        path.unlink()


def test_a_superblock_that_hdf5_refuses_is_repaired_on_a_copy(rich_run, tmp_path):
    path = crashed(tmp_path / "run.h5", rich_run, 2)
    replace(Superblock.read(path), flags=1).write(path)  # a writer that does not write in SWMR mode
    with pytest.raises(DamagedRunError):
        FileRun(path)
    result = repair(path)
    assert "it could not be opened" in result.found
    assert result.n_cycles == 2
    assert check(path) == []


def test_a_run_that_is_being_written_is_not_repaired(rich_run, tmp_path):
    path = crashed(tmp_path / "run.h5", rich_run, 2)
    before = path.read_bytes()
    journal = Journal(journal_path(path))
    with pytest.raises(RunBusyError, match="another process is writing this run"):
        repair(path)
    journal.close()
    assert path.read_bytes() == before
    assert repair(path).n_cycles == 2


def test_a_run_that_is_being_repaired_is_not_written_by_anyone_else(rich_run, tmp_path, monkeypatch):
    path, refused = with_tail(tmp_path / "run.h5", rich_run, 1), []

    def meanwhile(source, target):
        for start in (Journal.take_over, Journal, lambda journal: repair(path)):
            with pytest.raises(RunBusyError, match="another process is writing this run"):
                start(journal_path(path))
            refused.append(start)
        copy_extra(source, target)

    monkeypatch.setattr("wepy_data.store.repair.copy_extra", meanwhile)
    assert repair(path).n_cycles == 1
    assert len(refused) == 3
    assert check(path) == []
    assert not journal_path(path).exists()


def test_a_link_to_a_run_stays_a_link_when_the_run_is_repaired(rich_run, tmp_path):
    (tmp_path / "folder").mkdir()
    path, link = crashed(tmp_path / "folder" / "run.h5", rich_run, 2), tmp_path / "link.h5"
    link.symlink_to(path)
    journal = Journal(journal_path(path))
    with pytest.raises(RunBusyError):
        repair(link)
    journal.remove()
    assert repair(link).original == tmp_path / "folder" / "run.h5.before-repair"
    assert link.is_symlink()
    assert check(path) == []


def test_a_repair_leaves_the_journal_for_a_resume(rich_run, tmp_path):
    path = with_tail(tmp_path / "run.h5", rich_run, 1)
    journal = Journal(journal_path(path))
    journal.append(Entry(step="plan"))
    journal.close()
    before = journal_path(path).read_bytes()
    assert repair(path).original is not None
    assert journal_path(path).read_bytes() == before


def test_damage_to_committed_rows_is_not_passed_on(rich_run, tmp_path):
    path = crashed(tmp_path / "run.h5", rich_run, 3)
    content = path.read_bytes()
    weight = rich_run.cycles[0].weight.tobytes()
    assert content.count(weight) == 1
    path.write_bytes(content.replace(weight, weight[:-1] + bytes([weight[-1] ^ 1])))
    damaged = path.read_bytes()
    with pytest.raises(DamagedRunError, match=r"damaged beyond repair .*crc"):
        repair(path)
    assert path.read_bytes() == damaged
    assert {file.name for file in tmp_path.iterdir()} == {"run.h5", "run.growing"}


def test_an_index_of_more_than_8000_chunks_that_a_kill_has_torn_is_refused_and_left_alone(
    make_ensemble, tmp_path, monkeypatch
):
    record, path = make_ensemble(12, target_count=170, particles=False), tmp_path / "run.h5"
    live_chunk = create.live_chunk
    monkeypatch.setattr(create, "live_chunk", lambda c: (1,) if c.path == "/segments/weight" else live_chunk(c))
    with FileWriter(path, record.header) as writer:
        for cycle in record.cycles[:-1]:
            writer.append(cycle)
        before = path.read_bytes()
        writer.append(record.cycles[-1])
        after = path.read_bytes()
    chunks = []
    with h5py.File(path, "r") as file:
        file["/segments/weight"].id.chunk_iter(lambda chunk: chunks.append(chunk.byte_offset))
    assert len(chunks) > 8000
    page = after.rfind(chunks[-1].to_bytes(8, "little")) // PAGE * PAGE  # of the block of the index that has grown last
    torn = after[:page] + before[page : page + PAGE].ljust(PAGE, b"\0") + after[page + PAGE :]
    path.write_bytes(torn)
    for attempt in (FileRun, repair, FileWriter.reopen):
        with pytest.raises(DamagedRunError, match=r"^\S*/run\.h5 is .*incorrect metadata checksum"):
            attempt(path)
        assert path.read_bytes() == torn
        assert [found.name for found in tmp_path.iterdir()] == ["run.h5"]


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n" + bytes(90)])
def test_what_is_no_run_is_not_repaired(content, tmp_path):
    path = tmp_path / "run.h5"
    path.write_bytes(content)
    with pytest.raises(NotARunError):
        repair(path)
    assert path.read_bytes() == content
    assert [file.name for file in tmp_path.iterdir()] == ["run.h5"]


def test_the_command_says_what_it_found(rich_run, tmp_path):
    path = with_tail(tmp_path / "run.h5", rich_run, 1)
    first, second = (
        subprocess.run(
            [sys.executable, "-m", "wepy_data", "repair", path], capture_output=True, text=True, check=True
        ).stdout
        for _ in "12"
    )
    assert "not closed by its writer" in first
    assert "1 cycle row of a cycle never committed" in first
    assert "1 committed cycle kept; the original is" in first
    assert "nothing to repair" in second


@pytest.mark.parametrize("shape", [None, (), "nothing"])
def test_a_run_without_one_of_its_tables_is_not_repaired_but_refused(shape, rich_run, tmp_path):
    path = write_run(tmp_path / "run.h5", rich_run)
    with h5py.File(path, "r+") as file:
        del file["/merges/weight"]
        if shape != "nothing":
            file.create_dataset("/merges/weight", data=h5py.Empty("f8")) if shape is None else file.create_dataset(
                "/merges/weight", shape, "f8"
            )
    with pytest.raises(DamagedRunError, match=r"run.h5 is damaged, /merges/weight cannot be read"):
        repair(path)
    assert [file.name for file in tmp_path.iterdir()] == ["run.h5"]


def test_a_run_whose_chunks_cannot_all_be_found_is_copied_to_go_on(rich_run, tmp_path, monkeypatch):
    def damaged(dataset):
        raise RuntimeError("incorrect metadata checksum")  # as h5py says it

    path = crashed(tmp_path / "run.h5", rich_run, 2)
    inode = path.stat().st_ino
    monkeypatch.setattr(recovery, "_chunks_end", damaged)
    with FileWriter.reopen(path) as writer:
        writer.append(rich_run.cycles[2])
    assert path.stat().st_ino != inode
    assert check(path) == []


def test_what_cannot_be_repaired_is_named_by_its_own_name(rich_run, tmp_path):
    path = crashed(tmp_path / "run.h5", rich_run, 3)
    content = path.read_bytes()
    place = content.index(b"EAHD") + 8  # in the index of the chunks of a dataset
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    with pytest.raises(
        DamagedRunError, match=r"run.h5 is damaged .*checksum.*: wepy-data check [^ ]*/run.h5 says more"
    ):
        repair(path)
