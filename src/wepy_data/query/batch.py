"""Segments taken together so that their frames fill a bounded part of the memory, and the rows of their values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.rows import damaged
from wepy_data.record.protocols import RunReader

_BYTES = 1 << 25  # of positions, in a batch
_FRAMES = 4096  # in a batch, so that it takes seconds rather than hours
_BATCHES = 2000  # of a long run, whose batches have more frames
_POSITION = 12  # bytes of an atom


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Batch:
    """Segments whose frames are read at once, and how many frames each has.

    Parameters
    ----------
    segments : (n,) int64
        Segment ids, increasing.
    counts : (n,) int64
        Number of frames of each, positive.
    """

    segments: NDArray[np.int64]
    counts: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Extents:
    """Where the frames of each segment are.

    Parameters
    ----------
    start, count : (n_segments,) int64
        First frame, and number of frames.
    """

    start: NDArray[np.int64]
    count: NDArray[np.int64]

    @classmethod
    def of(cls, run: RunReader) -> Extents:
        """Return those of a run.

        Raises
        ------
        DamagedRunError
            If the ends of the frames decrease, or are beyond the last.
        """
        stop = run.read("/segments/frame_stop")
        start = np.concatenate([np.zeros(1, np.int64), stop])[:-1]
        if len(stop) and ((stop < start).any() or stop[-1] > run.rows("frame")):
            raise damaged(run, "/segments/frame_stop: ends of frames that are not there")
        return cls(start=start, count=stop - start)

    def rows(self, segments: NDArray[np.int64], per: str) -> NDArray[np.int64]:
        """Return the rows of segments in an observable: frames, or segments themselves."""
        if per == "segment":
            return segments
        count = self.count[segments]
        stop = np.cumsum(count)
        rows: NDArray[np.int64] = np.repeat(self.start[segments] - (stop - count), count)
        return rows + np.arange(len(rows))

    def batches(self, segments: NDArray[np.int64], atoms: int, workers: int = 1) -> list[Batch]:
        """Return segments that have frames in batches, in order.

        Parameters
        ----------
        segments : (n,) int64
            Segment ids, increasing.
        atoms : int
            Number of atoms that are read of each frame.
        workers : int
            Number of processes that are to have some work each.
        """
        chosen = segments[self.count[segments] > 0]
        counts = self.count[chosen]
        total = int(counts.sum())
        most = max(_FRAMES, total // _BATCHES)
        most = max(1, min(most, _BYTES // (_POSITION * max(1, atoms)), -(-total // (4 * workers))))
        number = (np.cumsum(counts) - 1) // most
        cuts = np.flatnonzero(np.diff(number)) + 1
        parts = zip(np.split(chosen, cuts), np.split(counts, cuts), strict=True)
        return [Batch(segments=some, counts=their) for some, their in parts if len(some)]


def known_segments(run: RunReader, segments: ArrayLike | None) -> NDArray[np.int64]:
    """Return ids of segments as an array, of all segments by default.

    Raises
    ------
    SelectionError
        If there is no such segment.
    """
    total = run.rows("segment")
    wanted = np.arange(total) if segments is None else np.atleast_1d(np.asarray(segments, np.int64))
    wrong = wanted[(wanted < 0) | (wanted >= total)]
    if len(wrong):
        there = f"segments 0 to {total - 1}" if total else "no segments yet"
        raise SelectionError(f"no segment {wrong[0]}: this run has {there}")
    return wanted
