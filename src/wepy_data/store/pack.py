"""Chunks packed as HDF5 does it, shuffled and deflated, and faster: each place of a number's bytes by itself."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_HEAD, _END = b"\x78\x01", b"\x03\x00"  # of a zlib stream: its settings, and an empty last block
_RUNS, _NOISE = (
    0.4,
    0.9,
)  # of its size that a plane takes when packed, beyond which only runs, or nothing, is looked for
_TRUST = 32  # chunks, after which all is looked for again


@dataclass(frozen=True, slots=True, eq=False)
class _Plane:
    """The bytes at one place of a chunk's numbers, and how they were packed."""

    raw: bytes
    packed: bytes


class Packer:
    """Packs the chunks of one dataset, in any thread, and in several at once.

    Of whole numbers that grow slowly, most bytes are those of the chunk before: they are not packed again. Of measured
    values, some bytes are noise: they are stored as they are.

    Examples
    --------
    >>> rows = np.arange(1000.0)
    >>> planes = np.frombuffer(zlib.decompress(Packer().pack(rows)), np.uint8).reshape(8, 1000)
    >>> bool((np.ascontiguousarray(planes.T).view(np.float64).ravel() == rows).all())
    True
    """

    def __init__(self) -> None:
        self._last: tuple[_Plane, ...] = ()
        self._n_chunks = 0

    def pack(self, rows: NDArray[Any]) -> bytes:
        """Return a whole chunk of rows as it is stored."""
        size = rows.dtype.itemsize
        planes = np.ascontiguousarray(np.ascontiguousarray(rows).reshape(-1, 1).view(np.uint8).reshape(-1, size).T)
        last = self._last
        if not self._n_chunks % _TRUST or len(last) != size:
            last = (_Plane(b"", b""),) * size
        packed = tuple(_packed(plane.tobytes(), before) for plane, before in zip(planes, last, strict=True))
        self._last = packed  # for the next chunk, which another thread may pack at the same time
        self._n_chunks += 1
        total = zlib.adler32(planes.data).to_bytes(4, "big")
        return b"".join([_HEAD, *(plane.packed for plane in packed), _END, total])


def _packed(raw: bytes, before: _Plane) -> _Plane:
    if raw == before.raw:
        return before
    share = len(before.packed) / max(1, len(before.raw))
    strategy = zlib.Z_RLE if share > _RUNS else zlib.Z_DEFAULT_STRATEGY
    packer = zlib.compressobj(0 if share > _NOISE else 1, zlib.DEFLATED, -zlib.MAX_WBITS, strategy=strategy)
    return _Plane(
        raw, packer.compress(raw) + packer.flush(zlib.Z_FULL_FLUSH)
    )  # ends at a byte, refers to nothing before
