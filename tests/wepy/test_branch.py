"""Where a new run goes on from another one: its founders, their weights and states, and where none can."""

import numpy as np
import pytest

import wepy
import wepy_data as wd
from wepy.branch import branch_point, start_settings
from wepy.errors import ResumeError

ENGINE = wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3, stride=4)
ALL = wepy.Storage(states="all")


def drain(cycles):
    for _ in cycles:
        pass


@pytest.fixture
def trunk(double_well, tmp_path):
    """Return a maker of a run of six cycles."""

    def make(**changes):
        path = tmp_path / "run.h5"
        drain(double_well(store=path, **changes).run(cycles=6))
        return path

    return make


def test_founders_are_the_walkers_that_the_run_had_planned(trunk):
    path = trunk(storage=ALL)
    with wd.FileRun(path) as run:
        stops = run.stops("segment").tolist()
        for cycle in range(5):
            point = branch_point(path, cycle, ENGINE)
            rows = stops[cycle], stops[cycle + 1]
            assert point.exact
            assert point.weight.tobytes() == run.read("/segments/weight", *rows).tobytes()
            assert (point.continues.run_id, point.continues.cycle) == (run.header.run_id, cycle)
            assert (point.continues.file, point.continues.cycles_before) == ("run.h5", cycle + 1)
            parents = run.read("/segments/parent", *rows).tolist()
            assert [state.label for state in point.states] == [f"{run.header.run_id}:{p}" for p in parents]
            ends, start = run.read("/segments/arrays/x"), run.read("/segments/state", *rows).tolist()
            for state, parent, source in zip(point.states, parents, start, strict=True):
                assert state.arrays["x"].tolist() == (ends[parent].tolist() if source < 0 else [-1.0])


def test_the_last_cycle_of_a_sealed_run_is_exact_and_counts_from_the_end(trunk):
    path = trunk()
    point = branch_point(path, -1, ENGINE)
    assert (point.exact, point.continues.cycle) == (True, 5)
    with wd.FileRun(path) as run:
        assert point.weight.tobytes() == run.planned["/next/weight"].tobytes()


def test_a_branch_of_a_branch_counts_all_cycles_before_it_and_repeats_the_run(double_well, trunk, tmp_path):
    path, first, second = trunk(storage=ALL), tmp_path / "first.h5", tmp_path / "second.h5"
    drain(double_well(store=first, storage=ALL, **branch_point(path, 1, ENGINE).settings).run(cycles=3))
    point = branch_point(first, 1, ENGINE)
    assert point.continues.cycles_before == 4
    drain(double_well(store=second, storage=ALL, **point.settings).run(cycles=2))
    with wd.FileRun(path) as run, wd.FileRun(second) as branch:
        start = int(run.stops("segment")[3])
        assert run.read("/segments/arrays/x", start).tobytes() == branch.read("/segments/arrays/x").tobytes()
        assert run.read("/segments/weight", start).tobytes() == branch.read("/segments/weight").tobytes()


def test_the_founders_of_a_branch_are_in_its_file_bit_for_bit(double_well, trunk, tmp_path):
    point = branch_point(trunk(storage=ALL), 3, ENGINE)
    drain(double_well(store=tmp_path / "b.h5", **point.settings).run(cycles=1))
    with wd.FileRun(tmp_path / "b.h5") as run:
        again = start_settings(run.header)
    assert again["origin"].weight.tobytes() == point.weight.tobytes()
    assert again["walkers"] == len(point.states)
    assert again["origin"].continues.cycles_before == point.continues.cycles_before
    for mine, other in zip(again["states"], point.states, strict=True):
        assert mine.arrays["x"].tobytes() == other.arrays["x"].tobytes()


@pytest.mark.parametrize(
    ("cycle", "sealed", "there"), [(6, True, "0 to 5"), (-7, True, "0 to 5"), (5, False, "0 to 4")]
)
def test_a_cycle_that_is_not_there_says_what_exists(double_well, tmp_path, cycle, sealed, there):
    path = tmp_path / "run.h5"
    running = double_well(store=path).run(cycles=None)
    for _ in range(6):
        next(running)
    if sealed:
        running.close()
    with pytest.raises(ResumeError, match=f"no cycle {cycle} to branch from: .* has cycles {there}"):
        branch_point(path, cycle, ENGINE)
    running.close()


def test_states_of_velocities_and_a_box_are_exact_too(argon, tmp_path):
    path, other = tmp_path / "run.h5", tmp_path / "b.h5"
    drain(argon(store=path, storage=ALL).run(cycles=4))
    simulation = argon()
    drain(argon(store=other, storage=ALL, **branch_point(path, 1, simulation.engine).settings).run(cycles=2))
    with wd.FileRun(path) as run, wd.FileRun(other) as branch:
        start = int(run.stops("segment")[1])
        for name in ("positions", "velocities", "box"):
            values = [file.read(f"/segments/arrays/{name}", first) for file, first in ((run, start), (branch, 0))]
            assert np.isfinite(values[0]).all()
            assert values[0].tobytes() == values[1].tobytes()


def test_frames_without_all_atoms_are_no_start(argon, tmp_path):
    path = tmp_path / "run.h5"
    drain(argon(store=path, storage=wepy.Storage(atoms=[0])).run(cycles=3))
    with pytest.raises(ResumeError, match="has not kept all atoms, nor states in full precision"):
        branch_point(path, 0, argon().engine)
