"""The checksums: of rows, and of what does not grow."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.layout import Layout
from wepy_data.schema.spec import AttributeSpec
from wepy_data.schema.tree import Node, Tree

HEADER_CRC = "header_crc"
"""Attribute of the file that holds the checksum of what does not grow."""


def crc_of(arrays: Iterable[NDArray[Any]]) -> int:
    """Return the CRC-32 of the arrays' bytes, one after the other.

    Examples
    --------
    >>> crc_of([np.arange(2, dtype="<i8"), np.zeros(0)]) == crc_of([np.arange(2, dtype="<i8")])
    True
    """
    crc = 0
    for array in arrays:
        if array.size:
            crc = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data, crc)
    return crc


def header_crc(tree: Tree, nodes: Mapping[str, Node], layout: Layout) -> int:
    """Return the CRC-32 of everything in a stored run that does not grow, as the rule `header-crc` says.

    Raises
    ------
    ValueError
        If a text or an attribute is none that the schema allows.
    """
    crc = 0
    for name, values in _header_items(tree, nodes, layout):
        crc = zlib.crc32(name.encode("utf-8", "surrogateescape") + b"\0", crc)
        for value in values:
            crc = zlib.crc32(value, crc)
    return crc


def header_paths(nodes: Mapping[str, Node], layout: Layout) -> set[str]:
    """Return the objects that `header_crc` looks at."""
    spec = layout.spec
    groups = {path for path, group in spec.groups.items() if group.attributes}
    return {path for path in {"/", *groups, *spec.texts, *layout.columns} if path in nodes}


def _header_items(tree: Tree, nodes: Mapping[str, Node], layout: Layout) -> Iterator[tuple[str, Iterable[bytes]]]:
    spec = layout.spec
    yield from _attribute_items("/", nodes["/"], spec.attributes.values())
    for path, group in spec.groups.items():
        if path in nodes:
            yield from _attribute_items(path, nodes[path], group.attributes)
    for path, text in spec.texts.items():
        if path in nodes:
            yield from _attribute_items(path, nodes[path], text.attributes)
            yield path, [_bytes(tree.read_text(path))]
    for path, column in layout.columns.items():
        if path in nodes:
            if "unit" in nodes[path].attributes:
                yield f"{path}@unit", [_bytes(nodes[path].attributes["unit"])]
            if path not in layout.growing:
                yield path, [np.ascontiguousarray(tree.read(path), column.numpy_dtype).tobytes()]


def _attribute_items(
    path: str, node: Node, attributes: Iterable[AttributeSpec]
) -> Iterator[tuple[str, Iterable[bytes]]]:
    for attribute in attributes:
        if attribute.name in node.attributes and attribute.name != HEADER_CRC:
            value = node.attributes[attribute.name]
            where = f"/@{attribute.name}" if path == "/" else f"{path}@{attribute.name}"
            yield where, [_bytes(one) for one in (value if isinstance(value, list) else [value])]


def _bytes(value: object) -> bytes:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape") + b"\0"
    if isinstance(value, int):
        return (value % (1 << 64)).to_bytes(8, "little")
    raise ValueError(f"{value!r} is neither a text nor an integer")
