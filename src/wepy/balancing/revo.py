"""REVO balancing: walkers cloned and merged so that they are far from each other, without any bins."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.limits import checked_weights, limit_problems
from wepy.balancing.revo_plan import REVOPlan
from wepy.balancing.variation import Surroundings, Variation
from wepy.errors import refuse
from wepy.metric import Euclidean, distance_matrix, finite_rows
from wepy.protocols import Description, Metric


@dataclass(frozen=True, slots=True)
class REVO:
    """Raises the variation of the ensemble by cloning one walker and merging two others, again and again.

    The variation is V = sum over pairs i < j of (d_ij / d0)^exponent phi_i phi_j, with phi = ln(w / (pmin / 100)), at
    least 0, for a walker of weight w (Donyapour, Roussey and Dickson, J. Chem. Phys. 150, 244112, 2019). Each step

    1. takes the walker that would raise V most by being cloned, V_i = sum_j (d_ij / d0)^exponent phi_i phi_j, among
       those that are not merged and whose clones are heavier than `pmin`;
    2. takes two others to merge that are nearer than `merge_distance`, not cloned, and together lighter than `pmax`:
       with "pairs", those that lose least, (w_k V_j + w_j V_k) / (w_j + w_k); with "greedy", the one with the least
       V_j and the nearest of its possible partners;
    3. ends balancing if V with the expected numbers of both does not exceed the present V;
    4. draws which of the two survives, w_j against w_k, and goes on with V as it then is.

    The next step depends on who has survived, so the plan is drawn step by step. The number of walkers stays the same.
    Equal claims are settled in order of walkers. New walkers are ordered by their parents.

    Parameters
    ----------
    merge_distance : float
        Walkers as far apart as this, or further, are never merged; in the metric's unit.
    characteristic_distance : float
        d0, the walkers' mean distance after one cycle of dynamics, say. It scales V and changes no decision.
    exponent : float
        How much distances count beside weights.
    pmin, pmax : float
        Limits of weights; 1e-300 <= pmin < pmax <= 1.
    merge : {"pairs", "greedy"}
        How the two that merge are chosen.
    metric : Metric
        How far walkers are apart.

    Raises
    ------
    ConfigurationError
        Naming every setting that does not fit.

    Examples
    --------
    >>> points = np.array([[0.0], [0.1], [5.0], [2.0]])
    >>> plan = REVO(0.5, pmax=0.8).plan(np.full(4, 0.25), np.zeros(4, np.int64), points)
    >>> [(str(probability), balance.parent.tolist()) for probability, balance in plan.outcomes()]
    [('1/2', [0, 2, 2, 3]), ('1/2', [1, 2, 2, 3])]
    """

    merge_distance: float
    characteristic_distance: float = 1.0
    _: KW_ONLY
    exponent: float = 4.0
    pmin: float = 1e-12
    pmax: float = 0.1
    merge: Literal["pairs", "greedy"] = "pairs"
    metric: Metric = Euclidean()  # noqa: RUF009 (a frozen value)

    def __post_init__(self) -> None:
        refuse(self._problems())

    def plan(
        self, weights: NDArray[np.float64], bins: NDArray[np.int64], order_parameter: NDArray[np.float64]
    ) -> REVOPlan:
        """Return the plan for these walkers; its draws go step by step.

        Parameters
        ----------
        weights : (n_walkers,) float64
            Positive and finite.
        bins : (n_walkers,) int64
            Not used.
        order_parameter : (n_walkers, n_dims) float64
            Order parameter of each walker.

        Raises
        ------
        BinningError
            Naming all walkers whose order parameter is not finite.
        ConfigurationError
            If the distance of two walkers overflows in the variation.
        ValueError
            If `weights` are not positive and finite, or not as many as order parameters.
        """
        points = finite_rows(order_parameter)
        weights = checked_weights(weights, len(points))
        surroundings = Surroundings.of(
            distance_matrix(self.metric, points),
            merge_distance=self.merge_distance,
            characteristic_distance=self.characteristic_distance,
            exponent=self.exponent,
        )
        start = Variation(surroundings, weights, pmin=self.pmin, pmax=self.pmax, greedy=self.merge == "greedy")
        return REVOPlan(start)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {
            "kind": "revo",
            "merge_distance": self.merge_distance,
            "characteristic_distance": self.characteristic_distance,
            "exponent": self.exponent,
            "pmin": self.pmin,
            "pmax": self.pmax,
            "merge": self.merge,
            "metric": self.metric.describe(),
        }

    def _problems(self) -> Iterator[str]:
        for name in ("merge_distance", "characteristic_distance", "exponent"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                yield f"{name}: expected a positive number, got {value!r}"
        yield from limit_problems(self.pmin, self.pmax)
        if self.merge not in ("pairs", "greedy"):
            yield f'merge: expected "pairs" or "greedy", got {self.merge!r}'
