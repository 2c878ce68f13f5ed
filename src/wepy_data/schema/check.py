"""The checks of a stored run at three levels: structure, values, invariants."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.checksum import header_crc, header_paths
from wepy_data.schema.finding import Unavailable
from wepy_data.schema.layout import Column, Layout
from wepy_data.schema.location import schema_folder
from wepy_data.schema.problem import LEVELS, Problem
from wepy_data.schema.rules import rule_problems
from wepy_data.schema.size import oversized
from wepy_data.schema.spec import Spec, run_spec
from wepy_data.schema.structure import committed_problems, layout_of, structure_problems
from wepy_data.schema.topology import topology_problems
from wepy_data.schema.tree import Node, Tree
from wepy_data.schema.values import value_problems

_BLOCK = 1 << 22  # bytes of a dataset that are looked at in one go
_MANY = 100  # problems of a text; that many say enough


def check_tree(tree: Tree, level: str = "invariants", spec: Spec | None = None) -> list[Problem]:
    """Return everything that is wrong with a stored run.

    Parameters
    ----------
    tree : Tree
        The run.
    level : {"structure", "values", "invariants"}
        How far to go; each level includes the ones before it.
    spec : Spec, optional
        The schema; this library's own by default.

    Raises
    ------
    ValueError
        If there is no such level.
    """
    if level not in LEVELS:
        raise ValueError(f"no level {level!r}: there are {', '.join(LEVELS)}")
    spec = spec or run_spec()
    nodes = tree.nodes()
    layout = layout_of(spec, nodes)
    problems = structure_problems(spec, nodes, layout)
    broken = {problem.path.split("@")[0] for problem in problems}
    tables = Tables(tree, nodes, layout, broken)
    sealed = nodes["/"].attributes.get("sealed") == 1
    for path, column in layout.growing.items():
        if path in nodes and path not in broken and tables.counts(column.dim):
            found = committed_problems(column, nodes[path], tables.committed(column.dim), sealed=sealed)
            problems += found
            broken.update(problem.path for problem in found)
    for path, declared, left in oversized(layout, nodes, tables.rows_if_known, tree.size()):
        problems.append(Problem(path, "dim-size", f"{declared} bytes", f"at most {left}, in a file of {tree.size()}"))
        broken.add(path)
    if level == "structure":
        return problems
    problems += _text_problems(spec, tree, tables, nodes, broken)
    for path, column in layout.columns.items():
        if path in nodes and path not in broken:
            problems += _column_problems(column, tables, tree)
    if level == "invariants":
        problems += rule_problems(spec, tables)
    return problems


class Tables:
    """The committed rows of a stored run's datasets, read once, for the rules.

    Asking for a dataset that is missing or malformed raises `Unavailable`: the problem is reported already.
    """

    def __init__(self, tree: Tree, nodes: Mapping[str, Node], layout: Layout, broken: set[str]) -> None:
        self._tree, self._nodes, self._broken = tree, nodes, broken
        self._read: dict[str, NDArray[Any]] = {}
        self._committed: dict[str, int] = {}
        self.layout = layout
        self.sealed = nodes["/"].attributes.get("sealed") == 1
        lengths = [
            nodes[path].shape[0]
            for path in (column.path for column in layout.by_dim["cycle"])
            if path in nodes and path not in broken
        ]
        self.n_cycles = min(lengths, default=0)

    def committed(self, dim: str) -> int:
        """Return the number of committed rows of a growing dimension."""
        if dim not in self._committed:
            self._committed[dim] = self._count(dim)
        return self._committed[dim]

    def counts(self, dim: str) -> bool:
        """Whether the commit table can say how many rows of a growing dimension there are."""
        stop = self.layout.spec.dims[dim].stop
        return not stop or (stop in self._nodes and stop not in self._broken)

    def _count(self, dim: str) -> int:
        stop = self.layout.spec.dims[dim].stop
        if not stop:
            return self.n_cycles
        if not self.n_cycles or not self.counts(dim):
            return 0
        return max(0, int(self._tree.read(stop, self.n_cycles - 1, self.n_cycles)[0]))

    def rows(self, path: str) -> int | None:
        """Return the number of rows of a dataset to look at; None for all."""
        column = self.layout.growing.get(path)
        return None if column is None else self.committed(column.dim)

    def size(self, dim: str) -> int | None:
        """Return the length of a dimension that does not grow; None if the run does not say."""
        owner = self.layout.spec.dims[dim].owner
        return self.layout.sizes[dim] if owner in self._nodes and owner not in self._broken else None

    def rows_if_known(self, path: str) -> int | None:
        """Return the number of rows of a dataset that count; None for all that there are."""
        column = self.layout.growing.get(path)
        return self.committed(column.dim) if column is not None and self.counts(column.dim) else None

    @property
    def root(self) -> Node:
        """The file itself."""
        return self._nodes["/"]

    def text(self, path: str) -> tuple[str, Node]:
        """Return a text and the object that holds it."""
        if path in self._broken or path not in self._nodes:
            raise Unavailable(path)
        try:
            return self._tree.read_text(path), self._nodes[path]
        except ValueError as error:
            raise Unavailable(path) from error

    def header_crc(self) -> int:
        """Return the checksum of what does not grow."""
        broken = self._broken & header_paths(self._nodes, self.layout)
        if broken:
            raise Unavailable(min(broken))
        try:
            return header_crc(self._tree, self._nodes, self.layout)
        except ValueError as error:
            raise Unavailable("/") from error

    def has(self, path: str) -> bool:
        """Whether the run has an object."""
        return path in self._nodes

    def __getitem__(self, path: str) -> NDArray[Any]:
        column = self.layout.growing.get(path)
        if path in self._broken or path not in self._nodes or not (column is None or self.counts(column.dim)):
            raise Unavailable(path)
        if path not in self._read:
            self._read[path] = self._tree.read(path, 0, self.rows(path))
        return self._read[path]

    def block(self, path: str, start: int, stop: int) -> NDArray[Any]:
        """Return rows [start, stop) without keeping them."""
        if path in self._broken or path not in self._nodes:
            raise Unavailable(path)
        return self._read[path][start:stop] if path in self._read else self._tree.read(path, start, stop)


def _column_problems(column: Column, tables: Tables, tree: Tree) -> list[Problem]:
    total = tables.rows(column.path)
    if total is None:
        total = len(tables[column.path])
    row_bytes = max(1, column.numpy_dtype.itemsize * int(np.prod(column.shape, dtype=np.int64)))
    step = max(1, _BLOCK // row_bytes)
    found: list[Problem] = []
    kept = column.spec.storage == "column"  # the rules will ask for it too, so it is read whole, once
    for start in range(0, total, step):
        stop = min(total, start + step)
        rows = tables[column.path][start:stop] if kept else tables.block(column.path, start, stop)
        found += value_problems(column, rows, start)
        if found:
            break
    if not found and column.spec.ref and total:
        found += _reference_problems(column, tables)
    return found


def _reference_problems(column: Column, tables: Tables) -> list[Problem]:
    dims, ref = tables.layout.spec.dims, column.spec.ref
    if dims[ref].grows and not tables.counts(ref):
        return []
    try:
        size = tables.committed(ref) if dims[ref].grows else len(tables[dims[ref].owner])
    except Unavailable:
        return []
    values = tables[column.path]
    wrong = np.flatnonzero(values >= size)
    if not len(wrong):
        return []
    where = f"{column.path}[{int(wrong[0])}]"
    return [Problem(where, "ref", str(values[wrong[0]]), f"a {ref} row, of which there are {size}")]


def _text_problems(
    spec: Spec, tree: Tree, tables: Tables, nodes: Mapping[str, Node], broken: set[str]
) -> list[Problem]:
    problems = []
    for path, text in spec.texts.items():
        if path not in nodes or path in broken:
            continue
        try:
            content = tree.read_text(path)
        except ValueError as error:
            problems.append(Problem(path, "utf-8", str(error), "UTF-8 text"))
            continue
        if text.format != "json":
            continue
        try:
            value = json.loads(content)
        except (ValueError, RecursionError) as error:
            problems.append(Problem(path, "json", str(error), "a JSON text"))
            continue
        if path == "/provenance":
            problems += provenance_problems(value)
        if text.layout == "mdtraj":
            problems += topology_problems(path, value, tables.size("atom"))
    return problems


def provenance_problems(records: object) -> list[Problem]:
    """Return what is wrong with provenance records, by `provenance.schema.json`."""
    import jsonschema

    schema = json.loads((schema_folder() / "provenance.schema.json").read_text(encoding="utf-8"))
    errors = jsonschema.Draft202012Validator(schema).iter_errors(records)
    return [
        Problem(
            "/provenance" + "".join(f"[{part}]" for part in error.path), "provenance", error.message[:200], "a record"
        )
        for error in sorted(itertools.islice(errors, _MANY), key=lambda error: list(map(str, error.path)))
    ]
