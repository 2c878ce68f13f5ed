"""Piecewise bins: other bins in other places."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wepy.binning.interval import checked_box, edges_to_json, in_box, interval_label
from wepy.binning.misfit import MisfitError, Problems, weighted_points
from wepy.binning.nested import n_bins_of, n_dims_of
from wepy.binning.value import checked_bin, checked_settings
from wepy.errors import ConfigurationError, refuse
from wepy.protocols import Bin, Binner, Description


@dataclass(frozen=True, slots=True)
class Piece:
    """A box, lower <= x < upper in every dimension, and the bins of the walkers in it.

    Parameters
    ----------
    lower : sequence of float
        Lower edge in each dimension, in the order parameter's unit; -inf leaves it open.
    upper : sequence of float or None
        Upper edges, greater than the lower ones; None leaves all of them open.
    binner : Binner
        The bins; the same in every cycle, and it knows their number (`n_bins`).

    Raises
    ------
    ConfigurationError
        Naming every pair of edges that holds no interval; if the binner is not of that kind.
    """

    lower: Sequence[float]
    upper: Sequence[float] | None
    binner: Binner

    def __post_init__(self) -> None:
        lower, upper = checked_box("piece", self.lower, self.upper)
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)
        if n_bins_of(self.binner) is None:
            raise ConfigurationError(
                f"piece {self.label}: expected bins that are the same in every cycle and whose number is known"
                f" (n_bins), got {type(self.binner).__name__}; give the piece one bin, and refine it with Recursive"
            )
        if n_dims_of(self.binner) not in (None, len(lower)):
            raise ConfigurationError(
                f"piece {self.label}: expected bins of {len(lower)} dimensions like the box, got"
                f" {n_dims_of(self.binner)}"
            )

    @property
    def label(self) -> str:
        """The box as text."""
        return " x ".join(interval_label(*side) for side in zip(self.lower, self.upper or (), strict=True))

    def holds(self, values: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which points are in the box, (n,)."""
        return in_box(values, self.lower, self.upper or ())

    def describe(self) -> Description:
        """Return edges and binner as strict JSON values."""
        return {
            "lower": edges_to_json(self.lower),
            "upper": edges_to_json(self.upper or ()),
            "binner": self.binner.describe(),
        }


@dataclass(frozen=True, slots=True)
class Piecewise:
    """Other bins in other places: pieces are tried in order, and the first whose box holds a walker bins it.

    Bins are numbered on from piece to piece.

    Parameters
    ----------
    pieces : sequence of Piece
        Boxes with their bins; where boxes overlap, the earlier one counts.

    Raises
    ------
    ConfigurationError
        If there is no piece, or they differ in their dimensions; naming pieces that lie in earlier ones.

    Examples
    --------
    >>> from wepy.binning import Rectilinear
    >>> fine, coarse = Rectilinear([[0.0, 0.5, 1.0]]), Rectilinear([[-np.inf, 5.0, np.inf]])
    >>> binner = Piecewise([Piece([0.0], [1.0], fine), Piece([-np.inf], None, coarse)])
    >>> binner.assign(np.array([[0.7], [-3.0], [1.0], [9.0]]), np.full(4, 0.25)).tolist()
    [1, 2, 2, 3]
    """

    pieces: Sequence[Piece]
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pieces = tuple(self.pieces)
        if not pieces or len({len(piece.lower) for piece in pieces}) > 1:
            found = [len(piece.lower) for piece in pieces]
            raise ConfigurationError(
                f"pieces: expected at least one, all of the same dimension, got dimensions {found}"
            )
        refuse(_hidden(pieces))
        object.__setattr__(self, "pieces", pieces)
        counts = [n_bins_of(piece.binner) or 0 for piece in pieces]
        object.__setattr__(self, "_starts", tuple(accumulate(counts, initial=0)))

    @property
    def n_dims(self) -> int:
        """Dimension of the order parameter that is binned."""
        return len(self.pieces[0].lower)

    @property
    def n_bins(self) -> int:
        """Number of bins of all pieces."""
        return self._starts[-1]

    def assign(self, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return each walker's bin.

        Parameters
        ----------
        order_parameter : (n_walkers, n_dims) float64
            Order parameter of each walker.
        weights : (n_walkers,) float64
            Weight of each walker; a piece sees those of its own walkers.

        Raises
        ------
        BinningError
            Naming every walker that is not finite; then every one that is in no box or fits no bin of its piece.
        """
        values, weights = weighted_points(order_parameter, weights, self.n_dims)
        index = np.full(len(values), -1, np.int64)
        free = np.ones(len(values), np.bool_)
        problems = Problems()
        for number, piece in enumerate(self.pieces):
            here = np.flatnonzero(free & piece.holds(values))
            free[here] = False
            if len(here):
                with problems.of(f"piece {number}", here):
                    index[here] = self._starts[number] + piece.binner.assign(values[here], weights[here])
        if free.any():
            left = np.flatnonzero(free)
            way_out = "make a box larger, or add a last piece that is open on all sides (lower -inf, upper inf)"
            with problems.of("all pieces", left):
                raise MisfitError([(i, f"{values[w].tolist()} lies in no box") for i, w in enumerate(left)], [way_out])
        problems.report()
        return index

    def bin(self, index: int) -> Bin:
        """Return what the piece says of its bin; `BinningError` if there is none."""
        checked_bin(index, self.n_bins)
        number = int(np.searchsorted(self._starts, index, side="right")) - 1
        start = self._starts[number]
        found = self.pieces[number].binner.bin(index - start)
        return found if found.parent < 0 else replace(found, parent=found.parent + start)

    def describe(self) -> Description:
        """Return kind and pieces as strict JSON values."""
        return {"kind": "piecewise", "pieces": [piece.describe() for piece in self.pieces]}

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the binner that `describe` described; `ConfigurationError` if the description does not fit."""
        from wepy.binning.described import fixed_from_description  # it knows all binners, this one too

        checked_settings(description, "piecewise", needed=["pieces"], optional=[])
        problems = [
            f"pieces[{number}]: expected lower, upper and binner, got {one!r}"
            for number, one in enumerate(description["pieces"])
            if not isinstance(one, Mapping) or set(one) != {"lower", "upper", "binner"}
        ]
        refuse(problems)
        return cls(
            [Piece(one["lower"], one["upper"], fixed_from_description(one["binner"])) for one in description["pieces"]]
        )


def _hidden(pieces: Sequence[Piece]) -> Iterator[str]:
    """Yield which pieces no walker could be in, an earlier one being around them."""
    for number, piece in enumerate(pieces):
        for earlier, other in enumerate(pieces[:number]):
            starts = zip(other.lower, piece.lower, strict=True)
            ends = zip(piece.upper or (), other.upper or (), strict=True)
            if all(a <= b for a, b in (*starts, *ends)):
                yield (
                    f"pieces[{number}]: {piece.label} lies in pieces[{earlier}], {other.label}, which comes first, so"
                    " that no walker is ever in it; put it first, or leave it out"
                )
                break
