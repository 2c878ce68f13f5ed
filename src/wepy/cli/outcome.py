"""A run on its way: its progress, and what is said when it ends, however it ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

import click

import wepy_data as wd
from wepy.errors import DispatchError, StoreError, WepyError

if TYPE_CHECKING:
    from wepy.simulation import Simulation


def go(simulation: Simulation, where: Path, start: Callable[[], Iterator[wd.Cycle]], total: int, done: int = 0) -> None:
    """Run, show the progress, and say what there is when it ends, however it ends.

    Parameters
    ----------
    simulation : Simulation
        What to run.
    where : path
        The run's file.
    start : callable
        Returns the cycles.
    total, done : int
        Number of cycles that the run is to have, and has.
    """
    from wepy.cli.progress import RunProgress
    from wepy.cli.stopping import Stopping

    try:
        labels = tuple(simulation.order_parameter.labels)
        with Stopping() as stopping, RunProgress(total, labels, done=done) as progress:
            cycles = start()
            for cycle in cycles:
                progress.update(cycle)
                if stopping.code is not None and cycle.index + 1 < total:
                    cycles.throw(SystemExit(stopping.code))  # type: ignore[attr-defined]  # a generator
    except BaseException as error:
        if simulation.recorder is not None and where.exists():
            count = simulation.record.n_cycles
            click.echo(f"stopped: {count} cycles are safe in {where}; {_way_on(error, where, count, total)}", err=True)
            if isinstance(error, OSError):
                raise StoreError(_words(error)) from error
        raise
    count = simulation.record.n_cycles
    click.echo(f"{count} cycles are in {where}. Next: wepy-data info {quote(str(where))}, or wepy-data --help")


def _way_on(error: BaseException, where: Path, count: int, total: int) -> str:
    """Return what can be done: what fails by itself, of the same settings and seed, fails again."""
    name = quote(str(where))
    resume = f"wepy resume {name} goes on up to {total}"
    if not isinstance(error, WepyError) or isinstance(error, DispatchError | StoreError):
        return resume
    if count < 2:  # the walkers after the last cycle of a run that is not sealed are not known
        return f"{resume} once the cause is gone; with other settings, start anew (wepy run --overwrite)"
    branch = f"wepy branch {name} --cycle {count - 2} --config CHANGED.toml -o NEW.h5"
    return f"{resume} once the cause is gone; {branch} goes on with other settings"


def _words(error: OSError) -> str:
    text = f"{error.filename}: {error.strerror}" if error.strerror and error.filename is not None else str(error)
    return f"{text}; make room, then resume" if wd.is_disk_full(error) else text
