"""Changes of a rendered run: the small vocabulary in which invalid cases of the corpus are written."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Objects = dict[str, dict[str, Any]]


def apply_change(objects: Objects, change: Mapping[str, Any]) -> None:
    """Apply one change to a run's rendered objects, in place.

    Parameters
    ----------
    objects : dict
        HDF5 objects by path.
    change : mapping
        `op`, and what that operation needs; see `schema/README.md`.

    Raises
    ------
    KeyError, IndexError
        If there is no such operation, object, row or attribute.
    """
    arguments = {name: value for name, value in change.items() if name != "op"}
    _OPERATIONS[change["op"]](objects, **arguments)


def _set(objects: Objects, path: str, value: Any, at: list[int] | None = None) -> None:
    """Replace one value, or all of them."""
    item = objects[path]
    if at is None:
        item["values"] = value
        return
    place = item["values"]
    for index in at[:-1]:
        place = place[index]
    place[at[-1]] = value


def _text(objects: Objects, path: str, text: str) -> None:
    """Replace a text."""
    objects[path]["text"] = text


def _attribute(objects: Objects, path: str, name: str, value: Any) -> None:
    """Set an attribute; null removes it."""
    attributes = objects[path].setdefault("attributes", {})
    if value is None:
        del attributes[name]
    else:
        attributes[name] = value


def _put(objects: Objects, path: str, object: dict[str, Any]) -> None:
    """Add an object, or replace one and all below it."""
    for inner in [inner for inner in objects if inner.startswith(path + "/")]:
        del objects[inner]
    objects[path] = object


def _remove(objects: Objects, path: str) -> None:
    """Remove a name and all below it; an object that has another name (hard link) keeps that one."""
    for inner in [inner for inner in objects if inner == path or inner.startswith(path + "/")]:
        item = objects.pop(inner)
        others = [name for name, other in objects.items() if other.get("to") == inner and other["kind"] == "hard_link"]
        others = [name for name in others if not name.startswith(path + "/")]
        for number, name in enumerate(others):
            objects[name] = {"kind": "hard_link", "to": others[0]} if number else item


def _retype(objects: Objects, path: str, dtype: str) -> None:
    """Give a dataset another type."""
    objects[path]["dtype"] = dtype


def _reshape(objects: Objects, path: str, shape: list[int]) -> None:
    """Give a dataset another shape; its values stay, in order."""
    item = objects[path]
    values = [item["values"]]
    for _ in item["shape"]:
        values = [inner for outer in values for inner in outer]
    if math.prod(shape) != len(values):
        raise IndexError(f"{path}: {len(values)} values do not fill {shape}")
    for length in reversed(shape[1:]):
        values = [values[start : start + length] for start in range(0, len(values), length)]
    item["values"], item["shape"] = values if shape else values[0], shape


def _resize(objects: Objects, path: str, rows: int) -> None:
    """Cut a dataset to its first rows, or lengthen it by repeating the last one."""
    item = objects[path]
    last = item["values"][-1:]
    item["values"] = item["values"][:rows] + last * (rows - len(item["values"]))
    item["shape"] = [len(item["values"]), *item["shape"][1:]]


_OPERATIONS: Mapping[str, Callable[..., None]] = {
    "set": _set,
    "text": _text,
    "attribute": _attribute,
    "put": _put,
    "remove": _remove,
    "retype": _retype,
    "reshape": _reshape,
    "resize": _resize,
}
