"""The walkers that a cycle starts with: founders, or those that the balancer planned."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError, WepyError
from wepy.protocols import Balance, State

NONE = -1
_TOLERANCE = 1e-12  # relative; the schema's rule `weight-kept`


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StartState:
    """A state that walkers start or restart from.

    Parameters
    ----------
    arrays : State
        The engine's arrays, in its units.
    label : str
        Name of the state; at most 64 bytes of UTF-8.
    probability : float
        Probability among the states of its kind.
    """

    arrays: State
    label: str
    probability: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < len(self.label.encode()) <= 64:
            raise ConfigurationError(f"state {self.label!r}: expected a label of 1 to 64 bytes of UTF-8")
        arrays = {name: np.array(values, np.float64) for name, values in self.arrays.items()}
        for array in arrays.values():
            array.setflags(write=False)
        object.__setattr__(self, "arrays", arrays)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walkers:
    """The walkers planned for a cycle, in full precision.

    Parameters
    ----------
    states : tuple of State
        Where each starts.
    weight : (n,) float64
        Statistical weights.
    parent : (n,) int64
        Segment id that each continues; -1 for founders.
    start : (n,) int64
        Row of the start or source state that each starts from; -1 if it starts where its parent ended.
    step, time : (n,) int64, (n,) float64
        Steps and time (ps) since the founder of each began.
    merge_into, merge_from, merge_weight : (m,) int64, int64, float64
        Position of the walker that received weight, segment id that it came from, and the weight.
    """

    states: tuple[State, ...]
    weight: NDArray[np.float64]
    parent: NDArray[np.int64]
    start: NDArray[np.int64]
    step: NDArray[np.int64]
    time: NDArray[np.float64]
    merge_into: NDArray[np.int64]
    merge_from: NDArray[np.int64]
    merge_weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def continuous(self) -> NDArray[np.uint8]:
        """1 for walkers that start where their parent ended."""
        return (self.start < 0).astype(np.uint8)

    def arrays(self) -> Mapping[str, NDArray[np.float64]]:
        """Return the states stacked by name, (n, ...); NaN where a walker's state has no such array."""
        return stacked([dict(state) for state in self.states])


def stacked(states: Sequence[Mapping[str, NDArray[np.float64] | None]]) -> dict[str, NDArray[np.float64]]:
    """Return the arrays of many states stacked by name, (n, ...), NaN where a state has none."""
    found: dict[str, NDArray[np.float64]] = {}
    for name in sorted({name for state in states for name in state}):
        values = [state.get(name) for state in states]
        shape = next(value.shape for value in values if value is not None)
        found[name] = np.stack([np.full(shape, np.nan) if value is None else value for value in values])
    return found


def unstacked(arrays: Mapping[str, NDArray[np.float64]], count: int) -> tuple[State, ...]:
    """Return `count` states from their stacked arrays; an array that is NaN throughout is one that a state has not."""
    present: dict[str, list[bool]] = {
        name: [not np.isnan(row).all() for row in values] if values.size else [True] * count
        for name, values in arrays.items()
    }
    return tuple({name: values[row] for name, values in arrays.items() if present[name][row]} for row in range(count))


def probabilities(states: Sequence[StartState], kind: str) -> NDArray[np.float64]:
    """Return the probabilities of the states of a kind, (n_states,).

    Raises
    ------
    ConfigurationError
        If they are not positive, or do not sum to 1 within 1e-9.
    """
    found = np.array([state.probability for state in states], np.float64)
    if not (found > 0).all() or not abs(float(found.sum()) - 1) <= 1e-9:
        raise ConfigurationError(f"{kind} states: expected positive probabilities that sum to 1, got {found.tolist()}")
    return found


def founders(states: Sequence[StartState], count: int, weight: NDArray[np.float64] | None = None) -> Walkers:
    """Return `count` founders, shared among the states as their probabilities ask.

    Each state gets at least one walker; a state's walkers have equal weights that sum to its probability. If `weight`
    is given, there is one state for each walker, and these are their weights.

    Raises
    ------
    ConfigurationError
        If there are more states than walkers, or the probabilities do not sum to 1.
    """
    if not len(states) or count < len(states):
        raise ConfigurationError(
            f"walkers: expected at least one for each of {len(states)} initial states, got {count}"
        )
    probability = probabilities(states, "initial")
    share = np.maximum(1, np.floor(probability * count).astype(np.int64))
    while share.sum() != count:
        short = probability * count - share  # the state that is furthest from its due gains or gives one
        if share.sum() < count:
            share[int(np.argmax(short))] += 1
        else:
            share[int(np.argmin(np.where(share > 1, short, np.inf)))] -= 1
    which = np.repeat(np.arange(len(states)), share)
    return Walkers(
        states=tuple(states[index].arrays for index in which.tolist()),
        weight=(probability / share)[which] if weight is None else weight,
        parent=np.full(count, NONE, np.int64),
        start=which.astype(np.int64),
        step=np.zeros(count, np.int64),
        time=np.zeros(count),
        merge_into=np.zeros(0, np.int64),
        merge_from=np.zeros(0, np.int64),
        merge_weight=np.zeros(0),
    )


def balanced(
    balance: Balance,
    *,
    ends: Sequence[State],
    start: NDArray[np.int64],
    step: NDArray[np.int64],
    time: NDArray[np.float64],
    first_segment: int,
) -> Walkers:
    """Return the walkers of the next cycle.

    Parameters
    ----------
    balance : Balance
        What the balancer drew, in positions within the cycle.
    ends : sequence of State
        Where each walker of the cycle goes on from: its end, or its source state if it was recycled.
    start : (n,) int64
        Row of that source state, -1 if there is none.
    step, time : (n,) int64, (n,) float64
        Steps and time since the founder of each began, at the cycle's end.
    first_segment : int
        Id of the cycle's first segment.
    """
    parent = balance.parent
    return Walkers(
        states=tuple(ends[index] for index in parent.tolist()),
        weight=balance.weight,
        parent=parent + first_segment,
        start=start[parent],
        step=step[parent],
        time=time[parent],
        merge_into=balance.merge_into,
        merge_from=balance.merge_from + first_segment,
        merge_weight=balance.merge_weight,
    )


def check_balance(balance: Balance, weight: NDArray[np.float64], cycle: int) -> None:
    """Raise `WepyError` unless each walker's weight goes on, to its children and by merging, no more and no less.

    Parameters
    ----------
    balance : Balance
        What the balancer drew.
    weight : (n,) float64
        Weights of the walkers.
    cycle : int
        Named in the error.
    """
    before, after = math.fsum(weight.tolist()), math.fsum(balance.weight.tolist())
    problems = []
    if not (balance.weight > 0).all():
        problems.append("expected positive weights")
    if not abs(after - before) <= _TOLERANCE * before:
        problems.append(f"expected weights that sum to {before!r}, got {after!r}")
    if len(balance.parent) != len(balance.weight) or ((balance.parent < 0) | (balance.parent >= len(weight))).any():
        problems.append(f"expected a parent from 0 to {len(weight) - 1} for each new walker")
    if not problems:
        problems = _flow_problems(balance, weight)
    if problems:
        raise WepyError(f"cycle {cycle}: balancer: {'; '.join(problems)}")


def _flow_problems(balance: Balance, weight: NDArray[np.float64]) -> list[str]:
    into, source, moved = balance.merge_into, balance.merge_from, balance.merge_weight
    n, n_next = len(weight), len(balance.weight)
    if len(into) and (min(into.min(), source.min()) < 0 or into.max() >= n_next or source.max() >= n):
        return ["expected merges from walkers of the cycle into new ones"]
    own = balance.weight - np.bincount(into, moved, n_next)
    gone = np.bincount(balance.parent, own, n) + np.bincount(source, moved, n)
    scale = weight + np.bincount(balance.parent, balance.weight, n)
    wrong = np.flatnonzero(~(np.abs(gone - weight) <= _TOLERANCE * scale))
    return [f"walker {i} weighs {weight[i]:.6g}, of which {gone[i]:.6g} went on" for i in wrong[:3].tolist()]
