"""The first level of checks: objects, types, dimensions and attributes, without reading values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wepy_data.schema.layout import Column, Layout, Named
from wepy_data.schema.problem import Problem
from wepy_data.schema.spec import ANY_SHAPE, WILDCARD, AttributeSpec, DatasetSpec, Spec
from wepy_data.schema.tree import Foreign, Node


def wildcard_names(path: str, nodes: Mapping[str, Node]) -> list[str]:
    """Return the names that fill a wildcard path in a stored run, sorted.

    Examples
    --------
    >>> from wepy_data.schema.tree import Node
    >>> wildcard_names("/observables/<name>/value", {"/observables/rmsd": Node(kind="group")})
    ['rmsd']
    """
    before, _, _ = path.partition(WILDCARD)
    found = {p[len(before) :].split("/", 1)[0] for p in nodes if p.startswith(before)}
    return sorted(name for name in found if name)


def layout_of(spec: Spec, nodes: Mapping[str, Node]) -> Layout:
    """Return the layout of a stored run; what is missing or malformed in it is left out."""
    optional = {g.path for g in spec.groups.values() if not g.required and g.path != "/extra"}
    parts = {path for path in optional if path in nodes}
    parts |= {path for path, text in spec.texts.items() if not text.required and path in nodes}
    parts |= {path for path, dataset in spec.datasets.items() if not dataset.required and path in nodes}
    sizes: dict[str, int] = {}
    for name, dim in spec.dims.items():
        node = nodes.get(dim.owner)
        if node is not None and node.kind == "dataset" and len(node.shape) > dim.axis:
            sizes[name] = node.shape[dim.axis]
    named = {}
    for path, dataset in spec.datasets.items():
        if dataset.wildcard:
            named[path] = tuple(_named(path, dataset, nodes))
    dtypes = {
        path: nodes[path].dtype
        for path, dataset in spec.datasets.items()
        if len(dataset.dtype) > 1 and path in nodes and nodes[path].dtype in dataset.dtype
    }
    for name in ("feature", "atom"):
        sizes.setdefault(name, 0)
    return Layout(sizes=sizes, parts=frozenset(parts), named=named, dtypes=dtypes, spec=spec)


def _named(path: str, dataset: DatasetSpec, nodes: Mapping[str, Node]) -> Iterator[Named]:
    for name in wildcard_names(path, nodes):
        node = nodes.get(path.replace(WILDCARD, name), Node(kind="missing"))
        unit = node.attributes.get("unit", "")
        yield Named(
            name=name,
            dtype=node.dtype if node.dtype in dataset.dtype else dataset.dtype[0],
            shape=node.shape[1:],
            unit=unit if isinstance(unit, str) else "",
        )


def structure_problems(spec: Spec, nodes: Mapping[str, Node], layout: Layout) -> list[Problem]:
    """Return everything that is wrong with the objects of a stored run.

    Kinds: `missing`, `unexpected`, `kind`, `dtype`, `rank`, `dim-size`, `unit`, `dims-attribute`, `attribute`, `link`.
    """
    known: set[str] = {"/"}
    problems = _attribute_problems("/", nodes["/"], spec.attributes.values())
    for path, entry in _groups(spec, nodes):
        known.add(path)
        problems += _group_problems(path, entry, nodes, layout)
    for path, text in spec.texts.items():
        known.add(path)
        if path not in nodes:
            problems += [Problem(path, "missing", "nothing", f"a text in {text.format}")] if text.required else []
        else:
            wanted = "text" if text.layout != "mdtraj" else "S"
            if nodes[path].kind != "dataset":
                kind = "link" if "link" in nodes[path].kind else "kind"
                problems.append(Problem(path, kind, f"a {nodes[path].kind}", "a text"))
            elif not nodes[path].dtype.startswith(wanted):
                problems.append(Problem(path, "dtype", nodes[path].dtype or nodes[path].kind, "a text"))
            problems += _attribute_problems(path, nodes[path], text.attributes)
    problems += _dataset_problems(spec, nodes, layout, known)
    problems += _link_problems(layout, nodes, known)
    for path, node in nodes.items():
        if path not in known and not path.startswith("/extra/"):
            kind = "link" if "link" in node.kind else "unexpected"
            problems.append(Problem(path, kind, f"a {node.kind}", "nothing of this name (put it into /extra)"))
    return problems


def _groups(spec: Spec, nodes: Mapping[str, Node]) -> Iterator[tuple[str, Any]]:
    for path, group in spec.groups.items():
        if WILDCARD in path:
            yield from ((path.replace(WILDCARD, name), group) for name in wildcard_names(path, nodes))
        else:
            yield path, group


def _group_problems(path: str, group: Any, nodes: Mapping[str, Node], layout: Layout) -> list[Problem]:
    node = nodes.get(path)
    if node is None:
        wanted = group.required and (not group.present_with or group.present_with in nodes)
        return [Problem(path, "missing", "nothing", "a group")] if wanted else []
    if node.kind != "group":
        return [Problem(path, "link" if "link" in node.kind else "kind", f"a {node.kind}", "a group")]
    return _attribute_problems(path, node, group.attributes)


def _attribute_problems(path: str, node: Node, attributes: Iterable[AttributeSpec]) -> list[Problem]:
    problems = []
    for attribute in attributes:
        where = "/@" + attribute.name if path == "/" else f"{path}@{attribute.name}"
        if attribute.name not in node.attributes:
            if attribute.required:
                problems.append(Problem(where, "missing", "nothing", f"{attribute.type}"))
            continue
        value = node.attributes[attribute.name]
        if not _attribute_fits(attribute, value):
            problems.append(Problem(where, "attribute", _shown(value), _wanted(attribute)))
    return problems


def _shown(value: object) -> str:
    return value.text if isinstance(value, Foreign) else repr(value)


def _wanted(attribute: AttributeSpec) -> str:
    return " ".join(
        [attribute.type]
        + ([f"of length {attribute.length}"] if attribute.length else [])
        + ([f"like {attribute.pattern}"] if attribute.pattern else [])
        + (["out of " + ", ".join(map(str, attribute.enum))] if attribute.enum else [])
    )


def _attribute_fits(attribute: AttributeSpec, value: Any) -> bool:
    item = str if attribute.type.startswith("text") else int
    values = value if isinstance(value, list) else [value]
    if (attribute.type in ("texts", "integers")) != isinstance(value, list):
        return False
    return (
        all(isinstance(v, item) for v in values)
        and (not attribute.length or len(values) == attribute.length)
        and (not attribute.enum or all(v in attribute.enum for v in values))
        and (not attribute.pattern or all(re.search(attribute.pattern, v) for v in values))
    )


def _dataset_problems(spec: Spec, nodes: Mapping[str, Node], layout: Layout, known: set[str]) -> list[Problem]:
    problems = []
    for path, dataset in spec.datasets.items():
        if dataset.wildcard:
            # an observable without its value is missing something; an array that is not there is simply not there
            concrete = [path.replace(WILDCARD, name) for name in wildcard_names(path, nodes)]
        else:
            parent = dataset.present_with
            if (parent and parent not in nodes) or (not dataset.required and path not in nodes):
                continue
            concrete = [path]
        for one in concrete:
            known.add(one)
            if one not in nodes:
                problems.append(Problem(one, "missing", "nothing", f"{'/'.join(dataset.dtype)} of {_dims(dataset)}"))
            else:
                problems += _one_dataset(one, dataset, nodes, layout)
    return problems


def _dims(dataset: DatasetSpec) -> str:
    return "[" + ", ".join(map(str, dataset.dims)) + "]"


def _one_dataset(path: str, dataset: DatasetSpec, nodes: Mapping[str, Node], layout: Layout) -> list[Problem]:
    node = nodes[path]
    if node.kind != "dataset":
        return [Problem(path, "link" if "link" in node.kind else "kind", f"a {node.kind}", "a dataset")]
    problems = []
    if node.dtype not in dataset.dtype:
        problems.append(Problem(path, "dtype", node.dtype, " or ".join(dataset.dtype)))
    open_end = dataset.dims[-1] == ANY_SHAPE
    fixed = dataset.dims[:-1] if open_end else dataset.dims
    if len(node.shape) < len(fixed) or (len(node.shape) > len(fixed) and not open_end):
        return [*problems, Problem(path, "rank", f"shape {list(node.shape)}", _dims(dataset))]
    for dim, size in zip(fixed, node.shape, strict=False):
        expected = dim if isinstance(dim, int) else _size(dim, nodes, layout)
        if expected is not None and size != expected and not _tail_allowed(dim, layout):
            named = f" ({dim} as in {layout.spec.dims[dim].owner})" if isinstance(dim, str) else ""
            problems.append(Problem(path, "dim-size", f"shape {list(node.shape)}", f"{expected}{named}"))
    unit, units = node.attributes.get("unit", ""), _units(dataset, nodes, layout)
    if "any" not in units and unit not in units:
        problems.append(Problem(f"{path}@unit", "unit", _shown(unit), " or ".join(map(repr, units))))
    elif not isinstance(unit, str):
        problems.append(Problem(f"{path}@unit", "unit", _shown(unit), "a text"))
    wanted = " ".join(str(d) for d in (*fixed, *node.shape[len(fixed) :]))
    if node.attributes.get("dims") != wanted:
        problems.append(
            Problem(f"{path}@dims", "dims-attribute", _shown(node.attributes.get("dims", "nothing")), repr(wanted))
        )
    return problems


def _units(dataset: DatasetSpec, nodes: Mapping[str, Node], layout: Layout) -> tuple[str, ...]:
    """Return the units that a dataset may have: its type, or that of another one, may leave one of several."""
    path = dataset.unit_of or dataset.path
    measure, dtype = layout.spec.datasets[path], nodes[path].dtype if path in nodes else ""
    return (measure.unit_for(dtype),) if dtype in measure.dtype else measure.unit


def _size(dim: str, nodes: Mapping[str, Node], layout: Layout) -> int | None:
    """Return the length of a dimension; None if its owner is missing or malformed, which is a problem of its own."""
    entry = layout.spec.dims[dim]
    owner = nodes.get(entry.owner)
    return layout.sizes[dim] if owner is not None and len(owner.shape) > entry.axis else None


def _tail_allowed(dim: str | int, layout: Layout) -> bool:
    """Growing dimensions of an unsealed run may have an uncommitted tail; their sizes are checked when clamped."""
    return isinstance(dim, str) and layout.spec.dims[dim].grows


def _link_problems(layout: Layout, nodes: Mapping[str, Node], known: set[str]) -> list[Problem]:
    problems = []
    for path, target in layout.links():
        known.add(path)
        if path not in nodes:
            problems.append(Problem(path, "missing", "nothing", f"a hard link to {target}"))
        elif target in nodes and nodes[path].identity != nodes[target].identity:
            problems.append(Problem(path, "link", f"another {nodes[path].kind}", f"a hard link to {target}"))
    return problems


def committed_problems(column: Column, node: Node, committed: int, *, sealed: bool) -> list[Problem]:
    """Return what is wrong with the number of rows of a growing dataset, given the commit table."""
    rows = node.shape[0] if node.shape else 0
    if rows < committed or (sealed and rows != committed):
        expected = f"{committed} rows" if sealed else f"at least {committed} rows"
        return [Problem(column.path, "dim-size", f"{rows} rows", f"{expected} ({column.dim}, as committed in /cycles)")]
    return []
