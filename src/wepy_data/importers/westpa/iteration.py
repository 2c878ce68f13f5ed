"""One iteration of a WESTPA file: its segments, whom their weight comes from, and who was recycled before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.foreign import Foreign, text

COMPLETE = 2
_REACHED = 3  # endpoint of a segment that ended in a target
_COLUMNS = ("weight", "parent_id", "wtg_n_parents", "wtg_offset", "cputime", "walltime", "status", "endpoint_type")
_RECYCLED = ("source_type", "prev_seg_id", "target_state_id", "initial_state_id")
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Recycling:
    """Who was recycled at the end of the iteration before: segment, target and initial state, (n_events,) each."""

    segment: Ints
    target: Ints
    state: Ints


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Iteration:
    """The segments of an iteration, before or after they were run.

    Parameters
    ----------
    number : int
        Number of the iteration, from 1.
    weight, cpu_time, wall_time : (n_segments,) float64
        Weights; times in s.
    parent : (n_segments,) int64
        Segment of the iteration before that each continues, or -1 - i if it starts from initial state i.
    status : (n_segments,) int64
        2 if it is complete.
    reached : (n_segments,) bool
        Whether it ended in a target.
    child, giver : (n_pairs,) int64
        Segments, and those of the iteration before that their weight comes from, each pair once.
    recycling : Recycling
        Who was recycled at the end of the iteration before.
    mapper : str
        Hash of the bin mapper by which these segments were made; empty if it is not said.
    target_counts : (n_bins,) int64
        Walkers wanted in each of its bins; empty if it is not said.
    """

    number: int
    weight: Floats
    parent: Ints
    status: Ints
    reached: NDArray[np.bool_]
    cpu_time: Floats
    wall_time: Floats
    child: Ints
    giver: Ints
    recycling: Recycling
    mapper: str
    target_counts: Ints

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return len(self.weight)

    @property
    def n_complete(self) -> int:
        """Number of segments that have been run."""
        return int((self.status == COMPLETE).sum())


def group_path(number: int, digits: int) -> str:
    """Return where an iteration is in the file."""
    return f"/iterations/iter_{number:0{digits}d}"


def read_iteration(foreign: Foreign, number: int, path: str) -> Iteration:
    """Return an iteration.

    Parameters
    ----------
    foreign : Foreign
        The file.
    number : int
        Number of the iteration.
    path : str
        Its group.

    Raises
    ------
    DamagedRunError
        If it is not as WESTPA writes it.
    """
    index = foreign.fields(f"{path}/seg_index", _COLUMNS)
    weight = index["weight"].astype(np.float64)
    if not len(weight) or not (np.isfinite(weight) & (weight > 0)).all():
        raise foreign.damaged(f"{path}/seg_index", "no segments, or weights that are not positive", "positive weights")
    child, giver = _givers(foreign, path, index["wtg_n_parents"].astype(np.int64), index["wtg_offset"].astype(np.int64))
    return Iteration(
        number=number,
        weight=weight,
        parent=index["parent_id"].astype(np.int64),
        status=index["status"].astype(np.int64),
        reached=index["endpoint_type"] == _REACHED,
        cpu_time=_times(index["cputime"]),
        wall_time=_times(index["walltime"]),
        child=child,
        giver=giver,
        recycling=_recycling(foreign, f"{path}/new_weights"),
        mapper=text(foreign.attribute(path, "binhash") or ""),
        target_counts=_target_counts(foreign, f"{path}/bin_target_counts"),
    )


def _times(values: NDArray[np.generic]) -> Floats:
    """Return times; those that are no numbers, as of segments that were interrupted, are 0."""
    found = values.astype(np.float64)
    return np.where(np.isfinite(found) & (found > 0), found, 0.0)


def _givers(foreign: Foreign, path: str, counts: Ints, offsets: Ints) -> tuple[Ints, Ints]:
    """Return children and whom their weight comes from, by child."""
    listed = foreign.read(f"{path}/wtgraph", ndim=1, kinds="iu").astype(np.int64)
    if (counts < 0).any() or (offsets < 0).any() or (offsets + counts > len(listed)).any():
        raise foreign.damaged(f"{path}/wtgraph", f"{len(listed)} rows", "as many as seg_index names")
    child = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(child)) - np.repeat(np.cumsum(counts) - counts, counts)
    return child, listed[np.repeat(offsets, counts) + within]


def _recycling(foreign: Foreign, path: str) -> Recycling:
    none = np.zeros(0, np.int64)
    if not foreign.is_linked(path):
        return Recycling(none, none, none)
    found = foreign.fields(f"{path}/index", _RECYCLED)
    recycled = found["source_type"] == 0
    segment, target, state = (found[name].astype(np.int64)[recycled] for name in _RECYCLED[1:])
    return Recycling(segment, target, state)


def _target_counts(foreign: Foreign, path: str) -> Ints:
    if not foreign.is_linked(path):
        return np.zeros(0, np.int64)
    return foreign.read(path, ndim=1, kinds="iu").astype(np.int64)
