"""Frames from a run into files, block by block: memory does not grow with their number."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.export.content import Block, Content, FrameFile
from wepy_data.export.dcd_file import DcdFile
from wepy_data.export.h5md_file import LineageFile
from wepy_data.export.mdtraj_file import MdtrajFile, TextFile, XtcFile
from wepy_data.export.npz_file import NpzFile
from wepy_data.export.shaping import Shaping
from wepy_data.query.frame import BLOCK_BYTES, blocks

FORMATS = (".dcd", ".xtc", ".pdb", ".cif", ".h5", ".h5md", ".npz")
WITH_TOPOLOGY = (".pdb", ".cif", ".h5")  # formats that say themselves what the atoms are
WITH_VELOCITIES = (".h5", ".h5md", ".npz")

_MOST_OPEN = 200  # files; beyond, there are several passes

Progress = Callable[[int, int], None]
"""Told, now and then, how many frames of how many are written."""


def refuse_format(target: Path) -> None:
    """Raise `SelectionError` unless the name of a file ends in one of the formats."""
    if target.suffix not in FORMATS:
        known = f"{', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
        raise SelectionError(f"{target}: trajectories are written as {known}: choose a name that ends so")


def write_frames(
    shaping: Shaping, contents: Sequence[Content], paths: Sequence[Path], suffix: str, progress: Progress | None = None
) -> None:
    """Write trajectories, up to 200 in one pass over the run if each has its frames in the order of the run.

    Parameters
    ----------
    shaping : Shaping
        What is done to the frames.
    contents, paths : sequence
        What each file is to hold, and the file, which is replaced.
    suffix : str
        The format.
    progress : callable, optional
        Called with the number of frames written so far and in all.
    """
    total, done = sum(content.n_frames for content in contents), 0
    for start in range(0, len(contents), _MOST_OPEN):
        here = slice(start, start + _MOST_OPEN)
        for written in _one_pass(shaping, contents[here], paths[here], suffix):
            done += written
            if progress is not None:
                progress(done, total)


def _one_pass(shaping: Shaping, contents: Sequence[Content], paths: Sequence[Path], suffix: str) -> Iterator[int]:
    """Write trajectories; yield, again and again, how many frames were written."""
    with contextlib.ExitStack() as stack:
        files = []
        for content, path in zip(contents, paths, strict=True):
            path.touch()  # a folder that must not be written to says so here, in plain words
            files.append(stack.enter_context(contextlib.closing(_file(path, content, suffix))))
        for number, block in _shares(shaping, contents, velocities=suffix in WITH_VELOCITIES):
            files[number].write(block)
            yield len(block)


def _file(path: Path, content: Content, suffix: str) -> FrameFile:
    if suffix in (".pdb", ".cif"):
        return TextFile(path, content, suffix)
    kinds: dict[str, Callable[[Path, Content], FrameFile]] = {
        ".dcd": DcdFile, ".xtc": XtcFile, ".h5": MdtrajFile, ".h5md": LineageFile, ".npz": NpzFile,
    }  # fmt: skip
    return kinds[suffix](path, content)


def _shares(shaping: Shaping, contents: Sequence[Content], *, velocities: bool) -> Iterator[tuple[int, Block]]:
    """Yield the number of a file and its next frames, until all have theirs; a frame of many files is read once."""
    row = shaping.run.header.layout.growing["/particles/trajectory/position/value"].row_bytes
    size = max(1, BLOCK_BYTES // max(1, row))
    if len(contents) == 1 or not all(_increase(content.rows) for content in contents):
        for number, content in enumerate(contents):
            for rows in blocks(content.rows, size):
                yield number, shaping.block(rows, velocities=velocities)
        return
    for rows in blocks(_union([content.rows for content in contents], shaping.run.n_frames), size):
        block = shaping.block(rows, velocities=velocities)
        for number, content in enumerate(contents):
            start, stop = np.searchsorted(content.rows, [rows[0], rows[-1] + 1])
            if start < stop:
                yield number, block.take(np.searchsorted(rows, content.rows[start:stop]))


def _increase(rows: NDArray[np.int64]) -> bool:
    return bool((np.diff(rows) > 0).all())


def _union(parts: Sequence[NDArray[np.int64]], total: int) -> NDArray[np.int64]:
    """Return rows that any of the parts has, sorted."""
    wanted = np.zeros(total, bool)
    for rows in parts:
        wanted[rows] = True
    return np.flatnonzero(wanted)
