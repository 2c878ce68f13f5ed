"""What made a balancer clone or merge a walker: sentences from weights, counts and the balancer's settings."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Crowd:
    """The walkers that were balanced together.

    Parameters
    ----------
    weight : (n,) float64
        Their weights.
    member : int
        Position of the walker that is explained.
    target_count : int
        Walkers wanted; -1 if nothing says.
    """

    weight: NDArray[np.float64]
    member: int
    target_count: int

    @property
    def total(self) -> float:
        """Sum of the weights."""
        return math.fsum(self.weight.tolist())

    @property
    def ideal(self) -> float:
        """The weight that each walker would have if all had the same; NaN if nothing says how many are wanted."""
        return self.total / self.target_count if self.target_count > 0 else math.nan

    @property
    def own(self) -> float:
        """Weight of the walker that is explained."""
        return float(self.weight[self.member])

    @property
    def lighter(self) -> float:
        """Summed weight of the walkers that are lighter than it, and its own."""
        before = (self.weight < self.own) | ((self.weight == self.own) & (np.arange(len(self.weight)) <= self.member))
        return math.fsum(self.weight[before].tolist())


def reason(decision: str, balancer: Mapping[str, Any], crowd: Crowd) -> list[str]:
    """Return sentences that say why a balancer did what it did with a walker."""
    kind = str(balancer.get("kind", "unknown"))
    walkers = "1 walker" if len(crowd.weight) == 1 else f"{len(crowd.weight)} walkers"
    wanted = f", {crowd.target_count} wanted: ideal weight {crowd.ideal:.6g}" if crowd.target_count > 0 else ""
    lines = [f"balanced by {kind} among {walkers} of weight {crowd.total:.6g}{wanted}"]
    if decision == "absorbed":
        return []
    if kind == "huber-kim" and crowd.target_count > 0:
        lines += _huber_kim(decision, balancer, crowd)
    elif kind in _RULES:
        lines.append(_RULES[kind])
    return lines


def _huber_kim(decision: str, balancer: Mapping[str, Any], crowd: Crowd) -> list[str]:
    split = float(balancer.get("split_threshold", 2.0)) * crowd.ideal
    merge = float(balancer.get("merge_threshold", 1.0)) * crowd.ideal
    lines = []
    if crowd.own > split:
        lines.append(
            f"heavier than {balancer.get('split_threshold', 2.0):g} times the ideal weight ({split:.6g}): split into "
            f"{math.ceil(crowd.own / crowd.ideal)}"
        )
    elif decision == "clone":
        lines.append("among the heaviest when the light ones had merged and there were too few: halved")
    if decision in ("merge", "merged") or (decision == "clone" and crowd.lighter <= merge):
        if crowd.lighter <= merge:
            lines.append(
                f"with all that are lighter it weighs {crowd.lighter:.6g}, at most "
                f"{balancer.get('merge_threshold', 1.0):g} times the ideal weight ({merge:.6g}): these merge"
            )
        elif not lines:
            lines.append("among the lightest of too many walkers, or of those that were made of them: merged in pairs")
    if not lines:
        lines.append(f"neither heavier than {split:.6g} nor, with all lighter ones, at most {merge:.6g}: left alone")
    return lines


_RULES = {
    "none": "nobody is cloned or merged",
    "multinomial": "every walker of the bin is drawn anew by weight, all with the ideal weight then",
    "residual": "as many copies as whole ideal weights fit into its own, the rest drawn by weight",
    "stratified": "copies by one random number in each of the equal parts of the bin's weight",
    "systematic": "copies by equally spaced points along the bin's weight, with one random start",
    "optimal-allocation": "the bin's number of walkers is that which its weight and variance deserve",
    "wexplore": "walkers are shared out evenly among the regions, level by level: full regions merge their lightest, "
    "empty ones clone their heaviest",
    "revo": "clones and merges that raise the variation, the summed distances of all pairs of walkers, are made one "
    "after another",
}
