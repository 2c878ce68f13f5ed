"""Workers that compute on different platforms share one run."""

import pytest

import wepy
import wepy_data as wd
from wepy.config import build_simulation, read_configuration
from wepy.config.example import examples_folder

REFERENCE = {"WEPY_OPENMM_PLATFORM": "Reference"}
CPU = {"WEPY_OPENMM_PLATFORM": "CPU", "WEPY_OPENMM_PROPERTIES": "Threads=1"}


def alanine(path, *environments):
    """Return the example, on a SCOOP worker for each environment."""
    base = examples_folder() / "alanine_dipeptide"
    config = read_configuration(base / "alanine-dipeptide.toml")
    run = config.run.model_copy(update={"output": path})
    simulation = build_simulation(config.model_copy(update={"run": run}), base)
    simulation.dispatcher = wepy.Scoop(workers=len(environments), environment=environments)
    return simulation


def test_workers_on_different_platforms_share_a_run_that_says_who_ran_what(tmp_path):
    path = tmp_path / "run.h5"
    for _ in alanine(path, REFERENCE, CPU).run(cycles=4):
        pass
    assert wd.check(path) == []
    with wd.open_run(path) as run:
        workers, segments = run.table("workers"), run.table("segments")
    assert sorted(workers.platform) == ["CPU", "Reference"]
    assert workers.pid.nunique() == 2
    assert set(segments.worker) == {0, 1}
    assert (segments.wall_time > 0).all()


def test_a_mistake_in_one_worker_s_environment_stops_the_run_and_names_variable_and_process(tmp_path):
    message = r"cycle 0, walker \d+: OpenMM: WEPY_OPENMM_PLATFORM of process \d+ on \S+: platform 'Abacus' is not"
    with pytest.raises(wepy.SegmentError, match=message):
        list(alanine(tmp_path / "run.h5", REFERENCE, {"WEPY_OPENMM_PLATFORM": "Abacus"}).run(cycles=3))
