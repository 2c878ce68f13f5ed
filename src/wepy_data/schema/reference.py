"""The reference pages of the data model, generated: `python -m wepy_data.schema.reference docs/data-model`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from wepy_data.schema.problem import STRUCTURE_KINDS, VALUE_KINDS
from wepy_data.schema.spec import WILDCARD, AttributeSpec, DatasetSpec, Dim, GroupSpec, Spec, run_spec

_GENERATED = (
    "<!-- Generated from schema/run-{version}.yaml by `python -m wepy_data.schema.reference docs/data-model`; "
    "do not edit. -->\n"
)
_TYPES = {
    "f4": "32-bit float", "f8": "64-bit float", "i4": "32-bit integer", "i8": "64-bit integer",
    "u1": "8-bit unsigned integer", "u4": "32-bit unsigned integer", "u8": "64-bit unsigned integer",
    "S64": "text of up to 64 bytes, UTF-8, padded with zeros",
}  # fmt: skip
_ROOT = "The file itself"
_INTRODUCTION = (
    "The history of a walker is its chain of parents in `/segments`, back to a founder. Where its weight came from "
    "is told by the parents and the rows of `/merges` together. `/events` says which walkers reached a target, "
    "`/bins` where they were binned, `/frames` which stored frames are theirs; coordinates and observables have one "
    "row for each frame. What can be wrong with a file is listed in [problems](problems.md).\n"
)


def reference_pages(spec: Spec | None = None) -> dict[str, str]:
    """Return the Markdown texts of the pages by file name."""
    spec = spec or run_spec()
    return {"reference.md": reference_page(spec), "problems.md": problems_page(spec)}


def reference_page(spec: Spec) -> str:
    """Return the page of all tables, column by column."""
    parts = [
        _GENERATED.format(version=spec.version[:3]),
        "# The tables of a run\n",
        f"This is the layout of a run's HDF5 file, version {spec.version}, table by table.\n\n{spec.doc}\n",
        _INTRODUCTION,
        "## How to read the tables\n",
        _how_to_read(),
        "## Which table points to which\n",
        _diagram(spec),
        "## Dimensions\n",
        "Datasets that share a named dimension have the same length along it. "
        "The length of a dimension is the length of the dataset that owns it.\n",
        _table(["Dimension", "Owner", "Grows", "Meaning"], (_dim_row(dim) for dim in spec.dims.values())),
    ]
    for section in _sections(spec):
        parts += _section(spec, section)
    return "\n".join(parts)


def problems_page(spec: Spec) -> str:
    """Return the page of all problems that a check can find."""
    refused = [
        ("`not-a-run`", "`NotARunError`", "Not an HDF5 file, or one without a schema version and a run id."),
        ("`damaged`", "`DamagedRunError`", "An HDF5 file that cannot be opened, or whose version is not one."),
        ("`too-old`", "`VersionTooOldError`", "Written with a version that is no longer read."),
        ("`too-new`", "`VersionTooNewError`", "Needs a reader of a later version than this one."),
    ]
    return "\n".join(
        [
            _GENERATED.format(version=spec.version[:3]),
            "# What can be wrong with a file\n",
            f"A file conforms to version {spec.version} of the schema if a check finds nothing. "
            "A check reports every problem at once, each with its place, its kind, what was found and what was "
            "expected:\n",
            "```\n/segments/parent: dtype: found i4, expected i8\n"
            "/segments/weight[4]: above: found 0.0, expected more than 0\n```\n",
            "The place is an HDF5 path, with `@name` for an attribute and `[row]` for the first row concerned. "
            "There are three levels, and each includes the ones before it. "
            "What is missing or malformed is reported once; checks that would need it are passed over.\n",
            "## Structure\n",
            "Objects, types, shapes and attributes; no values are read but the last row of `/cycles`.\n",
            _table(["Kind", "Meaning"], ((f"`{kind}`", text) for kind, text in STRUCTURE_KINDS.items())),
            "## Values\n",
            "Each committed value by itself.\n",
            _table(["Kind", "Meaning"], ((f"`{kind}`", text) for kind, text in VALUE_KINDS.items())),
            "## Invariants\n",
            "Rules across tables. The kind of a problem is the id of the rule that is broken.\n",
            _table(["Rule", "What holds"], ((f"`{name}`", text) for name, text in spec.rules.items())),
            "## Files that are not opened\n",
            "Some files cannot be read as a run at all; opening them is an error.\n",
            _table(["Refusal", "Error", "Meaning"], refused),
        ]
    )


def _how_to_read() -> str:
    types = ", ".join(f"`{code}` {words}" for code, words in _TYPES.items())
    return (
        f"- **Types** are little-endian: {types}.\n"
        "- **Dimensions** are named below; a number is a fixed length, `...` stands for any further ones. "
        "Each dataset names its own in the attribute `dims`.\n"
        "- **Units** are in H5MD spelling, in the attribute `unit`; a dataset without a unit has no such attribute.\n"
        "- **Ids** are row numbers, counted through the whole run from 0; -1 means none.\n"
        "- A column that is **not reproducible** (times, hosts) may differ between two runs of the same seed; "
        "all others are equal bit for bit.\n"
        "- `<name>` is a name of the run's own choice.\n"
    )


def _diagram(spec: Spec) -> str:
    """Return a mermaid diagram: an arrow from each table to those whose rows its columns name."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for dataset in spec.datasets.values():
        if dataset.ref:
            table, _, column = dataset.path.rpartition("/")
            arrows.setdefault((table, spec.dims[dataset.ref].owner.rpartition("/")[0]), []).append(column)
    for dim in spec.dims.values():
        if dim.stop:
            table, _, column = dim.stop.rpartition("/")
            arrows.setdefault((table, dim.owner.rpartition("/")[0]), []).append(column)
    names = dict.fromkeys(table for pair in arrows for table in pair)
    lines = [f'  {_node(name)}["{name}"]' for name in names]
    lines += [f'  {_node(a)} -- "{", ".join(columns)}" --> {_node(b)}' for (a, b), columns in arrows.items()]
    return (
        "An arrow is one or more columns that hold row numbers of the table it points to.\n\n"
        "```mermaid\nflowchart LR\n" + "\n".join(lines) + "\n```\n"
    )


def _node(path: str) -> str:
    return path.strip("/").replace("/", "_") + "_table"


def _dim_row(dim: Dim) -> tuple[str, ...]:
    owner = f"`{dim.owner}`" + (f", axis {dim.axis}" if dim.axis else "")
    grows = ("with each cycle" + (f", up to `{dim.stop}`" if dim.stop else "")) if dim.grows else "no"
    return f"`{dim.name}`", owner, grows, dim.doc


def _sections(spec: Spec) -> list[str]:
    """Return the top-level names in the order of the datasets, then the rest; what lies at the root comes last."""
    found = dict.fromkeys([*map(_top, spec.datasets), *("/" + path.split("/")[1] for path in spec.groups)])
    return [*(name for name in found if name != _ROOT), _ROOT]


def _top(path: str) -> str:
    return "/" + path.split("/")[1] if path.count("/") > 1 else _ROOT


def _section(spec: Spec, section: str) -> Iterator[str]:
    at_root = section == _ROOT
    groups = [g for g in spec.groups.values() if g.path == section or g.path.startswith(section + "/")]
    if at_root:
        yield f"## {_ROOT}\n"
        yield "Attributes, texts and second names at the root.\n"
        yield from _attribute_table("/", spec.attributes.values())
        yield from _text_table(spec)
    else:
        yield f"## {section}\n"
        yield groups[0].doc + ("\n" if groups[0].required else " Optional.\n")
        if len(groups) > 1:
            rows = ((f"`{g.path}`", g.doc, _group_presence(g)) for g in groups[1:])
            yield _table(["Group", "Meaning", "Present"], rows)
        for group in groups:
            yield from _attribute_table(group.path, group.attributes)
    datasets = [d for d in spec.datasets.values() if _top(d.path) == section]
    if datasets:
        columns = (_dataset_row(spec, dataset, "" if at_root else section) for dataset in datasets)
        yield _table(["Dataset", "Type", "Dimensions", "Unit", "Meaning", "Constraints"], columns)
    links = [link for link in spec.links.values() if _top(link.path) == section]
    if links:
        yield "Hard links, second names of datasets that other programs look for:\n"
        names = (
            (f"`{i.path}`", f"`{i.to}`", _presence(required=True, present_with=i.present_with), i.doc) for i in links
        )
        yield _table(["Name", "Dataset", "Present", "For"], names)


def _group_presence(group: GroupSpec) -> str:
    return (
        "for each name"
        if WILDCARD in group.path
        else _presence(required=group.required, present_with=group.present_with)
    )


def _presence(*, required: bool, present_with: str) -> str:
    if not required:
        return "optional"
    return f"with `{present_with}`" if present_with else "always"


def _attribute_table(path: str, attributes: Iterable[AttributeSpec]) -> Iterator[str]:
    rows = [(f"`{a.name}`", _attribute_type(a), a.doc, "always" if a.required else "optional") for a in attributes]
    if rows:
        yield f"Attributes of `{path}`:\n"
        yield _table(["Attribute", "Type", "Meaning", "Present"], rows)


def _attribute_type(attribute: AttributeSpec) -> str:
    length = f"{attribute.length} " if attribute.length else ""
    enum = f", of {', '.join(f'`{value}`' for value in attribute.enum)}" if attribute.enum else ""
    pattern = f", like `{attribute.pattern}`" if attribute.pattern else ""
    return f"{length}{attribute.type}{enum}{pattern}"


def _text_table(spec: Spec) -> Iterator[str]:
    yield "Texts:\n"
    rows = (
        (f"`{t.path}`", t.format.upper(), t.doc, _presence(required=t.required, present_with=""))
        for t in spec.texts.values()
    )
    yield _table(["Text", "Format", "Meaning", "Present"], rows)
    for text in spec.texts.values():
        yield from _attribute_table(text.path, text.attributes)


def _dataset_row(spec: Spec, dataset: DatasetSpec, section: str) -> tuple[str, ...]:
    name = dataset.path.removeprefix(section + "/") if section else dataset.path
    unit = _unit_cell(dataset)
    dims = " × ".join(str(dim) for dim in dataset.dims)
    return f"`{name}`", ", ".join(dataset.dtype), dims, unit, dataset.doc, "; ".join(_constraints(spec, dataset))


def _unit_cell(dataset: DatasetSpec) -> str:
    if dataset.unit_of:
        return f"that of `{dataset.unit_of}`"
    if len(dataset.unit) > 1:
        return ", ".join(f"{unit} ({dtype})" for dtype, unit in zip(dataset.dtype, dataset.unit, strict=True))
    return "the run's own" if dataset.unit == ("any",) else dataset.unit[0]


def _constraints(spec: Spec, dataset: DatasetSpec) -> Iterator[str]:
    if dataset.ref:
        table = spec.dims[dataset.ref].owner.rpartition("/")[0]
        yield f"row of `{table}`" + (" or -1" if dataset.none else "")
    if dataset.enum:
        yield ", ".join(f"{number} {word}" for word, number in dataset.enum.items())
    if dataset.finite:
        yield "finite"
    if dataset.above is not None:
        yield f"> {dataset.above:g}"
    if dataset.min is not None:
        yield f"≥ {dataset.min:g}"
    if dataset.max is not None:
        yield f"≤ {dataset.max:g}"
    if dataset.volatile:
        yield "not reproducible"
    if not dataset.required:
        yield "optional"
    elif dataset.present_with:
        yield f"only with `{dataset.present_with}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the pages to a folder, or check that those in it are up to date; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m wepy_data.schema.reference", description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pages lie, e.g. docs/data-model")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a page is not up to date")
    options = parser.parse_args(arguments)
    stale = []
    for name, text in reference_pages().items():
        path = options.folder / name
        if options.check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                stale.append(path)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for path in stale:
        sys.stderr.write(
            f"{path} is not what the schema says: run `python -m wepy_data.schema.reference {options.folder}`\n"
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
