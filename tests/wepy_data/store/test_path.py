"""Files that appear whole or not at all, and what is said when they cannot."""

import errno
import os

import pytest

from wepy_data.store.path import appearing, is_disk_full


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
@pytest.mark.parametrize("by", ["system", "hdf5"])
def test_a_place_that_must_not_be_written_is_named_and_no_temporary(tmp_path, number, by):
    words = os.strerror(number)

    def fail(place):
        if by == "system":
            raise OSError(number, words, str(place))
        raise OSError(f"[Errno {number}] Unable to open file (name = '{place}', errno = {number}, flags = 15)")

    with (
        pytest.raises(OSError, match=r"run\.h5 cannot be written: ") as caught,
        appearing(tmp_path / "run.h5", overwrite=False) as place,
    ):
        fail(place)
    assert words in str(caught.value)
    assert ".part" not in str(caught.value)
    assert "errno" not in str(caught.value)


def test_a_file_that_cannot_be_read_meanwhile_keeps_its_own_words(tmp_path):
    with pytest.raises(PermissionError, match="other"), appearing(tmp_path / "run.h5", overwrite=False):
        raise PermissionError(errno.EACCES, "Permission denied", "other")


def test_a_full_disk_is_known_by_its_number_wherever_it_is_said():
    full = OSError(errno.ENOSPC, "No space left on device")
    outer = OSError("cycle 3 cannot be written")
    outer.__cause__ = full
    assert is_disk_full(full)
    assert is_disk_full(outer)
    assert is_disk_full(RuntimeError("Can't write (errno = 27, error message = 'File too large')"))
    assert not is_disk_full(OSError(errno.EIO, "Input/output error"))
    assert not is_disk_full(ValueError("nothing"))
