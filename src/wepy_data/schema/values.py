"""Checks of one dataset's values: finite, within bounds, one of the enumerated, without looking at other datasets."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.schema.layout import Column
from wepy_data.schema.problem import Problem
from wepy_data.schema.spec import DatasetSpec

_SHOWN = 3


def value_problems(column: Column, values: NDArray[Any], first_row: int = 0) -> list[Problem]:
    """Return the problems of some rows of a dataset.

    Parameters
    ----------
    column : Column
        What the schema says of the dataset.
    values : (n_rows, ...) array
        The rows.
    first_row : int
        Number of the first of them, for the message.
    """
    spec = column.spec
    if not len(values) or values.dtype.kind == "S":
        return _text_problems(column, values, first_row)
    found: list[Problem] = []
    if not values.size or not (spec.finite or spec.enum or spec.ref or _bounded(spec)):
        return found
    low, high = values.min(), values.max()

    def note(kind: str, wrong: NDArray[np.bool_], expected: str) -> None:
        if wrong.any():
            found.append(_named(column.path, kind, wrong, values, first_row, expected))

    if spec.finite and not (np.isfinite(low) and np.isfinite(high)):
        note("finite", ~np.isfinite(values), "finite numbers")
    if spec.above is not None and not low > spec.above:
        note("above", values <= spec.above, f"more than {spec.above:g}")
    if spec.min is not None and not low >= spec.min:
        note("min", values < spec.min, f"at least {spec.min:g}")
    if spec.max is not None and not high <= spec.max:
        note("max", values > spec.max, f"at most {spec.max:g}")
    if spec.enum:
        allowed = sorted(spec.enum.values())
        if low < allowed[0] or high > allowed[-1] or len(allowed) != allowed[-1] - allowed[0] + 1:
            words = ", ".join(f"{number} ({word})" for word, number in spec.enum.items())
            note("enum", ~np.isin(values, allowed), f"one of {words}")
    if spec.ref and low < (-1 if spec.none else 0):
        note("ref", values < (-1 if spec.none else 0), f"a {spec.ref} row" + (" or -1" if spec.none else ""))
    return found


def _bounded(spec: DatasetSpec) -> bool:
    return not (spec.above is None and spec.min is None and spec.max is None)


def _text_problems(column: Column, values: NDArray[Any], first_row: int) -> list[Problem]:
    for row, value in enumerate(values):
        try:
            value.decode("utf-8")
        except UnicodeDecodeError:
            where = f"{column.path}[{first_row + row}]"
            return [Problem(where, "utf-8", repr(bytes(value)), "UTF-8 text")]
    return []


def _named(
    path: str, kind: str, wrong: NDArray[np.bool_], values: NDArray[Any], first_row: int, expected: str
) -> Problem:
    rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
    shown = ", ".join(str(values[row].tolist()) for row in rows[:_SHOWN])
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return Problem(f"{path}[{first_row + int(rows[0])}]", kind, f"{shown}{more}", expected)
