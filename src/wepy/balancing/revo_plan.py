"""The plan of REVO: one clone and one merger after another, each after the last survivor was drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from wepy.balancing.plan import balance_of
from wepy.balancing.variation import Variation
from wepy.protocols import Balance
from wepy.streams import Stream


@dataclass(frozen=True, slots=True, eq=False)
class REVOPlan:
    """All that can become of these walkers; a `StepwisePlan`.

    Parameters
    ----------
    start : Variation
        The walkers as they are; not changed.
    """

    start: Variation

    @property
    def variation(self) -> float:
        """V of the walkers as they are."""
        return self.start.total

    def draw(self, stream: Stream) -> Balance:
        """Go from step to step, each survivor drawn with one uniform number, until V rises no more.

        Parameters
        ----------
        stream : Stream
            All chance; the same stream gives the same bits.

        Returns
        -------
        Balance
            New walkers in order of their parents; merges in order of new walker, then old one.
        """
        random = stream.generator().random
        state = self.start.copy()
        merged = _Merged(len(state.weight))
        while (step := state.step()) is not None:
            one, other = step.merged
            first = random() * (state.weight[one] + state.weight[other]) < state.weight[one]
            keep, lose = (one, other) if first else (other, one)
            state.settle(step, keep, lose)
            merged.into(keep, lose)
        return self._balance(state, merged)

    def outcomes(self) -> Iterator[tuple[Fraction, Balance]]:
        """Yield every balance that a draw can give, with its exact probability: up to 2^steps of them.

        The same balance may come more than once, by different ways.
        """
        weights = [Fraction(weight) for weight in self.start.weight.tolist()]
        ways = [(Fraction(1), self.start.copy(), _Merged(len(weights)))]
        while ways:
            chance, state, merged = ways.pop()
            step = state.step()
            if step is None:
                yield chance, self._balance(state, merged)
                continue
            one, other = (sum((weights[m] for m in merged.members[i]), Fraction()) for i in step.merged)
            for part, (keep, lose) in ((other, step.merged[::-1]), (one, step.merged)):
                next_state, next_merged = state.copy(), merged.copy()
                next_state.settle(step, keep, lose)
                next_merged.into(keep, lose)
                ways.append((chance * part / (one + other), next_state, next_merged))

    def _balance(self, state: Variation, merged: _Merged) -> Balance:
        before = self.start.weight.tolist()
        parent: list[int] = []
        weight: list[float] = []
        merges: list[tuple[int, int, float]] = []
        for walker, copies in enumerate(state.copies):
            if copies == 0:
                continue
            members = sorted(merged.members[walker])
            merges += [(len(parent), other, before[other]) for other in members if other != walker]
            total = math.fsum(before[member] for member in members)
            parent += [walker] * copies
            weight += [total / copies] * copies
        return balance_of(parent, weight, merges)


class _Merged:
    """Whose weight each walker has: its own at first, nobody's once it was merged into another."""

    def __init__(self, n_walkers: int) -> None:
        self.members = [[walker] for walker in range(n_walkers)]

    def into(self, keep: int, lose: int) -> None:
        self.members[keep] = self.members[keep] + self.members[lose]
        self.members[lose] = []

    def copy(self) -> _Merged:
        other = _Merged(0)
        other.members = list(self.members)
        return other
