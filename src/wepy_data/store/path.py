"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path

from wepy_data.errors import RunExistsError

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)


def real_path(path: str | os.PathLike[str]) -> Path:
    """Return where a file really lies: the path itself, unless it is a link.

    What is beside a run (its journal, what is about to take its place) is beside the file, whatever links lead to it.
    """
    where = Path(path)
    return Path(os.path.realpath(where)) if where.is_symlink() else where


def refuse_existing(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Raise `RunExistsError` if a file is in the way and must not be replaced, or a folder is."""
    if Path(path).is_dir():
        raise RunExistsError(f"{path} is a folder: choose another name, or one in it")
    if Path(path).exists() and not overwrite:
        raise RunExistsError(
            f"{path} exists: choose another name, or allow it to be overwritten (overwrite=True, or --overwrite)"
        )


@contextlib.contextmanager
def appearing(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a temporary path beside `path`; what was written to it appears at `path` when the block ends well.

    It is on the disk before it appears. The block must have closed it: HDF5 marks a file as whole as it closes it. If
    `path` is a link, it stays one, and the file that it leads to is replaced.

    Raises
    ------
    RunExistsError
        If `path` exists, also if it has come into being meanwhile, and `overwrite` is false.
    """
    refuse_existing(path, overwrite=overwrite)
    path = real_path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        sync(temporary)
        if overwrite:
            temporary.replace(path)
        else:
            try:
                os.link(temporary, path)
            except FileExistsError:
                refuse_existing(path, overwrite=False)
                raise
        sync(path.parent)
    except (OSError, RuntimeError) as error:  # HDF5's, too
        if is_disk_full(error):
            raise OSError(f"{path} cannot be written: no room is left, or the file may not be that large") from error
        if _number(error) in _REFUSED and temporary.name in str(error):  # a file that was read has a name of its own
            raise OSError(
                f"{path} cannot be written: {reason(error)}: choose another place, or change who may write to "
                f"{path.absolute().parent}"
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised from, says that there is no room, or that a file may not be as large."""
    while error is not None:
        if _number(error) in _FULL:
            return True
        error = error.__cause__
    return False


def reason(error: Exception) -> str:
    """Return why something could not be written; of what HDF5 says, only the system's words."""
    number = _number(error)
    return " ".join(str(error).split()) if number is None else os.strerror(number)


def _number(error: BaseException) -> int | None:
    """Return the system's number of an error."""
    found = re.search(r"errno = (\d+)", str(error))  # in the words of HDF5
    return int(found[1]) if found else getattr(error, "errno", None)


def remove_parts(path: Path) -> None:
    """Remove what kills have left of files that were about to appear at `path`, or beside it as its journal.

    Whoever calls this holds the run's journal: nobody is writing them.
    """
    part = re.compile(rf"\.{re.escape(path.name)}(\.journal|\.superblock)?\.[0-9]+\.part")
    for found in path.absolute().parent.iterdir():
        if part.fullmatch(found.name):
            found.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Make a file's bytes, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
