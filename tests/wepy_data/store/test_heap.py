"""Heaps of texts that HDF5 would go through for ever, or that hold more than a file can."""

import contextlib

import h5py
import numpy as np
import pytest

from wepy_data.errors import DamagedRunError
from wepy_data.store import heap
from wepy_data.store.check import check
from wepy_data.store.heap import Heaps, is_variable
from wepy_data.store.reader import FileRun
from wepy_data.store.tree import read_text
from wepy_data.store.writer import write_run


@pytest.fixture
def path(rich_run, tmp_path):
    return write_run(tmp_path / "run.h5", rich_run)


def heaps_of(data):
    """Places of the heaps in a file, and of the objects in each, its free space the last."""
    found, start = {}, data.find(b"GCOL")
    while start >= 0:
        size, place, found[start] = int.from_bytes(data[start + 8 : start + 16], "little"), 16, []
        while place + 16 <= size:
            found[start].append(start + place)
            index, stored = (int.from_bytes(data[start + place + a : start + place + b], "little") for a, b in ((0, 2), (8, 16)))  # fmt: skip # noqa: E501
            place += 16 + (stored + 7) // 8 * 8 if index else stored
        start = data.find(b"GCOL", start + size)
    return found


def overwrite(path, place, content):
    with path.open("r+b") as raw:
        raw.seek(place)
        raw.write(content)


def test_zeros_in_a_heap_end_in_an_error_or_a_report_of_what_cannot_be_read(path):
    data = path.read_bytes()
    for objects in heaps_of(data).values():
        for place in (objects[0], objects[len(objects) // 2], objects[-1]):
            overwrite(path, place, bytes(16))
            try:
                said = " ".join(problem.found for problem in check(path))
                with FileRun(path) as run, contextlib.suppress(DamagedRunError):
                    _ = run.header  # it may not need the text that is gone
            except DamagedRunError as error:
                said = str(error)
            assert "heap of texts at byte" in said
            path.write_bytes(data)
    assert check(path) == []


@pytest.mark.parametrize(("place", "number"), [(4, 1 << 50), (4, 17), (None, 1 << 40), (None, 8)])
def test_a_heap_that_is_none_or_ends_behind_its_file_is_refused(place, number, path):
    with h5py.File(path) as file:
        schema = file["/schema"].id.get_offset()  # it has a heap of its own
    address = int.from_bytes(path.read_bytes()[schema + 4 : schema + 12], "little")
    overwrite(path, address + 8 if place is None else schema + place, number.to_bytes(8, "little"))
    assert any(p.path == "/schema" and "there is no heap of texts at byte" in p.found for p in check(path))


def test_texts_that_are_one_text_again_and_again_do_not_fill_the_memory(tmp_path):
    path = tmp_path / "any.h5"
    with h5py.File(path, "w") as file:  # headers of the oldest kind have no checksums
        file.attrs["many"] = np.array(["x" * 9000, *["y"] * 2000], h5py.string_dtype())
    with h5py.File(path) as file:
        stored = heap._references(file.attrs.get_id("many"))
    overwrite(path, path.read_bytes().index(stored.tobytes()), stored[:1].tobytes() * 2001)
    with h5py.File(path) as file, pytest.raises(ValueError, match="declares texts of 18009000 bytes, in a file of"):
        Heaps(file.id).refuse_damaged(file.attrs.get_id("many"))


def test_large_heaps_are_read_window_by_window(monkeypatch, tmp_path):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        file.attrs["texts"] = np.array([f"text {i}" for i in range(300)], h5py.string_dtype())
        file["long"] = "x" * 100_000
        file["short"] = "y"
    monkeypatch.setattr(heap, "_WINDOW", 64)
    with h5py.File(tmp_path / "any.h5") as file:
        heaps = Heaps(file.id)
        heaps.refuse_damaged(file.attrs.get_id("texts"))
        assert read_text(file["long"], heaps) == "x" * 100_000
        assert read_text(file["short"], heaps) == "y"


def test_what_is_no_text_of_variable_length_is_passed_over(tmp_path):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        file.attrs["number"], file.attrs["bytes"], file.attrs["none"] = 1, np.bytes_("x"), h5py.Empty("f8")
        file.attrs["empty"] = h5py.Empty(h5py.string_dtype())
        file.create_dataset("never written", (3,), h5py.string_dtype())
    with h5py.File(tmp_path / "any.h5") as file:
        for name in file.attrs:
            Heaps(file.id).refuse_damaged(file.attrs.get_id(name))
        assert is_variable(file.attrs.get_id("empty").get_type())
        assert read_text(file["never written"]) == ""


def test_a_file_that_is_being_written_is_not_looked_at_on_the_disk(tmp_path):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        file["text"] = "not yet on the disk"
        assert read_text(file["text"]) == "not yet on the disk"
