"""The variation of an ensemble, kept up to date while walkers are cloned and merged (REVO).

With a copies of a walker, phi its novelty and D_ij = (d_ij / d0)^exponent, let u_i = a_i phi_i, S_i = sum_j D_ij u_j:
then V_i = phi_i S_i and V = 1/2 sum_i u_i S_i. A step changes u of three walkers. What V becomes is known from three D
and three S, without a sum over walkers, and S is brought up to date with three rows of D. No
BLAS: its sums depend on the number of threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from wepy.balancing.least_pair import Neighbours, least_pair
from wepy.errors import ConfigurationError

Array = NDArray[np.float64]


class Step(NamedTuple):
    """One walker that is cloned once more, and two others, lower index first, that are merged."""

    cloned: int
    merged: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surroundings:
    """What does not change while walkers are cloned and merged.

    Parameters
    ----------
    distance : (n_walkers, n_walkers) float64
        Distances of walkers from each other.
    spread : (n_walkers, n_walkers) float64
        (distance / characteristic distance) ** exponent.
    near : Neighbours
        Who is near enough to be merged with whom.
    """

    distance: Array
    spread: Array
    near: Neighbours

    @classmethod
    def of(cls, distance: Array, *, merge_distance: float, characteristic_distance: float, exponent: float) -> Self:
        """Return the surroundings of walkers at these distances.

        Raises
        ------
        ConfigurationError
            If a distance, or a power of it, is not finite.
        """
        with np.errstate(over="ignore"):
            spread = (distance / characteristic_distance) ** exponent
        if not np.isfinite(spread).all():
            one, other = np.argwhere(~np.isfinite(spread))[0].tolist()
            raise ConfigurationError(
                f"walkers {one} and {other} are {distance[one, other]} apart, and ({distance[one, other]} /"
                f" {characteristic_distance}) ** {exponent} is not finite; give a characteristic_distance that is the"
                " mean distance of walkers, or so"
            )
        return cls(distance=distance, spread=spread, near=Neighbours.within(distance, merge_distance))


class Variation:
    """Walkers with weights and copies, and their variation.

    Parameters
    ----------
    surroundings : Surroundings
        How far they are apart.
    weight : (n_walkers,) float64
        Weights; one copy of each.
    pmin, pmax : float
        Limits of weights.
    greedy : bool
        Whether pairs to merge are chosen the greedy way.

    Attributes
    ----------
    weight : (n_walkers,) float64
        Weight of all copies of each walker; 0 of one that was merged into another.
    copies : list of int
        Copies of each walker.
    total : float
        V.
    """

    def __init__(self, surroundings: Surroundings, weight: Array, *, pmin: float, pmax: float, greedy: bool) -> None:
        self._surroundings = surroundings
        self._pmin, self._pmax, self._greedy = pmin, pmax, greedy
        self._floor = math.log(pmin / 100)
        self.weight = weight.copy()
        self.copies = [1] * len(weight)
        self._novelty = np.maximum(np.log(weight) - self._floor, 0.0)
        self._share = self._novelty.copy()
        self._pull = np.einsum("ij,j->i", surroundings.spread, self._share)
        self.total = self._sum()
        # what is added to V_i where a walker must not be chosen: to be cloned, the highest; to be merged, the lowest
        self._no_clone = np.where(weight / 2 > pmin, 0.0, -np.inf)
        self._partners = surroundings.near.degree.copy()
        self._open = [True] * len(weight)
        self._no_merge = np.where((self._partners > 0) | greedy, 0.0, np.inf)
        for walker in np.flatnonzero(weight >= pmax).tolist():
            self._stop_merging(walker)

    def copy(self) -> Variation:
        """Return a state that can go its own way."""
        other = object.__new__(Variation)
        other.__dict__ |= self.__dict__
        for name in ("weight", "_novelty", "_share", "_pull", "_no_clone", "_partners", "_no_merge", "_open", "copies"):
            setattr(other, name, getattr(self, name).copy())
        return other

    def step(self) -> Step | None:
        """Return the next step if it raises V; None if there is none or it does not."""
        variation = self._novelty * self._pull
        claim = variation + self._no_clone
        cloned = int(claim.argmax())
        if claim[cloned] == -math.inf:
            return None
        loss = variation + self._no_merge
        loss[cloned] = math.inf
        pair = self._greedy_pair(loss) if self._greedy else self._least_pair(loss)
        if pair is None:
            return None
        return Step(cloned, pair) if self._rises(cloned, *pair) else None

    def settle(self, step: Step, keep: int, lose: int) -> None:
        """Carry out a step of which `keep` has survived."""
        cloned = step.cloned
        self.copies[cloned] += 1
        self.copies[lose] = 0
        self.weight[keep] += self.weight[lose]
        self.weight[lose] = 0.0
        for walker in (cloned, keep, lose):
            copies = self.copies[walker]
            novelty = self._novelty_of(float(self.weight[walker]) / copies) if copies else 0.0
            change = copies * novelty - self._share[walker]
            self._novelty[walker], self._share[walker] = novelty, copies * novelty
            self._pull += change * self._surroundings.spread[walker]
        self.total = self._sum()
        self._no_clone[[keep, lose]] = -np.inf
        if not self.weight[cloned] / (self.copies[cloned] + 1) > self._pmin:
            self._no_clone[cloned] = -np.inf
        if self.copies[cloned] == 2:
            self._stop_merging(cloned)
        self._stop_merging(lose)
        if self.weight[keep] >= self._pmax:
            self._stop_merging(keep)

    def _sum(self) -> float:
        return float(0.5 * (self._share * self._pull).sum())

    def _novelty_of(self, weight: float) -> float:
        return max(0.0, math.log(weight) - self._floor)

    def _rises(self, cloned: int, one: int, other: int) -> bool:
        """Return whether V rises with one more clone and the expected numbers of the two that merge."""
        weights = [float(self.weight[walker]) for walker in (cloned, one, other)]
        copies = self.copies[cloned] + 1
        both = weights[1] + weights[2]
        merged = self._novelty_of(both) / both
        new = (copies * self._novelty_of(weights[0] / copies), weights[1] * merged, weights[2] * merged)
        a, b, c = (share - float(self._share[walker]) for share, walker in zip(new, (cloned, one, other), strict=True))
        pull, spread = self._pull, self._surroundings.spread
        gain = a * pull[cloned] + b * pull[one] + c * pull[other]
        gain += a * b * spread[cloned, one] + a * c * spread[cloned, other] + b * c * spread[one, other]
        return bool(self.total + gain > self.total)

    def _stop_merging(self, walker: int) -> None:
        """Merge this walker no more, nor those that nobody is left for."""
        if not self._open[walker]:
            return
        self._open[walker] = False
        self._no_merge[walker] = np.inf
        if not self._greedy:  # the greedy way ends if the walker with the least V_j has no partner
            near = self._surroundings.near.of(walker)
            self._partners[near] -= 1
            self._no_merge[near[self._partners[near] == 0]] = np.inf

    def _least_pair(self, loss: Array) -> tuple[int, int] | None:
        return least_pair(self._surroundings.near, loss, self.weight, self._pmax)

    def _greedy_pair(self, loss: Array) -> tuple[int, int] | None:
        """Return the walker with the least V_j and the nearest of its possible partners."""
        one = int(loss.argmin())
        if loss[one] == math.inf:
            return None
        near = self._surroundings.near.of(one)
        possible = near[(loss[near] < math.inf) & (self.weight[near] + self.weight[one] < self._pmax)]
        if len(possible) == 0:
            return None
        other = int(possible[self._surroundings.distance[one, possible].argmin()])
        return (one, other) if one < other else (other, one)
