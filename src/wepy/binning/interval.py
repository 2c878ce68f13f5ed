"""Half-open intervals [lower, upper): their edges as JSON values and their text for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wepy.errors import ConfigurationError

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


def _short(value: float) -> str:
    """Return the shorter of the general format and the exact text, never losing digits."""
    text = format(value, "g")
    return text if float(text) == value else repr(float(value))
