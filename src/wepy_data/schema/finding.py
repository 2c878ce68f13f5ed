"""Findings of the rules across tables, and what rules ask of tables before they judge them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wepy_data.schema.check import Tables

Finding = tuple[str, str]
"""Where something is wrong, and what was found there."""
TOLERANCE = 1e-12
RECYCLED, ABSORBED = 0, 1
INITIAL, SOURCE, TARGET = 0, 1, 2


class Unavailable(Exception):  # noqa: N818 (a signal, caught where rules are applied)
    """A dataset that a rule needs and that is missing or malformed: reported by the structure level."""


def at_rows(path: str, wrong: NDArray[Any], values: NDArray[Any], offset: int = 0) -> Iterator[Finding]:
    """Yield the rows of a dataset that are wrong, with their values; the first of them is row `offset`."""
    for row in np.flatnonzero(wrong).tolist():
        yield f"{path}[{offset + row}]", str(values[row])


def first_rows(stops: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the first row of each cycle."""
    return np.concatenate([np.zeros(1, np.int64), stops])[:-1]


def cycle_of(stops: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """Return the cycle of each row; rows that the stops do not cover have the number of cycles."""
    return np.searchsorted(stops, np.arange(total), side="right")


def repeated(*columns: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows of a table have come before, by these columns of it."""
    codes = [np.unique(column, return_inverse=True)[1] for column in columns]
    repeated = np.ones(len(columns[0]), bool)
    repeated[np.unique(np.stack(codes, axis=1), axis=0, return_index=True)[1]] = False
    return repeated


def repeated_pairs(into: NDArray[np.int64], source: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    """Return which pairs have come before, of numbers below n."""
    pair = into * np.int64(n) + source
    order = np.argsort(pair, kind="stable")
    again = np.zeros(len(pair), bool)
    again[order[1:]] = np.diff(pair[order]) == 0
    return again


def require_stops(t: Tables, *dims: str) -> None:
    """Leave a rule whose stops cannot be trusted: `stops-cumulative` reports them."""
    for dim in dims:
        stops = t[f"/cycles/{dim}_stop"]
        if len(stops) and (stops[0] < 0 or (np.diff(stops) < 0).any()):
            raise Unavailable(dim)


def sound_parents(t: Tables) -> NDArray[np.int64]:
    """Return parents, all of them -1 or a row; leave the rule if some are neither."""
    parent = t["/segments/parent"]
    if len(parent) and (parent.min() < -1 or parent.max() >= len(parent)):
        raise Unavailable("/segments/parent")
    return np.asarray(parent)


def require_rows(path: str, values: NDArray[np.int64], size: int, low: int = 0) -> NDArray[np.int64]:
    """Return values, all of them from `low` to below `size`; leave the rule if some are not."""
    if len(values) and (values.min() < low or values.max() >= size):
        raise Unavailable(path)
    return values
