"""Walkers that fit no bin: one check and one message for all binners, also for binners inside binners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from wepy.errors import BinningError

NO_NUMBER = "find out why the order parameter is not finite; no bin can hold such a walker"


class MisfitError(BinningError):
    """Walkers that fit no bin, each with what is wrong with it, and what can be done.

    Parameters
    ----------
    complaints : sequence of (int, str)
        Index of a walker and what is wrong with it.
    ways_out : sequence of str
        What can be done about it.
    """

    def __init__(self, complaints: Sequence[tuple[int, str]], ways_out: Sequence[str]) -> None:
        super().__init__(complaints, ways_out)
        self.complaints = tuple(complaints)
        self.ways_out = tuple(ways_out)

    def __str__(self) -> str:
        lines = [f"  walker {walker}: {what}" for walker, what in self.complaints]
        return "\n".join(["walkers that fit no bin:", *lines, *(f"  way out: {way}" for way in self.ways_out)])


def points(order_parameter: NDArray[np.float64], n_dims: int | None) -> NDArray[np.float64]:
    """Return order parameters as float64, (n_walkers, n_dims); `n_dims` is None if any number will do.

    Raises
    ------
    BinningError
        If they have another shape.
    """
    values = np.asarray(order_parameter, np.float64)
    if values.ndim != 2 or values.shape[1] == 0 or (n_dims is not None and values.shape[1] != n_dims):
        raise BinningError(
            f"order parameter: expected shape (n_walkers, {'n_dims' if n_dims is None else n_dims}), one column for"
            f" each dimension of the bins, got {values.shape}"
        )
    return values


def finite_points(order_parameter: NDArray[np.float64], n_dims: int | None) -> NDArray[np.float64]:
    """Return order parameters as `points` does.

    Raises
    ------
    BinningError
        Also naming every walker and dimension that is not a finite number.
    """
    values = points(order_parameter, n_dims)
    wrong = ~np.isfinite(values)
    if wrong.any():
        raise misfits(values, wrong)
    return values


def weighted_points(
    order_parameter: NDArray[np.float64], weights: NDArray[np.float64], n_dims: int | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return order parameters as `finite_points` does, and weights as float64, (n_walkers,).

    Raises
    ------
    BinningError
        Also if the weights are not one for each walker.
    """
    values, weights = finite_points(order_parameter, n_dims), np.asarray(weights, np.float64)
    if weights.shape != (len(values),):
        raise BinningError(f"weights: expected shape ({len(values)},), one for each walker, got {weights.shape}")
    return values, weights


def misfits(
    values: NDArray[np.float64], wrong: NDArray[np.bool_], ranges: Sequence[str] = (), way_out: str = ""
) -> MisfitError:
    """Return the error that names walkers, dimensions and values that no bin holds.

    Parameters
    ----------
    values : (n_walkers, n_dims) float64
        Order parameters.
    wrong : (n_walkers, n_dims) bool
        Which values no bin holds; all that are not finite among them.
    ranges : sequence of str
        Text of the values that bins hold, for each dimension; empty if all finite ones.
    way_out : str
        What can be done about finite values.
    """
    finite = np.isfinite(values)
    complaints = []
    for walker, dim in np.argwhere(wrong).tolist():
        expected = f"; expected a value in {ranges[dim]}" if ranges else ""
        what = f"lies outside {ranges[dim]}" if finite[walker, dim] else f"is not a finite number{expected}"
        complaints.append((walker, f"dimension {dim}: {float(values[walker, dim])!r} {what}"))
    ways_out = [way_out] if finite[wrong].any() else []
    return MisfitError(complaints, ways_out if finite[wrong].all() else [*ways_out, NO_NUMBER])


class Problems:
    """What binners inside a binner complain of, collected so that all is reported at once."""

    def __init__(self) -> None:
        self._misfits: list[MisfitError] = []
        self._others: list[str] = []

    @contextmanager
    def of(self, where: str, walkers: NDArray[np.int64]) -> Iterator[None]:
        """Collect the `BinningError` of a binner that sees chosen walkers and numbers them from 0.

        Parameters
        ----------
        where : str
            Names the binner.
        walkers : (n,) int64
            Indices of the walkers that it sees.
        """
        try:
            yield
        except MisfitError as error:
            own = [(int(walkers[walker]), f"{where}: {what}") for walker, what in error.complaints]
            self._misfits.append(MisfitError(own, error.ways_out))
        except BinningError as error:
            self._others.append(f"{where}, where walkers 0, 1, ... are {walkers.tolist()}: {error}")

    def report(self) -> None:
        """Raise `BinningError` if there is anything to complain of, naming walkers by their own indices."""
        complaints = sorted(complaint for error in self._misfits for complaint in error.complaints)
        ways_out = dict.fromkeys(way for error in self._misfits for way in error.ways_out)
        if self._others:
            misfit = [str(MisfitError(complaints, tuple(ways_out)))] if complaints else []
            raise BinningError("\n".join([*self._others, *misfit]))
        if complaints:
            raise MisfitError(complaints, tuple(ways_out))
