"""Walkers that ended in a target: those that were recycled, and those that nobody followed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.westpa.iteration import Iteration
from wepy_data.importers.westpa.link import Damaged, absorbed
from wepy_data.importers.westpa.state import StateTable

_RECYCLED, _ABSORBED = 0, 1
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ended:
    """Segments of an iteration that ended in a target, in order, (n_events,) each.

    Parameters
    ----------
    segment : int64
        Their positions.
    kind : uint8
        Recycled or absorbed, as the schema numbers them.
    source : int64
        Rows of the states that recycled ones restart from; -1 for absorbed ones.
    target : int64
        Rows of the targets; -1 if that is not known.
    """

    segment: Ints
    kind: NDArray[np.uint8]
    source: Ints
    target: Ints

    @property
    def n_absorbed(self) -> int:
        """Number of those that were absorbed."""
        return int((self.kind == _ABSORBED).sum())


def ended_segments(here: Iteration, following: Iteration, states: StateTable, damaged: Damaged) -> Ended:
    """Return who ended in a target: who was recycled is noted in the iteration after, absorbed are all others.

    Raises
    ------
    DamagedRunError
        If the iteration after recycles segments that there are not, or that are continued, or to no state.
    """
    recycling = following.recycling
    segment, first = np.unique(recycling.segment, return_index=True)
    if len(segment) and (segment[0] < 0 or segment[-1] >= here.n_segments):
        raise damaged(
            f"iteration {following.number}, new_weights", f"segment {segment[[0, -1]].tolist()}",
            f"segments 0 to {here.n_segments - 1} of the iteration before", "",
        )  # fmt: skip
    continued = np.zeros(here.n_segments, bool)
    continued[following.parent[(following.parent >= 0) & (following.parent < here.n_segments)]] = True
    both = segment[continued[segment]]
    if len(both):
        raise damaged(
            f"iteration {following.number}, new_weights", f"segments {both[:5].tolist()} that are continued, too",
            "segments that restart elsewhere", "",
        )  # fmt: skip
    state = recycling.state[first]
    if (state < 0).any():
        raise damaged(
            f"iteration {following.number}, new_weights", f"initial states {state[state < 0][:5].tolist()}",
            "numbers of initial states", "",
        )  # fmt: skip
    gone = np.flatnonzero(absorbed(here, following))
    order = np.argsort(np.append(segment, gone), kind="stable")
    source = states.initial_rows(following.number, state)
    target = states.target_rows(here.number, recycling.target[first])
    return Ended(
        segment=np.append(segment, gone)[order],
        kind=np.repeat(np.array([_RECYCLED, _ABSORBED], np.uint8), [len(segment), len(gone)])[order],
        source=np.append(source, np.full(len(gone), -1))[order],
        target=np.append(target, np.full(len(gone), states.only_target(here.number)))[order],
    )
