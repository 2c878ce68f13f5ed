"""A run's file made ready to be appended to again, whatever state a crash, a stop or a seal left it in."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import h5py

from wepy_data.errors import DamagedRunError
from wepy_data.record.header import Header
from wepy_data.schema.layout import Layout
from wepy_data.store.copy import copy_extra, write_copy
from wepy_data.store.path import appearing
from wepy_data.store.reader import FileRun, open_file
from wepy_data.store.repair import replace_by_repaired
from wepy_data.store.sink import can_grow
from wepy_data.store.superblock import PAGE, SIZE, Superblock


def superblock_path(run: Path) -> Path:
    """Return where the original superblock of a run's file is kept while the run goes on after a crash."""
    return run.with_name(run.name + ".superblock")


def make_appendable(path: Path) -> tuple[Header, dict[str, int]]:
    """Make a run's file a closed one that can grow, and return its header and its number of rows by dimension.

    A file that grew is made so in place, without touching its rows; of any other one, a copy takes its place. A kill
    at any moment leaves the file as it was, or ready.

    Raises
    ------
    FileNotFoundError, NotARunError, DamagedRunError, VersionTooOldError, VersionTooNewError
        If it cannot be opened as a run.
    """
    try:
        run = FileRun(path)
    except DamagedRunError:
        replace_by_repaired(path)
        run = FileRun(path)
    with run:
        header = replace(run.header, inputs=dict(run.header.inputs))  # read now: the file is closed later
        rows = {dim: run.rows(dim) for dim in header.layout.by_dim}
        superblock = Superblock.read(path)
        end = 0 if run.sealed or superblock is None else growing_end(path, header.layout)
        if not end:
            with appearing(path, overwrite=True) as temporary:
                write_copy(temporary, run, header, None, packed=False)
                copy_extra(path, temporary)
    if end and superblock is not None:
        _close_in_place(path, superblock, end)
    return header, rows


def growing_end(path: Path, layout: Layout) -> int:
    """Return where the last page that a file knows of ends, at least its size; 0 if it cannot be appended to in place.

    A full disk leaves chunks in the index that never reached the file; what is appended must not overlap them.
    """
    with open_file(path) as file:
        datasets = [file[path] for path in layout.growing]
        if not all(can_grow(dataset) for dataset in datasets):
            return 0
        try:
            end = max(path.stat().st_size, *(_chunks_end(dataset) for dataset in datasets))
        except RuntimeError:  # an index of chunks is damaged: a copy shows whether what is committed can be read
            return 0
        return -(-end // PAGE) * PAGE


def _chunks_end(dataset: h5py.Dataset) -> int:
    ends = [0]
    dataset.id.chunk_iter(lambda chunk: ends.append(chunk.byte_offset + chunk.size))
    return max(ends)


def _close_in_place(path: Path, superblock: Superblock, end: int) -> None:
    """Enter in a file that no writer has it open and where it ends, in one write; what was there is kept beside it.

    Without the end, HDF5 would put new chunks in the place of those that the dead writer had not entered yet.
    """
    closed = superblock.closed(end)
    if closed == superblock:
        return
    with appearing(superblock_path(path), overwrite=True) as temporary, path.open("rb") as raw:
        temporary.write_bytes(raw.read(SIZE))
    if path.stat().st_size < end:
        os.truncate(path, end)
    closed.write(path)
