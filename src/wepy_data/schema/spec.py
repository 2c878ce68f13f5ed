"""The schema as values: what `schema/run-1.0.yaml` says, typed and frozen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

from wepy_data.schema.location import schema_folder

WILDCARD = "<name>"
ANY_SHAPE = "..."


@dataclass(frozen=True, slots=True, kw_only=True)
class Dim:
    """A named dimension, bound in each file to the length of its owner.

    Parameters
    ----------
    owner : str
        Path of the dataset whose length along `axis` is the dimension's size.
    grows : bool
        Whether rows are appended cycle by cycle.
    stop : str
        Path of the column of /cycles that holds the end of each cycle's rows; empty if there is none.
    """

    name: str
    owner: str
    axis: int = 0
    grows: bool = False
    stop: str = ""
    doc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeSpec:
    """An HDF5 attribute: `type` is text, texts, integer or integers."""

    name: str
    type: str
    required: bool = True
    length: int = 0
    pattern: str = ""
    enum: tuple[Any, ...] = ()
    doc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSpec:
    """An HDF5 group; `open` groups hold anything."""

    path: str
    required: bool = True
    present_with: str = ""
    open: bool = False
    attributes: tuple[AttributeSpec, ...] = ()
    doc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSpec:
    """A dataset that holds one text, JSON or YAML."""

    path: str
    format: str
    layout: str = ""
    required: bool = True
    attributes: tuple[AttributeSpec, ...] = ()
    doc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetSpec:
    """A numeric (or fixed-length text) dataset.

    Parameters
    ----------
    dims : tuple of str or int
        Named dimensions and fixed lengths; `...` stands for any further ones.
    dtype : tuple of str
        Allowed types, numpy codes without byte order.
    unit : tuple of str
        Unit in H5MD spelling, one for all types or one for each; empty if dimensionless, `any` if the run says.
    unit_of : str
        Path of the dataset whose unit this one has; empty if it has its own.
    volatile : bool
        Whether the values differ between equal runs (times, hosts).
    ref : str
        Dimension whose rows the values are; with `none`, -1 is allowed.
    """

    path: str
    dims: tuple[str | int, ...]
    dtype: tuple[str, ...]
    unit: tuple[str, ...] = ("",)
    unit_of: str = ""
    doc: str
    required: bool = True
    present_with: str = ""
    volatile: bool = False
    storage: str = "column"
    finite: bool = False
    min: float | None = None
    max: float | None = None
    above: float | None = None
    enum: Mapping[str, int] = field(default_factory=dict)
    ref: str = ""
    none: bool = True

    @property
    def wildcard(self) -> bool:
        """Whether the path has a `<name>` to be filled by the run."""
        return WILDCARD in self.path

    def unit_for(self, dtype: str) -> str:
        """Return the unit that values of a type have; that of the first type if it is not allowed."""
        place = self.dtype.index(dtype) if dtype in self.dtype and len(self.unit) > 1 else 0
        return self.unit[place]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkSpec:
    """A second name (hard link) of a dataset."""

    path: str
    to: str
    present_with: str = ""
    doc: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """The whole schema; mappings are in the order of the text."""

    version: str
    min_reader: str
    doc: str
    dims: Mapping[str, Dim]
    attributes: Mapping[str, AttributeSpec]
    groups: Mapping[str, GroupSpec]
    texts: Mapping[str, TextSpec]
    datasets: Mapping[str, DatasetSpec]
    links: Mapping[str, LinkSpec]
    rules: Mapping[str, str]
    text: str = field(repr=False)
    sha256: str


def parse_spec(text: str) -> Spec:
    """Return the schema that a YAML text holds; the text is taken to be sound, see `check_vocabulary`."""
    raw = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)
    return Spec(
        version=raw["version"],
        min_reader=raw["min_reader"],
        doc=raw["doc"].strip(),
        dims={name: Dim(name=name, **entry) for name, entry in raw["dims"].items()},
        attributes={a.name: a for a in _attributes(raw["attributes"])},
        groups={path: GroupSpec(path=path, **_with_attributes(entry)) for path, entry in raw["groups"].items()},
        texts={path: TextSpec(path=path, **_with_attributes(entry)) for path, entry in raw["texts"].items()},
        datasets={path: _dataset(path, entry) for path, entry in raw["datasets"].items()},
        links={path: LinkSpec(path=path, **entry) for path, entry in raw["links"].items()},
        rules=raw["rules"],
        text=text,
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )


@cache
def run_spec() -> Spec:
    """Return the run schema of this library."""
    return parse_spec((schema_folder() / "run-1.0.yaml").read_text(encoding="utf-8"))


def check_vocabulary(text: str) -> None:
    """Check a YAML text against `meta.schema.json`.

    Raises
    ------
    ValueError
        If the text does not conform; all problems are named.
    """
    import jsonschema

    raw = yaml.safe_load(text)
    meta = json.loads((schema_folder() / "meta.schema.json").read_text(encoding="utf-8"))
    found = sorted(jsonschema.Draft202012Validator(meta).iter_errors(raw), key=lambda error: list(map(str, error.path)))
    if found:
        lines = ["/".join(map(str, error.path)) + ": " + error.message for error in found]
        raise ValueError("the schema does not conform to meta.schema.json:\n" + "\n".join(lines))


def _attributes(raw: Mapping[str, Any]) -> tuple[AttributeSpec, ...]:
    return tuple(
        AttributeSpec(name=name, **{**entry, "enum": tuple(entry.get("enum", ()))}) for name, entry in raw.items()
    )


def _with_attributes(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "attributes": _attributes(entry.get("attributes", {}))}


def _dataset(path: str, entry: Mapping[str, Any]) -> DatasetSpec:
    given = {"dims": tuple(entry["dims"]), "dtype": _tuple(entry["dtype"]), "unit": _tuple(entry.get("unit", ""))}
    return DatasetSpec(path=path, **{**entry, **given})


def _tuple(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)
