"""Workers that compute on different platforms share one run."""

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import ExitStack

import numpy as np
import pytest

import wepy
import wepy_data as wd
from wepy.config import build_simulation, read_configuration
from wepy.config.example import examples_folder
from wepy.protocols import Outcome

REFERENCE = {"WEPY_OPENMM_PLATFORM": "Reference"}
CPU = {"WEPY_OPENMM_PLATFORM": "CPU", "WEPY_OPENMM_PROPERTIES": "Threads=1"}


class Mixed:
    """A dispatcher of workers that have environments of their own; the items go round."""

    def __init__(self, *environments):
        self._environments = environments
        self.slots = len(environments)

    def __enter__(self):
        self._stack = ExitStack()
        self._pools = [self._stack.enter_context(started(environment)) for environment in self._environments]
        return self

    def __exit__(self, *_):
        self._stack.close()

    def run(self, function, items):
        futures = {self._pools[index % self.slots].submit(function, item): index for index, item in enumerate(items)}
        for future in as_completed(futures):
            error = future.exception()
            yield Outcome(index=futures[future], value=None if error else future.result(), error=error)

    def describe(self):
        return {"kind": "mixed"}


def started(environment):
    """Return a pool of one worker that has started with these variables."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        pool.submit(os.getpid).result()
    return pool


def alanine(path, dispatcher):
    base = examples_folder() / "alanine_dipeptide"
    config = read_configuration(base / "alanine-dipeptide.toml")
    run = config.run.model_copy(update={"output": path})
    simulation = build_simulation(config.model_copy(update={"run": run}), base)
    simulation.dispatcher = dispatcher
    return simulation


def test_workers_on_different_platforms_share_a_run_that_says_who_ran_what(tmp_path):
    path = tmp_path / "run.h5"
    for _ in alanine(path, Mixed(REFERENCE, CPU)).run(cycles=3):
        pass
    assert wd.check(path) == []
    with wd.open_run(path) as run:
        workers, segments = run.table("workers"), run.table("segments")
    assert sorted(workers.platform) == ["CPU", "Reference"]
    assert workers.pid.nunique() == 2
    platform = workers.platform[segments.worker].to_numpy()
    assert (platform == np.where(segments.walker % 2, "CPU", "Reference")).all()
    assert (segments.wall_time > 0).all()


def test_a_mistake_in_one_worker_s_environment_stops_the_run_and_names_variable_and_process(tmp_path):
    message = r"cycle 0, walker \d+: OpenMM: WEPY_OPENMM_PLATFORM of process \d+ on \S+: platform 'Abacus' is not"
    with pytest.raises(wepy.SegmentError, match=message):
        list(alanine(tmp_path / "run.h5", Mixed(REFERENCE, {"WEPY_OPENMM_PLATFORM": "Abacus"})).run(cycles=3))
