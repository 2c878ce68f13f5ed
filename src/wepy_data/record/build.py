"""Cycles built from what the manager knows: rows checked against the schema, derived columns filled in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import ConformanceError
from wepy_data.record.cycle import Cycle
from wepy_data.schema.checksum import crc_of
from wepy_data.schema.layout import Column, Layout
from wepy_data.schema.problem import Problem
from wepy_data.schema.values import value_problems

CRC = "/cycles/crc"


def build_cycle(
    layout: Layout, previous: Cycle | None, facts: Mapping[str, ArrayLike], frame_count: ArrayLike
) -> Cycle:
    """Return the cycle that follows `previous`, from the facts about its walkers.

    Parameters
    ----------
    layout : Layout
        Which datasets the run has.
    previous : Cycle or None
        The cycle before; None for the first.
    facts : mapping of str to array
        Rows by HDF5 path, ids global. Derived columns (numbering, `*_stop`, `root`, `total_weight`, `crc`) are filled
        in here and must not be given. Tables without rows may be left out.
    frame_count : (n_walkers,) int
        Number of stored frames of each segment.

    Raises
    ------
    ConformanceError
        If a row has the wrong type, shape or value; nothing is changed.
    """
    index = 0 if previous is None else previous.index + 1
    rows = _shaped(layout, facts)
    counts = np.asarray(frame_count, np.int64)
    problems = list(_basic_problems(rows, counts))
    if problems:
        raise ConformanceError(f"cycle {index}", problems)
    _derive(layout, previous, rows, counts)
    missing = [path for path in layout.growing if path not in rows and path != CRC]
    problems = [Problem(path, "missing", "nothing", "rows of this cycle") for path in missing]
    lengths = {dim: len(rows[column[0].path]) for dim, column in layout.by_dim.items() if column[0].path in rows}
    for path, column in layout.growing.items():
        if path in rows and len(rows[path]) != lengths.get(column.dim, len(rows[path])):
            problems.append(Problem(path, "dim-size", f"{len(rows[path])} rows", f"{lengths[column.dim]}"))
        elif path in rows:
            problems += value_problems(column, rows[path])
    if problems:
        raise ConformanceError(f"cycle {index}", problems)
    rows[CRC] = np.array([cycle_crc(layout, rows)], "<u4")
    for array in rows.values():
        array.setflags(write=False)
    return Cycle(index=index, rows=MappingProxyType({path: rows[path] for path in layout.growing}))


def cycle_crc(layout: Layout, rows: Mapping[str, NDArray[np.generic]]) -> int:
    """Return the CRC-32 of a cycle's rows, as the schema's rule `crc` defines it."""
    return crc_of(rows[path] for path in layout.growing if path != CRC)


def _shaped(layout: Layout, facts: Mapping[str, ArrayLike]) -> dict[str, NDArray[np.generic]]:
    """Return the facts as arrays of the schema's types; empty tables filled in."""
    problems = [Problem(path, "unexpected", "rows", "a growing dataset of this run") for path in facts.keys() - layout.growing.keys()]  # fmt: skip # noqa: E501
    rows: dict[str, NDArray[np.generic]] = {}
    given = {layout.growing[path].dim for path in facts if path in layout.growing}
    for path, column in layout.growing.items():
        if path in facts:
            found = np.asarray(facts[path])
            wanted = column.numpy_dtype
            if found.dtype.kind not in _CASTS[wanted.kind] and found.size:
                problems.append(Problem(path, "dtype", str(found.dtype), str(wanted)))
            elif found.shape[1:] != column.shape and found.size:
                problems.append(Problem(path, "shape", str(found.shape[1:]), str(column.shape)))
            else:
                rows[path] = np.array(found.reshape(-1, *column.shape) if not found.size else found, wanted, order="C")
        elif column.dim not in given and column.dim != "cycle":
            rows[path] = column.empty()
    if problems:
        raise ConformanceError("cycle", problems)
    return rows


_CASTS = {"f": "fiu", "i": "iub", "u": "iub", "S": "S"}


def _basic_problems(rows: Mapping[str, NDArray[np.generic]], frame_count: NDArray[np.int64]) -> Iterator[Problem]:
    """Yield what is wrong with the rows that others are derived from."""
    for path in ("/segments/weight", "/segments/parent", "/bins/index"):
        if path not in rows:
            yield Problem(path, "missing", "nothing", "rows of this cycle")
    count = len(rows.get("/segments/weight", ()))
    for path, values in (("/segments/parent", rows.get("/segments/parent")), ("/segments/frame_stop", frame_count)):
        if values is not None and values.shape != (count,) and "/segments/weight" in rows:
            yield Problem(path, "dim-size", f"shape {list(values.shape)}", f"one for each of {count} walkers")
    if (frame_count < 0).any():
        yield Problem("/segments/frame_stop", "min", f"{frame_count.min()} frames", "0 or more of a segment")


def _derive(
    layout: Layout, previous: Cycle | None, rows: dict[str, NDArray[np.generic]], frame_count: NDArray[np.int64]
) -> None:
    def start(dim: str) -> int:
        return 0 if previous is None else previous.stop(dim)

    index = 0 if previous is None else previous.index + 1
    weight = rows["/segments/weight"]
    n = len(weight)
    parent = rows["/segments/parent"].astype(np.int64)
    walker = np.arange(n, dtype=np.int64)
    rows["/cycles/index"] = np.array([index], np.int64)
    rows["/cycles/total_weight"] = np.array([math.fsum(weight.tolist())])
    rows["/segments/cycle"] = np.full(n, index, np.int64)
    rows["/segments/walker"] = walker
    rows["/segments/root"] = _roots(previous, parent, start("segment") + walker)
    rows["/segments/frame_stop"] = start("frame") + np.cumsum(frame_count)
    rows["/frames/segment"] = np.repeat(start("segment") + walker, frame_count)
    rows["/frames/index"] = start("frame") + np.arange(int(frame_count.sum()), dtype=np.int64)
    rows["/bins/cycle"] = np.full(len(rows["/bins/index"]), index, np.int64)
    for dim, columns in layout.by_dim.items():
        if dim != "cycle":
            first = next(c.path for c in columns if c.path in rows)
            rows[f"/cycles/{dim}_stop"] = np.array([start(dim) + len(rows[first])], np.int64)


def _roots(previous: Cycle | None, parent: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.int64]:
    if previous is None:
        return own
    roots = previous.rows["/segments/root"]
    row = parent - (previous.stop("segment") - len(roots))
    known = (row >= 0) & (row < len(roots))  # anything else is a problem that the values and rules will name
    return np.where(known, roots[np.where(known, row, 0)], own).astype(np.int64)


def column_rows(column: Column, values: ArrayLike) -> NDArray[np.generic]:
    """Return values as rows of a column: its type, little-endian, contiguous, read-only."""
    array = np.array(values, column.numpy_dtype, order="C").reshape(-1, *column.shape)
    array.setflags(write=False)
    return array
