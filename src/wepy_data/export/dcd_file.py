"""A DCD file: fixed-size records, of which a block is put together in memory and written in one go."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wepy_data.export.content import Block, Content

ANGSTROM = np.float32(10)  # per nm
_TITLES = (b"Frames of a weighted-ensemble run, written by wepy", b"Positions in Angstrom; times are in the table")
_BLOCK = 1 << 19  # bytes put together at a time: they fit into a processor's cache, and there may be many files
_CHARMM = 24  # the version whose unit cells are lengths and cosines


class DcdFile:
    """A DCD file (float32, Angstrom), with a unit cell in each frame if the run has boxes.

    Parameters
    ----------
    path : path
        The file; replaced.
    content : Content
        What it is to hold.
    """

    def __init__(self, path: Path, content: Content) -> None:
        frame = _frame_type(len(content.atoms), periodic=content.periodic)
        self._records = _marked(frame, max(1, min(content.n_frames, _BLOCK // frame.itemsize)))
        self._file = path.open("wb")
        self._file.write(_header(content))

    def write(self, block: Block) -> None:
        """Append frames."""
        for start in range(0, len(block), len(self._records)):
            here = slice(start, start + len(self._records))
            records = self._records[: len(block.positions[here])]
            scaled = block.positions[here] * ANGSTROM  # first, as it lies: faster than scaling axis by axis
            for axis, name in enumerate("xyz"):
                records[name] = scaled[:, :, axis]
            if block.lengths is not None and block.angles is not None:
                _cells(block.lengths[here], block.angles[here], records["cell"])
            records.tofile(self._file)

    def close(self) -> None:
        """End the file."""
        self._file.close()


def _marked(frame: np.dtype[np.void], count: int) -> NDArray[np.void]:
    """Return room for so many frames, in which the counts of bytes are filled in."""
    records = np.zeros(count, frame)
    for name in frame.names or ():
        if name.endswith("_bytes"):
            records[name] = frame[name.partition("_")[0]].itemsize
    return records


def _frame_type(n_atoms: int, *, periodic: bool) -> np.dtype[np.void]:
    """Return the type of a frame: each field between two counts of its bytes, as Fortran writes records."""
    fields = [("cell", "<f8", (6,))] * periodic + [(axis, "<f4", (n_atoms,)) for axis in "xyz"]
    marked: list[tuple[str, str] | tuple[str, str, tuple[int, ...]]] = []
    for field in fields:
        marked += [(f"{field[0]}_before_bytes", "<i4"), field, (f"{field[0]}_after_bytes", "<i4")]
    return np.dtype(marked)


def _header(content: Content) -> bytes:
    numbers = [content.n_frames, 0, 1, content.n_frames, *[0] * 16]
    numbers[10], numbers[19] = int(content.periodic), _CHARMM
    head = b"CORD" + struct.pack("<20i", *numbers)
    head = head[:40] + struct.pack("<f", 1.0) + head[44:]  # the time between frames, which may be any
    titles = struct.pack("<i", len(_TITLES)) + b"".join(title.ljust(80) for title in _TITLES)
    return b"".join(_record(part) for part in (head, titles, struct.pack("<i", len(content.atoms))))


def _record(values: bytes) -> bytes:
    length = struct.pack("<i", len(values))
    return length + values + length


def _cells(lengths: NDArray[np.float32], angles: NDArray[np.float32], cells: NDArray[np.float64]) -> None:
    """Fill in a, cos gamma, b, cos beta, cos alpha, c; cosines as sines of the complement: 0 for 90 degrees."""
    cells[:, [0, 2, 5]] = lengths * ANGSTROM
    cells[:, [4, 3, 1]] = np.sin(np.pi / 2 / 90 * (90 - angles.astype(np.float64)))
