"""Where segments are: their cycles, walkers and runs, and how they are named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.lineage.forest import NONE, Forest, Ids


class Places:
    """Segments of one run, or of runs that continue each other, by cycle, walker and run.

    Parameters
    ----------
    forest : Forest
        The segments in layers, run after run.
    run_stop : (n_runs,) integer
        End of each run's layers.
    """

    def __init__(self, forest: Forest, run_stop: Sequence[int]) -> None:
        self._forest = forest
        self._run_stop = list(run_stop)
        self._window: tuple[int, int] | None = None  # first and stop of the cycles that a graph is of

    @property
    def parent(self) -> Ids:
        """Parent of each segment, (n_segments,), -1 for a founder."""
        return self._forest.parent

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return self._forest.n_segments

    @property
    def n_runs(self) -> int:
        """Number of runs."""
        return len(self._run_stop)

    @property
    def n_cycles(self) -> int:
        """Number of cycles; of several runs, on the longest way from founders to the end of a run."""
        return max(self._forest.depth, default=NONE) + 1

    def known(self, segments: ArrayLike, least: int = 0) -> NDArray[np.int64]:
        """Return ids of segments, int64; refuse what is none, or less than `least`.

        Raises
        ------
        SelectionError
            If there is no such segment, or they are not whole numbers; says what there is.
        """
        try:
            found = np.asarray(segments)
        except (ValueError, OverflowError) as error:
            raise SelectionError(f"no segments {segments!r}: expected ids") from error
        if found.size and found.dtype.kind not in "iu":
            mask = " (of a mask, np.flatnonzero(mask) is the ids)" if found.dtype.kind == "b" else ""
            raise SelectionError(f"segments are given as {found.dtype}: expected ids, whole numbers{mask}")
        if found.size and (found.min() < least or found.max() >= self.n_segments):
            wrong = found[(found < least) | (found >= self.n_segments)]
            raise SelectionError(no_such("segment", int(wrong.flat[0]), self.n_segments))
        return found.astype(np.int64, copy=False)

    def cycle_of(self, segments: ArrayLike) -> NDArray[np.int64]:
        """Return the cycle of each segment, counted from the first founders; -1 (no segment) has the cycle -1."""
        depth = np.array([*self._forest.depth, NONE])
        return depth[self._forest.layer_of(self.known(segments, least=NONE))]

    def walker_of(self, segments: ArrayLike) -> NDArray[np.int64]:
        """Return the position of each segment within its cycle; -1 (no segment) has the position -1."""
        known = self.known(segments, least=NONE)
        layer = self._forest.layer_of(known)
        return np.where(known < 0, NONE, known - self._forest.starts[np.maximum(layer, 0)])

    def run_of(self, segments: ArrayLike) -> NDArray[np.int64]:
        """Return the run of each segment, by its position among the runs; -1 (no segment) has the run -1."""
        layer = self._forest.layer_of(self.known(segments, least=NONE))
        return np.where(layer < 0, NONE, np.searchsorted(self._run_stop, layer, side="right"))

    def segments_of(self, cycle: int, run: int = -1) -> Ids:
        """Return the segments of a cycle on the way to the end of a run; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If there is no such cycle or run; says what there is.
        """
        return self._forest.layer(self._layer(cycle, run))

    def segment_id(self, cycle: int, walker: int, run: int = -1) -> int:
        """Return the id of a walker's segment; negative numbers count from the end.

        Raises
        ------
        SelectionError
            If there is no such cycle, walker or run; says what there is.
        """
        layer = self._layer(cycle, run)
        begin, end = self._forest.start[layer], self._forest.start[layer + 1]
        if not begin - end <= walker < end - begin:
            raise SelectionError(no_such("walker", walker, end - begin, f"cycle {self._forest.depth[layer]}"))
        return begin + walker % (end - begin)

    def within(self) -> Ids:
        """Return all segments, or those of the cycles that a graph is of."""
        if self._window is None:
            return np.arange(self.n_segments, dtype=self.parent.dtype)
        first, stop = self._window
        depths, start = self._forest.depth, self._forest.start
        layers = [layer for layer, depth in enumerate(depths) if first <= depth < stop]
        parts = [np.arange(start[layer], start[layer + 1]) for layer in layers]
        return np.concatenate([np.empty(0, np.int64), *parts]).astype(self.parent.dtype)

    def _tips(self, segments: ArrayLike | None) -> Ids:
        """Return different segments, sorted; the final ones of all runs by default."""
        if segments is None:
            last = -1 if self._window is None else self._window[1] - 1
            found = [self.segments_of(last, run) for run in range(self.n_runs) if self._has(last, run)]
            return np.unique(np.concatenate([np.empty(0, self.parent.dtype), *found]))
        return np.unique(self.known(segments)).astype(self.parent.dtype, copy=False)

    def _layer(self, cycle: int, run: int) -> int:
        """Return the layer of a cycle on the way to the end of a run."""
        if not -self.n_runs <= run < self.n_runs:
            raise SelectionError(no_such("run", run, self.n_runs, "there"))
        path = self._path(run % self.n_runs)
        where = "this run" if self.n_runs == 1 else f"the way to the end of run {run % self.n_runs}"
        return path[self._cycle(cycle, len(path), where)]

    def _path(self, run: int) -> Sequence[int]:
        """Return the layers on the way to the end of a run; none, if it has no cycles."""
        begin, stop = (self._run_stop[run - 1] if run else 0), self._run_stop[run]
        if self.n_runs == 1:
            return range(stop)
        return self._forest.path(stop - 1) if begin < stop else []

    def _has(self, cycle: int, run: int) -> bool:
        count = len(self._path(run))
        return -count <= cycle < count

    def _cycle(self, cycle: int, count: int, where: str) -> int:
        if not -count <= whole("a cycle", cycle) < count:
            raise SelectionError(no_such("cycle", cycle, count, where))
        return cycle % count

    def _ends(self, segments: ArrayLike | None) -> tuple[Ids, int]:
        """Return segments of one layer, the final ones by default, and the layer; -1 if there are no segments."""
        if segments is None:
            runs = [run for run in range(self.n_runs) if self._path(run)]
            if not runs:
                return np.empty(0, self.parent.dtype), NONE
            layer = self._layer(-1 if self._window is None else self._window[1] - 1, runs[-1])
            return self._forest.layer(layer), layer
        ends = self.known(segments).ravel()
        if not len(ends):
            return ends.astype(self.parent.dtype), NONE
        layers = self._forest.layer_of([ends.min(), ends.max()]).tolist()
        if layers[0] != layers[1]:
            first, last = (self._forest.depth[layer] for layer in layers)
            among = f"segments of cycles {first} to {last}" if first != last else "segments of several runs"
            raise SelectionError(f"{among}: they must be of one cycle{' of one run' if self.n_runs > 1 else ''}")
        return ends.astype(self.parent.dtype), layers[0]

    def _one(self, segment: int) -> int:
        found = self.known(segment)
        if found.size != 1:
            raise SelectionError(f"{found.size} segments: this is asked of one")
        return int(found.flat[0])


def no_such(what: str, number: int, count: int, where: str = "this run") -> str:
    """Say that there is no such thing, and which there are."""
    exist = f"{what}s 0 to {count - 1}" if count else f"no {what}s yet"
    return f"no {what} {number}: {where} has {exist}"


def whole(what: str, number: int) -> int:
    """Return a whole number; refuse others."""
    if isinstance(number, bool) or not isinstance(number, int | np.integer):
        raise SelectionError(f"{what} of {number!r}: expected a whole number")
    return int(number)
