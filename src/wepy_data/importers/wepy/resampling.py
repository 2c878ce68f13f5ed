"""What the resampling of a cycle does to its walkers: several steps of clones and merges, made into one.

A record says for one walker and step: `NOTHING` or `KEEP_MERGE` (it goes to the slot of its target), `CLONE` (it goes
to all slots of its targets, with equal shares of its weight), `SQUASH` (its weight goes to the walker that is kept in
the slot of its target). The slots of a step are the walkers of the next one, in the end those of the next cycle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wepy_data.importers.wepy.reading import Floats, Ints

NOTHING, CLONE, SQUASH, KEEP_MERGE = "NOTHING", "CLONE", "SQUASH", "KEEP_MERGE"
_KINDS = (NOTHING, CLONE, SQUASH, KEEP_MERGE)
_CLONE, _SQUASH, _KEEP = 1, 2, 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """The records of one step of resampling.

    Parameters
    ----------
    walker, kind : (n_records,) int64
        Walker of each record, and what happens to it: the place of the decision in `decision_kinds`.
    counts : (n_records,) int64
        How many targets each record has.
    targets : (n_targets,) int64
        The targets, record after record.
    """

    walker: Ints
    kind: Ints
    counts: Ints
    targets: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """Who the walkers of the next cycle are, and where their weight comes from.

    Parameters
    ----------
    parent : (n_next,) int64
        Walker that each one continues.
    into, source : (n_shares,) int64
        Walker of the next cycle that receives a share of weight, and walker that this comes from.
    divisor : (n_shares,) float64
        By what the weight of the latter is divided.
    """

    parent: Ints
    into: Ints
    source: Ints
    divisor: Floats

    def weights(self, weight: Floats) -> Floats:
        """Return the weights of the walkers of the next cycle, from those of this one."""
        found: Floats = np.bincount(self.into, weight[self.source] / self.divisor, len(self.parent)).astype(np.float64)
        return found

    def merges(self, weight: Floats) -> tuple[Ints, Ints, Floats]:
        """Return what moved between walkers: into, source and weight of each flow, each pair once, in order."""
        moved = self.source != self.parent[self.into]
        into, source = self.into[moved], self.source[moved]
        amount = weight[source] / self.divisor[moved]
        pair, place = np.unique(into * len(weight) + source, return_inverse=True)
        total = np.bincount(place.reshape(-1), amount, len(pair)).astype(np.float64)  # integers if there are none
        return pair // len(weight), pair % len(weight), total


def compose(n_walkers: int, steps: Sequence[Step]) -> Outcome:
    """Return what several steps of resampling do in all.

    Parameters
    ----------
    n_walkers : int
        Number of walkers before the first step.
    steps : sequence of Step
        The steps, in order.

    Raises
    ------
    ValueError
        If walkers lack a record or have several, slots are left empty or taken twice, or a walker is merged into one
        that is not kept.

    Examples
    --------
    Walker 0 is squashed into 1, then 2 is cloned into the free slot:

    >>> def step(kinds, targets):
    ...     return Step(walker=np.arange(len(kinds)), kind=np.array(kinds),
    ...                 counts=np.array([len(t) for t in targets]), targets=np.concatenate(targets))
    >>> first = step([2, 3, 0], [[0], [0], [1]])
    >>> found = compose(3, [first, step([0, 1], [[0], [1, 2]])])
    >>> found.parent.tolist(), found.weights(np.array([0.2, 0.3, 0.5])).tolist()
    ([1, 2, 2], [0.5, 0.25, 0.25])
    """
    parent = np.arange(n_walkers)
    into, source, divisor = parent, parent, np.ones(n_walkers)
    for number, step in enumerate(steps):
        try:
            step = _in_order(step, len(parent))
            holder = _holders(step)
        except ValueError as error:
            raise ValueError(f"step {number}: {error}") from error
        start = np.cumsum(step.counts) - step.counts
        ways = step.counts[into]
        within = np.arange(int(ways.sum())) - np.repeat(np.cumsum(ways) - ways, ways)
        divisor = np.repeat(divisor * ways, ways)
        source = np.repeat(source, ways)
        into = step.targets[np.repeat(start[into], ways) + within]
        parent = parent[holder]
    order = np.argsort(into, kind="stable")
    return Outcome(parent=parent, into=into[order], source=source[order], divisor=divisor[order])


def _in_order(step: Step, n_walkers: int) -> Step:
    """Return the records of a step in the order of the walkers, of which each must have one."""
    order = np.argsort(step.walker, kind="stable")
    if len(order) != n_walkers or (step.walker[order] != np.arange(n_walkers)).any():
        raise ValueError(f"records of walkers {_shown(step.walker[order])}, expected one for each of {n_walkers}")
    if (step.walker == np.arange(n_walkers)).all():
        return step
    starts, counts = np.cumsum(step.counts) - step.counts, step.counts[order]
    within = np.arange(len(step.targets)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Step(
        walker=step.walker[order],
        kind=step.kind[order],
        counts=counts,
        targets=step.targets[np.repeat(starts[order], counts) + within],
    )


def _holders(step: Step) -> Ints:
    """Return which walker's state each slot holds after a step, (n_slots,)."""
    wrong = (step.counts < 1) | ((step.kind != _CLONE) & (step.counts != 1))
    if wrong.any():
        raise ValueError(f"{step.counts[wrong][0]} targets of walker {step.walker[wrong][0]}")
    placed = np.repeat(step.kind != _SQUASH, step.counts)
    walker = np.repeat(step.walker, step.counts)
    slots = step.targets[placed]
    order = np.argsort(slots, kind="stable")
    if (slots[order] != np.arange(len(slots))).any():
        raise ValueError(f"walkers in slots {_shown(slots[order])}, expected each slot from 0 on to be taken once")
    holder = walker[placed][order]
    into = step.targets[~placed]
    if len(into) and (into.min() < 0 or into.max() >= len(holder)):
        raise ValueError(f"walkers squashed into slots {_shown(into)} of {len(holder)}")
    lost = step.kind[holder[into]] != _KEEP
    if lost.any():
        raise ValueError(f"walkers squashed into slots {_shown(into[lost])}, whose walkers are not kept to be merged")
    return np.asarray(holder)


def decision_kinds(ids: dict[str, int], found: Ints) -> Ints:
    """Return what decisions are: the place in (NOTHING, CLONE, SQUASH, KEEP_MERGE).

    Parameters
    ----------
    ids : dict of str to int
        Id of each decision by name, as the file has them.
    found : (n_records,) int64
        Ids of decisions.

    Raises
    ------
    ValueError
        If an id is none of these.
    """
    kind = np.full(len(found), -1, np.int64)
    for place, name in enumerate(_KINDS):
        if name in ids:
            kind[found == ids[name]] = place
    if (kind < 0).any():
        known = ", ".join(f"{number} ({name})" for name, number in sorted(ids.items()))
        raise ValueError(f"decisions {_shown(np.unique(found[kind < 0]))}, expected one of {known}")
    return kind


def _shown(numbers: Ints) -> str:
    return ", ".join(map(str, numbers[:8].tolist())) + (", ..." if len(numbers) > 8 else "") or "none"
