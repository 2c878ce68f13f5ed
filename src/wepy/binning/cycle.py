"""The bins of one cycle, asked alike of binners whose bins are fixed and of those that make bins as walkers move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy.errors import BinningError
from wepy.protocols import AdaptiveBinner, Bin, Binner, Binning, KnownBins


def binned(
    binner: Binner | AdaptiveBinner,
    known: KnownBins,
    order_parameter: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> Binning:
    """Return the walkers' bins, and those bins that are new.

    A binner that has `adapt` is asked for both. One with fixed bins is asked for the bins of the walkers, and then for
    each of these that is not known, those that it refines coming first; never for a bin that is known.

    Parameters
    ----------
    binner : Binner or AdaptiveBinner
        The binner.
    known : mapping of int to Bin
        Every bin made so far.
    order_parameter : (n_walkers, n_dims) float64
        Order parameter of each walker.
    weights : (n_walkers,) float64
        Weight of each walker.

    Raises
    ------
    BinningError
        Naming walkers that fit no bin; or the binner and everything that is wrong with what it returned.

    Examples
    --------
    >>> from wepy.binning import Rectilinear
    >>> grid = Rectilinear([[0.0, 1.0, 2.0]])
    >>> found = binned(grid, {0: grid.bin(0)}, np.array([[0.5], [1.5]]), np.array([0.5, 0.5]))
    >>> found.index.tolist(), [bin_.label for bin_ in found.made.values()]
    ([0, 1], ['[1, 2)'])
    """
    name = type(binner).__name__
    n_walkers, n_dims = np.shape(order_parameter)
    if isinstance(binner, AdaptiveBinner):
        found = binner.adapt(known, order_parameter, weights)
        index, made = _checked_index(found.index, n_walkers, name), dict(found.made)
    else:
        index, made = _checked_index(binner.assign(order_parameter, weights), n_walkers, name), {}
        for each in np.unique(index).tolist():
            add_bin(made, known, each, binner.bin)
    problems = list(_problems(index, made, known, n_dims))
    if problems:
        raise BinningError("\n".join([f"fault of the binner {name}:", *(f"  {problem}" for problem in problems)]))
    return Binning(index=index, made=made)


def add_bin(made: dict[int, Bin], known: KnownBins, index: int, describe: Callable[[int], Bin]) -> None:
    """Add a bin to those made, after those that it refines; nothing that is known or made already is asked for.

    Raises
    ------
    BinningError
        If bins refine each other in a circle.
    """
    chain: dict[int, Bin] = {}
    while index not in known and index not in made:
        if index in chain:
            raise BinningError(f"bins {sorted(chain)} refine each other in a circle: a fault of their binner")
        chain[index] = describe(index)
        index = chain[index].parent
        if index < 0:
            break
    made.update(reversed(chain.items()))


def next_index(known: KnownBins) -> int:
    """Return the lowest index that is higher than those of all known bins."""
    return max(known, default=-1) + 1


def _checked_index(index: Any, n_walkers: int, name: str) -> NDArray[np.int64]:
    found = np.asarray(index)
    if found.shape != (n_walkers,) or (n_walkers > 0 and found.dtype.kind not in "iu"):
        raise BinningError(
            f"fault of the binner {name}: index: expected whole numbers of shape ({n_walkers},), one bin for each"
            f" walker, got {found.dtype} of shape {found.shape}"
        )
    return found.astype(np.int64)


def _problems(index: NDArray[np.int64], made: KnownBins, known: KnownBins, n_dims: int) -> Iterator[str]:
    """Yield what is wrong with the bins that a binner returned."""
    before: set[int] = set()
    for number, bin_ in made.items():
        if not isinstance(number, int) or number < 0:
            yield f"bin {number!r} is made: expected a whole number, 0 or more"
        elif number in known:
            yield f"bin {number} is made, but is known already: an index means one bin for ever"
        if bin_.parent >= 0 and bin_.parent not in known and bin_.parent not in before:
            yield f"bin {number} refines bin {bin_.parent}, which is neither known nor made before it"
        if np.shape(bin_.centre) != (n_dims,):
            yield f"bin {number}: centre: expected shape ({n_dims},), got {np.shape(bin_.centre)}"
        before.add(number)
    for number in np.unique(index).tolist():
        if number not in known and number not in before:
            walkers = np.flatnonzero(index == number).tolist()
            yield f"walkers {walkers} are in bin {number}, which is neither known nor made"
