"""Damage to journals: torn, flipped, and forged under checksums that are right."""
# ruff: noqa: E501 (tables of what is hostile)

from __future__ import annotations

import json
import random
import struct
import zlib
from pathlib import Path

from byte_damage import BYTE_DAMAGE

_HEAD = struct.Struct("<IIQ4s")
_TABLES = (
    [["x", "<f8", [2**40]]], [["x", "<f8", [-1]]], [["x", "<f8", [-1, -1]]], [["x", "O", [1]]], [["x", "|O", [0]]], [["x", "<f8", [2**62, 4]]],
    [["x", "<f8", "ab"]], [["x", "<f8", [1.5]]], [["x", "<f8", [None]]], [["x", "nonsense", [1]]], [["x", 7, [1]]], [["x", None, [1]]],
    [["x", "<f8"]], ["x"], "x", 7, None, {"x": 1}, [["x", "<M8[s]", [1]]], [["x", "f8,i4", [1]]], [["x", "V8", [1]]], [["x", "S0", [3]]],
    [["x", "<U0", [3]]], [["x", "S2147483647", [1]]], [["x", ">f8", [1]]], [["x", "<f8", [0]], ["x", "<f8", [0]]], [["x", "<f8", [0] * 70]],
    [[["x"], "<f8", [0]]], [["x", [["a", "O"]], [1]]], [["x", {"names": ["a"], "formats": ["O"]}, [1]]], [["x", "(1000000,1000000)f8", [1]]],
    [["x", "<f8", [2**63]]], [["x", "<f8", [10**30]]], [["x", "<f8", [True]]], [["x", "c16", [1]]], [["x", "?", [1]]],
)  # fmt: skip
_TEXTS = (
    b"", b"{", b"[" * 100_000, b"7", b"null", b"[]", b"{}", b'{"step": 1, "facts": 2, "arrays": 3}', b"\xff\xfe", b'{"step": "x"}',
    b'{"step": "x", "facts": {}}', b'{"step": [], "facts": {}, "arrays": []}', b'{"step": "x", "facts": [], "arrays": []}', b"1" * 5000,
    b'{"step": "x", "facts": {"a": 1e999}, "arrays": []}',
)  # fmt: skip


def _framed(body: bytes, sequence: int) -> bytes:
    return _HEAD.pack(len(body), zlib.crc32(body), sequence, b"WEJ1") + body


def forged(data: bytearray, chance: random.Random) -> None:
    """Frames with the right checksum and a hostile body, alone or behind good ones."""
    if chance.random() < 0.6:
        text = json.dumps({"step": "plan", "facts": {}, "arrays": chance.choice(_TABLES)}).encode()
    else:
        text = chance.choice(_TEXTS)
    length = chance.choice((len(text), len(text), len(text), 0, 2**32 - 1, len(text) + 100))
    body = struct.pack("<I", length) + text + chance.randbytes(chance.choice((0, 8, 16)))
    frames = (_framed(body, 0), _framed(body[: chance.randrange(4)], 0), _framed(b"", 0))
    data[:] = chance.choice(frames)


def absurd_length(data: bytearray, chance: random.Random) -> None:
    """A head that announces more, or less, than there is."""
    struct.pack_into("<I", data, 0, chance.choice((0, 1, 2**31, 2**32 - 1, len(data))))


JOURNAL_DAMAGE = {"forged": forged, "absurd_length": absurd_length} | {
    name: BYTE_DAMAGE[name] for name in ("flipped", "overwritten", "moved", "truncated", "extended", "absurd")
}


def damage_journal(kind: str, good: Path, target: Path, chance: random.Random) -> None:
    """Write a damaged copy of a good journal."""
    data = bytearray(good.read_bytes())
    JOURNAL_DAMAGE[kind](data, chance)
    target.write_bytes(data)
