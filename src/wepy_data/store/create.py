"""A new HDF5 file with every object a run will need, made before its first cycle."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

import h5py
import numpy as np

from wepy_data.record.header import Arrays, Header
from wepy_data.schema.checksum import HEADER_CRC, header_crc
from wepy_data.schema.layout import Column
from wepy_data.schema.spec import WILDCARD, AttributeSpec, run_spec
from wepy_data.schema.structure import layout_of
from wepy_data.store.chunk import live_chunk, packed_chunk
from wepy_data.store.tree import FileTree
from wepy_data.version import __version__

PROGRAM = "wepy"
# spelled as its reader wants them
_MDTRAJ_UNITS = {"nm": "nanometers", "pm": "picometers", "ps": "picoseconds", "deg": "degrees"}
_NEVER_PACKED = frozenset({"/segments/weight", "/segments/parent"})  # every lineage query reads them whole


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How long the tables of a run are that is written in one go.

    Parameters
    ----------
    rows : mapping of str to int
        Number of rows of each growing dimension.
    frames : int
        Frames of each segment, if they are as many in each; else 1.
    later : bool
        Whether the rows come later, cycle by cycle: the datasets are empty, and their chunks those of so many rows.
    """

    rows: Mapping[str, int]
    frames: int = 1
    later: bool = False


def create_objects(
    file: h5py.File, header: Header, *, packed: bool, planned: Arrays | None = None, extent: Extent | None = None
) -> None:
    """Fill an empty HDF5 file with all groups, datasets, attributes, texts and links of a run.

    Parameters
    ----------
    file : h5py.File
        Open for writing.
    header : Header
        The run.
    packed : bool
        Whether the file is written in one go (packed as the header says) or grows (small raw chunks).
    planned : mapping, optional
        Datasets of /next; the file is marked as sealed if they are given.
    extent : Extent, optional
        How long the growing datasets are made; empty by default.
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
        values = dataclasses.asdict(link)
        _attributes(file.require_group("/continues"), layout.spec.groups["/continues"].attributes, values)
    _texts(file, header)
    for path, column in layout.growing.items():
        _growing(file, path, column, _storage(header, column, extent, packed=packed), extent)
    for path, column in layout.static.items():
        _static(file, path, column, header.static[path])
    for path, target in layout.links():
        file[path] = file[target]
    for name in (path for path in (*layout.growing, *dict(layout.links())) if path.count("/") == 1):
        file[name].attrs["units"] = _MDTRAJ_UNITS[file[name].attrs["unit"]]
    if planned is not None:
        create_next(file, header, planned)
    if extent is None or not extent.later:  # else it is not complete before the end
        write_header_crc(file)


def write_provenance(file: h5py.File, header: Header) -> None:
    """Write the provenance anew, when the rest of the file is there; `write_header_crc` comes after it."""
    if "/provenance" in file:
        del file["/provenance"]
    file["/provenance"] = json.dumps(list(header.provenance), ensure_ascii=False)


def write_header_crc(file: h5py.File) -> None:
    """Write the checksum of what does not grow, which nothing is added to later."""
    tree = FileTree(file)
    found = header_crc(tree, tree.nodes(), layout_of(run_spec(), tree.nodes()))
    file.attrs.create(HEADER_CRC, np.int64(found))


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
        "compression": header.compression,
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
    write_provenance(file, header)
    if header.inputs:
        file["/inputs"] = json.dumps(dict(header.inputs), ensure_ascii=False)
    if header.topology:
        data = header.topology.encode("utf-8")
        file.create_dataset("/topology", data=np.array([data], f"S{len(data)}"))


def _growing(file: h5py.File, path: str, column: Column, storage: Mapping[str, Any], extent: Extent | None) -> None:
    rows = 0 if extent is None or extent.later else extent.rows[column.dim]
    dataset = file.create_dataset(path, shape=(rows, *column.shape), dtype=column.numpy_dtype, **storage)
    _describe(dataset, column)


def _storage(header: Header, column: Column, extent: Extent | None, *, packed: bool) -> dict[str, Any]:
    """Return how a growing dataset is stored, as h5py's keywords."""
    maxshape = (None, *(n or None for n in column.shape))  # a chunk has to fit in: HDF5 takes none of no size
    if not packed:
        return {"maxshape": maxshape, "chunks": live_chunk(column)}
    if header.compression == "none" and not (extent is not None and extent.later):
        return {}  # in one piece: no chunk is left partly empty
    total, frames = (0, 1) if extent is None else (extent.rows[column.dim], extent.frames)
    raw = column.path in _NEVER_PACKED or header.compression == "none"
    chunks = packed_chunk(column, total, frames if column.dim == "frame" else 1, raw=raw)
    options = {} if raw else {"compression": "gzip", "compression_opts": 4, "shuffle": True}
    return {"maxshape": maxshape, "chunks": chunks, **options}


def _static(file: h5py.File, path: str, column: Column, values: Any) -> None:
    dataset = file.create_dataset(path, data=np.asarray(values, column.numpy_dtype))
    _describe(dataset, column)


def _describe(dataset: h5py.Dataset, column: Column) -> None:
    dataset.attrs["dims"] = " ".join(map(str, column.dims))
    dataset.attrs["description"] = column.spec.doc
    if column.unit:
        dataset.attrs["unit"] = column.unit
