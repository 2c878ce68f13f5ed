"""The same configuration and seed gives the same run, whoever runs its segments."""

import pytest

import wepy
import wepy_data as wd
from wepy.config import build_simulation, read_configuration
from wepy.config.example import examples_folder

EXAMPLES = {"double-well": 30, "alanine-dipeptide": 4}
DISPATCHERS = {
    "processes": lambda: wepy.Processes(workers=2),
    "scoop-1": lambda: wepy.Scoop(workers=1),
    "scoop-2": lambda: wepy.Scoop(workers=2),
    "scoop-3": lambda: wepy.Scoop(workers=3),
}


def built(name, folder, **changes):
    """Return an example's simulation with recycling within its first cycles."""
    base = examples_folder() / name.replace("-", "_")
    config = read_configuration(base / f"{name}.toml")
    target = {"double-well": [-0.8], "alanine-dipeptide": [-1.2, float("-inf")]}[name]
    update = {
        "run": config.run.model_copy(update={"output": folder / "run.h5"}),
        "recycling": config.recycling.model_copy(update={"lower": target}),
    }
    simulation = build_simulation(config.model_copy(update=update), base)
    simulation.dispatcher = changes.get("dispatcher", wepy.Serial())
    return simulation


def run(simulation, cycles):
    for _ in simulation.run(cycles=cycles):
        pass


@pytest.fixture(scope="module", params=EXAMPLES)
def serial(request, tmp_path_factory):
    """Return name and file of an example that ran serially."""
    folder = tmp_path_factory.mktemp("serial")
    run(built(request.param, folder), EXAMPLES[request.param])
    return request.param, folder / "run.h5"


def test_what_is_compared_has_recycling_merging_and_cloning(serial):
    with wd.FileRun(serial[1]) as run_:
        assert run_.rows("event") > 0
        assert run_.rows("merge") > 0
        assert run_.stops("segment")[0] * run_.n_cycles < run_.rows("segment")


@pytest.mark.parametrize("dispatcher", DISPATCHERS)
def test_every_dispatcher_gives_the_serial_run_bit_for_bit(serial, dispatcher, tmp_path):
    name, expected = serial
    run(built(name, tmp_path, dispatcher=DISPATCHERS[dispatcher]()), EXAMPLES[name])
    with wd.FileRun(expected) as one, wd.FileRun(tmp_path / "run.h5") as other:
        assert wd.compare(one, other) is None
        assert other.sealed
    assert wd.check(tmp_path / "run.h5") == []
