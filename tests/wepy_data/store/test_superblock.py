"""The superblock of HDF5 files, compared with what HDF5 itself writes."""

import h5py
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy_data import write_run
from wepy_data.store.superblock import Superblock, lookup3

KNOWN = [(b"", 0xDEADBEEF), (b"Four score and seven years ago", 0x17770551)]  # from lookup3.c


@pytest.mark.parametrize(("data", "expected"), KNOWN)
def test_the_checksum_is_that_of_its_author(data, expected):
    assert lookup3(data) == expected


@given(sizes=st.lists(st.integers(1, 5000), max_size=3))
def test_packing_gives_back_what_hdf5_has_written(sizes, new_path):
    path = new_path()
    with h5py.File(path, "w", libver=("v110", "v110")) as file:
        for number, size in enumerate(sizes):
            file[str(number)] = [0] * size
    superblock = Superblock.read(path)
    assert superblock.pack() == path.read_bytes()[:48]
    assert superblock.end == path.stat().st_size
    assert superblock.closed(superblock.end) == superblock
    assert not superblock.is_open


def test_a_file_that_is_open_says_so_and_opens_once_it_is_closed_by_hand(rich_run, new_path):
    path, copy = write_run(new_path(), rich_run), new_path()
    with h5py.File(path, "r+", libver=("v110", "v110"), locking=False) as file:
        file.swmr_mode = True
        copy.write_bytes(path.read_bytes())
    superblock = Superblock.read(copy)
    assert superblock.is_open
    with pytest.raises(OSError, match="already open"):
        h5py.File(copy, "r", locking=False)
    superblock.closed(copy.stat().st_size).write(copy)
    with h5py.File(copy, "r", locking=False) as file:
        assert file["/segments/weight"].shape == (rich_run.rows("segment"),)


@pytest.mark.parametrize("content", [b"", b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n\x00\x08\x08" + bytes(90)])
def test_another_kind_of_superblock_is_none(content, new_path):
    path = new_path()
    path.write_bytes(content)
    assert Superblock.read(path) is None
