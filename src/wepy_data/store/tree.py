"""An HDF5 file seen object by object, for the checks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.tree import Foreign, Node


class FileTree:
    """All objects of an open HDF5 file; links that leave the file are seen, never followed."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._nodes: dict[str, Node] | None = None

    def nodes(self) -> Mapping[str, Node]:
        """Return all objects by path, /extra left closed."""
        if self._nodes is None:
            self._nodes = {"/": Node(kind="group", attributes=_attributes(self._file))}
            self._walk(self._file, "", {_address(self._file)})
        return self._nodes

    def root_attributes(self) -> dict[str, Any]:
        """Return the attributes of the file itself."""
        return _attributes(self._file)

    def read(self, path: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return rows [start, stop) of a dataset."""
        return np.asarray(self._file[path][start:stop])

    def read_text(self, path: str) -> str:
        """Return a text, stored as a scalar or as the one element of an array."""
        return read_text(self._file[path])

    def _walk(self, group: h5py.Group, prefix: str, above: set[int]) -> None:
        nodes = self._nodes if self._nodes is not None else {}
        for name in group:
            path = f"{prefix}/{name}"
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                kind = "external link" if isinstance(link, h5py.ExternalLink) else "soft link"
                nodes[path] = Node(kind=kind)
                continue
            item = group[name]
            nodes[path] = _node(item)
            if isinstance(item, h5py.Group) and path != "/extra" and _address(item) not in above:
                self._walk(item, path, above | {_address(item)})


def read_text(dataset: h5py.Dataset) -> str:
    """Return the text that a dataset holds.

    Raises
    ------
    ValueError
        If it is not a text in UTF-8.
    """
    value = dataset[()] if dataset.shape == () else dataset[0]
    if not isinstance(value, bytes):
        raise ValueError(f"{dataset.name} holds no text")
    return value.decode("utf-8")


def _address(item: h5py.HLObject) -> int:
    return int(h5py.h5o.get_info(item.id).addr)


def _node(item: h5py.HLObject) -> Node:
    if isinstance(item, h5py.Group):
        return Node(kind="group", attributes=_attributes(item), identity=_address(item))
    if not isinstance(item, h5py.Dataset):
        return Node(kind="type")
    return Node(
        kind="dataset",
        dtype=_dtype(item),
        shape=item.shape if item.shape is not None else (),
        attributes=_attributes(item),
        identity=_address(item),
    )


def _dtype(dataset: h5py.Dataset) -> str:
    if h5py.check_string_dtype(dataset.dtype) is not None and dataset.dtype.kind == "O":
        return "text"
    return dataset.dtype.str.lstrip("<|") if dataset.dtype.str[0] in "<|" else dataset.dtype.str


def _attributes(item: h5py.HLObject) -> dict[str, Any]:
    return {name: _plain(item, name) for name in item.attrs}


def _plain(item: h5py.HLObject, name: str) -> Any:  # noqa: ANN401 (whatever a file holds)
    try:
        value = item.attrs[name]
    except (OSError, TypeError, ValueError, UnicodeDecodeError) as error:
        return Foreign(f"unreadable ({error})")
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind == "O" and all(isinstance(v, str) for v in value.flat):
        return value.tolist()
    if isinstance(value, np.integer) or (isinstance(value, np.ndarray) and value.dtype.kind in "iu"):
        return value.tolist()
    return Foreign(repr(value))
