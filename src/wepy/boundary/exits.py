"""The boundary conditions of a run, with the states that recycled walkers restart from."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from wepy.boundary.condition import Boundary, Recycling
from wepy.boundary.event import ABSORBED, NONE, RECYCLED, Events
from wepy.errors import refuse
from wepy.streams import Purpose, Stream


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Restart:
    """The source states of one boundary condition: their rows in /states, and their cumulated probabilities."""

    rows: tuple[int, ...]
    upto: tuple[float, ...]

    def draw(self, stream: Stream) -> int:
        """Return the row of the state that a walker restarts from."""
        place = bisect_right(self.upto, stream.generator().random() * self.upto[-1])
        return self.rows[min(place, len(self.rows) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exits:
    """What becomes of the walkers of a run that arrive somewhere.

    Parameters
    ----------
    boundaries : tuple of Boundary
        The conditions. A walker that fulfils several meets the one whose target it reached first, and of these the
        first in this order.
    restarts : tuple of Restart or None
        Where each sends its walkers; None for one that absorbs them.
    first_target : int
        Row in /states of the first condition's target; the others follow.
    """

    boundaries: tuple[Boundary, ...] = ()
    restarts: tuple[Restart | None, ...] = ()
    first_target: int = 0

    def events(self, features: Sequence[NDArray[np.float64]], *, seed: int, cycle: int) -> Events:
        """Return who has arrived, where, and where they restart.

        Each walker has its own stream, so that its source does not depend on who else has arrived.

        Parameters
        ----------
        features : sequence of (n_frames, n_dims) float64
            Order parameter of the stored frames of each walker's segment, the last being its end.
        seed, cycle : int
            Name the streams.
        """
        if not self.boundaries:
            return Events.none()
        frame, which = self._arrivals(features)
        walkers = np.flatnonzero(which >= 0)
        source = [self._source(int(which[w]), Stream(seed, Purpose.RECYCLING, cycle, w)) for w in walkers.tolist()]
        found = np.array(source, np.int64)
        last = np.array([len(values) - 1 for values in features], np.int64)
        return Events(
            walker=walkers.astype(np.int64, copy=False),
            kind=np.where(found == NONE, ABSORBED, RECYCLED).astype(np.uint8),
            source=found,
            target=which[walkers] + self.first_target,
            frame=np.where(frame[walkers] == last[walkers], NONE, frame[walkers]),
        )

    def _arrivals(self, features: Sequence[NDArray[np.float64]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the frame at which each walker arrived, and the condition that it met, -1 for none."""
        count = np.array([len(values) for values in features], np.int64)
        frame, which = count.copy(), np.full(len(features), NONE, np.int64)
        ends = np.stack([values[-1] for values in features])
        every = np.concatenate(features) if any(one.every_frame for one in self.boundaries) else ends
        for index, boundary in enumerate(self.boundaries):
            if boundary.every_frame:
                first = _first(boundary.target.reached(every), count)
            else:
                first = np.where(boundary.target.reached(ends), count - 1, count)
            which[first < frame] = index
            frame = np.minimum(frame, first)
        return frame, which

    def _source(self, condition: int, stream: Stream) -> int:
        restart = self.restarts[condition]
        return NONE if restart is None else restart.draw(stream)


def exits(
    boundaries: Sequence[Boundary],
    labels: Sequence[str],
    probability: Sequence[float],
    features: NDArray[np.float64],
    *,
    first_source: int,
    n_states: int,
) -> Exits:
    """Return the boundary conditions of a run with their source states.

    Parameters
    ----------
    boundaries : sequence of Boundary
        The conditions.
    labels, probability : sequence of str, sequence of float
        Of the source states.
    features : (n_sources, n_dims) float64
        Order parameter of the source states.
    first_source : int
        Row in /states of the first of them.
    n_states : int
        Rows in /states that come before the targets.

    Raises
    ------
    ConfigurationError
        If a source state is in a target, a condition finds no source state, or two targets have the same label.
    """
    problems = _problems(boundaries, labels, features)
    restarts: list[Restart | None] = []
    for boundary in boundaries:
        if not isinstance(boundary, Recycling):
            restarts.append(None)
            continue
        places = _places(boundary, labels, features)
        if not places:
            problems.append(f"target {boundary.label!r}: sources: none of the source states {list(labels)} fits")
            continue
        upto = tuple(accumulate(probability[place] for place in places))
        restarts.append(Restart(rows=tuple(first_source + place for place in places), upto=upto))
    refuse(problems)
    return Exits(boundaries=tuple(boundaries), restarts=tuple(restarts), first_target=n_states)


def _places(boundary: Recycling, labels: Sequence[str], features: NDArray[np.float64]) -> list[int]:
    """Return the positions of a condition's source states."""
    if boundary.sources is None:
        return list(range(len(labels)))
    if boundary.source_labels is not None:
        return [place for place, label in enumerate(labels) if label in boundary.source_labels]
    chosen = boundary.sources.reached(features)  # type: ignore[union-attr]
    return [int(place) for place in np.flatnonzero(chosen)]


def _problems(boundaries: Sequence[Boundary], labels: Sequence[str], features: NDArray[np.float64]) -> list[str]:
    named = [boundary.label for boundary in boundaries]
    problems = [
        f"targets: expected a label of its own for each, found {label!r} {named.count(label)} times"
        for label in sorted({label for label in named if named.count(label) > 1})
    ]
    for boundary in boundaries:
        if isinstance(boundary, Recycling):
            unknown = sorted(set(boundary.source_labels or ()) - set(labels))
            if unknown:
                problems.append(f"target {boundary.label!r}: sources: no state {unknown}: there are {list(labels)}")
    recycling = [boundary for boundary in boundaries if isinstance(boundary, Recycling)]
    used = {place for boundary in recycling for place in _places(boundary, labels, features)}
    for boundary in boundaries:
        there = boundary.target.reached(features)
        problems += [
            f"state {labels[place]!r} is in the target {boundary.label!r}: nothing can restart there"
            for place in sorted(used)
            if there[place]
        ]
    return problems


def _first(reached: NDArray[np.bool_], count: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the position of each segment's first frame in the target, its number of frames if there is none."""
    start = np.cumsum(count) - count
    row = np.where(reached, np.arange(len(reached)) - np.repeat(start, count), math.inf)
    return np.minimum(np.minimum.reduceat(row, start), count).astype(np.int64)
