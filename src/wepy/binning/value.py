"""Binners as values: read-only arrays, bins that exist, descriptions with the keys that are needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy.errors import BinningError, ConfigurationError


def frozen(array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the array itself, read-only from now on."""
    array.setflags(write=False)
    return array


def checked_bin(index: int, n_bins: int) -> int:
    """Return the index of a bin that exists; `BinningError` if it does not."""
    if not 0 <= index < n_bins:
        raise BinningError(f"no bin {index}: these bins are 0 to {n_bins - 1}")
    return index


def checked_settings(
    description: Mapping[str, Any], kind: str, needed: Sequence[str], optional: Sequence[str]
) -> dict[str, Any]:
    """Return the settings of a description, whose kind and keys fit.

    Raises
    ------
    ConfigurationError
        If it is of another kind; or naming all keys that are missing or unknown.
    """
    if description.get("kind") != kind:
        raise ConfigurationError(f"kind: expected {kind!r}, got {description.get('kind')!r}")
    wrong = sorted({"kind", *needed, *optional} ^ {*optional, *description})
    if wrong:
        raise ConfigurationError(
            f"{kind} bins need {', '.join(['kind', *needed])} and may have {', '.join(optional) or 'no more'};"
            f" missing or unknown: {wrong}"
        )
    return {key: value for key, value in description.items() if key != "kind"}
