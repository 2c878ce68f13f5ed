"""Damage to objects: what a program with other ideas, or an attacker with HDF5's own tools, puts into a run's file."""
# ruff: noqa: E501 (tables of what is hostile)

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from wepy_data.testing import refresh_crc

Damage = Callable[[h5py.File, random.Random, Path], None]
_ABSURD = (-1, -2, 0, 1, 7, 10**6, 2**31, 2**40, 2**62, 2**63 - 1, -(2**63))
_TYPES = ("f2", "f4", ">f8", "i1", "i4", ">i8", "u8", "c16", "S1", "S4096", "?", "V16", "complex128", "longdouble")


def _datasets(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, item: found.append("/" + name) if isinstance(item, h5py.Dataset) else None)
    return sorted(found)


def _groups(file: h5py.File) -> list[str]:
    found: list[str] = ["/"]
    file.visititems(lambda name, item: found.append("/" + name) if isinstance(item, h5py.Group) else None)
    return sorted(found)


def _numeric(file: h5py.File, chance: random.Random) -> str:
    return chance.choice([p for p in _datasets(file) if file[p].dtype.kind in "iuf" and file[p].size])


def _replace(file: h5py.File, path: str, **settings: Any) -> h5py.Dataset:
    attributes = dict(file[path].attrs)
    del file[path]
    made = file.create_dataset(path, **settings)
    for name, value in attributes.items():
        made.attrs[name] = value
    return made


def value(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """One absurd value, the checksum as it was."""
    path = _numeric(file, chance)
    values = file[path][()]
    number = chance.choice((*_ABSURD, float("nan"), float("inf"), 1e308, 5e-324, -0.0))
    if values.dtype.kind != "f":
        number = chance.choice(_ABSURD)
    with np.errstate(all="ignore"):
        values.reshape(-1)[chance.randrange(values.size)] = np.array([number]).astype(values.dtype)[0]
    file[path][...] = values


def stop(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """Absurd ends, parents, rows and counts, in one or all rows."""
    path = chance.choice([p for p in _datasets(file) if file[p].dtype == "i8" and file[p].size and p.count("/") == 2])
    values = file[path][()]
    first = chance.choice((0, -1, 0, chance.randrange(len(values))))
    values[first:] = chance.choice(_ABSURD)
    file[path][...] = values


def parents(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """Cycles in parents, and parents that come later."""
    for path in chance.choice(
        (["/segments/parent"], ["/segments/root"], ["/bins/parent"], ["/segments/parent", "/segments/root"])
    ):
        values = file[path][()]
        if len(values):
            n = len(values)
            new = [
                np.arange(n),
                np.roll(np.arange(n), -1),
                np.roll(np.arange(n), 1),
                np.full(n, n - 1),
                np.arange(n)[::-1],
            ]
            file[path][...] = chance.choice(new)


def checksummed(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """Any of the above under checksums that are right."""
    chance.choice((value, stop, parents))(file, chance, folder)
    refresh_crc(file)


def dtype(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """Another type."""
    path, code = chance.choice(_datasets(file)), chance.choice(_TYPES)
    _replace(file, path, data=np.zeros(file[path].shape or (), code))


def odd_dtype(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """A type that numpy knows as object or compound: texts, references, sequences, enumerations, arrays."""
    path = chance.choice(_datasets(file))
    shape = file[path].shape or (1,)
    types = (
        h5py.string_dtype(), h5py.string_dtype("ascii", 3), h5py.ref_dtype, h5py.regionref_dtype, h5py.vlen_dtype("i8"),
        h5py.vlen_dtype(h5py.vlen_dtype("f8")), h5py.enum_dtype({"A": 0, "B": 1}), np.dtype([("a", "f8"), ("b", "i8")]),
        np.dtype(("f8", (3,))), h5py.opaque_dtype(np.dtype("M8[s]")),
    )  # fmt: skip
    made = _replace(file, path, shape=shape, dtype=chance.choice(types))
    if h5py.check_ref_dtype(made.dtype) is h5py.Reference and made.size:
        made[(0,) * made.ndim] = file.ref


def shape(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """Another shape: more or fewer axes, rows or columns, none at all."""
    path = chance.choice(_datasets(file))
    old = file[path].shape or ()
    new = chance.choice((
        (), (0,), (1,), (*old, 1), (*old, 0), old[1:], (*[n + 1 for n in old],), (*[max(0, n - 1) for n in old],), (1, *old),
        (1,) * 32, None,
    ))  # fmt: skip
    code = "i8" if file[path].dtype.kind == "O" else file[path].dtype
    if new is None:
        _replace(file, path, data=h5py.Empty(code))
    else:
        _replace(file, path, shape=new, dtype=code)


def missing(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """An object or attribute that is gone."""
    if chance.random() < 0.5:
        del file[chance.choice([p for p in _datasets(file) + _groups(file) if p != "/"])]
        return
    item = file[chance.choice(_datasets(file) + _groups(file))]
    if len(item.attrs):
        del item.attrs[chance.choice(sorted(item.attrs))]


def attribute(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """An attribute with another value, of any type."""
    item = file[chance.choice(_datasets(file) + _groups(file))]
    name = chance.choice(sorted(item.attrs) or ["x"])
    values = (
        1.5, -1, 2**63 - 1, "", "x" * 60_000, b"\xff\xfe", ["a", "b"], np.zeros((3, 3)), h5py.Empty("f8"), True, "a\nb\x1b[31m",
        np.zeros(0), np.array(file.ref, h5py.ref_dtype), np.array([b"a\0b"]), np.uint64(2**64 - 1), "١.٠.٠", "²", "1" * 5000 + ".0.0",
    )  # fmt: skip
    item.attrs[name] = chance.choice(values)


def huge(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """Sizes that are declared and never stored: rows without chunks, contiguous data without space, enormous chunks."""
    path = chance.choice([p for p in _datasets(file) if p not in ("/schema", "/config", "/provenance")])
    old, code = file[path].shape or (1,), file[path].dtype
    rows = chance.choice((2**24, 2**31, 2**40, 2**60 // (code.itemsize * max(1, int(np.prod(old[1:]))))))
    how = chance.randrange(5)
    if how == 0 and file[path].chunks and file[path].maxshape[0] is None:
        file[path].resize(rows, axis=0)
    elif how == 1:
        _replace(file, path, shape=(min(rows, 2**31), *old[1:]), dtype=code)
    elif how == 2:
        _replace(file, path, shape=(rows, *old[1:]), maxshape=(None, *old[1:]), dtype=code, chunks=(1 << 12, *(max(1, n) for n in old[1:])))  # fmt: skip
    elif how == 3:
        chunk = (1 << 26) // max(1, code.itemsize)
        made = _replace(file, path, shape=(old[0], *old[1:]), maxshape=(None,) * len(old), dtype=code, compression="gzip",
                        chunks=(chunk, *(1 for _ in old[1:])))  # fmt: skip
        made[:1] = np.zeros((1, *old[1:]), code)
    else:
        for other in [
            p for p in _datasets(file) if p.startswith(path.rsplit("/", 1)[0] + "/") and p.count("/") == path.count("/")
        ]:
            if file[other].chunks and file[other].maxshape[0] is None:
                file[other].resize(rows, axis=0)


def grown(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """A whole table with far more rows than are stored, and a commit table that vouches for them."""
    dim = chance.choice(("segment", "frame", "merge", "event", "bin", "worker", "cycle"))
    rows = chance.choice((2**20, 2**27, 2**31, 2**40))
    for path in _datasets(file):
        dims = file[path].attrs.get("dims", "")
        if isinstance(dims, str) and dims.split()[:1] == [dim] and file[path].maxshape[0] is None:
            file[path].resize(rows, axis=0)
    if dim != "cycle" and len(file[f"/cycles/{dim}_stop"]):
        file[f"/cycles/{dim}_stop"][-1] = rows


def bomb(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """A dataset that is small on disk and a thousand times as large in memory."""
    path = chance.choice([p for p in _datasets(file) if file[p].ndim >= 1])
    code = chance.choice((file[path].dtype, np.dtype("u1"))) if file[path].dtype.kind in "iufS" else np.dtype("u1")
    rows = 2 ** chance.choice((22, 24, 28))
    made = _replace(file, path, shape=(rows,), dtype=code, compression="gzip", chunks=(2**18,))
    made[: 2**20] = np.zeros(2**20, code)


def link(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """A soft or external link in the place of an object: out of the file, to nothing, to itself."""
    path = chance.choice([p for p in _datasets(file) + _groups(file) if p != "/"])
    del file[path]
    file[path] = chance.choice((
        h5py.ExternalLink("/etc/passwd", "/"), h5py.ExternalLink(str(folder / "good.h5"), path), h5py.SoftLink(path),
        h5py.ExternalLink(str(folder / "fifo"), "/"), h5py.SoftLink("/nowhere"), h5py.SoftLink("/"),
        h5py.ExternalLink(Path(file.filename).name, path), h5py.SoftLink("../../../x"), h5py.ExternalLink("/dev/zero", "/"),
    ))  # fmt: skip


def stored_elsewhere(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """Values that come from other files: external storage, virtual datasets."""
    path = chance.choice([p for p in _datasets(file) if file[p].dtype.kind in "iufS"])
    old, code = file[path].shape or (1,), file[path].dtype
    attributes = dict(file[path].attrs)
    del file[path]
    if chance.random() < 0.5:
        size = max(1, code.itemsize * int(np.prod(old)))
        where = chance.choice(("/etc/passwd", "/dev/zero", str(folder / "fifo"), "elsewhere.raw"))
        made = file.create_dataset(path, shape=old, dtype=code, external=[(where, 0, size)])
    else:
        virtual = h5py.VirtualLayout(shape=old, dtype=code)
        source = h5py.VirtualSource(
            chance.choice((str(folder / "good.h5"), ".", str(folder / "fifo"))), path, shape=old
        )
        if 0 not in old:
            virtual[...] = source
        made = file.create_virtual_dataset(path, virtual)
        made = file[path]
    for name, kept in attributes.items():
        made.attrs[name] = kept


def extra(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """Objects that nobody asked for: cycles of groups, deep nests, odd names, committed types, many links."""
    group = file[chance.choice(_groups(file))]
    how = chance.randrange(8)
    if how == 0:
        group["loop"] = chance.choice((file["/"], group))
    elif how == 1:
        group.create_group("/".join("d" * chance.choice((20, 400))))
    elif how == 2:
        h5py.h5g.create(
            group.id, chance.choice((b"\xff\xfe", b"a b\n", b"\x1b[2J", b"<name>", b".." * 100, b"x" * 5000))
        )
    elif how == 3:
        group["type"] = np.dtype([("a", "f8")])
    elif how == 4:
        for i in range(2000):
            group[f"many{i}"] = h5py.SoftLink(f"many{i + 1}")
    elif how == 5:
        for i in range(300):
            group[f"again{i}"] = file["/segments/weight"]
    elif how == 6:
        a, b = group.create_group("a"), group.create_group("b")
        for i in range(12):
            a[f"b{i}"], b[f"a{i}"] = b, a
    else:
        other = chance.choice(_datasets(file))
        path = chance.choice([p for p in _datasets(file) if p != other])
        del file[path]
        file[path] = file[other]


def lattice(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """Groups that hold each other twice, level by level: 2**60 paths in a few kilobytes."""
    above = file[chance.choice(_groups(file))].create_group("lattice")
    for _ in range(60):
        below = above.create_group("a")
        above["b"] = below
        above = below


def text(file: h5py.File, chance: random.Random, folder: Path) -> None:
    """Texts that are hostile: deep, huge numbers, other kinds, no UTF-8, NUL, YAML that multiplies itself."""
    path = chance.choice(("/config", "/provenance", "/schema", "/topology"))
    record = {
        "kind": "start",
        "time": "2026-01-01T00:00:00+00:00",
        "seed": 1,
        "software": {"wepy": "1", "python": "3"},
        "host": {"name": "x"},
    }
    chain = {
        "chains": [
            {"index": 0, "residues": [{"index": 0, "name": "X", "atoms": [{"index": 0, "name": "N", "element": "N"}]}]}
        ]
    }
    texts: tuple[bytes, ...] = (
        b"", b"\xff\xfe{}", b"[" * 100_000, b'{"a":' * 50_000, b"1" * 5000, b"[1e999999, NaN, -Infinity]", b"null", b"[]", b"{}", b'"x"', b"7",
        b"[[[[1]]]]", b'[{"kind": 1}]', b"[null]", b'{"chains": 1}', b'{"chains": [], "bonds": [[0, 1]]}', b'{"chains": [{}]}',
        b'{"a": 1, "a": 2}', b'["\\ud800"]', b'"' + b"x" * 10**6 + b'"', b"a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]", b"!!python/object/apply:os.system [x]",
        json.dumps([record | {"software": []}]).encode(), json.dumps([record | {"host": "x"}]).encode(), json.dumps([record | {"seed": 10**4000}]).encode(),
        json.dumps([record | {"components": {"order_parameter": {"labels": ["a" * 10**5]}}}]).encode(),
        json.dumps([record | {"components": {"order_parameter": {"labels": ["\x1b[2J", 1]}}}]).encode(),
        json.dumps([record | {"kind": {}, "time": []}]).encode(), json.dumps([record] * 3000).encode(),
        json.dumps(chain | {"bonds": [[0, 99], [0, -1], ["a", None]]}).encode(), json.dumps(chain | {"bonds": [[0, 0]] * 5000}).encode(),
        json.dumps(chain).replace('"N"', "[]").encode(), json.dumps(chain).replace("0", "1e400").encode(),
    )  # fmt: skip
    content = chance.choice(texts)
    attributes = dict(file[path].attrs) if path in file else {}
    if path in file:
        del file[path]
    if path == "/topology" or chance.random() < 0.2:
        file.create_dataset(path, data=np.array([content], f"S{max(1, len(content))}"))
    else:
        kind = h5py.string_dtype(chance.choice(("utf-8", "utf-8", "ascii")))
        file.create_dataset(path, shape=chance.choice(((), (), (1,), (2,))), dtype=kind)
        if b"\0" not in content:
            file[path][...] = content
    for name, kept in attributes.items():
        file[path].attrs[name] = kept


OBJECT_DAMAGE: dict[str, Damage] = {
    f.__name__: f
    for f in (
        value,
        stop,
        parents,
        checksummed,
        dtype,
        odd_dtype,
        shape,
        missing,
        attribute,
        huge,
        grown,
        bomb,
        link,
        stored_elsewhere,
        extra,
        lattice,
        text,
    )
}


def damage_objects(kind: str, good: Path, target: Path, chance: random.Random) -> None:
    """Write a damaged copy of a good file."""
    shutil.copyfile(good, target)
    with h5py.File(target, "r+", libver=("v110", "v110"), locking=False) as file:
        OBJECT_DAMAGE[kind](file, chance, target.parent)
