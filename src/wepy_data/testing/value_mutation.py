"""Damages to single values: not finite, out of bounds, not one of the enumerated, no such row, no text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from wepy_data.record.protocols import RunReader
from wepy_data.schema.layout import Column
from wepy_data.testing.mutation import Mutation, changed

if TYPE_CHECKING:
    import h5py

_RECORD = {"kind": "start", "time": "", "software": {"wepy": "0", "python": "3"}, "host": {"name": ""}, "seed": 1}


def value_mutations(run: RunReader) -> Iterator[Mutation]:
    """Yield every damage to a value that a run has, and to its texts."""
    layout = run.header.layout
    for column in layout.columns.values():
        if _n_rows(run, column):
            for kind, value in _wrong_values(run, column):
                yield Mutation(what=f"{value!r}", kind=kind, path=column.path, damage=_first(column, value))
    yield from _texts(run)


def _n_rows(run: RunReader, column: Column) -> int:
    if column.path in run.header.layout.growing:
        return run.rows(column.dim)
    if column.path in run.header.static:
        return len(run.header.static[column.path])
    return len((run.planned or {}).get(column.path, ()))


def _wrong_values(run: RunReader, column: Column) -> Iterator[tuple[str, Any]]:
    spec = column.spec
    if spec.finite and column.numpy_dtype.kind == "f":  # positions may be whole picometres
        yield from (("finite", value) for value in (float("nan"), float("inf"), float("-inf")))
    if spec.above is not None:
        yield from (("above", value) for value in (spec.above, spec.above - 1))
    if spec.min is not None:
        yield "min", spec.min - 1
    if spec.max is not None:
        yield "max", spec.max + 1
    if spec.enum:
        yield "enum", max(spec.enum.values()) + 1
    if spec.ref:
        yield from (("ref", value) for value in (-2, _size(run, spec.ref), 2**62))
        if not spec.none:
            yield "ref", -1
    if column.dtype == "S64":
        yield from (("utf-8", value) for value in (b"\xff", b"\xc3"))


def _size(run: RunReader, dim: str) -> int:
    spec = run.header.layout.spec.dims[dim]
    if spec.grows:
        return run.rows(dim)
    return len(run.header.static[spec.owner] if spec.owner in run.header.static else (run.planned or {})[spec.owner])


def _first(column: Column, value: object) -> Callable[[h5py.File], None]:
    return changed(column.path, (0,) * (1 + len(column.shape)), value)


def _texts(run: RunReader) -> Iterator[Mutation]:
    texts = {path: text for path, text in run.header.layout.spec.texts.items() if text.format == "json"}
    missing = {"/topology": not run.header.topology, "/inputs": not run.header.inputs}
    for path, text in texts.items():
        if not missing.get(path):
            for kind, wrong in (("json", b"{"), ("json", b""), ("utf-8", b"[\xff]"), ("json", b"[" * 100_000)):
                what = f"the text {wrong[:5]!r}"
                yield Mutation(
                    what=what, kind=kind, path=path, damage=_text(path, wrong, fixed=text.layout == "mdtraj")
                )
    if run.header.topology:
        damage = _text("/topology", b'{"chains": []}', fixed=True)
        yield Mutation(what="a topology without chains", kind="topology", path="/topology", damage=damage)
    for what, records in (
        ("no record", []),
        ("one record, not a list", _RECORD),
        ("a record of another kind", [{**_RECORD, "kind": "rumour"}]),
        ("a record without a host", [{key: value for key, value in _RECORD.items() if key != "host"}]),
        ("a negative seed", [{**_RECORD, "seed": -1}]),
    ):
        damage = _text("/provenance", json.dumps(records).encode())
        yield Mutation(what=what, kind="provenance", path="", damage=damage)


def _text(path: str, value: bytes, *, fixed: bool = False) -> Callable[[h5py.File], None]:
    def damage(file: h5py.File) -> None:
        like = file["/config"].dtype
        del file[path]
        if fixed:
            file.create_dataset(path, shape=(1,), dtype=f"S{max(1, len(value))}")[0] = value
        else:
            file.create_dataset(path, shape=(), dtype=like)[()] = value

    return damage
