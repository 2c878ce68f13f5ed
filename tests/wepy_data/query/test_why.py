"""Explanations of clones and merges."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings

import wepy
import wepy_data as wd
from wepy_data.query.decision import decided_cycles
from wepy_data.testing import runs


@settings(max_examples=60, deadline=None)
@given(runs())
def test_all_of_a_walker_s_weight_is_accounted_for(record):
    run = wd.Run(record)
    weight = record.read("/segments/weight")
    decided = decided_cycles(record)
    absorbed = set(run.table("events").query("kind == 'absorbed'").segment.tolist())
    for segment in range(int(record.stops("segment")[decided - 1]) if decided else 0):
        found = wd.why(run, segment)
        brought = math.fsum(share.brought for share in found.shares)
        assert brought == pytest.approx(0 if segment in absorbed else weight[segment], rel=1e-9)
        for share in found.shares:
            assert share.brought + math.fsum(share.others.values()) == pytest.approx(share.weight, rel=1e-9)
            assert share.continues == segment or share.continues in share.others
        assert found.weight_together >= found.weight * (1 - 1e-12)
        assert f"segment {segment} " in found.text


@pytest.fixture(scope="module")
def double_well():
    simulation = wepy.Simulation(
        engine=wepy.OverdampedLangevin(wepy.DoubleWell(), timestep=1e-3),
        order_parameter=wepy.Coordinates(labels=("x",)),
        binner=wepy.Rectilinear([[-np.inf, *np.linspace(-1.0, 1.0, 21).tolist(), np.inf]]),
        balancer=wepy.HuberKim(4, target_counts={0: 6}),
        states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
        walkers=4,
        steps=5,
        seed=3,
    )
    list(simulation.run(cycles=25))
    return wd.Run(simulation.record)


def test_reasons_hold_in_numbers(double_well):
    seen = set()
    for segment in range(double_well.n_segments):
        found = wd.why(double_well, segment)
        ideal = found.weight_together / found.target_count
        text = " ".join(found.reasons)
        assert found.target_count == (6 if "6 wanted" in text else 4)
        if "heavier than 2 times" in text:
            assert found.weight > 2 * ideal
            assert found.decision in ("clone", "merge")
            seen.add("split")
        if "halved" in text:
            assert found.weight >= ideal / 2
            seen.add("halved")
        if "these merge" in text:
            assert found.weight <= ideal
            seen.add("light")
        if "left alone" in text:
            assert found.decision == "nothing"
            seen.add("alone")
        json.dumps(found.balancer)
    assert seen == {"split", "halved", "light", "alone"}


def test_what_cannot_be_explained_says_so(double_well):
    with pytest.raises(wd.SelectionError, match="no segment 999999: this run has segments 0 to"):
        wd.why(double_well, 999999)


def test_the_last_cycle_of_a_run_that_goes_on_is_not_decided(tmp_path, double_well):
    record = double_well.reader
    growing = wd.RunRecord(record.header)
    for cycle in record.cycles[:3]:
        growing.append(cycle)
    run = wd.Run(growing)
    assert wd.why(run, 0).cycle == 0
    with pytest.raises(wd.SelectionError, match="is not known yet; ask for an earlier cycle"):
        wd.why(run, run.n_segments - 1)
