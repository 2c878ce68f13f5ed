"""How far the cycle is that a run's journal holds, read without touching it."""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass

from wepy_data.store.journal import journal_path, read_journal

_FAILURES = (AttributeError, KeyError, OSError, RuntimeError, TypeError, ValueError, struct.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCycle:
    """The cycle that is not committed yet.

    Parameters
    ----------
    cycle : int
        Its number.
    n_walkers : int
        Number of its walkers.
    n_finished : int
        Number of walkers whose segment is done and backed up.
    """

    cycle: int
    n_walkers: int
    n_finished: int


def running_cycle(path: str | os.PathLike[str]) -> RunningCycle | None:
    """Return how far the running cycle of a run is; None if its journal is not there, or says nothing of it.

    Parameters
    ----------
    path : path
        The run's HDF5 file.
    """
    cycle, walkers, finished = -1, 0, set[int]()
    try:
        for entry in read_journal(journal_path(path)):
            if entry.step == "plan":
                cycle, walkers, finished = int(entry.facts["cycle"]), len(entry.arrays["weight"]), set()
            elif entry.step == "segments":
                finished |= set(entry.arrays["walker"].tolist())
    except _FAILURES:  # a journal that another program, or damage, has made: the run itself says what counts
        return None
    return RunningCycle(cycle=cycle, n_walkers=walkers, n_finished=len(finished)) if cycle >= 0 else None
