"""The Lennard-Jones pair: real dynamics on real workers against the exact passage time."""

import importlib.util
from pathlib import Path

import pytest

import wepy_data as wd
from wepy.config import build_simulation, read_configuration

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def lj():
    """The benchmark, a program: what it takes for burn-in, blocks and the exact value."""
    spec = importlib.util.spec_from_file_location("lj_pair", ROOT / "benchmarks" / "lj_pair.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_starts_at_contact(tmp_path):
    folder = ROOT / "examples" / "lj_pair"
    run = build_simulation(read_configuration(folder / "lj-pair.toml"), folder, store=tmp_path / "run.h5")
    assert len(list(run.run(cycles=5))) == 5
    assert wd.check(tmp_path / "run.h5") == []
    with wd.open_run(tmp_path / "run.h5") as found:
        assert 0.33 < found.observable("order_parameter", [0])[0, 0] < 0.45
        assert found.table("segments").progress.min() > 0.3


@pytest.mark.slow
def test_the_passage_time_is_the_exact_one(lj):
    """One run of the example: within three standard errors, of less than 15 % each."""
    steps, cycles = 20, 1500
    time, error = lj.passage(lj.flux(seed=1, cycles=cycles, workers=2), steps)
    print(f"{time:,.0f} steps +- {error:.1%}, exact {lj.EXACT:,.0f}")
    assert error < 0.15
    assert abs(time / lj.EXACT - 1) < 3 * error * time / lj.EXACT
