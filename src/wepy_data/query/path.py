"""Which paths through the walker trees to look at: successful ones, the heaviest walkers', those below an ancestor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.frame import known_segments
from wepy_data.query.rows import read_rows, refuse_dangling

if TYPE_CHECKING:
    from wepy_data.query.run import Run

_RECYCLED, _ABSORBED = 0, 1


def since_jump(run: Run, path: ArrayLike) -> NDArray[np.int64]:
    """Return the end of an ancestry from its last discontinuity on: what is one continuous trajectory.

    Parameters
    ----------
    run : Run
        The run.
    path : (n,) int
        Segment ids, founder first, as `run.lineage.trace` returns them.

    Raises
    ------
    SelectionError
        If there is no such segment.
    """
    segments = known_segments(run.reader, path)
    jumps = np.flatnonzero(read_rows(run.reader, "/segments/continuous", segments) == 0)
    return segments[jumps[-1] :] if len(jumps) else segments


def successful_paths(run: Run) -> list[NDArray[np.int64]]:
    """Return the paths of all walkers that reached a target (recycled or absorbed), in order of arrival.

    Each path begins where the walker last started anew, as a founder or from a source state, and ends with the
    segment that arrived.
    """
    reader = run.reader
    arrived = reader.read("/events/segment")[np.isin(reader.read("/events/kind"), (_RECYCLED, _ABSORBED))]
    refuse_dangling(reader, "/events/segment", arrived, run.n_segments)
    return [since_jump(run, run.lineage.trace(int(segment))) for segment in arrived]


def heaviest(run: Run, count: int, *, bin: int | None = None, cycle: int = -1) -> NDArray[np.int64]:
    """Return the segments of a cycle that weigh most, the heaviest first.

    Parameters
    ----------
    run : Run
        The run.
    count : int
        How many, at most.
    bin : int, optional
        Only those of this bin, as the table of segments numbers them.
    cycle : int
        Cycle; negative numbers count from the end.

    Raises
    ------
    SelectionError
        If there is no such cycle, or nobody is in such a bin then; says which bins there are.
    """
    if count < 1:
        raise SelectionError(f"the {count} heaviest walkers: it must be 1 or more")
    segments = np.asarray(run.lineage.segments_of(cycle), np.int64)
    if bin is not None:
        bins = read_rows(run.reader, "/segments/bin", segments)
        there = ", ".join(map(str, np.unique(bins[bins >= 0]).tolist())) or "none"
        segments = segments[bins == bin]
        if not len(segments):
            raise SelectionError(f"nobody is in bin {bin} in that cycle: bins in use are {there}")
    weight = read_rows(run.reader, "/segments/weight", segments)
    return segments[np.argsort(-weight, kind="stable")[:count]]


def branch_paths(run: Run, ancestor: int, *, cycle: int = -1) -> list[NDArray[np.int64]]:
    """Return the paths from a common ancestor, it included, to all its descendants in a cycle, the last by default.

    Raises
    ------
    SelectionError
        If there is no such segment or cycle, or it has no descendants there.
    """
    tips = np.asarray(run.lineage.descendants(ancestor, cycle), np.int64)
    if not len(tips):
        raise SelectionError(f"segment {ancestor} has no descendants in that cycle: choose an earlier one")
    paths = np.asarray(run.lineage.trace_all(tips), np.int64)
    return list(paths[int(run.lineage.cycle_of(ancestor)) :].T)
