"""An npz archive of frames: positions and all that a table says of them, written block by block."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from wepy_data.export.content import Block, Content
from wepy_data.export.frame_table import columns_of
from wepy_data.query.feature import ORDER_PARAMETER
from wepy_data.query.frame import blocks, boxes_of, velocities_of
from wepy_data.query.rows import read_rows

_ROWS = 1 << 16  # frames of a column that is written beside positions


class NpzFile:
    """An npz archive for numpy: `positions` (nm), `time` (ps), `segment`, `weight`, and so on, a row for each frame.

    Parameters
    ----------
    path : path
        The file; replaced.
    content : Content
        What it is to hold.
    """

    def __init__(self, path: Path, content: Content) -> None:
        self._content = content
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True)
        self._positions = self._member("positions", np.dtype("<f4"), (content.n_frames, len(content.atoms), 3))
        self._left = content.n_frames

    def write(self, block: Block) -> None:
        """Append frames; after the last one, what is small beside positions is read again, and written."""
        self._positions.write(np.ascontiguousarray(block.positions, "<f4").data.cast("B"))
        self._left -= len(block)
        if not self._left:
            self._positions.close()
            for name, parts in self._others():
                self._whole(name, parts)

    def close(self) -> None:
        """End the file, whole or not."""
        self._positions.close()
        self._archive.close()

    def _others(self) -> Iterator[tuple[str, Iterator[NDArray[Any]]]]:
        """Yield names and, block by block, values of all arrays but positions; small ones first."""
        content, reader = self._content, self._content.run.reader
        yield "atoms", iter([content.atoms])
        for name in columns_of(content.run, content.rows[:0], content.owners[:0]):
            yield name, self._column(name)
        path = f"/observables/{ORDER_PARAMETER}/value"
        yield ORDER_PARAMETER, (read_rows(reader, path, rows) for rows in blocks(content.rows, _ROWS))
        if content.periodic:
            for name in ("unitcell_lengths", "unitcell_angles"):
                yield name, self._box(name)
        if content.velocities:
            size = max(1, (1 << 24) // max(1, 12 * len(content.atoms)))
            yield "velocities", (velocities_of(reader, rows, content.atoms) for rows in blocks(content.rows, size))

    def _column(self, name: str) -> Iterator[NDArray[Any]]:
        run, rows, owners = self._content.run, self._content.rows, self._content.owners
        for start in range(0, len(rows), _ROWS):
            here = slice(start, start + _ROWS)
            yield columns_of(run, rows[here], owners[here])[name]

    def _box(self, name: str) -> Iterator[NDArray[Any]]:
        for rows in blocks(self._content.rows, _ROWS):
            yield boxes_of(self._content.run.reader, rows)[name]

    def _whole(self, name: str, parts: Iterator[NDArray[Any]]) -> None:
        first = next(parts)
        rows = len(self._content.atoms) if name == "atoms" else self._content.n_frames
        with self._member(name, first.dtype, (rows, *first.shape[1:])) as member:
            member.write(np.ascontiguousarray(first).data.cast("B"))
            for part in parts:
                member.write(np.ascontiguousarray(part).data.cast("B"))

    def _member(self, name: str, dtype: np.dtype[Any], shape: tuple[int, ...]) -> IO[bytes]:
        """Open an array of the archive, its header written."""
        member = self._archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True)
        header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(member, header)
        return member
