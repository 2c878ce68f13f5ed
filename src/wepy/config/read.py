"""A configuration read from a TOML file, every mistake in it reported at once."""

from __future__ import annotations

import difflib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

import pydantic

from wepy.config.model import Configuration, DispatchSection
from wepy.errors import ConfigurationError

Table = TypeVar("Table", bound=pydantic.BaseModel)


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
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{where} is not a text, so it is no configuration (wepy-data info says what a run is)"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{where} is not TOML: {error}") from error
    return parse_configuration(raw, str(where))


def parse_configuration(raw: Mapping[str, Any], where: str = "configuration") -> Configuration:
    """Return the configuration that a mapping holds; `where` names it in errors.

    Raises
    ------
    ConfigurationError
        As `read_configuration` says.
    """
    return _validated(Configuration, raw, where)


def dispatch_section(raw: Mapping[str, Any], where: str) -> DispatchSection:
    """Return the table `[dispatch]` that a mapping holds; `where` names it in errors.

    Raises
    ------
    ConfigurationError
        As `read_configuration` says.
    """
    return _validated(DispatchSection, raw, where)


def _validated(model: type[Table], raw: Mapping[str, Any], where: str) -> Table:
    try:
        return model.model_validate(dict(raw))
    except pydantic.ValidationError as error:
        mistakes = [_sentence(raw, entry) for entry in error.errors(include_url=False)]
        count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
        raise ConfigurationError("\n".join([f"{where}: {count}", *(f"  {line}" for line in mistakes)])) from None


def _sentence(raw: Mapping[str, Any], entry: Any) -> str:
    place, kind = list(entry["loc"]), entry["type"]
    key = _key(raw, place, is_missing=kind == "missing")
    if kind == "missing":
        return f"{key}: missing; add it"
    if kind == "extra_forbidden":
        return f"{key}: unknown key{_hint(place)}"
    if kind in ("union_tag_not_found", "union_tag_invalid"):
        kinds = ", ".join(f'"{tag}"' for model in _models(place) for tag in _tags(model))
        found = entry["ctx"].get("tag")
        return f"{key}.kind: {'missing; ' if found is None else ''}expected one of {kinds}{_found(found)}"
    return f"{key}: {_expectation(entry)}{_found(entry['input'])}"


def _expectation(entry: Any) -> str:
    if entry["type"] in _EXPECTATIONS:
        return _EXPECTATIONS[entry["type"]].format(**entry.get("ctx", {}))
    message = str(entry["msg"]).removeprefix("Value error, ")
    return message.replace("Input should be a valid", "expected a").replace("Input should be", "expected")


_EXPECTATIONS = {
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
    "dict_type": "expected a table",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "finite_number": "expected a finite number",
    "path_type": "expected the path of a file",
    "greater_than": "expected a number greater than {gt}",
    "greater_than_equal": "expected a number of at least {ge}",
    "less_than": "expected a number less than {lt}",
    "less_than_equal": "expected a number of at most {le}",
    "too_short": "expected at least {min_length}",
    "string_pattern_mismatch": "expected package.module:function",
}


def _found(value: object) -> str:
    text = repr(value)
    return "" if value is None else f", found {text if len(text) < 60 else text[:57] + '...'}"


def _key(raw: Mapping[str, Any], place: list[Any], *, is_missing: bool) -> str:
    """Return the key as it stands in the file: the names that pydantic gives to variants left out."""
    text = ""
    value: Any = raw
    for index, part in enumerate(place):
        if isinstance(part, int):
            text += f"[{part}]"
            value = value[part] if isinstance(value, list) and part < len(value) else None
        elif isinstance(value, Mapping) and part in value:
            text += f".{_quoted(part)}" if text else _quoted(part)
            value = value[part]
        elif is_missing and index == len(place) - 1:
            text += f".{_quoted(part)}" if text else _quoted(part)
    return text or "configuration"


def _quoted(part: object) -> str:
    """Return a key as TOML spells it."""
    return str(part) if re.fullmatch(r"[\w-]+", str(part), re.ASCII) else json.dumps(str(part))


def _hint(place: list[Any]) -> str:
    known = [key for model in _models(place[:-1]) for key in model.model_fields]
    near = difflib.get_close_matches(str(place[-1]), known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; expected some of {', '.join(known)}"


def _models(place: list[Any]) -> list[type[pydantic.BaseModel]]:
    """Return the tables that may stand at a place of the configuration."""
    models: list[type[pydantic.BaseModel]] = [Configuration]
    for part in place:
        if isinstance(part, str):
            fields = [model.model_fields[part].annotation for model in models if part in model.model_fields]
            variants = [model for model in models if part in _tags(model)]
            models = [model for field in fields for model in _members(field)] or variants or models
    return models


def _members(annotation: Any) -> list[type[pydantic.BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, pydantic.BaseModel):
        return [annotation]
    return [member for part in get_args(annotation) for member in _members(part)]


def _tags(model: type[pydantic.BaseModel]) -> tuple[str, ...]:
    kind = model.model_fields.get("kind")
    return () if kind is None else get_args(kind.annotation)
