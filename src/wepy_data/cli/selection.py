"""Atoms as they are named on a command line."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError

if TYPE_CHECKING:
    from wepy_data.query.run import Run

_NUMBERS = re.compile(r"\s*\d+(-\d+)?\s*(,\s*\d+(-\d+)?\s*)*")


def atom_indices(run: Run, text: str) -> NDArray[np.int64]:
    """Return the atoms that a text names: numbers and ranges with both ends (`0-9,15`), or mdtraj's language.

    Raises
    ------
    SelectionError
        If it is neither, or names atoms that the run does not have.
    """
    if _NUMBERS.fullmatch(text):
        return _numbered(text, run.topology.n_atoms)
    try:
        found = run.topology.select(text)
    except Exception as error:  # mdtraj's parser raises what it likes
        known = "numbers (0-9,15) nor a selection that mdtraj understands (backbone, name CA, resid 0 to 3)"
        raise SelectionError(f"no atoms {text!r}: neither {known}") from error
    if not len(found):
        raise SelectionError(f"no atoms {text!r}: the selection is empty")
    return np.asarray(found, np.int64)


def _numbered(text: str, n_atoms: int) -> NDArray[np.int64]:
    found = []
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        stop = int(last or first)
        if stop >= n_atoms or int(first) > stop:
            raise SelectionError(f"no atoms {part.strip()}: this run has atoms 0 to {n_atoms - 1}")
        found.append(np.arange(int(first), stop + 1))
    return np.concatenate(found)
