"""Settings of hypothesis, Ctrl-C, and what many tests need: fresh paths, and a run that has a bit of everything."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, settings

from wepy_data.record.run_record import RunRecord
from wepy_data.testing import runs

# tests press Ctrl-C in programs that they start: these inherit it ignored from a shell that runs the tests with `&`
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)  # drawing a run is more than drawing a number

# the same examples everywhere and every time: a red build is about the change, not about luck
settings.register_profile(
    "ci", deadline=None, derandomize=True, database=None, max_examples=50, suppress_health_check=_SLOW
)
# what to run for a night: pytest --hypothesis-profile=explore tests/property
settings.register_profile("explore", deadline=None, max_examples=2000, suppress_health_check=_SLOW, print_blob=True)
settings.load_profile("ci")

_SOON = 15  # a seed that comes upon a run with everything within ten draws; others may take a thousand


@pytest.fixture(scope="session")
def new_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Return a function that names a file that is not there yet; for properties, whose examples share fixtures."""
    folder, number = tmp_path_factory.mktemp("runs"), itertools.count()
    return lambda: folder / f"{next(number)}.h5"


@pytest.fixture(scope="session")
def rich_run() -> RunRecord:
    """A sealed run of three cycles with particles, a box, merges, recycled and absorbed walkers, frames, bins."""
    strategy = runs(
        min_cycles=3, max_cycles=3, particles=True, periodic=True, velocities=True, topology=True, bins=True,
        merging=True, recycling=True, absorption=True, sources=True, continued=True, sealed=True,
    )  # fmt: skip
    effort = settings(phases=[Phase.generate], max_examples=2000)
    return find(strategy, _has_everything, settings=effort, random=Random(_SOON))


def _has_everything(run: RunRecord) -> bool:
    kinds, states = set(run.read("/events/kind").tolist()), set(run.header.static["/states/kind"].tolist())
    planned = run.planned or {}
    return (
        {0, 1} <= kinds
        and {0, 1, 2} <= states
        and run.rows("merge") > 0
        and bool((np.diff(run.read("/frames/segment")) == 0).any())
        and run.rows("worker") > run.stops("worker")[0] > 0
        and run.rows("bin") > run.stops("bin")[0]
        and len(planned["/next/merges/into"]) > 0
        and "/next/arrays/" in "".join(planned)
        and len(run.header.static.get("/particles/trajectory/id", ())) > 1
    )
