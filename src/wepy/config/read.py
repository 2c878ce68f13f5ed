"""A configuration read from a TOML file, every mistake in it reported at once."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pydantic

from wepy.config.model import Configuration
from wepy.errors import ConfigurationError


def read_configuration(path: str | os.PathLike[str]) -> Configuration:
    """Return the configuration that a TOML file holds.

    Raises
    ------
    ConfigurationError
        If it is not TOML or says something that is not understood: names the file and, for every mistake, the key,
        what was expected and what was found.
    FileNotFoundError
        If there is no such file.
    """
    where = Path(path)
    if not where.exists():
        raise FileNotFoundError(f"{where}: no such file (wepy init writes one to start from)")
    if where.is_dir():
        raise ConfigurationError(f"{where} is a folder: name the TOML file in it")
    try:
        raw = tomllib.loads(where.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{where} is not TOML: {error}") from error
    return parse_configuration(raw, str(where))


def parse_configuration(raw: Mapping[str, Any], where: str = "configuration") -> Configuration:
    """Return the configuration that a mapping holds; `where` names it in errors.

    Raises
    ------
    ConfigurationError
        As `read_configuration` says.
    """
    try:
        return Configuration.model_validate(dict(raw))
    except pydantic.ValidationError as error:
        mistakes = [_sentence(raw, entry) for entry in error.errors(include_url=False)]
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
        raise ConfigurationError("\n".join([f"{where}: {count}", *(f"  {line}" for line in mistakes)])) from None


def _sentence(raw: Mapping[str, Any], entry: Any) -> str:  # noqa: ANN401
    place = list(entry["loc"])
    key = _key(raw, place)
    if entry["type"] == "missing":
        return f"{key}: missing; add it"
    if entry["type"] == "extra_forbidden":
        return f"{key}: unknown key{_hint(raw, place)}"
    if entry["type"] == "union_tag_not_found":
        return f"{key}.kind: missing; expected one of {_tags(entry)}"
    if entry["type"] == "union_tag_invalid":
        return f"{key}.kind: expected one of {_tags(entry)}, found {entry['ctx']['tag']!r}"
    message = entry["msg"].removeprefix("Value error, ").replace("Input should be", "expected")
    return f"{key}: {message}, found {_short(entry['input'])}"


def _tags(entry: Any) -> str:  # noqa: ANN401
    return str(entry["ctx"].get("expected_tags") or "the kinds in the documentation").replace("'", '"')


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."


def _key(raw: Mapping[str, Any], place: list[Any]) -> str:
    """Return the key as it stands in the file: the names that pydantic gives to variants left out."""
    text = ""
    value: Any = raw
    for index, part in enumerate(place):
        last = index == len(place) - 1
        if isinstance(part, int):
            text += f"[{part}]"
            value = value[part] if isinstance(value, list) and part < len(value) else None
        elif last or (isinstance(value, Mapping) and part in value):
            if last and not (isinstance(value, Mapping) and part in value) and _is_variant(part):
                continue
            text += f".{part}" if text else str(part)
            value = value.get(part) if isinstance(value, Mapping) else None
    return text or "configuration"


def _is_variant(part: object) -> bool:
    return isinstance(part, str) and any(mark in part for mark in "[(")


def _hint(raw: Mapping[str, Any], place: list[Any]) -> str:
    known = list(_known_keys(raw, place))
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; expected some of {', '.join(known)}"


def _known_keys(raw: Mapping[str, Any], place: list[Any]) -> Iterator[str]:
    """Yield the keys that the table with the unknown key may have."""
    model: Any = Configuration
    for part in place[:-1]:
        if isinstance(part, str):
            model = _section(model, part) or model
    yield from model.model_fields


def _section(model: Any, part: str) -> Any:  # noqa: ANN401
    from wepy.config import model as sections

    field = model.model_fields.get(part)
    for name, found in vars(sections).items():
        if isinstance(found, type) and issubclass(found, sections.Section):
            kind = found.model_fields.get("kind")
            if kind is not None and part in getattr(kind.annotation, "__args__", ()):
                return found
            if field is not None and name in str(field.annotation) and "kind" not in found.model_fields:
                return found
    return None
