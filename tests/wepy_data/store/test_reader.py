"""The opening of files: runs in any state, and one clear line for everything else."""

import contextlib
import random

import h5py
import numpy as np
import pytest

from wepy_data.errors import (
    ClosedRunError,
    DamagedRunError,
    DataError,
    NotARunError,
    SelectionError,
    VersionTooNewError,
    VersionTooOldError,
)
from wepy_data.store.check import check
from wepy_data.store.reader import FileRun, open_file
from wepy_data.store.writer import FileWriter, write_run


@pytest.fixture
def path(rich_run, tmp_path):
    return write_run(tmp_path / "run.h5", rich_run)


def refused(path, error, words):
    """Opening and checking both fail with one clear line."""
    for attempt in (open_file, FileRun, check):
        with pytest.raises(error, match=words) as caught:
            attempt(path)
        assert "\n" not in str(caught.value)
        assert str(path) in str(caught.value)


def test_a_missing_file(tmp_path):
    refused(tmp_path / "none.h5", FileNotFoundError, "no such file")


def test_a_folder(tmp_path):
    refused(tmp_path, NotARunError, "is a folder")


@pytest.mark.parametrize("content", [b"", b"\x89HD", b"[section]\nkey = 1\n", b"\x00" * 4096])
def test_a_file_that_is_no_hdf5(content, tmp_path):
    (tmp_path / "run.h5").write_bytes(content)
    refused(tmp_path / "run.h5", NotARunError, "is not an HDF5 file")


@pytest.mark.parametrize(
    ("names", "words"),
    [((), "another kind"), (("iterations", "summary"), "a WESTPA file"), (("runs", "topology"), "the other wepy")],
)
@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_an_hdf5_file_of_another_kind(names, words, version, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w", libver=version) as file:
        for name in names:
            file.create_group(name)
    refused(tmp_path / "other.h5", NotARunError, words)


@pytest.mark.parametrize("part", [0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file(part, path):
    content = path.read_bytes()
    path.write_bytes(content[: max(9, int(len(content) * part))])
    refused(path, DamagedRunError, "damaged HDF5 file")


def test_a_truncated_file_that_was_still_growing(rich_run, tmp_path):
    path, copy = tmp_path / "run.h5", tmp_path / "copy.h5"
    with FileWriter(path, rich_run.header) as writer:
        writer.append(rich_run.cycles[0])
        content = path.read_bytes()
    copy.write_bytes(content[: len(content) // 2])
    refused(copy, DamagedRunError, "cut off after")


def test_a_file_overwritten_in_places_is_damaged_or_has_problems_but_breaks_nothing(path):
    content, chance = path.read_bytes(), random.Random(1)
    for _ in range(40):
        damaged = bytearray(content)
        place = chance.randrange(9, len(content) - 64)
        damaged[place : place + 64] = chance.randbytes(64)
        path.write_bytes(damaged)
        with contextlib.suppress(DataError):
            check(path)  # what was hit may also be unused space


def test_a_file_whose_root_is_overwritten(path):
    with h5py.File(path) as file:
        root = h5py.h5o.get_info(file.id).addr
    with path.open("r+b") as raw:
        raw.seek(root + 8)
        raw.write(b"\xff")
    refused(path, DamagedRunError, "is a damaged HDF5 file .*: restore it from a copy")


def test_a_file_that_hdf5_cannot_close_is_read_all_the_same(path, monkeypatch):
    def failing(self):
        raise RuntimeError("Can't decrement id ref count")

    monkeypatch.setattr(h5py.File, "close", failing)
    assert check(path) == []
    with FileRun(path) as run:
        assert run.n_cycles == 3


def edit(path, **attributes):
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        for name, value in attributes.items():
            if value is None:
                del file.attrs[name]
            else:
                file.attrs[name] = value
    return path


def test_a_file_that_needs_a_newer_library(path):
    refused(edit(path, min_reader="1.7.0"), VersionTooNewError, "needs schema 1.7.0 .* knows 1.0.0: upgrade it")


def test_a_newer_file_that_this_library_can_still_read(path):
    with FileRun(edit(path, schema_version="1.9.3")) as run:
        assert run.n_cycles == 3


def test_a_file_that_is_too_old(path):
    refused(
        edit(path, schema_version="0.9.0", min_reader="0.9.0"), VersionTooOldError, "has schema 0.9.0 .* reads 1.0.0"
    )


@pytest.mark.parametrize("version", ["one", "1", "1.0.x", "-1.0.0", ""])
def test_a_version_that_is_none(version, path):
    refused(edit(path, schema_version=version), DamagedRunError, "is not a version number")


def test_a_run_without_the_smallest_reader(path):
    refused(edit(path, min_reader=None), DamagedRunError, "not a version number")


@pytest.mark.parametrize("value", [None, 7, np.zeros(3)])
def test_a_run_without_an_identity(value, path):
    refused(edit(path, run_id=value), NotARunError, "not a run")


def test_an_identity_that_cannot_be_read_is_damage(path):
    with h5py.File(path, "r+") as file:
        file.attrs.create("run_id", b"\xff", dtype=h5py.string_dtype())
    refused(path, DamagedRunError, "/@run_id is unreadable .*can't decode byte 0xff.*, expected a text")


def test_a_version_of_thousands_of_digits(path):
    refused(edit(path, min_reader="1" * 5000 + ".0.0"), DamagedRunError, "is not a version number")


@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize(("code", "shape"), [("c16", (3,)), ("f8", (3,)), (h5py.string_dtype(), (3,)), ("i8", (3, 2))])
def test_rows_that_cannot_be_counted(code, shape, sealed, path):
    with h5py.File(path, "r+") as file:
        del file["/cycles/event_stop"]
        file.create_dataset("/cycles/event_stop", shape, code)
        file.attrs["sealed"] = int(sealed)
    with pytest.raises(DamagedRunError, match=r"/cycles/event_stop: expected i8 of \[cycle\], found"):
        FileRun(path)


def test_a_column_whose_values_lie_elsewhere_is_not_read(path):
    with h5py.File(path, "r+") as file:
        rows = len(file["/segments/weight"])
        del file["/segments/weight"]
        file.create_dataset("/segments/weight", (rows,), h5py.string_dtype())
    with FileRun(path) as run, pytest.raises(DamagedRunError, match="/segments/weight holds references or texts"):
        run.read("/segments/weight")


@pytest.mark.parametrize(("name", "value"), [("file", b"\xff"), ("digest", 7), ("cycle", "7"), ("cycles_before", 0.5)])
def test_an_origin_that_is_none(name, value, path):
    with h5py.File(path, "r+") as file:
        kind = h5py.string_dtype() if isinstance(value, bytes) else None
        file["/continues"].attrs.create(name, value, dtype=kind)
    assert (f"/continues@{name}", "attribute") in {(p.path, p.kind) for p in check(path)}
    with FileRun(path) as run, pytest.raises(DamagedRunError, match=f"/continues@{name} is .*, expected a"):
        _ = run.header


@pytest.mark.parametrize("gone", ["/cycles", "/cycles/index", "/segments/weight"])
def test_a_run_without_its_tables_is_damaged(gone, path):
    with h5py.File(path, "r+") as file:
        del file[gone]
    assert (gone, "missing") in {(p.path, p.kind) for p in check(path)}
    with pytest.raises(DamagedRunError, match="wepy-data check"), FileRun(path) as run:
        run.read(gone)


def test_only_committed_rows_are_read_of_a_growing_run(rich_run, tmp_path):
    path = tmp_path / "run.h5"
    with FileWriter(path, rich_run.header) as writer:
        writer.append(rich_run.cycles[0])
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:  # the rows of a cycle that was never committed
        for name in file["/segments"]:
            if isinstance(file["/segments"][name], h5py.Dataset):
                file["/segments"][name].resize(len(file["/segments"][name]) + 3, axis=0)
    assert check(path) == []
    with FileRun(path) as run:
        assert run.rows("segment") == len(run.read("/segments/weight")) == rich_run.cycles[0].n_walkers
        assert run.read("/segments/weight", 0, 10**9).tolist() == rich_run.cycles[0].weight.tolist()


def test_what_is_read_cannot_be_written_to(path):
    with FileRun(path) as run:
        assert not run.read("/segments/weight").flags.writeable
        assert not run.header.static["/states/kind"].flags.writeable
        assert not run.planned["/next/weight"].flags.writeable


def test_reading_leaves_the_file_as_it_is(path):
    before = path.read_bytes()
    path.chmod(0o444)
    with FileRun(path) as run:
        run.read("/segments/weight")
    assert check(path) == []
    assert path.read_bytes() == before


def test_an_unknown_dataset_is_refused(path):
    with FileRun(path) as run, pytest.raises(SelectionError, match="no dataset /segments/wait"):
        run.read("/segments/wait")


def test_a_closed_run_says_so(rich_run, new_path):
    with FileRun(write_run(new_path(), rich_run)) as run:
        pass
    for ask in (lambda: run.header, lambda: run.read("/segments/weight")):
        with pytest.raises(ClosedRunError, match="is closed: ask inside the with block"):
            ask()
