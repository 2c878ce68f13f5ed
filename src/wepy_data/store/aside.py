"""The run that another one takes the place of, kept beside it until the new one has a cycle of its own.

Whoever calls these functions holds the run's journal.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path

from wepy_data.errors import DataError
from wepy_data.store.journal import journal_path
from wepy_data.store.path import real_path, sync
from wepy_data.store.reader import FileRun

_NO_LINKS = (errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.EMLINK)


def aside_path(run: str | os.PathLike[str]) -> Path:
    """Return where a run that is being overwritten is kept."""
    path = real_path(run)
    return path.with_name(path.name + ".overwritten")


def set_aside(run: str | os.PathLike[str]) -> bool:
    """Keep a run that is about to be overwritten, with its journal, under a second name; return whether there is one.

    If a run is kept already, and the one to be overwritten got no cycle, it stays the one that is kept. Nothing is kept
    where a file cannot have a second name: on some file systems, and of other people's files.
    """
    path, aside = real_path(run), aside_path(run)
    if not path.exists():
        return False
    if aside.exists() and (aside.samefile(path) or _is_without_cycles(path)):
        return True
    forget_aside(path)
    journal = journal_path(path)
    try:
        if journal.exists() and journal.stat().st_size:
            os.link(journal, journal_path(aside))
        os.link(path, aside)  # last: with it, what is kept is whole
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        forget_aside(path)
        return False
    return True


def put_back(run: str | os.PathLike[str]) -> None:
    """Put a run that was set aside, and its journal, back in their places; what lies there is deleted in any case."""
    path, aside = real_path(run), aside_path(run)
    for kept, place in ((aside, path), (journal_path(aside), journal_path(path))):
        if kept.exists():
            kept.replace(place)
            kept.unlink(missing_ok=True)  # two names of one file both stay
        else:
            place.unlink(missing_ok=True)
    sync(path.parent)


def forget_aside(run: str | os.PathLike[str]) -> None:
    """Delete a run that was set aside."""
    aside = aside_path(run)
    aside.unlink(missing_ok=True)
    journal_path(aside).unlink(missing_ok=True)


def _is_without_cycles(path: Path) -> bool:
    try:
        with FileRun(path) as run:
            return run.n_cycles == 0
    except (DataError, OSError):  # whatever it is, it is no run that has failed before its first cycle
        return False
