"""The checksums of HDF5's own metadata, so that damage can be forged: changed bytes under a checksum that is right."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_SIGNATURES = (
    b"OHDR",
    b"OCHK",
    b"BTHD",
    b"BTLF",
    b"FRHP",
    b"FHDB",
    b"EAHD",
    b"EAIB",
    b"EADB",
    b"EASB",
    b"FAHD",
    b"FADB",
)
_LONGEST = 400  # bytes that are tried to find where a block of unknown length ends


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of metadata, [start, stop), whose checksum stands at `checksum`, within it or behind it."""

    start: int
    stop: int
    checksum: int


def blocks(data: bytes) -> list[Block]:
    """Return the checksummed blocks of a file that can be found by their signatures."""
    found = [Block(0, 44, 44)]
    for signature in _SIGNATURES:
        place, known, tries = data.find(signature), 0, 3
        while place >= 0 and tries:
            candidates = _candidates(data, place, signature, known)
            block = next((b for b in candidates if _sum(data, b) == _stored(data, b)), None)
            if block is None:
                tries -= 1
            else:
                known = block.stop - block.start
                found.append(block)
            place = data.find(signature, place + 4)
    return found


def renewed(data: bytearray, block: Block) -> None:
    """Put the right checksum into a changed block."""
    struct.pack_into("<I", data, block.checksum, _sum(data, block))


def lookup3(data: bytes, value: int = 0) -> int:
    """Return Bob Jenkins' lookup3 hash (hashlittle), which HDF5 uses."""
    a = b = c = (0xDEADBEEF + len(data) + value) & 0xFFFFFFFF
    if not data:
        return c
    tail = (len(data) - 1) // 12 * 12
    words = struct.unpack(f"<{tail // 4}I", data[:tail])
    for i in range(0, len(words), 3):
        a, b, c = _mix((a + words[i]) & 0xFFFFFFFF, (b + words[i + 1]) & 0xFFFFFFFF, (c + words[i + 2]) & 0xFFFFFFFF)
    x, y, z = struct.unpack("<3I", data[tail:].ljust(12, b"\0"))
    return _final((a + x) & 0xFFFFFFFF, (b + y) & 0xFFFFFFFF, (c + z) & 0xFFFFFFFF)


def _candidates(data: bytes, place: int, signature: bytes, known: int) -> Iterator[Block]:
    if signature == b"OHDR":
        flags = data[place + 5]
        head = 6 + (16 if flags & 32 else 0) + (4 if flags & 16 else 0)
        width = 1 << (flags & 3)
        stop = place + head + width + int.from_bytes(data[place + head : place + head + width], "little")
        yield Block(place, stop, stop)
    elif signature == b"FHDB":
        for size in (512, 1024, 2048, 4096):
            yield Block(place, place + size, place + 17)
    else:  # all blocks of a kind are equally long in our files
        lengths = (known,) if known else range(6, _LONGEST)
        yield from (Block(place, place + n, place + n) for n in lengths)


def _sum(data: bytes | bytearray, block: Block) -> int:
    content = bytearray(data[block.start : block.stop])
    if block.checksum < block.stop:
        inside = block.checksum - block.start
        content[inside : inside + 4] = bytes(4)
    return lookup3(bytes(content))


def _stored(data: bytes, block: Block) -> int:
    return int.from_bytes(data[block.checksum : block.checksum + 4], "little")


def _rot(x: int, k: int) -> int:
    return ((x << k) | (x >> (32 - k))) & 0xFFFFFFFF


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for k1, k2, k3 in ((4, 6, 8), (16, 19, 4)):
        a = ((a - c) & 0xFFFFFFFF) ^ _rot(c, k1)
        c = (c + b) & 0xFFFFFFFF
        b = ((b - a) & 0xFFFFFFFF) ^ _rot(a, k2)
        a = (a + c) & 0xFFFFFFFF
        c = ((c - b) & 0xFFFFFFFF) ^ _rot(b, k3)
        b = (b + a) & 0xFFFFFFFF
    return a, b, c


def _final(a: int, b: int, c: int) -> int:
    for k1, k2, k3 in ((14, 11, 25), (16, 4, 14)):
        c = ((c ^ b) - _rot(b, k1)) & 0xFFFFFFFF
        a = ((a ^ c) - _rot(c, k2)) & 0xFFFFFFFF
        b = ((b ^ a) - _rot(a, k3)) & 0xFFFFFFFF
    return ((c ^ b) - _rot(b, 24)) & 0xFFFFFFFF
