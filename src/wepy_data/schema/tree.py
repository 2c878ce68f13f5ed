"""What the checks need to see of a stored run, whatever it is stored in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One object of a stored run.

    Parameters
    ----------
    kind : str
        `group`, `dataset`, or, for what has no place in a run, `soft link`, `external link`, `type`, `damaged object`.
    dtype : str
        numpy code without byte order (`f8`, `S64`), `text` for variable-length strings, or a foreign name.
    shape : tuple of int
        Current shape of a dataset.
    attributes : mapping
        Attributes as str, int or lists of them; anything else as its repr in a `Foreign`.
    identity : int
        Equal for two paths that are hard links to one object.
    itemsize, chunk : int
        Bytes of one value of a dataset, and of one chunk if it has such.
    packed : bool
        Whether a dataset is compressed, or changed by another filter.
    """

    kind: str
    dtype: str = ""
    shape: tuple[int, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    identity: int = 0
    itemsize: int = 0
    packed: bool = False
    chunk: int = 0


@dataclass(frozen=True, slots=True)
class Foreign:
    """An attribute's value of a type that the schema does not know, or a damaged one, as words."""

    text: str
    damaged: bool = False


class Tree(Protocol):
    """A stored run, seen object by object."""

    def nodes(self) -> Mapping[str, Node]:
        """Return all objects by path; the root is `/`. Nothing inside /extra need be listed."""
        ...

    def read(self, path: str, start: int = 0, stop: int | None = None) -> NDArray[Any]:
        """Return rows [start, stop) of a dataset."""
        ...

    def size(self) -> int:
        """Return how many bytes the run is long where it is stored."""
        ...

    def read_text(self, path: str) -> str:
        """Return a text."""
        ...
