"""Half-open intervals [lower, upper): their edges as JSON values and their text for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError, refuse

JsonEdge = float | str
"""An edge in strict JSON, which has no infinity: a number, "inf" or "-inf"."""


def edges_to_json(edges: Sequence[float]) -> list[JsonEdge]:
    """Return the edges as strict JSON values; infinities become "inf" and "-inf"."""
    return [float(edge) if math.isfinite(edge) else str(float(edge)) for edge in edges]


def edges_from_json(edges: object, where: str) -> tuple[float, ...]:
    """Return the edges as floats, infinities given as numbers or as text.

    Raises
    ------
    ConfigurationError
        If `edges` is not a sequence of numbers; `where` names it in the message.
    """
    try:
        return tuple(float(edge) for edge in (None if isinstance(edges, str) else edges))  # type: ignore[attr-defined]
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{where}: expected a list of numbers for each dimension, such as [[-1.0, 0.0, inf]], got {edges!r}"
        ) from error


def interval_label(lower: float, upper: float) -> str:
    """Return the interval as text.

    Examples
    --------
    >>> interval_label(-0.5, -0.4), interval_label(float("-inf"), 0.0)
    ('[-0.5, -0.4)', '(-inf, 0)')
    """
    return f"{'[' if math.isfinite(lower) else '('}{_short(lower)}, {_short(upper)})"


def middle(lower: float, upper: float) -> float:
    """Return the middle of an interval, NaN if it is unbounded."""
    return 0.5 * lower + 0.5 * upper if math.isfinite(lower) and math.isfinite(upper) else math.nan


def checked_box(where: str, lower: object, upper: object | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the edges of a box as floats; `upper` None leaves it open upwards.

    Raises
    ------
    ConfigurationError
        Naming every pair of edges that holds no interval; `where` names the box in the message.
    """
    low = edges_from_json(lower, f"{where}: lower")
    high = (math.inf,) * len(low) if upper is None else edges_from_json(upper, f"{where}: upper")
    if not low or len(low) != len(high):
        raise ConfigurationError(
            f"{where}: expected one lower and one upper edge for each dimension, got {len(low)} and {len(high)}"
        )
    problems = [
        f"{where}: dimension {dim}: expected lower < upper, got {a:g} and {b:g}"
        for dim, (a, b) in enumerate(zip(low, high, strict=True))
        if not a < b
    ]
    refuse(problems)
    return low, high


def in_box(values: NDArray[np.float64], lower: Sequence[float], upper: Sequence[float]) -> NDArray[np.bool_]:
    """Return which points, (n, n_dims), are in lower <= x < upper in every dimension, (n,)."""
    return np.asarray(((values >= np.array(lower)) & (values < np.array(upper))).all(axis=1))


def _short(value: float) -> str:
    """Return the shorter of the general format and the exact text, never losing digits."""
    text = format(value, "g")
    return text if float(text) == value else repr(float(value))
