"""Damages to a run's objects: missing, unexpected, of another kind, type, shape or unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.record.protocols import RunReader
from wepy_data.schema.layout import Column
from wepy_data.schema.spec import WILDCARD, AttributeSpec, Dim, run_spec
from wepy_data.testing.mutation import Mutation, replaced

if TYPE_CHECKING:
    import h5py

Damage = Callable[["h5py.File"], None]
_IDENTITY = frozenset({"/@schema_version", "/@min_reader", "/@run_id"})  # without them it is no run to be opened


def structure_mutations(run: RunReader) -> Iterator[Mutation]:
    """Yield every damage to the objects that a run has."""
    layout = run.header.layout
    columns = [c for c in layout.columns.values() if run.sealed or not c.path.startswith("/next/")]
    yield from _objects(run)
    yield from _attributes(run)
    yield from _links(run)
    for column in columns:
        yield from _datasets(column, sealed=run.sealed)
    yield from _rows(run, columns)


def groups_of_run(run: RunReader) -> list[str]:
    """Return the groups that a run's file has, wildcards left out."""
    layout = run.header.layout
    absent = set() if run.sealed else {"/next", "/next/arrays", "/next/merges"}
    absent |= {"/extra"} | (set() if run.header.continues else {"/continues"})
    return [
        path
        for path, group in layout.spec.groups.items()
        if WILDCARD not in path
        and path not in absent
        and layout.has(group.present_with)
        and (group.required or path in layout.parts or path in ("/next", "/continues"))
    ]


def _objects(run: RunReader) -> Iterator[Mutation]:
    spec = run.header.layout.spec
    for path in groups_of_run(run):
        group = spec.groups[path]
        if group.required:
            yield _damage("missing", path, "the group deleted", _deleted(path))
        yield _damage("kind", path, "a dataset in its place", _overwritten(path, np.zeros(3)))
        yield _damage("link", path, "a soft link in its place", _soft(path))
        if not any(other.startswith(f"{path}/{WILDCARD}") for other in (*spec.datasets, *spec.groups)):
            yield _unexpected(f"{path}/surprise")
    yield _unexpected("/surprise")
    yield _damage("unexpected", "/surprise", "a group of its own", _group("/surprise"))
    yield _damage("unexpected", "/type", "a named type", _named_type)
    yield _damage("missing", "/observables/empty/value", "a group without values", _group("/observables/empty"))
    yield _damage("link", "/surprise", "a soft link of its own", _soft("/surprise"))
    yield _damage("link", "/surprise", "an external link", _external("/surprise"))
    for path, text in spec.texts.items():
        if text.required:
            yield _damage("missing", path, "the text deleted", _deleted(path))
        if text.required or run.header.topology:
            yield _damage("dtype", path, "numbers instead of text", _overwritten(path, np.ones(1)))


def _attributes(run: RunReader) -> Iterator[Mutation]:
    spec = run.header.layout.spec
    owners: list[tuple[str, tuple[AttributeSpec, ...]]] = [("/", tuple(spec.attributes.values()))]
    owners += [(path, spec.groups[path].attributes) for path in groups_of_run(run)]
    owners += [(path, text.attributes) for path, text in spec.texts.items() if text.required]
    for path, attributes in owners:
        for attribute in attributes:
            where = ("/@" if path == "/" else f"{path}@") + attribute.name
            if where not in _IDENTITY:
                if attribute.required:
                    yield _damage("missing", where, "the attribute deleted", _bare(path, attribute.name))
                yield _damage("attribute", where, "a fraction", _set(path, attribute.name, 1.5))
            for what, value in _misfits(attribute):
                yield _damage("attribute", where, what, _set(path, attribute.name, value))


def _misfits(attribute: AttributeSpec) -> Iterator[tuple[str, Any]]:
    if attribute.pattern:
        yield "a text that does not match", "matching nothing"
    if attribute.type == "integer" and attribute.enum:
        yield "a number that is not allowed", 7
    if attribute.type == "texts" and attribute.enum:
        yield "texts that are not allowed", ["sphere"] * attribute.length
    if attribute.type == "texts" and attribute.length:
        yield "too few texts", list(attribute.enum[:1])
    if attribute.type == "integers" and attribute.length:
        yield "too many numbers", [1] * (attribute.length + 1)


def _links(run: RunReader) -> Iterator[Mutation]:
    for path, target in run.header.layout.links():
        yield _damage("missing", path, "the link deleted", _deleted(path))
        yield _damage("link", path, "a copy instead of a link", replaced(path, np.copy))
        yield _damage("link", path, "a soft link", _soft(path, target))


def _datasets(column: Column, *, sealed: bool) -> Iterator[Mutation]:
    path, spec = column.path, column.spec
    if (spec.required and not spec.wildcard) or path.endswith("/value"):
        yield _damage("missing", path, "the dataset deleted", _deleted(path))
    yield _damage("kind", path, "a group in its place", _regrouped(path))
    yield _damage("link", path, "a soft link in its place", _soft(path))
    for dtype in ("S8",) if column.dtype == "S64" else ("i2", ">f8"):
        yield _damage("dtype", path, f"of type {dtype}", replaced(path, _typed(dtype)))
    if not spec.wildcard:
        yield _damage("rank", path, "one more dimension", replaced(path, _deeper))
    if spec.unit != ("any",):
        yield _damage("unit", f"{path}@unit", "another unit", _set(path, "unit", "furlong"))
    if column.unit and spec.unit != ("any",):
        yield _damage("unit", f"{path}@unit", "no unit", _bare(path, "unit"))
    yield _damage("unit", f"{path}@unit", "a number as unit", _set(path, "unit", 1))
    yield _damage("dims-attribute", f"{path}@dims", "other dimensions", _set(path, "dims", "x"))
    yield _damage("dims-attribute", f"{path}@dims", "no dimensions", _bare(path, "dims"))
    if not spec.wildcard and column.shape:
        owned = any(dim.owner == path and dim.axis for dim in _dims(column))
        place = "/bins/centre" if owned else path
        yield _damage("dim-size", place, "wider rows", replaced(path, _wider))


def _dims(column: Column) -> list[Dim]:
    return [dim for name, dim in run_spec().dims.items() if name in column.dims]


def _rows(run: RunReader, columns: list[Column]) -> Iterator[Mutation]:
    layout = run.header.layout
    owners = {dim.owner for dim in layout.spec.dims.values() if not dim.grows and not dim.axis}
    for column in columns:
        if column.path in layout.growing and column.dim != "cycle":
            if run.rows(column.dim):
                yield _damage("dim-size", column.path, "a row short", _resized(column.path, -1))
            if run.sealed:
                yield _damage("dim-size", column.path, "a row too many", _resized(column.path, 1))
        elif column.path not in layout.growing:
            others = [c for c in columns if c.dim == column.dim and c is not column]
            if others:
                place = "" if column.path in owners else column.path
                yield _damage("dim-size", place, "a row too many", replaced(column.path, _longer))


def _damage(kind: str, path: str, what: str, damage: Damage) -> Mutation:
    return Mutation(what=what, kind=kind, path=path, damage=damage)


def _unexpected(path: str) -> Mutation:
    return Mutation(what="a dataset of its own", kind="unexpected", path=path, damage=_written(path, np.zeros(3)))


def _deleted(path: str) -> Damage:
    def damage(file: h5py.File) -> None:
        del file[path]

    return damage


def _written(path: str, value: object) -> Damage:
    def damage(file: h5py.File) -> None:
        file[path] = value

    return damage


def _overwritten(path: str, value: object) -> Damage:
    def damage(file: h5py.File) -> None:
        attributes = dict(file[path].attrs)
        del file[path]
        file[path] = value
        _restore(file[path], attributes)

    return damage


def _regrouped(path: str) -> Damage:
    def damage(file: h5py.File) -> None:
        attributes = dict(file[path].attrs)
        del file[path]
        _restore(file.create_group(path), attributes)

    return damage


def _restore(item: h5py.HLObject, attributes: Mapping[str, Any]) -> None:
    for name, value in attributes.items():
        item.attrs[name] = value


def _group(path: str) -> Damage:
    def damage(file: h5py.File) -> None:
        file.create_group(path)

    return damage


def _named_type(file: h5py.File) -> None:
    file["/type"] = np.dtype("f8")


def _soft(path: str, target: str = "/segments/weight") -> Damage:
    def damage(file: h5py.File) -> None:
        if path in file:
            del file[path]
        file.id.links.create_soft(path.encode(), target.encode())

    return damage


def _external(path: str) -> Damage:
    def damage(file: h5py.File) -> None:
        file.id.links.create_external(path.encode(), b"elsewhere.h5", b"/segments")

    return damage


def _bare(path: str, name: str) -> Damage:
    def damage(file: h5py.File) -> None:
        if name in file[path].attrs:
            del file[path].attrs[name]

    return damage


def _set(path: str, name: str, value: object) -> Damage:
    def damage(file: h5py.File) -> None:
        file[path].attrs[name] = value

    return damage


def _resized(path: str, by: int) -> Damage:
    def damage(file: h5py.File) -> None:
        file[path].resize(len(file[path]) + by, axis=0)

    return damage


def _typed(dtype: str) -> Callable[[NDArray[Any]], NDArray[Any]]:
    return lambda values: np.zeros(values.shape, dtype)


def _deeper(values: NDArray[Any]) -> NDArray[Any]:
    return values[..., None]


def _wider(values: NDArray[Any]) -> NDArray[Any]:
    return np.zeros((*values.shape[:-1], values.shape[-1] + 1), values.dtype)


def _longer(values: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([values, np.zeros((1, *values.shape[1:]), values.dtype)])
