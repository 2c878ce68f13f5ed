"""An HDF5 file seen object by object, for the checks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np
from h5py import h5a, h5t
from numpy.typing import NDArray

from wepy_data.schema.tree import Foreign, Node
from wepy_data.store.heap import Heaps, is_variable
from wepy_data.store.piece import piece_of, read_pieces

_DEEPEST = 32  # groups within groups that are looked into; the schema's own are 5 deep
_SIMPLE = frozenset({h5t.INTEGER, h5t.FLOAT, h5t.ENUM, h5t.STRING})
"""Classes of types whose values are read; those of others may lead anywhere."""


class FileTree:
    """All objects of an open HDF5 file; links that leave the file are seen, never followed."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._heaps = Heaps(file.id)
        self._nodes: dict[str, Node] | None = None

    def nodes(self) -> Mapping[str, Node]:
        """Return all objects by path, /extra left closed."""
        if self._nodes is None:
            self._nodes = {"/": Node(kind="group", attributes=self.root_attributes())}
            self._walk(self._file.id, b"", {_address(self._file.id): self._nodes["/"]}, 0)
        return self._nodes

    def root_attributes(self) -> dict[str, Any]:
        """Return the attributes of the file itself."""
        return _attributes(self._file, self._heaps)

    def read(self, path: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return rows [start, stop) of a dataset."""
        dataset = self._file[path]
        return read_pieces(dataset, start, len(dataset) if stop is None else stop, piece_of(dataset))

    def read_text(self, path: str) -> str:
        """Return a text, stored as a scalar or as the one element of an array."""
        return read_text(self._file[path], self._heaps)

    def size(self) -> int:
        """Return the length of the file in bytes."""
        return int(self._file.id.get_filesize())

    def _walk(self, group: h5py.h5g.GroupID, prefix: bytes, seen: dict[int, Node], depth: int) -> None:
        """Note what is in a group; no group is entered twice, for two that hold each other would have no end."""
        nodes = self._nodes if self._nodes is not None else {}
        for name in group:  # by HDF5's own calls: a run is opened in a fraction of the time that h5py's objects take
            place = prefix + b"/" + (name or b"(no name)")
            path = place.decode("utf-8", "backslashreplace")
            try:
                link = group.links.get_info(name).type
                if link != h5py.h5l.TYPE_HARD:
                    nodes[path] = Node(kind="external link" if link == h5py.h5l.TYPE_EXTERNAL else "soft link")
                    continue
                address = int(h5py.h5o.get_info(group, name).addr)
                known = address in seen
                item = None if known else h5py.h5o.open(group, name)
                if item is not None:
                    seen[address] = self._node(item, place, address)
            except (KeyError, OSError, RuntimeError, TypeError, ValueError):
                nodes[path] = Node(kind="damaged object")
                continue
            nodes[path] = seen[address]
            if isinstance(item, h5py.h5g.GroupID) and path != "/extra" and depth < _DEEPEST:
                self._walk(item, place, seen, depth + 1)

    def _node(self, item: h5py.h5g.GroupID, place: bytes, address: int) -> Node:
        attributes = _LazyAttributes(self._file, place, self._heaps)
        if isinstance(item, h5py.h5g.GroupID):
            return Node(kind="group", attributes=attributes, identity=address)
        if not isinstance(item, h5py.h5d.DatasetID):
            return Node(kind="type")
        properties = item.get_create_plist()
        if properties.get_layout() == h5py.h5d.VIRTUAL or properties.get_external_count() > 0:  # values from elsewhere
            return Node(kind="external link", attributes=attributes, identity=address)
        shape, dtype = item.shape if item.shape is not None else (), item.dtype
        chunked = properties.get_layout() == h5py.h5d.CHUNKED
        return Node(
            kind="dataset", dtype=_dtype(dtype), shape=shape, attributes=attributes, identity=address,
            itemsize=dtype.itemsize, packed=properties.get_nfilters() > 0,
            chunk=math.prod(properties.get_chunk()) * dtype.itemsize if chunked else 0,
        )  # fmt: skip


class _LazyAttributes(Mapping[str, Any]):
    """The attributes of an object, read when they are first asked for: a check needs them all, a reader very few."""

    def __init__(self, file: h5py.File, path: bytes, heaps: Heaps) -> None:
        self._file, self._path, self._heaps = file, path, heaps
        self._found: dict[str, Any] | None = None

    def __getitem__(self, name: str) -> Any:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def _read(self) -> dict[str, Any]:
        if self._found is None:
            self._found = _attributes(self._file[self._path], self._heaps)
        return self._found


def read_text(dataset: h5py.Dataset, heaps: Heaps | None = None) -> str:
    """Return the text that a dataset holds; the heaps of its file may be known already.

    Raises
    ------
    ValueError
        If it is not a text in UTF-8.
    """
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{dataset.name} is no dataset")
    if dataset.shape is None or (dataset.shape and not dataset.shape[0]):
        raise ValueError(f"{dataset.name} is empty")
    if h5py.check_string_dtype(dataset.dtype) is None:
        raise ValueError(f"{dataset.name} holds no text")
    (heaps or Heaps(dataset.file.id)).refuse_damaged(dataset.id)
    value = dataset[()] if dataset.shape == () else dataset[0]
    if not isinstance(value, bytes):
        raise ValueError(f"{dataset.name} holds no text")
    return str(value, "utf-8")


def is_own(file: h5py.File, path: str) -> bool:
    """Whether a path is reached by hard links alone, so that opening it stays within the file."""
    parts = path.strip("/").split("/")
    places = ("/".join(parts[: depth + 1]) for depth in range(len(parts)))
    return all(isinstance(file.get(place, getlink=True), h5py.HardLink) for place in places)


def _address(item: h5py.h5g.GroupID) -> int:
    return int(h5py.h5o.get_info(item).addr)


def _dtype(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "O" and h5py.check_string_dtype(dtype) is not None:
        return "text"
    return dtype.str.lstrip("<|") if dtype.str[0] in "<|" else dtype.str


def _attributes(item: h5py.HLObject, heaps: Heaps) -> dict[str, Any]:
    return {name: _plain(item, name, heaps) for name in item.attrs}


def _plain(item: h5py.HLObject, name: str, heaps: Heaps) -> Any:
    try:
        stored = item.attrs.get_id(name)
        kind = stored.get_type()
        if kind.get_class() not in _SIMPLE:
            return Foreign(f"a value of type {stored.dtype}")
        value = _texts(stored, heaps) if is_variable(kind) and stored.get_storage_size() else item.attrs[name]
    except (KeyError, OSError, RuntimeError, TypeError, ValueError) as error:
        return Foreign(f"unreadable ({error})", damaged=True)
    if isinstance(value, np.integer) or (isinstance(value, np.ndarray) and value.dtype.kind in "iu"):
        return value.tolist()
    return value if isinstance(value, str | list) else Foreign(repr(value))


def _texts(stored: h5a.AttrID, heaps: Heaps) -> Any:
    """Return an attribute that is a text of variable length, or a list of such."""
    heaps.refuse_damaged(stored)
    found = np.zeros(stored.shape, stored.dtype)
    stored.read(found)
    for place, text in np.ndenumerate(found):
        found[place] = str(text, "utf-8")
    return found.tolist()
