"""Recycling: walkers that have reached the target restart from a source state and keep their weight."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from wepy.binning.interval import edges_from_json, edges_to_json
from wepy.errors import ConfigurationError
from wepy.protocols import Description, Target
from wepy.streams import Purpose, Stream


@dataclass(frozen=True, slots=True)
class Region:
    """A box in the space of the order parameter: lower <= x < upper in every dimension, half-open like bins.

    A value that is not a number is in no region; the binner complains about it.

    Parameters
    ----------
    lower : sequence of float
        Lower edge in each dimension, in the order parameter's unit; -inf leaves it open.
    upper : sequence of float or None
        Upper edges, greater than the lower ones; None leaves all of them open.

    Raises
    ------
    ConfigurationError
        Naming every pair of edges that holds no interval.

    Examples
    --------
    >>> Region(lower=[1.0]).reached(np.array([[0.9], [1.0], [7.0]])).tolist()
    [False, True, True]
    """

    lower: Sequence[float]
    upper: Sequence[float] | None = None

    def __post_init__(self) -> None:
        lower = edges_from_json(self.lower, "target: lower")
        upper = (math.inf,) * len(lower) if self.upper is None else edges_from_json(self.upper, "target: upper")
        if not lower or len(lower) != len(upper):
            raise ConfigurationError(
                f"target: expected one lower and one upper edge for each dimension, got {len(lower)} and {len(upper)}"
            )
        problems = [
            f"target: dimension {dim}: expected lower < upper, got {low:g} and {high:g}"
            for dim, (low, high) in enumerate(zip(lower, upper, strict=True))
            if not low < high
        ]
        if problems:
            raise ConfigurationError("\n".join(problems))
        object.__setattr__(self, "lower", lower)
        object.__setattr__(self, "upper", upper)

    def reached(self, order_parameter: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which walkers are in the region, (n_walkers,).

        Raises
        ------
        ConfigurationError
            If the order parameter has another dimension than the region.
        """
        values = np.asarray(order_parameter, np.float64)
        if values.ndim != 2 or values.shape[1] != len(self.lower):
            raise ConfigurationError(
                f"target: expected an order parameter of shape (n_walkers, {len(self.lower)}), got {values.shape}"
            )
        lower, upper = np.array(self.lower), np.array(self.upper)
        return np.asarray(((values >= lower) & (values < upper)).all(axis=1))

    def describe(self) -> Description:
        """Return kind and edges as strict JSON values; infinite edges are "-inf" and "inf"."""
        return {"kind": "region", "lower": edges_to_json(self.lower), "upper": edges_to_json(self.upper or ())}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recycled:
    """The walkers that were recycled in one cycle, in order of walker index.

    Parameters
    ----------
    walker : (n_events,) int64
        Index of each walker that has reached the target.
    source : (n_events,) int64
        Index of the source state it restarts from.
    weight : (n_events,) float64
        The weight that arrived in the target and goes on from the source.
    """

    walker: NDArray[np.int64]
    source: NDArray[np.int64]
    weight: NDArray[np.float64]

    def __post_init__(self) -> None:
        for array in (self.walker, self.source, self.weight):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.walker)


@dataclass(frozen=True, slots=True)
class Recycling:
    """Sends walkers from the target back to a source state drawn by its probability.

    In the steady state that this reaches, the weight arriving per unit of time is the inverse of the mean first
    passage time (Hill, Free Energy Transduction in Biology, 1977).

    Parameters
    ----------
    target : Target
        Says which walkers have arrived.

    Examples
    --------
    >>> events = Recycling(Region(lower=[1.0])).recycle(
    ...     np.array([[0.2], [1.3]]), np.array([0.75, 0.25]), [1.0], seed=1, cycle=0
    ... )
    >>> events.walker.tolist(), events.source.tolist(), events.weight.tolist()
    ([1], [0], [0.25])
    """

    target: Target

    def recycle(
        self,
        order_parameter: NDArray[np.float64],
        weights: NDArray[np.float64],
        source_probability: Sequence[float] | NDArray[np.float64],
        *,
        seed: int,
        cycle: int,
    ) -> Recycled:
        """Return who is recycled and where to.

        Each walker has its own stream, so that its source does not depend on who else has arrived.

        Parameters
        ----------
        order_parameter : (n_walkers, n_dims) float64
            Order parameter at the end of each walker's segment.
        weights : (n_walkers,) float64
            Weight of each walker.
        source_probability : (n_sources,) float
            Probability of each source state; positive, the sum is 1 within 1e-9.
        seed, cycle : int
            Name the streams.

        Raises
        ------
        ConfigurationError
            If the probabilities do not fit.
        """
        upto = _cumulative(source_probability)
        hits = np.flatnonzero(self.target.reached(order_parameter)).astype(np.int64, copy=False)
        sources = [_draw(upto, Stream(seed, Purpose.RECYCLING, cycle, walker)) for walker in hits.tolist()]
        arrived = np.asarray(weights, np.float64)[hits]
        return Recycled(walker=hits, source=np.array(sources, np.int64), weight=arrived)

    def describe(self) -> Description:
        """Return the target's kind and settings as JSON values."""
        return {"kind": "recycling", "target": self.target.describe()}


def _cumulative(probability: Sequence[float] | NDArray[np.float64]) -> list[float]:
    values = np.asarray(probability, np.float64).ravel().tolist()
    if not values:
        raise ConfigurationError("recycling needs a source state: none is given")
    problems = [
        f"source state {index}: expected a positive probability, got {value}"
        for index, value in enumerate(values)
        if not 0 < value < math.inf
    ]
    total = math.fsum(values)
    if not problems and abs(total - 1.0) > 1e-9:
        problems = [f"source states: expected probabilities that sum to 1, got {values}, which sum to {total!r}"]
    if problems:
        raise ConfigurationError("\n".join(problems))
    return list(accumulate(values))


def _draw(upto: list[float], stream: Stream) -> int:
    return min(bisect_right(upto, stream.generator().random() * upto[-1]), len(upto) - 1)
