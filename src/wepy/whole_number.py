"""Whole numbers as settings: counts and indices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def is_count(value: object, least: int = 0) -> bool:
    """Return whether a value is a whole number of at least `least`; true and false are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= least


def count_problems(name: str, value: object, least: int) -> Iterator[str]:
    """Yield what is wrong with a setting that must be a whole number of at least `least`.

    Examples
    --------
    >>> list(count_problems("n_walkers", 0, 1)), list(count_problems("n_walkers", 1, 1))
    (['n_walkers: expected a whole number, 1 or more, got 0'], [])
    """
    if not is_count(value, least):
        yield f"{name}: expected a whole number, {least} or more, got {value!r}"
