"""Runs with boundary conditions."""

from itertools import pairwise

import numpy as np
import pytest

import wepy
import wepy_data as wd


def walk(boundaries, *, seed=1, walkers=40, store=None, stride=None, balancer=None, up=0.25, **more):
    return wepy.Simulation(
        engine=wepy.RandomWalk(dimensions=1, up=up, stride=stride),
        order_parameter=wepy.Coordinates(),
        states=[wepy.StartState(label="zero", arrays={"x": np.array([0.0])})],
        boundaries=boundaries,
        balancer=balancer,
        walkers=walkers,
        steps=4,
        seed=seed,
        store=store,
        **more,
    )


def planned(path):
    with wd.FileRun(path) as run:
        return run.planned["/next/weight"]


def test_absorbed_walkers_end_with_their_weight(tmp_path):
    run = walk([wepy.Absorbing(wepy.Region([3.0]), label="top")], store=tmp_path / "run.h5", up=0.5)
    counts = [cycle.n_walkers for cycle in run.run(cycles=20)]
    assert all(a >= b for a, b in pairwise(counts))
    assert counts[-1] < 40
    assert wd.check(tmp_path / "run.h5") == []
    with wd.open_run(tmp_path / "run.h5") as found:
        events, cycles = found.table("events"), found.table("cycles")
        assert (events.kind == "absorbed").all()
        gone = events.weight.to_numpy().sum()
        assert len(events) == 40 - len(planned(tmp_path / "run.h5"))
        assert planned(tmp_path / "run.h5").sum() == pytest.approx(1 - gone, abs=1e-12)
        assert cycles.total_weight.iloc[0] == pytest.approx(1.0)
        assert found.table("states").label.tolist() == ["zero", "top"]


def test_absorbed_walkers_are_not_binned_or_balanced(tmp_path):
    run = walk(
        [wepy.Absorbing(wepy.Region([3.0]))],
        store=tmp_path / "run.h5",
        up=0.5,
        binner=wepy.Rectilinear([[0.0, 1.0, 2.0, 3.0]]),  # no bin holds a walker of the target
        balancer=wepy.HuberKim(8),
    )
    list(run.run(cycles=12))
    assert wd.check(tmp_path / "run.h5") == []
    with wd.open_run(tmp_path / "run.h5") as found:
        absorbed = found.table("events").segment
        bins = found.table("segments").bin
        assert (bins.iloc[absorbed] == -1).all()
        assert (bins.drop(absorbed) >= 0).all()


def test_a_run_whose_walkers_are_all_absorbed_ends(tmp_path):
    store = tmp_path / "run.h5"
    run = walk([wepy.Absorbing(wepy.Region([1.0]))], store=store, up=0.9, walkers=5)
    cycles = list(run.run(cycles=1000))
    assert len(cycles) < 1000
    assert wd.check(store) == []
    with wd.open_run(store) as found:
        assert found.sealed
        assert len(planned(store)) == 0
        assert found.table("events").weight.sum() == pytest.approx(1.0)
    again = walk([wepy.Absorbing(wepy.Region([1.0]))], store=store, up=0.9, walkers=5)
    with pytest.raises(wepy.ResumeError, match="no walker is left"):
        list(again.resume(cycles=2000))
    with pytest.raises(wepy.ResumeError, match=r"no walker is left to go on with after cycle \d+: all were absorbed"):
        wepy.branch_point(store, -1, wepy.RandomWalk())


def test_a_kill_between_the_last_commit_and_the_seal_loses_nothing(tmp_path):
    store, journal = tmp_path / "run.h5", tmp_path / "run.h5.journal"
    boundaries = [wepy.Absorbing(wepy.Region([1.0]))]
    for _ in walk(boundaries, store=store, up=0.9, walkers=5).run(cycles=1000):
        left = store.read_bytes(), journal.read_bytes()
    store.write_bytes(left[0])
    journal.write_bytes(left[1])
    assert list(walk(boundaries, store=store, up=0.9, walkers=5).resume(cycles=1000)) == []
    assert wd.check(store) == []
    with wd.open_run(store) as found:
        assert found.sealed


def test_several_targets_are_told_apart(tmp_path):
    boundaries = [
        wepy.Recycling(wepy.Region([4.0]), label="high", every_frame=True),
        wepy.Recycling(wepy.Region([3.0], [4.0]), label="three"),
    ]
    run = walk(boundaries, store=tmp_path / "run.h5", up=0.5, stride=1)
    list(run.run(cycles=10))
    assert wd.check(tmp_path / "run.h5") == []
    with wd.open_run(tmp_path / "run.h5") as found:
        events, segments = found.table("events"), found.table("segments")
        assert set(found.table("states").label[events.target]) == {"high", "three"}
        values = found.observable("order_parameter", np.arange(found.n_segments)).ravel()
        high, three = events[events.target == 1], events[events.target == 2]
        assert (values[high.frame] == 4.0).all()  # the first visit, wherever the segment has ended
        assert (values[three.frame] == 3.0).all()
        last = segments.frame_stop - 1
        assert (last[high.segment].to_numpy() > high.frame).any()
        assert (last[three.segment].to_numpy() == three.frame).all()


@pytest.mark.parametrize("every_frame", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_rate_is_that_of_dynamics_checked_as_often(every_frame):
    """From 0 to 3 takes 3^4 - 3 - 6 = 72 steps if every step is checked, and longer if only every 4th is."""
    run = walk([wepy.Recycling(wepy.Region([3.0]), every_frame=every_frame)], stride=1, walkers=1500)
    flux = []
    for cycle in run.run(cycles=60):
        flux.append(float(cycle["/events/weight"].sum()))
    passage = 4 / np.mean(flux[20:])
    exact = _passage(every_frame)
    assert abs(passage / exact - 1) < 4 * np.sqrt(exact / (1500 * 40 * 4))
    assert every_frame == (exact < 80)


def _passage(every_frame):
    """Return the mean first passage time from 0 to 3 for segments of 4 steps that begin anew after an arrival."""
    n = 30
    step = np.zeros((n, n))
    for x in range(n):
        step[x, min(x + 1, n - 1)] += 0.25
        step[x, max(x - 1, 0)] += 0.75
    if every_frame:  # steps until the end of the segment of the first visit: arrivals count once a segment
        alive = np.eye(n)
        visit = step.copy()
        visit[:, 3:] = 0.0
        alive = np.linalg.matrix_power(visit, 4)
    else:
        alive = np.linalg.matrix_power(step, 4)
        alive[:, 3:] = 0.0
    inside = alive[:3, :3]
    return 4 * np.linalg.solve(np.eye(3) - inside, np.ones(3))[0]


def test_a_target_at_every_frame_needs_every_frame():
    boundaries = [wepy.Recycling(wepy.Region([3.0]), every_frame=True)]
    with pytest.raises(wepy.ConfigurationError, match=r"storage\.stride: a target .* expected 1, got 2"):
        walk(boundaries, stride=1, storage=wepy.Storage(stride=2))
