"""Frames as mdtraj sees them."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any  # mdtraj publishes no types

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.order_parameter.feature import checked_atoms
from wepy.protocols import Frames


@cache
def load_mdtraj() -> Any:
    """Return the module `mdtraj`; `ConfigurationError` if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of packages that mdtraj imports
            import mdtraj
    except ImportError as error:
        raise ConfigurationError("this order parameter needs mdtraj: pip install 'wepy-ensemble[md]'") from error
    return mdtraj


def trajectory(where: str, frames: Frames, atoms: NDArray[np.int64]) -> Any:
    """Return an `mdtraj.Trajectory` of the chosen atoms in this order, with the box if frames have one.

    The first atom is moved to the origin before positions become float32, as mdtraj wants them: what diffuses far
    from where it began keeps its precision.
    """
    checked_atoms(where, atoms, frames.positions.shape[1])
    chosen = frames.positions[:, atoms]
    found = load_mdtraj().Trajectory((chosen - chosen[:, :1]).astype(np.float32), None)
    if frames.box is not None:
        found.unitcell_vectors = frames.box.astype(np.float32)
    return found


def renumbered(tuples: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the atoms that occur in `tuples`, and `tuples` as positions among them."""
    atoms, place = np.unique(tuples, return_inverse=True)
    return atoms, place.reshape(tuples.shape)
