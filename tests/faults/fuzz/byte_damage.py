"""Damage to bytes: what disks, transfers and crashes do, and what a forger does who renews HDF5's checksums."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path

from checksums import Block, blocks, renewed

_ABSURD = (0, 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64 - 2)


def flipped(data: bytearray, chance: random.Random) -> None:
    """Flip one to eight bits where there is something."""
    for _ in range(chance.choice((1, 1, 1, 2, 8))):
        data[_place(data, chance)] ^= 1 << chance.randrange(8)


def overwritten(data: bytearray, chance: random.Random) -> None:
    """Overwrite a range with zeros, ones or noise."""
    size = chance.choice((1, 4, 8, 64, 512, 4096))
    start = min(_place(data, chance), max(0, len(data) - size))
    data[start : start + size] = chance.choice((bytes(size), b"\xff" * size, chance.randbytes(size)))


def moved(data: bytearray, chance: random.Random) -> None:
    """Copy a range over another, swap two, or insert or delete one."""
    size = chance.choice((8, 64, 512, 4096))
    a, b = (min(_place(data, chance), max(0, len(data) - size)) for _ in range(2))
    how = chance.randrange(4)
    first, second = data[a : a + size], data[b : b + size]
    if how == 0:
        data[b : b + size] = first
    elif how == 1 and abs(a - b) >= size:
        data[a : a + size], data[b : b + size] = second, first
    elif how == 2:
        data[a:a] = second
    else:
        del data[a : a + size]


def truncated(data: bytearray, chance: random.Random) -> None:
    """Cut the end off, sometimes filled up again with zeros."""
    size = len(data)
    del data[chance.choice((chance.randrange(size), size - chance.randrange(1, 64), _place(data, chance))) :]
    if chance.random() < 0.3:
        data.extend(bytes(size - len(data)))


def extended(data: bytearray, chance: random.Random) -> None:
    """Add bytes behind the end, or before the beginning."""
    more = chance.choice((chance.randbytes(513), bytes(4096), bytes(data[: len(data) // 2])))
    if chance.random() < 0.3:
        data[:0] = bytes(chance.choice((512, 1024, 2048)))
    else:
        data.extend(more)


def absurd(data: bytearray, chance: random.Random) -> None:
    """Overwrite an aligned number of 8 bytes with an absurd one."""
    place = _place(data, chance) // 8 * 8
    data[place : place + 8] = chance.choice(_ABSURD).to_bytes(8, "little")


def forged(data: bytearray, chance: random.Random) -> None:
    """Change metadata and renew its checksum."""
    block = chance.choice(_blocks(bytes(data)))
    for _ in range(chance.choice((1, 1, 1, 3))):
        first = block.start + (4 if block.start else 8)
        place = chance.randrange(first, block.stop)
        size = chance.choice((1, 1, 1, 2, 4, 8))
        size = min(size, block.stop - place)
        number = chance.choice((*_ABSURD, chance.getrandbits(64)))
        if chance.random() < 0.4:
            data[place] ^= 1 << chance.randrange(8)
        else:
            data[place : place + size] = (number & (256**size - 1)).to_bytes(size, "little")
    renewed(data, block)


@cache
def _blocks(data: bytes) -> list[Block]:
    return blocks(data)


def _place(data: bytearray, chance: random.Random) -> int:
    """Return a place that is likely in use, for most of a growing file is empty."""
    for _ in range(40):
        place = chance.randrange(len(data))
        if data[place]:
            return place
    return place


BYTE_DAMAGE = {f.__name__: f for f in (flipped, overwritten, moved, truncated, extended, absurd, forged)}


def damage_bytes(kind: str, good: Path, target: Path, chance: random.Random) -> None:
    """Write a damaged copy of a good file."""
    data = bytearray(good.read_bytes())
    BYTE_DAMAGE[kind](data, chance)
    target.write_bytes(data)
