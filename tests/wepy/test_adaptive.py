"""Runs whose bins follow the walkers: after a crash, and as branches, they make the bins of the undisturbed run."""

import numpy as np
import pytest

import wepy
import wepy_data as wd
from wepy.branch import start_settings
from wepy.recorder import Recorder

CYCLES = 7
GRID = wepy.Rectilinear([[-np.inf, -0.8, 0.0, np.inf]])
SETTINGS = {
    "mab": {"binner": wepy.MAB(nbins=[4], direction=[1])},
    "mab inside a bin": {"binner": wepy.Recursive(GRID, {1: wepy.MAB(nbins=[3], direction=[0])})},
    "k-means": {"binner": wepy.KMeansBins(3)},
    "wexplore": {
        "binner": wepy.RegionTree(max_n_regions=(4, 4), max_region_sizes=(0.4, 0.1)),
        "balancer": wepy.WExplore(pmin=1e-12, pmax=0.5),
        "walkers": 12,
    },
    "regions inside bins": {
        "binner": wepy.Recursive(GRID, {bin_: wepy.RegionTree((0.2, 0.05), (3, 3)) for bin_ in (0, 1)}),
        "balancer": wepy.WExplore(pmin=1e-12, pmax=0.5),
        "walkers": 12,
    },
    "revo": {
        "binner": None,
        "balancer": wepy.REVO(merge_distance=0.2, characteristic_distance=0.1, pmax=0.5),
        "walkers": 12,
    },
}
VOLATILE = {"/cycles/began", "/cycles/ended", "/cycles/crc", "/cycles/worker_stop"}


@pytest.fixture(params=list(SETTINGS))
def make(request, double_well):
    def made(**more):
        return double_well(**{"steps": 20, **SETTINGS[request.param], **more})

    return made


def rows(run, first=0):
    """Return what the cycles of a run from `first` on hold, but for times and workers."""
    columns = {path for path, c in run.layout.growing.items() if not c.spec.volatile} - VOLATILE
    return {path: [cycle[path].tobytes() for cycle in wd.read_cycles(run)][first:] for path in sorted(columns)}


def test_a_crash_after_any_cycle_changes_nothing(make, tmp_path):
    path, journal = tmp_path / "run.h5", tmp_path / "run.h5.journal"
    film = []
    for _ in make(store=path).run(cycles=CYCLES):
        film.append((path.read_bytes(), journal.read_bytes()))
    assert wd.check(path) == []
    with wd.FileRun(path) as run:
        undisturbed = rows(run)
    for moment in film[:-1]:
        path.write_bytes(moment[0])
        journal.write_bytes(moment[1])
        list(make(store=path).resume(cycles=CYCLES))
        assert wd.check(path) == []
        with wd.FileRun(path) as run:
            assert rows(run) == undisturbed


def test_a_branch_goes_on_with_the_bins_of_its_run(make, tmp_path):
    trunk, path = tmp_path / "run.h5", tmp_path / "branch.h5"
    keep = wepy.Storage(states="all")
    list(make(store=trunk, storage=keep).run(cycles=CYCLES))
    engine = make().engine
    list(make(store=path, storage=keep, **wepy.branch_point(trunk, 3, engine).settings).run(cycles=CYCLES - 4))
    assert wd.check(path) == []
    with wd.FileRun(trunk) as whole, wd.FileRun(path) as branch:
        for name in ("/segments/weight", "/segments/progress"):
            assert rows(branch)[name] == rows(whole, 4)[name]
        index = [run.read("/bins/index") for run in (whole, branch)]
        bins = [run.read("/segments/bin") for run in (whole, branch)]
        first = int(whole.stops("segment")[3])
        if len(index[0]):
            assert index[1][bins[1]].tolist() == index[0][bins[0][first:]].tolist()


class Failing:
    """The double well's engine, one walker at a time; it fails at the fourth of a cycle."""

    def __init__(self, engine):
        self.system, self.frame, self.describe, self._engine = engine.system, engine.frame, engine.describe, engine

    def run(self, state, steps, stream):
        if stream.walker == 3:
            raise RuntimeError("out of luck")
        return self._engine.run(state, steps, stream)


def test_a_branch_that_failed_in_its_first_cycle_still_has_the_bins(make, tmp_path):
    trunk, path = tmp_path / "run.h5", tmp_path / "branch.h5"
    keep, engine = wepy.Storage(states="all"), make().engine
    list(make(store=trunk, storage=keep).run(cycles=CYCLES))
    branch = make(
        store=path, storage=keep, **{**wepy.branch_point(trunk, 3, engine).settings, "engine": Failing(engine)}
    )
    with pytest.raises(wepy.SegmentError, match="out of luck"):
        list(branch.run(cycles=CYCLES - 4))
    with wd.FileRun(path) as run:
        assert run.n_cycles == 0
        settings = start_settings(run.header)
    list(make(store=path, storage=keep, **settings).resume(cycles=CYCLES - 4))
    assert wd.check(path) == []
    with wd.FileRun(trunk) as whole, wd.FileRun(path) as run:
        assert rows(run)["/segments/weight"] == rows(whole, 4)["/segments/weight"]


class KilledError(Exception):
    pass


@pytest.mark.parametrize(("step", "times"), [("plan", 0), ("plan", 1), ("balanced", 0), ("commit", 0), ("commit", 1)])
def test_a_branch_killed_anywhere_goes_on_as_if_it_had_not_been(double_well, tmp_path, monkeypatch, step, times):
    """Also where weight was absorbed before: what is left is not all."""
    settings = {
        **SETTINGS["wexplore"], "steps": 20, "walkers": 24, "recycling": None, "storage": wepy.Storage(states="all"),
        "boundaries": [wepy.Absorbing(wepy.Unbinding(-0.3), label="away")],
    }  # fmt: skip
    trunk, path = tmp_path / "run.h5", tmp_path / "branch.h5"
    list(double_well(**settings, store=trunk).run(cycles=4))
    point = wepy.branch_point(trunk, -1, double_well().engine)
    assert point.weight.sum() < 0.99

    def branch(**start):
        return double_well(**{**settings, "store": path, **start})

    list(branch(**point.settings).run(cycles=3))
    with wd.FileRun(path) as run:
        undisturbed = rows(run)
    path.unlink()
    original, count = getattr(Recorder, step), iter(range(100))

    def killed(self, *arguments):
        if next(count) == times:
            raise KilledError
        return original(self, *arguments)

    with monkeypatch.context() as patched:
        patched.setattr(Recorder, step, killed)
        with pytest.raises(KilledError):
            list(branch(**point.settings).run(cycles=3))
    with wd.FileRun(path) as run:
        start = start_settings(run.header)
    list(branch(**start).resume(cycles=3))
    assert wd.check(path) == []
    with wd.FileRun(path) as run:
        assert rows(run) == undisturbed
