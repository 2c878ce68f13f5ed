"""What a binner that holds other binners asks of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from wepy.errors import ConfigurationError
from wepy.protocols import AdaptiveBinner, Binner


def fixed(binner: Binner | AdaptiveBinner) -> Binner | None:
    """Return the binner if its bins are the same in every cycle (it has `assign`), None otherwise."""
    return cast(Binner, binner) if hasattr(binner, "assign") else None


def n_bins_of(binner: Binner | AdaptiveBinner) -> int | None:
    """Return the number of a binner's bins, its public `n_bins`.

    None if it does not say, or makes bins as walkers move. Bins have the indices 0 to n_bins - 1.
    """
    count = getattr(binner, "n_bins", None)
    return int(count) if count is not None and fixed(binner) is not None else None


def n_leaves_of(binner: Binner | AdaptiveBinner) -> int | None:
    """Return the number of bins that walkers can be in; those that are refined have higher indices."""
    count = getattr(binner, "n_leaves", None)
    return n_bins_of(binner) if count is None else int(count)


def n_dims_of(binner: Binner | AdaptiveBinner) -> int | None:
    """Return the dimension of the order parameter that a binner bins, its public `n_dims`; None if any will do."""
    count = getattr(binner, "n_dims", None)
    return None if count is None else int(count)


def common_dims(binners: Iterable[Binner | AdaptiveBinner]) -> int | None:
    """Return the dimension that all binners have, None if any will do; `ConfigurationError` if they differ."""
    found = sorted({dims for dims in map(n_dims_of, binners) if dims is not None})
    if len(found) > 1:
        raise ConfigurationError(f"bins inside bins: expected the same dimensions for all of them, got {found}")
    return found[0] if found else None
