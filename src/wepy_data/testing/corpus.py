"""The conformance corpus: runs as JSON texts, rendered to HDF5 files.

The format is described in `schema/README.md`; the cases lie in `schema/conformance/`.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.checksum import HEADER_CRC, crc_of
from wepy_data.schema.layout import Layout
from wepy_data.schema.location import schema_folder
from wepy_data.schema.spec import run_spec
from wepy_data.schema.structure import layout_of
from wepy_data.store.create import write_header_crc
from wepy_data.store.tree import FileTree, read_text
from wepy_data.testing.change import apply_change

CRC = "/cycles/crc"
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Expected:
    """A problem that must be found: its kind, and how its path begins."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """A run as HDF5 objects by path, and what a check must say of it.

    Parameters
    ----------
    name : str
        Name of its file, without suffix.
    doc : str
        What the case shows.
    objects : mapping
        JSON renderings of the run's HDF5 objects by path, changes of an invalid case applied.
    expect : tuple of Expected
        Problems that must be found; none for a valid case.
    refused : str
        `not-a-run`, `too-old`, `too-new` or `damaged` if the file must not even be opened as a run; else empty.
    refresh_crc : bool
        Whether `/cycles/crc` and `header_crc` are computed anew when the file is written.
    """

    name: str
    doc: str
    objects: Mapping[str, Object]
    expect: tuple[Expected, ...] = ()
    refused: str = ""
    refresh_crc: bool = False


def corpus_paths(kind: str) -> list[Path]:
    """Return the files of the corpus, sorted; `kind` is `valid` or `invalid`."""
    return sorted((schema_folder() / "conformance" / kind).glob("*.json"))


def load_case(path: str | os.PathLike[str]) -> Case:
    """Return a case of the corpus, the changes of an invalid one applied to its base.

    Raises
    ------
    ValueError
        If a change cannot be applied.
    """
    where = Path(path)
    raw = json.loads(where.read_text(encoding="utf-8"))
    if "base" not in raw:
        return Case(name=where.stem, doc=raw["doc"], objects=raw["objects"])
    objects = copy.deepcopy(json.loads((where.parent.parent / raw["base"]).read_text(encoding="utf-8"))["objects"])
    for change in raw["change"]:
        try:
            apply_change(objects, change)
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"{where}: the change {change} cannot be applied: {error!r}") from error
    return Case(
        name=where.stem,
        doc=raw["doc"],
        objects=objects,
        expect=tuple(Expected(**entry) for entry in raw.get("expect", ())),
        refused=raw.get("refused", ""),
        refresh_crc=raw.get("refresh_crc", True),
    )


def write_case(case: Case, h5path: str | os.PathLike[str]) -> Path:
    """Write a case to a new HDF5 file and return its path."""
    with h5py.File(h5path, "w", libver=("v110", "v110")) as file:
        links = {path: item for path, item in case.objects.items() if item["kind"] == "hard_link"}
        for path, item in case.objects.items():
            if path not in links:
                _write(file, path, item)
        for path, item in links.items():
            file[path] = file[item["to"]]
        if case.refresh_crc:
            _refresh_crc(file)
            _refresh_header_crc(file)
    return Path(h5path)


def read_case(h5path: str | os.PathLike[str], doc: str = "") -> Case:
    """Return a run's HDF5 file as a case, to be kept with `dump_case`; /extra is left out."""
    with h5py.File(h5path, "r") as file:
        objects = dict(_read(file))
    return Case(name=Path(h5path).stem, doc=doc, objects=objects)


def dump_case(case: Case) -> str:
    """Return the JSON text of a valid case, one line for each object."""
    lines = ",\n".join(f"  {_json(path)}: {_json(item)}" for path, item in case.objects.items())
    return f'{{\n "doc": {_json(case.doc)},\n "objects": {{\n{lines}\n }}\n}}\n'


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(", ", ": "))


def _write(file: h5py.File, path: str, item: Object) -> None:
    kind = item["kind"]
    if kind == "soft_link":
        file[path] = h5py.SoftLink(item["to"])
        return
    if kind == "external_link":
        file[path] = h5py.ExternalLink(item["file"], item["to"])
        return
    if kind == "group":
        target = file.require_group(path)
    elif kind == "text":
        target = file.create_dataset(path, data=item["text"], dtype=h5py.string_dtype())
    elif kind == "dataset":
        values = array_of(item)
        target = file.create_dataset(path, data=values, dtype=values.dtype)
    else:
        raise ValueError(f"{path}: no kind of object {kind!r}")
    for name, value in item.get("attributes", {}).items():
        _write_attribute(target, name, value)


def _write_attribute(target: h5py.HLObject, name: str, value: Any) -> None:
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, str):
        target.attrs.create(name, value, dtype=h5py.string_dtype())
    else:
        target.attrs.create(name, np.array(value))


def array_of(item: Object) -> NDArray[Any]:
    """Return the values of a rendered dataset as an array of its type and shape."""
    dtype = np.dtype(item["dtype"] if item["dtype"][0] in ">S" else "<" + item["dtype"])
    flat = list(_flat(item["values"], len(item["shape"])))
    return np.array([_number(value, dtype) for value in flat], dtype).reshape(item["shape"])


def _flat(values: Any, depth: int) -> Iterator[Any]:
    if depth == 0:
        yield values
    else:
        for value in values:
            yield from _flat(value, depth - 1)


def _number(value: Any, dtype: np.dtype[Any]) -> Any:
    if dtype.kind == "S":
        return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value.encode("utf-8")
    return float(value) if isinstance(value, str) else value


def _read(file: h5py.File) -> Iterator[tuple[str, Object]]:
    names: dict[int, str] = {}
    nodes = FileTree(file).nodes()
    linked = {path for path, _ in layout_of(run_spec(), nodes).links()}
    for path, node in sorted(nodes.items(), key=lambda entry: (entry[0] in linked, entry[0])):
        attributes = {name: value for name, value in node.attributes.items() if name != "description"}
        item: Object = {"kind": node.kind}
        if node.kind == "dataset" and node.identity in names:
            yield path, {"kind": "hard_link", "to": names[node.identity]}
            continue
        names[node.identity] = path
        if node.dtype == "text":
            item = {"kind": "text", "text": read_text(file[path])}
        elif node.kind == "dataset":
            item |= {"dtype": node.dtype, "shape": list(node.shape), "values": _plain(file[path][()])}
        yield path, item | ({"attributes": attributes} if attributes else {})


def _plain(values: Any) -> Any:
    if isinstance(values, np.ndarray):
        return [_plain(value) for value in values]
    if isinstance(values, bytes):
        return values.decode("utf-8")
    if isinstance(values, np.floating):
        return float(str(values)) if np.isfinite(values) else str(values)  # the shortest digits of its own precision
    return values.item()


def _refresh_header_crc(file: h5py.File) -> None:
    if HEADER_CRC in file.attrs:
        with contextlib.suppress(KeyError, OSError, TypeError, ValueError):  # the rule cannot be applied to such a run
            write_header_crc(file)


def _refresh_crc(file: h5py.File) -> None:
    nodes = FileTree(file).nodes()
    layout = layout_of(run_spec(), nodes)
    whole = all(
        path in nodes and nodes[path].kind == "dataset" and nodes[path].dtype == column.dtype and nodes[path].shape
        for path, column in layout.growing.items()
    )
    if not whole:
        return  # the rule cannot be applied to such a run
    cycles = min(nodes[column.path].shape[0] for column in layout.by_dim["cycle"])
    stops = {dim: file[layout.spec.dims[dim].stop][:cycles].tolist() for dim in layout.by_dim if dim != "cycle"}
    for cycle in range(cycles):
        bounds = {dim: (stop[cycle - 1] if cycle else 0, stop[cycle]) for dim, stop in stops.items()}
        if any(start < 0 or stop < start for start, stop in bounds.values()):
            return
        file[CRC][cycle] = crc_of(_cycle_rows(file, layout, bounds | {"cycle": (cycle, cycle + 1)}))


def _cycle_rows(file: h5py.File, layout: Layout, bounds: Mapping[str, Sequence[int]]) -> Iterator[NDArray[Any]]:
    for path, column in layout.growing.items():
        if path != CRC:
            start, stop = bounds[column.dim]
            yield file[path][start:stop]
