"""What workers run for `dispatch.py`; in a module because workers import it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np


def sleep(seconds: float) -> None:
    """A segment that needs no processor, so that many workers fit on few."""
    time.sleep(seconds)


def same(item: bytes) -> bytes:
    """A segment that takes no time; its payload goes out and back."""
    return bytes(item)


class Engine:
    """An engine's definition: a few MB of parameters that travel, and a preparation on each worker that gets them.

    Parameters
    ----------
    atoms : int
        Size of the system; 12,000 make 3.3 MB.
    preparation : float
        Time that a worker takes to prepare, s; as an OpenMM context of that size on a GPU.
    seed : int
        Two engines with different seeds are different functions.
    """

    def __init__(self, atoms: int, preparation: float, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.preparation = preparation
        self.nonbonded = random.random((atoms, 4))  # charge, sigma, epsilon, mass
        self.bonds = random.integers(0, atoms, (atoms, 2)), random.random((atoms, 2))
        self.angles = random.integers(0, atoms, (2 * atoms, 3)), random.random((2 * atoms, 2))
        self.exceptions = random.integers(0, atoms, (3 * atoms, 2))

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        """Arrive at a worker."""
        vars(self).update(state)
        time.sleep(self.preparation)

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Return the positions after a segment that takes no time."""
        return positions + 1.0
