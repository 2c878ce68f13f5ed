"""A new HDF5 file with every object a run will need, made before its first cycle."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from typing import Any

import h5py
import numpy as np

from wepy_data.record.header import Arrays, Header
from wepy_data.schema.layout import Column
from wepy_data.schema.spec import WILDCARD, AttributeSpec
from wepy_data.version import __version__

PROGRAM = "wepy"
_LIVE_BYTES = {"column": 1 << 14, "block": 1 << 18}  # size of a chunk while the run grows
_PACKED_BYTES = {"column": 1 << 18, "block": 1 << 19}  # and in a sealed file
_MAX_ROWS = 1 << 16
_RAW_BYTES = 1 << 16  # fastest to read whole
_MDTRAJ_UNITS = {"nm": "nanometers", "ps": "picoseconds", "deg": "degrees"}  # spelled as its reader wants them
_NEVER_PACKED = frozenset({"/segments/weight", "/segments/parent"})  # every lineage query reads them whole


def create_objects(file: h5py.File, header: Header, *, packed: bool, planned: Arrays | None = None) -> None:
    """Fill an empty HDF5 file with all groups, datasets, attributes, texts and links of a run.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    header : Header
        The run.
    packed : bool
        Whether the file is written in one go (large compressed chunks) or grows (small raw ones).
    planned : mapping, optional
        Datasets of /next; the file is marked as sealed if they are given.
    """
    layout = header.layout
    _attributes(file, layout.spec.attributes.values(), _root_values(header, sealed=planned is not None))
    for path, group in layout.spec.groups.items():
        if WILDCARD in path or path in ("/extra", "/next", "/next/arrays", "/next/merges", "/continues"):
            continue
        if layout.has(group.present_with) and (group.required or path in layout.parts):
            _attributes(file.require_group(path), group.attributes, _group_values(header, path))
    if header.continues is not None:
        link = header.continues
        values = {"run_id": link.run_id, "cycle": link.cycle, "file": link.file, "digest": link.digest}
        _attributes(file.require_group("/continues"), layout.spec.groups["/continues"].attributes, values)
    _texts(file, header)
    for path, column in layout.growing.items():
        _growing(file, path, column, packed=packed)
    for path, column in layout.static.items():
        _static(file, path, column, header.static[path])
    for path, target in layout.links():
        file[path] = file[target]
    for name in (path for path in (*layout.growing, *dict(layout.links())) if path.count("/") == 1):
        file[name].attrs["units"] = _MDTRAJ_UNITS[file[name].attrs["unit"]]
    if planned is not None:
        create_next(file, header, planned)


def create_next(file: h5py.File, header: Header, planned: Arrays) -> None:
    """Write the planned walkers."""
    for path in ("/next", "/next/arrays", "/next/merges"):
        file.require_group(path)
    prefix = "/next/arrays/"
    shapes = {p.removeprefix(prefix): np.shape(v)[1:] for p, v in planned.items() if p.startswith(prefix)}
    for path, column in header.layout.with_planned(shapes).planned.items():
        _static(file, path, column, planned[path])


def _root_values(header: Header, *, sealed: bool) -> dict[str, Any]:
    spec = header.layout.spec
    return {
        "schema_version": spec.version,
        "min_reader": spec.min_reader,
        "run_id": header.run_id,
        "created": header.created,
        "sealed": int(sealed),
        "conventions": "Pande",
        "conventionVersion": "1.1",
        "program": PROGRAM,
        "programVersion": __version__,
    }


def _group_values(header: Header, path: str) -> dict[str, Any]:
    periodic = "/particles/trajectory/box/edges" in header.layout.parts
    values: dict[str, dict[str, Any]] = {
        "/h5md": {"version": [1, 1]},
        "/h5md/author": {"name": header.author},
        "/h5md/creator": {"name": PROGRAM, "version": __version__},
        "/h5md/modules/units": {"version": [1, 0], "system": "SI"},
        "/h5md/modules/weighted_ensemble": {"version": [int(n) for n in header.layout.spec.version.split(".")[:2]]},
        "/particles/trajectory/box": {"dimension": 3, "boundary": ["periodic" if periodic else "none"] * 3},
    }
    return values.get(path, {})


def _attributes(item: h5py.HLObject, specs: Iterable[AttributeSpec], values: Mapping[str, Any]) -> None:
    for spec in specs:
        if spec.name in values:
            value = values[spec.name]
            if spec.type == "integers":
                item.attrs.create(spec.name, np.array(value, "<i4"))
            elif spec.type == "integer":
                item.attrs.create(spec.name, np.int64(value))
            elif spec.type == "texts":
                item.attrs.create(spec.name, value, dtype=h5py.string_dtype())
            else:
                item.attrs[spec.name] = value


def _texts(file: h5py.File, header: Header) -> None:
    spec = header.layout.spec
    file["/schema"] = spec.text
    file["/schema"].attrs["sha256"] = spec.sha256
    file["/config"] = json.dumps(header.config, ensure_ascii=False)
    file["/provenance"] = json.dumps(list(header.provenance), ensure_ascii=False)
    if header.topology:
        data = header.topology.encode("utf-8")
        file.create_dataset("/topology", data=np.array([data], f"S{len(data)}"))


def _growing(file: h5py.File, path: str, column: Column, *, packed: bool) -> None:
    row = column.numpy_dtype.itemsize * math.prod(column.shape)
    goal = (_PACKED_BYTES if packed else _LIVE_BYTES)[column.spec.storage]
    if packed and path in _NEVER_PACKED:
        packed, goal = False, _RAW_BYTES
    chunk = max(1, min(_MAX_ROWS, goal // max(1, row)))
    options = {"compression": "gzip", "compression_opts": 4, "shuffle": True} if packed else {}
    dataset = file.create_dataset(
        path, shape=(0, *column.shape), maxshape=(None, *column.shape), dtype=column.numpy_dtype,
        chunks=(chunk, *(max(1, n) for n in column.shape)), **options,
    )  # fmt: skip
    _describe(dataset, column)


def _static(file: h5py.File, path: str, column: Column, values: Any) -> None:
    dataset = file.create_dataset(path, data=np.asarray(values, column.numpy_dtype))
    _describe(dataset, column)


def _describe(dataset: h5py.Dataset, column: Column) -> None:
    dataset.attrs["dims"] = " ".join(map(str, column.dims))
    dataset.attrs["description"] = column.spec.doc
    if column.unit:
        dataset.attrs["unit"] = column.unit
