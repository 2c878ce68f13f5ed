"""The superblock of an HDF5 file, version 3: its first 48 bytes, which say who writes it and where it ends."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

SIGNATURE = b"\x89HDF\r\n\x1a\n"
SIZE = 48
PAGE = 4096
"""Bytes that a kill leaves whole: what lies within one page of a file is written whole or not at all."""
_OPEN = 0b101  # bit 0: open for writing, bit 2: in SWMR mode
_WORD = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Superblock:
    """The superblock of a file that this library wrote.

    Parameters
    ----------
    head : bytes
        Signature, version, and widths of addresses: what never changes.
    flags : int
        Who has the file open: bit 0 a writer, bit 2 a writer in SWMR mode; both survive the writer's death.
    base, extension, end, root : int
        Addresses; `end` is where the allocated part of the file ends.
    """

    head: bytes
    flags: int
    base: int
    extension: int
    end: int
    root: int

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Return a file's superblock; None if it has none of this version."""
        with path.open("rb") as raw:
            data = raw.read(SIZE)
        if len(data) < SIZE or data[:8] != SIGNATURE or data[8:11] != b"\x03\x08\x08":
            return None
        addresses = [int.from_bytes(data[at : at + 8], "little") for at in range(12, 44, 8)]
        return cls(data[:11], data[11], *addresses)

    @property
    def is_open(self) -> bool:
        """Whether a writer has the file open, or died while it had."""
        return bool(self.flags & _OPEN)

    def closed(self, end: int) -> Superblock:
        """Return the superblock of the same file when no writer has it open and it ends at `end`."""
        return replace(self, flags=self.flags & ~_OPEN, end=end)

    def pack(self) -> bytes:
        """Return the 48 bytes, with a checksum that fits them."""
        addresses = (self.base, self.extension, self.end, self.root)
        data = self.head + bytes([self.flags]) + b"".join(a.to_bytes(8, "little") for a in addresses)
        return data + lookup3(data).to_bytes(4, "little")

    def write(self, path: Path) -> None:
        """Write the 48 bytes into a file, in one go, and wait until the disk has them."""
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.pwrite(descriptor, self.pack(), 0)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def lookup3(data: bytes) -> int:
    """Return Bob Jenkins' hash of bytes, which HDF5 uses as the checksum of its metadata.

    Examples
    --------
    >>> hex(lookup3(b"Four score and seven years ago"))
    '0x17770551'
    """
    a = b = c = (0xDEADBEEF + len(data)) & _WORD
    blocks = max(0, (len(data) - 1) // 12)
    for at in range(0, 12 * blocks, 12):
        x, y, z = (int.from_bytes(data[i : i + 4], "little") for i in (at, at + 4, at + 8))
        a, b, c = _mix((a + x) & _WORD, (b + y) & _WORD, (c + z) & _WORD)
    if not data:
        return c
    tail = data[12 * blocks :].ljust(12, b"\0")
    x, y, z = (int.from_bytes(tail[i : i + 4], "little") for i in (0, 4, 8))
    return _finish((a + x) & _WORD, (b + y) & _WORD, (c + z) & _WORD)


def _rotated(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (32 - bits))) & _WORD


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & _WORD) ^ _rotated(c, bits)
        c = (c + b) & _WORD
        a, b, c = b, c, a
    return a, b, c


def _finish(a: int, b: int, c: int) -> int:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotated(b, bits)) & _WORD
        a, b, c = b, c, a
    return b  # the word that was changed last
