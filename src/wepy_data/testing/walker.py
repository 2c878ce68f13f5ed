"""The walkers of one cycle of a generated run, and how a plan turns them into the next ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOTHING, RECYCLED, ABSORBED, FAILED = -1, 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walkers:
    """Walkers at the beginning of a cycle.

    Parameters
    ----------
    weight : (n_walkers,) float64
        Weights.
    parent : (n_walkers,) int64
        Segment that each continues, -1 for founders.
    state : (n_walkers,) int64
        State that each starts from, -1 if where its parent ended.
    done : (n_walkers,) int64
        Steps of dynamics on the lineage so far.
    into, source : (n_merges,) int64
        Walker that received weight, and segment that it came from.
    moved : (n_merges,) float64
        Weight that moved.
    """

    weight: NDArray[np.float64]
    parent: NDArray[np.int64]
    state: NDArray[np.int64]
    done: NDArray[np.int64]
    into: NDArray[np.int64]
    source: NDArray[np.int64]
    moved: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def continuous(self) -> NDArray[np.uint8]:
        """1 for walkers that start where their parent ended."""
        return (self.state < 0).astype(np.uint8)


def founders(weight: NDArray[np.float64], state: NDArray[np.int64]) -> Walkers:
    """Return the walkers of the first cycle."""
    count = len(weight)
    return Walkers(
        weight=weight, parent=np.full(count, -1, np.int64), state=state, done=np.zeros(count, np.int64),
        into=np.zeros(0, np.int64), source=np.zeros(0, np.int64), moved=np.zeros(0),
    )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Shares of walkers that go on as one: (walker, share), each walker once, and the place of the survivor."""

    members: tuple[tuple[int, float], ...]
    survivor: int


def groups_of(
    weight: NDArray[np.float64], places: Sequence[Sequence[int]], survivors: Sequence[int], rng: np.random.Generator
) -> list[Group]:
    """Return the plan that puts each walker's copies into places; copies in one place are one share.

    Parameters
    ----------
    weight : (n_walkers,) float64
        Weights.
    places : sequence of sequence of int
        Where each walker's copies go; empty for a walker that ends.
    survivors : sequence of int
        For each place, which of its members survives, modulo their number.
    rng : Generator
        Splits a walker's weight among its copies.
    """
    members: dict[int, list[tuple[int, float]]] = {}
    for walker, wanted in enumerate(places):
        distinct = sorted(set(wanted))
        for place, share in zip(distinct, _shares(float(weight[walker]), len(distinct), rng), strict=True):
            members.setdefault(place, []).append((walker, share))
    return [
        Group(members=tuple(members[place]), survivor=survivors[place] % len(members[place]))
        for place in sorted(members)
    ]


def next_walkers(groups: Sequence[Group], first: int, done: NDArray[np.int64], restart: NDArray[np.int64]) -> Walkers:
    """Return the walkers after a plan.

    Parameters
    ----------
    groups : sequence of Group
        The plan and its draw.
    first : int
        Segment id of walker 0.
    done : (n_walkers,) int64
        Steps on each lineage at the end of the cycle.
    restart : (n_walkers,) int64
        State that a walker's children start from, -1 if they go on.
    """
    chosen = np.array([group.members[group.survivor][0] for group in groups], np.int64)
    flows = [
        (into, walker, share)
        for into, group in enumerate(groups)
        for place, (walker, share) in enumerate(group.members)
        if place != group.survivor
    ]
    return Walkers(
        weight=np.array([math.fsum(share for _, share in group.members) for group in groups], np.float64),
        parent=first + chosen,
        state=restart[chosen],
        done=done[chosen],
        into=np.array([into for into, _, _ in flows], np.int64),
        source=first + np.array([walker for _, walker, _ in flows], np.int64),
        moved=np.array([share for _, _, share in flows], np.float64),
    )


def _shares(weight: float, count: int, rng: np.random.Generator) -> list[float]:
    """Return positive parts that sum to a weight, equal ones or not."""
    if count < 2:
        return [weight] * count
    parts = np.ones(count) if rng.random() < 0.5 else rng.uniform(0.05, 1, count)
    shares = (parts / parts.sum() * weight).tolist()
    return [weight - math.fsum(shares[1:]), *shares[1:]]
