"""The repair of a run's file: only its committed cycles, closed, in the place of a damaged or crashed one."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wepy_data.errors import DamagedRunError
from wepy_data.store.check import check
from wepy_data.store.copy import copy_extra, write_copy
from wepy_data.store.journal import writing
from wepy_data.store.path import appearing, real_path
from wepy_data.store.reader import FileRun
from wepy_data.store.superblock import Superblock


@dataclass(frozen=True, slots=True, kw_only=True)
class Repaired:
    """What a repair found and did.

    Parameters
    ----------
    path : path
        The run's file.
    found : tuple of str
        What was wrong with it, a sentence each; empty if nothing was, and then nothing was done.
    n_cycles : int
        Number of cycles in it, all committed.
    dropped : mapping of str to int
        Rows of a cycle that was never committed, by dimension (`segment`, `frame`, ...); only those that were dropped.
    original : path or None
        Where the file is kept as it was; None if nothing was done.
    """

    path: Path
    found: tuple[str, ...]
    n_cycles: int
    dropped: Mapping[str, int]
    original: Path | None


def repair(path: str | os.PathLike[str]) -> Repaired:
    """Make a run's file a closed one that holds its committed cycles and nothing else.

    Other programs can open it then, and the run can go on from it. A kill at any moment leaves the file as it was, or
    repaired. The original is kept beside it. Meanwhile nobody else writes the run: its journal is locked.

    Parameters
    ----------
    path : path
        The run's HDF5 file.

    Raises
    ------
    RunBusyError
        If a process is writing the run.
    FileNotFoundError, NotARunError, DamagedRunError, VersionTooOldError, VersionTooNewError
        If there is no run to be saved from the file.
    """
    where = real_path(path)
    if not where.exists():
        raise FileNotFoundError(f"{where}: no such file")
    with writing(where):
        return replace_by_repaired(where)


def replace_by_repaired(path: Path) -> Repaired:
    """Repair a run; whoever calls this holds its journal."""
    with _readable(path) as (run, problems):
        dropped = _surplus(run)
        problems += [
            f"{count} {dim} row{'s' * (count != 1)} of a cycle never committed" for dim, count in dropped.items()
        ]
        n_cycles, original = run.n_cycles, None
        if problems:
            with appearing(path, overwrite=True) as temporary:
                write_copy(temporary, run, run.header, run.planned, packed=run.sealed)
                copy_extra(run.path, temporary)
                _refuse_wrong_rows(path, temporary)
                original = _keep(path)
    return Repaired(path=path, found=tuple(problems), n_cycles=n_cycles, dropped=dropped, original=original)


@contextmanager
def _readable(path: Path) -> Iterator[tuple[FileRun, list[str]]]:
    """Yield a run of the file, or of a copy whose superblock has been set right, and what is wrong with the file."""
    superblock = Superblock.read(path) if path.is_file() else None
    size = path.stat().st_size if path.is_file() else 0
    problems = []
    if superblock is not None and superblock.is_open:
        problems.append("it was not closed by its writer")
    if superblock is not None and superblock.end != size:
        problems.append(f"its length is {size} bytes, and its head says {superblock.end}")
    copy = path.with_name(f".{path.name}.superblock.{os.getpid()}.part")
    try:
        try:
            run = FileRun(path)
        except DamagedRunError:
            if superblock is None:
                raise
            shutil.copyfile(path, copy)
            superblock.closed(size).write(copy)
            run = FileRun(copy)
            problems.append("it could not be opened")
        with run:
            yield run, problems
    except DamagedRunError as error:  # nobody would find the copy
        raise DamagedRunError(str(error).replace(str(copy), str(path))) from error
    finally:
        copy.unlink(missing_ok=True)


def _surplus(run: FileRun) -> dict[str, int]:
    """Return the number of rows behind the committed ones, by dimension."""
    surplus = {dim: run.stored_rows(dim) - run.rows(dim) for dim in run.layout.by_dim}
    return {dim: count for dim, count in surplus.items() if count > 0}


def _refuse_wrong_rows(path: Path, repaired: Path) -> None:
    """Refuse to pass damage on: a cycle that does not match its checksum is not what was committed."""
    wrong = [str(problem) for problem in check(repaired) if problem.kind == "crc"]
    if wrong:
        raise DamagedRunError(f"{path} is damaged beyond repair ({'; '.join(wrong[:3])}): restore it from a copy")


def _keep(path: Path) -> Path:
    """Give a file a second name beside it, one that is free."""
    names = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
    for name in names:
        kept = path.with_name(f"{path.name}.before-repair{name}")
        try:
            os.link(path, kept)
        except FileExistsError:
            continue
        return kept
    raise AssertionError("unreachable: the names do not end")
