"""What a run's file says before its first cycle."""

import json

import numpy as np

import wepy
import wepy_data as wd
from wepy.heading import run_header


def static(header, path):
    return header.static[path].tolist()


def test_states_are_initial_then_sources_then_the_target(double_well):
    sources = [wepy.StartState(label="quelle", arrays={"x": np.array([-0.7])})]
    header = run_header(double_well(sources=sources))
    assert static(header, "/states/kind") == [0, 1, 2]
    assert static(header, "/states/label") == [b"left", b"quelle", b"target"]
    assert static(header, "/states/probability") == [1.0, 1.0, 0.0]
    arrays = header.static["/states/arrays/x"]
    assert arrays[:2].tolist() == [[-1.0], [-0.7]]
    assert np.isnan(arrays[2]).all()


def test_without_recycling_there_is_no_target(double_well):
    assert static(run_header(double_well(recycling=None)), "/states/kind") == [0]


def test_a_periodic_system_with_velocities_has_their_datasets_and_units(argon):
    columns = run_header(argon()).layout.columns
    assert columns["/particles/trajectory/box/edges/value"].shape == (3, 3)
    assert columns["/particles/trajectory/velocity/value"].unit == "nm ps-1"
    assert columns["/observables/kinetic_energy/value"].unit == "kJ mol-1"
    assert columns["/observables/order_parameter/value"].unit == "nm"
    assert columns["/states/arrays/positions"].unit == "nm"


def test_a_toy_has_neither_box_nor_velocities(walk):
    header = run_header(walk())
    assert not [path for path in header.layout.columns if "velocity" in path or "box" in path]
    assert header.layout.sizes == {"atom": 1, "feature": 2}


def test_components_describe_themselves_in_strict_json(double_well, walk, argon):
    for simulation in (double_well(), walk(), argon(), double_well(binner=None, recycling=None)):
        (start,) = run_header(simulation).provenance
        assert json.loads(json.dumps(start, allow_nan=False)) == start
        assert start["components"]["manager"] == {"steps": simulation.steps, "walkers": simulation.walkers}


def test_configuration_author_and_seed_are_kept(walk, tmp_path):
    simulation = walk(config={"a": [1, "ü"]}, author="Ada", seed=2**63 + 1, store=tmp_path / "run.h5")
    list(simulation.run(cycles=1))
    with wd.FileRun(tmp_path / "run.h5") as run:
        assert run.header.config == {"a": [1, "ü"]}
        assert run.header.author == "Ada"
        assert run.header.provenance[0]["seed"] == 2**63 + 1
