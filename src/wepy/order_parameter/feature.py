"""What all order parameters share: their labels, the atoms they name, and the check of what they return."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError, SegmentError
from wepy.protocols import Frames
from wepy.whole_number import is_count


def checked_labels(where: str, labels: Iterable[str] | None, default: Sequence[str]) -> tuple[str, ...]:
    """Return `labels`, or `default` if there are none; `ConfigurationError` unless one distinct name each."""
    found = (labels,) if isinstance(labels, str) else tuple(labels or default)
    if not all(isinstance(label, str) and label for label in found) or len(set(found)) != len(found):
        raise ConfigurationError(f"{where}: labels: expected distinct names, found {found}")
    if len(found) != len(default):
        raise ConfigurationError(f"{where}: labels: expected {len(default)} names, found {len(found)}: {found}")
    return found


def checked_indices(where: str, indices: object) -> tuple[int, ...]:
    """Return distinct indices counted from 0 as plain integers, at least one; `ConfigurationError` otherwise."""
    found = tuple(indices) if isinstance(indices, Iterable) else ()
    if not found or not all(map(is_count, found)):
        raise ConfigurationError(f"{where}: expected indices, whole numbers from 0, found {indices!r}")
    if len(set(found)) != len(found):
        raise ConfigurationError(f"{where}: expected distinct indices, found {indices!r}")
    return tuple(int(i) for i in found)


def checked_tuples(where: str, tuples: object, width: int) -> tuple[tuple[int, ...], ...]:
    """Return a list of `width` distinct atom indices each; `ConfigurationError` if it is none."""
    found = tuple(tuples) if isinstance(tuples, Iterable) else ()
    if not found:
        raise ConfigurationError(f"{where}: expected a list of {width} atom indices each, found {tuples!r}")
    checked = tuple(checked_indices(f"{where}[{row}]", value) for row, value in enumerate(found))
    for row, value in enumerate(checked):
        if len(value) != width:
            raise ConfigurationError(f"{where}[{row}]: expected {width} atom indices, found {len(value)}: {value}")
    return checked


def checked_atoms(where: str, atoms: NDArray[np.int64], n_atoms: int) -> None:
    """Raise `ConfigurationError` if an atom index is not among `n_atoms`."""
    if int(atoms.max()) >= n_atoms:
        raise ConfigurationError(f"{where}: no atom {int(atoms.max())}: frames have atoms 0 to {n_atoms - 1}")


def checked_values(where: str, values: Any, frames: Frames, n_dims: int) -> NDArray[np.float64]:
    """Return `values` as (n_frames, n_dims) float64.

    Parameters
    ----------
    where : str
        Name of the order parameter, for errors.
    values : array_like
        What it computed, of any kind.

    Raises
    ------
    ConfigurationError
        Another shape, or no numbers at all.
    SegmentError
        Values that are not finite.
    """
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{where}: expected an array of numbers, found {type(values).__name__}") from error
    if array.shape != (len(frames), n_dims):
        raise ConfigurationError(
            f"{where}: expected shape {(len(frames), n_dims)} (frames, labels), found {array.shape}"
        )
    if not np.isfinite(array).all():
        frame = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise SegmentError(f"{where}: expected finite numbers, found {array[frame].tolist()} in frame {frame}")
    return array
