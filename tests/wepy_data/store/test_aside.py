"""What a run takes the place of: kept beside it, put back, forgotten."""

import errno

import pytest

from wepy_data import Entry, FileRun, FileWriter, Journal, compare, journal_path, write_run
from wepy_data.store.aside import aside_path, forget_aside, put_back, set_aside


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def with_journal(path):
    """Give a run a journal."""
    journal = Journal(journal_path(path), overwrite=True)
    journal.append(Entry(step="plan"))
    journal.close()
    return journal_path(path).read_bytes()


@pytest.mark.parametrize("journal", [True, False])
@pytest.mark.parametrize("overwritten", [True, False])
def test_a_run_that_was_set_aside_comes_back_as_it_was(rich_run, tmp_path, journal, overwritten):
    path = write_run(tmp_path / "run.h5", rich_run)
    kept = with_journal(path) if journal else None
    before, names_before = path.read_bytes(), names(tmp_path)
    assert set_aside(path)
    assert path.read_bytes() == before
    if overwritten:
        FileWriter(path, rich_run.header, overwrite=True).close()
        assert path.read_bytes() != before
        with_journal(path)
    put_back(path)
    assert names(tmp_path) == names_before
    assert path.read_bytes() == before
    assert not journal or journal_path(path).read_bytes() == kept


def test_what_is_set_aside_is_a_run_with_its_journal(rich_run, tmp_path):
    path = write_run(tmp_path / "run.h5", rich_run)
    kept = with_journal(path)
    set_aside(path)
    with FileRun(aside_path(path)) as run:
        assert compare(rich_run, run, volatile=True) is None
    assert journal_path(aside_path(path)).read_bytes() == kept
    forget_aside(path)
    forget_aside(path)
    assert names(tmp_path) == ["run.h5", "run.h5.journal"]


def test_a_run_without_cycles_does_not_take_the_place_of_one_that_is_kept(rich_run, tmp_path):
    path = write_run(tmp_path / "run.h5", rich_run)
    before = path.read_bytes()
    for _ in range(3):
        assert set_aside(path)
        FileWriter(path, rich_run.header, overwrite=True).close()
    assert aside_path(path).read_bytes() == before
    with FileWriter(path, rich_run.header, overwrite=True) as writer:
        writer.append(rich_run.cycles[0])
    newer = path.read_bytes()
    assert set_aside(path)
    assert aside_path(path).read_bytes() == newer


def test_nothing_is_set_aside_where_a_file_cannot_have_a_second_name(rich_run, tmp_path, monkeypatch):
    path = write_run(tmp_path / "run.h5", rich_run)

    def refused(source, target):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("wepy_data.store.aside.os.link", refused)
    assert not set_aside(path)
    assert names(tmp_path) == ["run.h5"]


def test_where_there_is_nothing_nothing_is_set_aside(tmp_path):
    assert not set_aside(tmp_path / "run.h5")
    assert names(tmp_path) == []
