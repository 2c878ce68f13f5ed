"""Minimal adaptive bins (MAB): bins between the walkers furthest ahead and furthest behind, made anew in each cycle."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wepy.binning.cycle import next_index
from wepy.binning.interval import interval_label, middle
from wepy.binning.misfit import weighted_points
from wepy.binning.special import Standouts, standouts
from wepy.binning.target import checked_target, target_of
from wepy.binning.value import checked_settings, frozen
from wepy.errors import refuse
from wepy.protocols import Bin, Binning, Description, KnownBins
from wepy.whole_number import count_problems

_OWN_BIN: Mapping[str, tuple[int, ...]] = {
    "leading": (0, 1),
    "lagging": (0, -1),
    "forward": (0, 1, 86),
    "backward": (0, -1, 86),
}
"""The directions with which a walker that stands out has a bin of its own, in order of the bins' numbers."""
_BOTTLENECKS = ("forward", "backward")
_PRIORITY = (_BOTTLENECKS, ("leading", "lagging"))


@dataclass(frozen=True, slots=True)
class MAB:
    """Minimal adaptive binning: equal bins between the walkers' extremes, and bins of one for walkers that stand out.

    In each cycle and each dimension, the leading and the lagging walker have a bin of their own, and so have those at
    the bottlenecks, whose weight is largest compared with all the weight ahead of them. The others are in `nbins` equal
    bins from the lowest to the highest value. A walker that stands out in several ways is at a bottleneck first, then
    leading or lagging, and in the first of several dimensions. In a dimension in which all walkers have the same value,
    nobody stands out.

    Put it into the bins of a `Recursive` binner that hold neither source nor target, so that these stay as they are.

    Parameters
    ----------
    nbins : int or sequence of int
        Number of equal bins in each dimension.
    direction : int or sequence of int
        For each dimension, or for all: 0, leading and lagging walkers have their bins; 1, leading ones only; -1,
        lagging ones only; 86, neither. With 1 there is no backward bottleneck, with -1 no forward one.
    skip : bool or sequence of bool
        Dimensions that are not binned.
    bottleneck : bool
        Whether walkers at bottlenecks have bins of their own.
    target_count : int or None
        Walkers wanted in every bin; None leaves it to the balancer.

    Raises
    ------
    ConfigurationError
        Naming every setting that does not fit.

    References
    ----------
    Torrillo, Bogetti, Chong, J. Phys. Chem. A 125, 1642 (2021); bins are numbered as in WESTPA's MABBinMapper.

    Examples
    --------
    >>> binner = MAB(nbins=[2])
    >>> x = np.array([[0.0], [0.4], [0.5], [0.9], [1.0]])
    >>> binner.local_bins(x, np.array([0.5, 0.3, 0.1, 0.05, 0.05])).tolist()
    [3, 4, 1, 1, 2]
    """

    nbins: int | Sequence[int]
    direction: int | Sequence[int] = field(default=0, kw_only=True)
    skip: bool | Sequence[bool] = field(default=False, kw_only=True)
    bottleneck: bool = field(default=True, kw_only=True)
    target_count: int | None = field(default=None, kw_only=True)
    _shape: tuple[int, ...] = field(init=False, repr=False, compare=False)
    _special: tuple[tuple[str, int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        nbins = _listed(self.nbins, 1)
        direction, skip = _listed(self.direction, len(nbins)), _listed(self.skip, len(nbins))
        _check(nbins, direction, skip)
        special = [
            (role, dim)
            for role, directions in _OWN_BIN.items()
            for dim, chosen in enumerate(direction)
            if not skip[dim] and chosen in directions and (self.bottleneck or role not in _BOTTLENECKS)
        ]
        object.__setattr__(self, "nbins", tuple(int(count) for count in nbins))
        object.__setattr__(self, "direction", tuple(int(chosen) for chosen in direction))
        object.__setattr__(self, "skip", tuple(bool(left_out) for left_out in skip))
        object.__setattr__(self, "bottleneck", bool(self.bottleneck))
        object.__setattr__(self, "target_count", checked_target(self.target_count))
        shape = tuple(1 if left_out else int(count) for count, left_out in zip(nbins, skip, strict=True))
        object.__setattr__(self, "_shape", shape)
        object.__setattr__(self, "_special", tuple(special))

    @property
    def n_dims(self) -> int:
        """Dimension of the order parameter that is binned."""
        return len(self._shape)

    @property
    def n_local_bins(self) -> int:
        """Number of bins that there may be in one cycle."""
        return math.prod(self._shape) + len(self._special)

    def local_bins(self, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return each walker's bin of this cycle, from 0 to n_local_bins - 1, as WESTPA numbers them.

        Equal bins come first, the first dimension running fastest; then those of leading walkers, dimension by
        dimension, of lagging ones, of those at forward and of those at backward bottlenecks.

        Parameters
        ----------
        order_parameter : (n_walkers, n_dims) float64
            Order parameter of each walker.
        weights : (n_walkers,) float64
            Weight of each walker.

        Raises
        ------
        BinningError
            Naming every walker that is not finite; if the weights are not one for each walker.
        """
        values, weights = weighted_points(order_parameter, weights, self.n_dims)
        if len(values) == 0:
            return np.zeros(0, np.int64)
        places = [_places(values[:, dim], count) for dim, count in enumerate(self._shape)]
        local = np.ravel_multi_index(places, self._shape, order="F").astype(np.int64)
        chosen = [standouts(values[:, dim], weights) for dim in range(self.n_dims)]
        for walker, bin_ in reversed(self._own_bins(chosen)):  # so that the first of a walker's own bins counts
            local[walker] = bin_
        return local

    def adapt(self, known: KnownBins, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> Binning:
        """Return each walker's bin, all bins being new: the occupied ones of this cycle, in order of `local_bins`.

        Raises
        ------
        BinningError
            As `local_bins` says.
        """
        local = self.local_bins(order_parameter, weights)
        values = np.asarray(order_parameter, np.float64)
        occupied, first, place = np.unique(local, return_index=True, return_inverse=True)
        start = next_index(known)
        made = {
            start + number: self._bin(bin_, values, walker)
            for number, (bin_, walker) in enumerate(zip(occupied.tolist(), first.tolist(), strict=True))
        }
        return Binning(index=(start + place.reshape(-1)).astype(np.int64), made=made)

    def describe(self) -> Description:
        """Return kind and settings as strict JSON values."""
        return {
            "kind": "mab",
            "nbins": list(_listed(self.nbins, 1)),
            "direction": list(_listed(self.direction, 1)),
            "skip": list(_listed(self.skip, 1)),
            "bottleneck": self.bottleneck,
            "target_count": self.target_count,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the binner that `describe` described; `ConfigurationError` if the description does not fit."""
        return cls(
            **checked_settings(
                description, "mab", needed=["nbins"], optional=["direction", "skip", "bottleneck", "target_count"]
            )
        )

    def _own_bins(self, chosen: Sequence[Standouts]) -> list[tuple[int, int]]:
        """Return walkers that have bins of their own with these, the bin that counts before others of a walker."""
        number = {special: math.prod(self._shape) + place for place, special in enumerate(self._special)}
        return [
            (walker, number[role, dim])
            for roles in _PRIORITY
            for dim, found in enumerate(chosen)
            for role in roles
            if (role, dim) in number and (walker := getattr(found, role)) is not None
        ]

    def _bin(self, local: int, values: NDArray[np.float64], walker: int) -> Bin:
        """Return what is known of a bin of this cycle, one of whose walkers is given."""
        target = target_of(self.target_count, local)
        n_equal = math.prod(self._shape)
        if local >= n_equal:
            role, dim = self._special[local - n_equal]
            label = f"{role} bottleneck" if role in _BOTTLENECKS else role
            return Bin(label=f"{label} in dimension {dim}", centre=frozen(values[walker].copy()), target_count=target)
        sides = []
        for dim, place in enumerate(np.unravel_index(local, self._shape, order="F")):
            edges = 2 * _half_edges(values[:, dim], self._shape[dim])
            sides.append((float(edges[place]), float(edges[place + 1])))
        return Bin(
            label=" x ".join(interval_label(*side) for side in sides),
            centre=frozen(np.array([middle(*side) for side in sides])),
            target_count=target,
        )


def _half_edges(values: NDArray[np.float64], n_bins: int) -> NDArray[np.float64]:
    """Return halves of the edges of equal bins; the difference of two finite values need not be finite."""
    return np.linspace(0.5 * values.min(), 0.5 * values.max(), n_bins + 1)


def _places(values: NDArray[np.float64], n_bins: int) -> NDArray[np.int64]:
    """Return each walker's equal bin; the highest value belongs to the last one, and all to the first if they agree."""
    if values.min() == values.max():
        return np.zeros(len(values), np.int64)
    place = np.searchsorted(_half_edges(values, n_bins), 0.5 * values, side="right") - 1
    return np.clip(place, 0, n_bins - 1)


def _listed(value: Any, count: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, Sequence | np.ndarray) and not isinstance(value, str) else (value,) * count


def _check(nbins: Sequence[Any], direction: Sequence[Any], skip: Sequence[Any]) -> None:
    problems = [wrong for dim, count in enumerate(nbins) for wrong in count_problems(f"nbins[{dim}]", count, 1)]
    problems += [
        f"direction[{dim}]: expected 0 (both ends), 1 (leading), -1 (lagging) or 86 (neither), got {chosen!r}"
        for dim, chosen in enumerate(direction)
        if isinstance(chosen, bool) or chosen not in (0, 1, -1, 86)
    ]
    problems += [
        f"skip[{dim}]: expected true or false, got {left_out!r}"
        for dim, left_out in enumerate(skip)
        if left_out not in (False, True)
    ]
    for key, values in (("direction", direction), ("skip", skip)):
        if len(values) != len(nbins):
            problems.append(f"{key}: expected {len(nbins)}, one for each dimension of nbins, got {len(values)}")
    if not nbins:
        problems.append("nbins: expected a number for each dimension of the order parameter, got none")
    refuse(problems)
