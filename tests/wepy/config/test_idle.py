"""Settings that could do nothing, given others: refused, with the key and a way out; and their neighbours taken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wepy
from wepy.config import build_simulation, parse_configuration
from wepy.config.idle import stuck_problems
from wepy.errors import ConfigurationError
from wepy.streams import Purpose, Stream

TWO = {"kind": "rectilinear", "edges": [["-inf", 0.0, "inf"]]}
NESTED = {"kind": "recursive", "base": TWO, "children": {"1": TWO}}
TARGET = {"kind": "region", "lower": [1.0]}
BOTH = {"points": [0.0, 1.0], "values": [0.1, 2.0]}


def config(**changes):
    raw = {
        "run": {"steps": 10, "seed": 3, "walkers": 8},
        "engine": {"kind": "double-well"},
        "order_parameter": {"kind": "coordinates"},
        "states": [{"x": [-1.0]}],
    }
    return parse_configuration(raw | changes)


def engine(stride):
    return {"kind": "double-well", "stride": stride}


def target_counts(index):
    return {"kind": "huber-kim", "target_counts": {index: 3}}


def variance(index):
    return {"kind": "optimal-allocation", "n_walkers": 8, "variance": {index: 1.0}}


def revo(walkers, **limits):
    run = {"steps": 10, "seed": 3, "walkers": walkers}
    return {"run": run, "balancer": {"kind": "revo", "merge_distance": 0.1, **limits}}


def wexplore(walkers, **settings):
    run = {"steps": 10, "seed": 3, "walkers": walkers}
    return {"run": run, "balancer": {"kind": "wexplore", **settings}}


def allocation(**settings):
    return {"balancer": {"kind": "optimal-allocation", "n_walkers": 8, **settings}}


@pytest.mark.parametrize(
    ("idle", "said", "useful"),
    [
        (
            {"binner": TWO, "balancer": target_counts("2")},
            r"balancer\.target_counts\.2: no walker is ever in bin 2: they are in bins 0 to 1; name another",
            {"binner": TWO, "balancer": target_counts("1")},
        ),
        (
            {"binner": NESTED, "balancer": variance("3")},  # the bin that is refined
            r"balancer\.variance\.3: no walker is ever in bin 3: they are in bins 0 to 2",
            {"binner": NESTED, "balancer": variance("2")},
        ),
        (
            {"balancer": target_counts("1")},
            r"balancer\.target_counts\.1: .*: all walkers are in bin 0, as there is no \[binner\]",
            {"balancer": target_counts("0")},
        ),
        (
            {"binner": {"kind": "mab", "nbins": [3]}, "engine": engine(11)},
            r"engine\.stride: a segment has 10 steps .* expected at most 10, found 11; lower it",
            {"binner": {"kind": "mab", "nbins": [3]}, "engine": engine(10), "balancer": target_counts("99")},
        ),
        (
            {"storage": {"stride": 2}},
            r"storage\.stride: the end .* expected engine\.stride less than run\.steps, 10, found none",
            {"storage": {"stride": 2}, "engine": engine(5)},
        ),
        (
            {"recycling": {"lower": [1.0], "every_frame": True}, "engine": engine(10)},
            r"recycling\.every_frame: the end of a segment is its only frame, .* found 10",
            {"recycling": {"lower": [1.0], "every_frame": True}, "engine": engine(9)},
        ),
        (
            {"boundaries": [{"kind": "absorb", "target": TARGET, "every_frame": True}]},
            r"boundaries\[0\]\.every_frame: the end of a segment is its only frame",
            {"boundaries": [{"kind": "absorb", "target": TARGET, "every_frame": True}], "engine": engine(1)},
        ),
        (revo(20), r"balancer\.pmax: each of the 20 walkers .* expected more than 0\.1, found 0\.1", revo(21)),
        (revo(30, pmin=0.02), r"balancer\.pmin: each of the 30 .* less than 0\.0167, found 0\.02", revo(30, pmin=0.01)),
        (revo(2, pmax=1.0), r"balancer\.pmax: .* no two could ever merge: have more walkers$", revo(3, pmax=1.0)),
        (wexplore(19), r"balancer\.pmax: each of the 19 walkers .* no two could ever merge", wexplore(20)),
        (wexplore(8, n_walkers=4), r"balancer\.pmax: each of the 8", wexplore(8, n_walkers=40)),
        (
            wexplore(30, pmin=0.02),
            r"balancer\.pmin: .* none could ever be cloned",
            wexplore(30, pmin=0.02, n_walkers=9),
        ),
        (revo(30, pmax=1.5), "pmax: expected at most 1, got 1.5", revo(30, pmax=1.0)),
        (
            allocation(variance_along=BOTH, default_variance=0.5),
            "default_variance: expected none, got 0.5",
            allocation(variance={}, default_variance=0.5),
        ),
        (
            allocation(variance={}, least=9),
            "least: expected at most n_walkers, 8, got 9",
            allocation(variance={}, least=8),
        ),
        (
            {"order_parameter": {"kind": "coordinates", "indices": [1], "atoms": [0]}},
            r"order_parameter: expected indices .* or atoms .*, not both",
            {"order_parameter": {"kind": "coordinates", "atoms": [0]}},
        ),
    ],
)
def test_settings_that_could_do_nothing_are_refused_and_those_beside_them_are_not(tmp_path, idle, said, useful):
    with pytest.raises(ConfigurationError, match=said):
        build_simulation(config(**idle), tmp_path)
    settings = config(**useful)
    build_simulation(settings, tmp_path)
    assert parse_configuration(settings.model_dump(mode="json")) == settings


def test_walkers_that_begin_elsewhere_are_not_asked_what_they_weigh(tmp_path):
    settings = config(**revo(8))
    state = wepy.StartState(label="from a run", arrays={"x": [0.0]})
    assert build_simulation(settings, tmp_path, begin=lambda engine: {"states": (state,)}).walkers == 8
    assert not list(stuck_problems(config(**revo(8), states=[{"x": [float(n)], "probability": 0.5} for n in (0, 1)])))


@given(
    st.sampled_from(["revo", "wexplore"]), st.integers(2, 30), st.sampled_from([0.03, 0.08, 0.2, 0.6, 1.0]),
    st.sampled_from([1e-12, 0.01, 0.02]), st.none() | st.integers(1, 40),
)  # fmt: skip
def test_refused_limits_would_have_left_all_walkers_as_they_are(kind, n, pmax, pmin, wanted):
    settings = wexplore(n, pmax=pmax, pmin=pmin, n_walkers=wanted) if kind == "wexplore" else revo(n, pmax=pmax, pmin=pmin)  # fmt: skip # noqa: E501
    if not list(stuck_problems(config(**settings))):
        return
    balancer = wepy.WExplore(pmin, pmax, n_walkers=wanted) if kind == "wexplore" else wepy.REVO(0.1, pmin=pmin, pmax=pmax)  # fmt: skip # noqa: E501
    points = np.linspace(0.0, 1.0, n)[:, None]
    plan = balancer.plan(np.full(n, 1 / n), (points[:, 0] > 0.2).astype(int), points)
    assert sorted(plan.draw(Stream(1, Purpose.BALANCING, 0)).parent.tolist()) == list(range(n))
