"""The header of a stored run: what does not grow, each value of the type that it should have."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from numpy.typing import NDArray

from wepy_data.record.header import Continues, Header
from wepy_data.schema.tree import Foreign, Node
from wepy_data.store.content import Content
from wepy_data.store.later import Later

Json = Callable[[str, type], Any]


def header_of(
    content: Content, static: Callable[[str], NDArray[Any]], text: Callable[[str], str], json: Json
) -> Header:
    """Return the header of a run whose file holds this.

    Parameters
    ----------
    content : Content
        What the file holds.
    static, text, json : callable
        Return a dataset, a text, and the value of a JSON text that is to be of a type, by path.

    Raises
    ------
    KeyError, TypeError
        If an attribute or a value is missing or of another type.
    """
    nodes, layout = content.nodes, content.layout
    attributes = nodes["/"].attributes
    return Header(
        layout=layout,
        static={path: static(path) for path in layout.static},
        topology=text("/topology") if "/topology" in nodes else "",
        config=json("/config", dict),
        compression=checked("/@compression", attributes.get("compression", "gzip"), str),
        provenance=[checked("/provenance", start, dict) for start in json("/provenance", list)],
        inputs=Later(partial(_inputs, json)) if "/inputs" in nodes else {},
        author=checked("/h5md/author@name", nodes["/h5md/author"].attributes.get("name", "unknown"), str),
        run_id=attributes["run_id"],
        created=checked("/@created", attributes["created"], str),
        continues=_continues(nodes),
    )


def checked(path: str, value: Any, kind: type) -> Any:
    """Return a value if it is of a type; raise TypeError, saying where it is and what, if not."""
    if not isinstance(value, kind):
        found = value.text if isinstance(value, Foreign) else f"a {type(value).__name__}"
        raise TypeError(f"{path} is {found}, expected a {kind.__name__}")
    return value


def _continues(nodes: Mapping[str, Node]) -> Continues | None:
    if "/continues" not in nodes:
        return None
    found = nodes["/continues"].attributes
    kinds = {field.name: int if field.type == "int" else str for field in dataclasses.fields(Continues)}
    return Continues(**{name: checked(f"/continues@{name}", found[name], kind) for name, kind in kinds.items()})


def _inputs(json: Json) -> dict[str, str]:
    return {name: checked("/inputs", text, str) for name, text in json("/inputs", dict).items()}
