"""A run written to a new file in one go."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from wepy_data.record.header import Arrays, Header
from wepy_data.record.protocols import RunReader
from wepy_data.schema.layout import Column
from wepy_data.store.create import Extent, create_objects
from wepy_data.store.opening import open_file
from wepy_data.store.superblock import PAGE, Superblock
from wepy_data.store.tree import is_own

VERSIONS = ("v110", "v110")
_BLOCK = 1 << 24  # bytes copied in one go
_METADATA = 1 << 18  # bytes that HDF5 takes for itself: 64 KiB in a new file
_CACHED = 1 << 21  # bytes of chunks that it holds back, at most


def write_copy(path: Path, run: RunReader, header: Header, planned: Arrays | None, *, packed: bool = True) -> None:
    """Write the committed cycles of a run to a new file.

    Parameters
    ----------
    path : path
        The file, replaced if it exists.
    run : RunReader
        Where the cycles come from.
    header : Header
        Everything else.
    planned : mapping or None
        Datasets of /next; the file is sealed if they are given.
    packed : bool
        Whether it is compressed, or raw and ready to grow.
    """
    with new_file(path, header_room(header, planned)) as file:
        create_objects(file, header, packed=packed, planned=planned, extent=_extent(run, header))
        for column in header.layout.growing.values():
            _copy(file[column.path], run, column)


def copy_extra(source: Path, target: Path) -> None:
    """Copy what users have put into a run's file, /extra, to a new file; links are copied as links."""
    with open_file(source) as old:
        if "/extra" in old and is_own(old, "/extra"):
            with h5py.File(target, "r+", libver=VERSIONS, locking=False) as new:
                old.copy("/extra", new)


@contextlib.contextmanager
def new_file(path: Path, room: int = 0) -> Iterator[h5py.File]:
    """Create an HDF5 file, open for writing; no piece of metadata smaller than a page crosses the edge of one.

    What is written in place (headers of datasets, indices of chunks) has checksums, and a kill tears writes at pages.

    Parameters
    ----------
    path : path
        The file, replaced if it exists.
    room : int
        Bytes of all that is written without `reserve`.

    Raises
    ------
    OSError
        If the disk has no room.
    """
    file = h5py.File(path, "w", libver=VERSIONS, track_order=False, fs_strategy="page", fs_page_size=PAGE)
    with closed_whole(file, path, room):
        yield file


@contextlib.contextmanager
def closed_whole(file: h5py.File, path: Path, room: int) -> Iterator[None]:
    """Close a file after the block, also on a full disk; `path` is where it lies, `room` as for `new_file`."""
    try:
        reserve(file.id, room)
        yield
    except BaseException:
        divert(file.id)
        with contextlib.suppress(OSError, RuntimeError):
            file.close()
        raise
    file.close()
    superblock = Superblock.read(path)
    if superblock is not None:
        os.truncate(path, superblock.end)  # what was reserved and not needed


def reserve(file: h5py.h5f.FileID, room: int) -> None:
    """Make the disk keep room behind the end of a file: HDF5 itself does not get over a full one, and may crash."""
    os.posix_fallocate(file.get_vfd_handle(), file.get_filesize(), room + _METADATA)


def divert(file: h5py.h5f.FileID) -> None:
    """Let what HDF5 still holds of a file go nowhere, so that it can be closed on a full disk."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, file.get_vfd_handle())
    os.close(nowhere)


def header_room(header: Header, planned: Arrays | None = None) -> int:
    """Return about how many bytes a header takes in a file, at most."""
    arrays = [*header.static.values(), *(planned or {}).values()]
    texts = [header.topology, *header.inputs.values(), str(header.config), str(header.provenance)]
    return sum(np.asarray(values).nbytes for values in arrays) + 2 * sum(len(text.encode()) for text in texts)


def _extent(run: RunReader, header: Header) -> Extent:
    frames = np.unique(np.diff(run.read("/segments/frame_stop"), prepend=0))
    rows = {dim: run.rows(dim) for dim in header.layout.by_dim}
    return Extent(rows=rows, frames=int(frames[0]) if len(frames) == 1 and frames[0] > 0 else 1)


def _copy(dataset: h5py.Dataset, run: RunReader, column: Column) -> None:
    total = run.rows(column.dim)
    row = max(1, column.numpy_dtype.itemsize * int(np.prod(column.shape, dtype=np.int64)))
    step = max(1, _BLOCK // row)
    for start in range(0, total, step):
        stop = min(total, start + step)
        reserve(dataset.file.id, (stop - start) * row + (_CACHED if start else 0))
        dataset[start:stop] = run.read(column.path, start, stop)
