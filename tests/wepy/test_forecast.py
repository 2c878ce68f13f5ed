"""The forecast of a run's size, beside what came of it."""

import shutil

import pytest

import wepy
from wepy.forecast import forecast_line


@pytest.mark.parametrize(
    "choices",
    [{}, *(pytest.param(one, marks=pytest.mark.slow) for one in ({"atoms": [0], "stride": 2}, {"states": "all"}))],
)
def test_forecast_is_near_the_size_of_the_growing_file(argon, tmp_path, monkeypatch, choices):
    store = tmp_path / "run.h5"
    simulation = argon(storage=wepy.Storage(**choices), store=store, balancer=None, walkers=50)
    said = []
    monkeypatch.setattr("wepy.forecast._bytes", lambda size: said.append(size) or f"{size} bytes")
    line = forecast_line(simulation, 60, store)
    size = 0
    for _ in simulation.run(cycles=60):
        size = store.stat().st_size
    assert said[0] / 1.15 < size < said[0] * 1.15
    assert line.startswith("run.h5 will hold up to ")


def test_forecast_says_what_the_size_is_made_of(double_well, tmp_path):
    simulation = double_well(store=tmp_path / "run.h5")
    line = forecast_line(simulation, 100, tmp_path / "run.h5")
    assert "MB: 100 cycles x 36 walkers x 3 frames x 1 atom; " in line  # nine bins of four
    assert line.endswith(" free")


def test_forecast_counts_the_walkers_that_are_allocated(double_well, tmp_path):
    simulation = double_well(balancer=wepy.OptimalAllocation(50, {}))
    assert "100 cycles x 50 walkers" in forecast_line(simulation, 100, tmp_path / "run.h5")


def test_forecast_warns_if_the_disk_is_too_small(double_well, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1_000_000))
    line = forecast_line(double_well(), 1000, tmp_path / "run.h5")
    assert "1.0 MB free; WARNING: the disk needs room for " in line
