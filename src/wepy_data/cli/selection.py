"""Atoms, segments, cycles and columns as they are named on a command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError

if TYPE_CHECKING:
    from wepy_data.query.run import Run

_CYCLES = re.compile(r"\s*(-?\d+|(-?\d+)?\s*:\s*(-?\d+)?)\s*")
_NUMBERS = re.compile(r"\s*\d+(-\d+)?\s*(,\s*\d+(-\d+)?\s*)*")


def atom_indices(run: Run, text: str) -> NDArray[np.int64]:
    """Return the atoms that a text names: numbers and ranges with both ends (`0-9,15`), or mdtraj's language.

    Raises
    ------
    SelectionError
        If it is neither, or names atoms that the run does not have.
    """
    if _NUMBERS.fullmatch(text):
        return _numbered(text, "atoms", run.topology.n_atoms)
    try:
        found = run.topology.select(text)
    except Exception as error:  # mdtraj's parser raises what it likes
        known = "numbers (0-9,15) nor a selection that mdtraj understands (backbone, name CA, resid 0 to 3)"
        raise SelectionError(f"no atoms {text!r}: neither {known}") from error
    if not len(found):
        raise SelectionError(f"no atoms {text!r}: the selection is empty")
    return np.asarray(found, np.int64)


def segment_ids(run: Run, text: str) -> NDArray[np.int64]:
    """Return the segments that a text names, in its order: numbers and ranges with both ends (`0-9,15`).

    Raises
    ------
    SelectionError
        If it is something else, or names segments that the run does not have.
    """
    if not _NUMBERS.fullmatch(text):
        raise SelectionError(f"no segments {text!r}: they are numbers and ranges (0-9,15)")
    return _numbered(text, "segments", run.n_segments)


def cycle_selection(text: str) -> int | slice:
    """Return the cycles that a text names: one (`-1`), or a range without its end (`10:20`, `10:`, `:-5`).

    Raises
    ------
    SelectionError
        If it is neither.

    Examples
    --------
    >>> cycle_selection("10:20"), cycle_selection("-1")
    (slice(10, 20, None), -1)
    """
    if not _CYCLES.fullmatch(text):
        raise SelectionError(f"no cycles {text!r}: expected one (7, -1 for the last) or a range (10:20, 10:, :-5)")
    first, colon, stop = text.replace(" ", "").partition(":")
    return slice(int(first) if first else None, int(stop) if stop else None) if colon else int(first)


def names(text: str) -> list[str]:
    """Return the names that a text lists, separated by commas.

    Examples
    --------
    >>> names("cycle, weight")
    ['cycle', 'weight']
    """
    return [name.strip() for name in text.split(",") if name.strip()]


def _numbered(text: str, what: str, count: int) -> NDArray[np.int64]:
    found = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        stop = int(last or first)
        if stop >= count or int(first) > stop:
            raise SelectionError(f"no {what} {part.strip()}: this run has {what} 0 to {count - 1}")
        found.append(np.arange(int(first), stop + 1))
    return np.concatenate(found)
