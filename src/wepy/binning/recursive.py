"""Recursive bins: any binner inside any bin of another one, to any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wepy.binning.cycle import add_bin, binned
from wepy.binning.misfit import Problems, weighted_points
from wepy.binning.nested import common_dims, fixed, n_bins_of, n_leaves_of
from wepy.binning.numbering import Counted, Interleaved, Numbering
from wepy.binning.value import checked_settings
from wepy.errors import BinningError, ConfigurationError, refuse
from wepy.protocols import AdaptiveBinner, Bin, Binner, Binning, Description, KnownBins
from wepy.whole_number import is_count

AnyBinner = Binner | AdaptiveBinner
_Local = Callable[[int, AnyBinner, NDArray[np.float64], NDArray[np.float64]], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class Recursive:
    """Bins of a base, some of which are refined by a binner of their own, their child.

    A child sees the walkers of its bin and no others. A bin of a child whose own bins refine nothing has the base's bin
    as parent, and all levels are counted from the base.

    If the number of bins of all children is known, bins have the indices of WESTPA: those of the base that are not
    refined keep their order and come first, the bins of each child follow at an offset, and those that are refined,
    which nobody is in, come after all others. `assign` and `bin` are for these. If a child makes bins as walkers move,
    indices are base bins 0 to n_base - 1, and n_base + local * m + j for the bin `local` of the j-th of m children;
    then only `adapt` bins.

    Parameters
    ----------
    base : Binner
        Bins that are the same in every cycle; their number is known (`n_bins`).
    children : mapping of int to Binner or AdaptiveBinner
        For each bin of the base that is refined, its binner, which may itself be `Recursive`.

    Raises
    ------
    ConfigurationError
        If the base is not of that kind; naming every bin that does not exist; if dimensions differ.

    Examples
    --------
    >>> from wepy.binning import Rectilinear
    >>> binner = Recursive(Rectilinear([[0, 1, 2, 3]]), {1: Rectilinear([[1, 1.25, 1.5, 2]])})
    >>> binner.assign(np.array([[0.1], [2.4], [1.2], [1.3], [1.6]]), np.full(5, 0.2)).tolist()
    [0, 1, 2, 3, 4]
    >>> binner.bin(4).label, binner.bin(4).parent, binner.bin(5).label
    ('[1.5, 2)', 5, '[1, 2)')
    """

    base: Binner
    children: Mapping[int, AnyBinner] = field(hash=False)
    _numbering: Numbering = field(init=False, repr=False, compare=False)
    _parts: tuple[int, ...] = field(init=False, repr=False, compare=False)
    """The base's bin that each part refines; -1 for part 0, the base itself."""

    def __post_init__(self) -> None:
        n_base = n_bins_of(self.base)
        if n_base is None:
            raise ConfigurationError(
                "base: expected bins that are the same in every cycle and whose number is known (n_bins), got"
                f" {type(self.base).__name__}; bins that move can be children, also of a base of one bin"
            )
        children = _checked_children(self.children, n_leaves_of(self.base) or 0)
        common_dims([self.base, *children.values()])
        object.__setattr__(self, "children", children)
        object.__setattr__(self, "_parts", (-1, *children))
        object.__setattr__(self, "_numbering", _numbering(self.base, n_base, children))

    @property
    def n_dims(self) -> int | None:
        """Dimension of the order parameter that is binned; None if any will do."""
        return common_dims([self.base, *self.children.values()])

    @property
    def n_bins(self) -> int | None:
        """Number of bins, refined ones included; None if a child makes bins as walkers move."""
        return self._numbering.n_bins if isinstance(self._numbering, Counted) else None

    @property
    def n_leaves(self) -> int | None:
        """Number of bins that walkers can be in; None if a child makes bins as walkers move."""
        return self._numbering.n_leaves if isinstance(self._numbering, Counted) else None

    def assign(self, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return each walker's bin.

        Parameters
        ----------
        order_parameter : (n_walkers, n_dims) float64
            Order parameter of each walker.
        weights : (n_walkers,) float64
            Weight of each walker; a child sees those of its own walkers.

        Raises
        ------
        BinningError
            Naming walkers that fit no bin of the base, then those that fit none of a child; if a child makes bins as
            walkers move.
        """
        if self.n_bins is None:
            raise BinningError("these bins are made as walkers move: ask for them with adapt")
        return self._index(order_parameter, weights, lambda _, child, x, w: _fixed(child).assign(x, w))

    def bin(self, index: int) -> Bin:
        """Return what the base or a child says of its bin, renumbered; `BinningError` if there is none.

        Bins that a child makes as walkers move are not told of here.
        """
        try:
            part, local = self._numbering.inner(index)
        except IndexError:
            last = "" if self.n_bins is None else f": these bins are 0 to {self.n_bins - 1}"
            raise BinningError(f"no bin {index}{last}") from None
        if part > 0:
            return self._of_child(part, _fixed(self._child(part)).bin(local))
        found = self.base.bin(local)
        return found if found.parent < 0 else replace(found, parent=self._outer(0, found.parent))

    def adapt(self, known: KnownBins, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> Binning:
        """Return each walker's bin and those bins that are new, each after the one that it refines.

        Children that make bins as walkers move are given those of the known bins that are theirs.

        Raises
        ------
        BinningError
            Naming walkers that fit no bin of the base, then those that fit none of a child; or a child that returns
            what it must not.
        """
        found: dict[int, KnownBins] = {}

        def local(part: int, child: AnyBinner, x: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.int64]:
            binning = binned(child, _ChildBins(self, known, part), x, w)
            found[part] = binning.made
            return binning.index

        index = self._index(order_parameter, weights, local)
        made: dict[int, Bin] = {}
        for each in np.unique(index).tolist():
            if self._numbering.inner(each)[0] == 0:
                add_bin(made, known, each, self.bin)
        for part, bins in found.items():
            for number, bin_ in bins.items():
                add_bin(made, known, self._outer(0, self._parts[part]), self.bin)
                made[self._outer(part, number)] = self._of_child(part, bin_)
        return Binning(index=index, made=made)

    def describe(self) -> Description:
        """Return kind, base and children as strict JSON values."""
        children = {str(bin_): child.describe() for bin_, child in self.children.items()}
        return {"kind": "recursive", "base": self.base.describe(), "children": children}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the binner that `describe` described; `ConfigurationError` if the description does not fit."""
        from wepy.binning.described import binner_from_description, fixed_from_description  # they know all binners

        checked_settings(description, "recursive", needed=["base", "children"], optional=[])
        if not isinstance(description["children"], Mapping):
            raise ConfigurationError(f"children: expected a binner for each bin, got {description['children']!r}")
        children = {bin_: binner_from_description(child) for bin_, child in description["children"].items()}
        return cls(fixed_from_description(description["base"]), children)

    def _index(
        self, order_parameter: NDArray[np.float64], weights: NDArray[np.float64], local: _Local
    ) -> NDArray[np.int64]:
        """Return each walker's bin; `local` says which of its bins the walkers of a child are in."""
        values, weights = weighted_points(order_parameter, weights, self.n_dims)
        place = self.base.assign(values, weights)
        index = self._numbering.outer(0, place)
        problems = Problems()
        for part, (bin_, child) in enumerate(self.children.items(), start=1):
            here = np.flatnonzero(place == bin_)
            if len(here):
                with problems.of(f"inside bin {bin_}", here):
                    index[here] = self._numbering.outer(part, local(part, child, values[here], weights[here]))
        problems.report()
        return index

    def _child(self, part: int) -> AnyBinner:
        return self.children[self._parts[part]]

    def _outer(self, part: int, local: int) -> int:
        return int(self._numbering.outer(part, np.array(local)))

    def _of_child(self, part: int, found: Bin) -> Bin:
        """Return a child's bin as one of these bins."""
        parent = self._outer(0, self._parts[part]) if found.parent < 0 else self._outer(part, found.parent)
        return replace(found, parent=parent, level=found.level + self._depth(part))

    def _depth(self, part: int) -> int:
        return self.base.bin(self._parts[part]).level + 1


class _ChildBins(Mapping[int, Bin]):
    """Those of the known bins that are a child's, as the child numbered them; a view, since there may be very many."""

    def __init__(self, binner: Recursive, known: KnownBins, part: int) -> None:
        self._binner, self._known, self._part, self._depth = binner, known, part, binner._depth(part)

    def __getitem__(self, local: int) -> Bin:
        try:
            found = self._known[self._binner._outer(self._part, local)]
        except IndexError:
            raise KeyError(local) from None
        part, parent = self._binner._numbering.inner(found.parent) if found.parent >= 0 else (0, -1)
        return replace(found, parent=parent if part == self._part else -1, level=found.level - self._depth)

    def __iter__(self) -> Iterator[int]:
        for index in self._known:
            part, local = self._binner._numbering.inner(index)
            if part == self._part:
                yield local

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _checked_children(children: Mapping[Any, AnyBinner], n_bins: int) -> dict[int, AnyBinner]:
    """Return the children by the bins that they refine, ascending; keys may be text, as JSON has them."""
    found = {int(key) if isinstance(key, str) and key.isdecimal() else key: child for key, child in children.items()}
    problems = [
        f"children: no bin {key!r} to refine: bins of the base that walkers can be in are 0 to {n_bins - 1}"
        for key in found
        if not is_count(key) or key >= n_bins
    ]
    refuse(problems)
    return {int(key): found[key] for key in sorted(found)}


def _numbering(base: Binner, n_base: int, children: Mapping[int, AnyBinner]) -> Numbering:
    counts = [n_bins_of(child) for child in children.values()]
    leaves = [n_leaves_of(child) for child in (base, *children.values())]
    bins = [count for count in (n_base, *counts) if count is not None]
    if len(bins) <= len(counts):
        return Interleaved(n_base, len(counts))
    return Counted([count for count in leaves if count is not None], bins, tuple(children))


def _fixed(child: AnyBinner) -> Binner:
    found = fixed(child)
    if found is None:
        raise BinningError(
            f"{type(child).__name__} makes bins as walkers move: the record tells of them, not the binner"
        )
    return found
