"""The number of local workers: as asked, or one for each processor that this process may use."""

from __future__ import annotations

import os

from wepy.errors import ConfigurationError


def worker_count(workers: int | None, where: str) -> int:
    """Return how many local workers to start.

    Parameters
    ----------
    workers : int or None
        As asked; None for one per processor that this process may run on.
    where : str
        Who asks, for the error.

    Raises
    ------
    ConfigurationError
        If it is not a positive whole number.
    """
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise ConfigurationError(f"{where}(workers=...): expected a whole number from 1 up, or None, got {workers!r}")
    return workers
