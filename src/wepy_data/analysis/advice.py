"""What a run says about the next one: gains to expect, bins and walkers, steps of a cycle, and how far to trust it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy_data.analysis.arrival import Arrivals
from wepy_data.errors import SelectionError

Floats = NDArray[np.float64]
BRUTE_FORCE, AS_RUN, UNIFORM, OPTIMAL, LEVEL_SETS, MAXIMUM = (
    "brute-force", "as-run", "uniform", "optimal", "level-sets", "maximum",
)  # fmt: skip
"""Names of the schemes of resampling whose variances are predicted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A way to resample, and how well it is predicted to do.

    Parameters
    ----------
    name : str
        brute-force: none. as-run: the weights that the run has had. uniform: as many walkers in each of its bins.
        optimal: the best numbers in its bins. level-sets: the best numbers in the advised bins. maximum: the bound.
    variance : float
        Of the flux per cycle, of one walker in one cycle: n walkers in t cycles have the variance over n t.
    gain : float
        Variance of brute force over this one: how much less dynamics is needed for the same error.
    gain_drawn : float
        The same with what resampling adds: drawing all children anew in each cycle; of the run, what it has merged.
    """

    name: str
    variance: float
    gain: float
    gain_drawn: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """Gains that cycles of a multiple of the run's steps would have, at best.

    Parameters
    ----------
    lag : int
        How many cycles become one.
    maximum, optimal, uniform : float
        Gains over brute force: the bound; the best numbers of walkers in the run's bins; as many in each.
    """

    lag: int
    maximum: float
    optimal: float
    uniform: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BinAdvice:
    """Walkers of a bin of the run, as they were and as they should be.

    Parameters
    ----------
    bin : int
        Index of the bin in its binner.
    place : float
        Mean of the divided dimension of the order parameter in it; NaN if none is divided.
    weight : float
        Its weight in the steady state.
    deviation : float
        v, the root of the mean variance that a walker in it adds in one cycle.
    walkers : float
        How many it had, on the average.
    advised : int
        How many it should have.
    """

    bin: int
    place: float
    weight: float
    deviation: float
    walkers: float
    advised: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Profile:
    """What is known of each cell, those of the source states left out.

    Parameters
    ----------
    cell : (n_cells,) int64
        Number of the cell in the grid, or row of its bin in /bins.
    centre : (n_cells,) float64
        Middle of the cell along the divided dimension; NaN if the cells are bins.
    weight : (n_cells,) float64
        Weight in the steady state.
    variance : (n_cells,) float64
        v^2: variance over one cycle of the weight that arrives in the end, of a walker of weight 1.
    discrepancy : (n_cells,) float64
        h: what a walker of weight 1 adds to the weight that arrives, in the long run.
    passage : (n_cells,) float64
        Mean first passage time to the target, cycles.
    exits : (n_cells,) int64
        Number of segments that this is known from.
    """

    cell: NDArray[np.int64]
    centre: Floats
    weight: Floats
    variance: Floats
    discrepancy: Floats
    passage: Floats
    exits: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Advised bins along one dimension of the order parameter.

    Parameters
    ----------
    edges : tuple of float
        Edges between them; the first and the last bin are open.
    walkers : tuple of int
        Walkers of each.
    """

    edges: tuple[float, ...]
    walkers: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Advice:
    """What a run that recycles says about the next one. Times are cycles unless a name says otherwise.

    Parameters
    ----------
    n_cycles, burn_in : int
        Cycles of the run, and how many of the first are left out.
    settled : int or None
        Cycles after which the flux is within 1 % of its steady state; None if it takes longer than can be seen.
    steps, ps : float or None
        Steps of dynamics of a cycle, and picoseconds; None if the run does not say.
    n_walkers : float
        Walkers per cycle, on the average.
    arrivals : Arrivals
        What has arrived in the target, and the flux as it was counted.
    flux : float
        Weight per cycle that arrives in the steady state of the chain of cells.
    dim : int or None
        Dimension of the order parameter that is divided into cells; None if cells are the run's bins.
    label : str
        Its name with its unit; empty if none is divided.
    profile : Profile
        What is known of each cell.
    schemes : tuple of Scheme
        Ways to resample.
    lags : tuple of Lag
        Longer cycles.
    bins : tuple of BinAdvice
        The run's bins.
    division : Division or None
        Advised bins; None if cells are the run's bins.
    warnings : tuple of str
        What makes all this doubtful.
    """

    n_cycles: int
    burn_in: int
    settled: int | None
    steps: float | None
    ps: float | None
    n_walkers: float
    arrivals: Arrivals
    flux: float
    dim: int | None
    label: str
    profile: Profile
    schemes: tuple[Scheme, ...]
    lags: tuple[Lag, ...]
    bins: tuple[BinAdvice, ...]
    division: Division | None
    warnings: tuple[str, ...]

    @property
    def passage(self) -> float:
        """Mean first passage time from the sources to the target, cycles: the inverse of the flux as it was counted."""
        return 1 / self.arrivals.flux

    @property
    def relative_error(self) -> float:
        """Predicted relative standard error of the run's flux: what repeated runs would scatter by."""
        variance = self._drawn(AS_RUN)
        return math.sqrt(variance / (self.n_walkers * (self.n_cycles - self.burn_in))) / self.flux

    @property
    def longest_tau(self) -> float:
        """A rule of thumb: a thirtieth of the mean crossing, in cycles; longer cycles lose much of the gain."""
        return self.arrivals.crossing / 30

    def scheme(self, name: str) -> Scheme:
        """Return a way to resample by its name.

        Raises
        ------
        SelectionError
            If it is not among those predicted; names those that are.
        """
        for scheme in self.schemes:
            if scheme.name == name:
                return scheme
        there = ", ".join(scheme.name for scheme in self.schemes)
        raise SelectionError(f"no scheme {name!r}: there are {there}")

    def walkers_for(self, error: float, cycles: float, scheme: str = OPTIMAL) -> float:
        """Return how many walkers give the flux with a relative standard error in so many cycles after the burn-in.

        Parameters
        ----------
        error : float
            Relative standard error, such as 0.1.
        cycles : float
            Cycles after the burn-in.
        scheme : str
            Which way to resample.

        Raises
        ------
        SelectionError
            If there is no such scheme, or error or cycles are not positive.
        """
        if not (error > 0 and cycles > 0):
            raise SelectionError(f"an error of {error} in {cycles} cycles: expected positive numbers")
        variance = self._drawn(scheme)
        return variance / (error * self.flux) ** 2 / cycles

    def _drawn(self, scheme: str) -> float:
        """Return the variance of a cycle's flux per walker, resampling included; infinite without a gain."""
        gain = self.scheme(scheme).gain_drawn
        return self.scheme(BRUTE_FORCE).variance / gain if gain > 0 else math.inf

    def values(self) -> dict[str, object]:
        """Return everything as JSON values; what is not a number is null."""
        return _plain(
            {
                **{name: getattr(self, name) for name in self.__slots__},
                "relative_error": self.relative_error,
                "passage": self.passage,
                "longest_tau": self.longest_tau,
            }
        )


def _plain(values: dict[str, object]) -> dict[str, object]:
    return {name: _value(value) for name, value in values.items()}


def _value(value: object) -> object:
    if isinstance(value, np.ndarray):
        return [_value(one) for one in value.tolist()]
    if isinstance(value, tuple):
        return [_value(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "__dataclass_fields__"):
        return _plain(dict(_fields(value)))
    return value


def _fields(value: object) -> Iterator[tuple[str, object]]:
    for name in getattr(value, "__dataclass_fields__", ()):
        yield name, getattr(value, name)
