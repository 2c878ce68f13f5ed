"""Advice from runs: what it predicts is what exact dynamics gains; what is too little is said."""

import json

import numpy as np
import pytest

import wepy_data as wd
from wepy_data.analysis import variance as of
from wepy_data.analysis.arrival import Arrivals
from wepy_data.analysis.chain import Chain
from wepy_data.analysis.doubt import doubts
from wepy_data.analysis.transition import Observed

EDGES = np.linspace(-1.2, 0.4, 9)
SETTINGS = {"height": 6.0, "timestep": 2e-3, "target": 0.6}


@pytest.fixture(scope="module")
def run(simulate):
    """A run of a barrier of 6 kT whose flux scatters by some 15 %, of 3 steps a cycle."""
    return wd.Run(simulate(**SETTINGS, steps=3, edges=EDGES, cycles=600))


@pytest.fixture(scope="module")
def advice(run):
    return wd.advise(run)


def exact_gains(chain, x, edges):
    share = np.eye(len(edges) + 1)[np.searchsorted(edges, x, side="right")]
    weight, term = of.bin_terms(share, chain.stationary, chain.variance)
    brute = of.brute_force(chain.stationary, chain.variance)
    return {
        "maximum": brute / of.best(chain.stationary, chain.variance),
        "optimal": brute / of.allocated(weight, term, of.optimal_walkers(weight, term)),
        "uniform": brute / of.allocated(weight, term, np.ones(len(weight))),
    }


@pytest.mark.parametrize("name", ["maximum", "optimal", "uniform"])
def test_gains_are_those_of_the_exact_dynamics(advice, exact_chain, name):
    x, chain = exact_chain(SETTINGS["height"], SETTINGS["timestep"], 3, SETTINGS["target"])
    assert advice.scheme(name).gain == pytest.approx(exact_gains(chain, x, EDGES)[name], rel=0.25)
    assert advice.scheme(name).gain_drawn <= advice.scheme(name).gain


@pytest.mark.parametrize("lag", [2, 4])
def test_longer_cycles_gain_what_they_do(advice, exact_chain, lag):
    x, chain = exact_chain(SETTINGS["height"], SETTINGS["timestep"], 3 * lag, SETTINGS["target"])
    (found,) = (one for one in advice.lags if one.lag == lag)
    assert found.maximum == pytest.approx(exact_gains(chain, x, EDGES)["maximum"], rel=0.25)


def test_what_is_said_of_the_run_itself(advice, run, exact_chain):
    _, chain = exact_chain(SETTINGS["height"], SETTINGS["timestep"], 3, SETTINGS["target"])
    assert (advice.n_cycles, advice.steps, advice.dim, advice.label) == (600, 3.0, 0, "x")
    assert advice.ps == pytest.approx(3 * SETTINGS["timestep"])
    start = np.zeros(len(chain.stationary))
    start[-1] = 1.0
    assert advice.settled == pytest.approx(chain.settled(start), rel=0.15)
    assert advice.burn_in == pytest.approx(advice.settled, abs=3)
    assert abs(advice.arrivals.flux / chain.flux - 1) < 3 * advice.relative_error
    assert 1 < advice.scheme("as-run").gain < advice.scheme("uniform").gain
    assert advice.warnings == ()
    assert advice.n_walkers == pytest.approx(sum(one.walkers for one in advice.bins), rel=1e-9)


def test_walkers_are_shared_by_the_variance_they_add(advice):
    assert sum(one.advised for one in advice.bins) == round(advice.n_walkers)
    assert min(one.advised for one in advice.bins) >= 2
    need = np.array([one.weight * one.deviation for one in advice.bins])
    advised = np.array([one.advised for one in advice.bins])
    assert np.corrcoef(need, advised)[0, 1] > 0.95
    division = advice.division
    assert list(division.edges) == sorted(division.edges)
    assert len(division.walkers) == len(division.edges) + 1
    assert advice.scheme("level-sets").gain_drawn > advice.scheme("uniform").gain_drawn
    wanted = advice.walkers_for(0.1, 1000, "uniform")
    assert advice.walkers_for(0.05, 1000, "uniform") == pytest.approx(4 * wanted)
    assert advice.walkers_for(0.1, 4000, "uniform") == pytest.approx(wanted / 4)


def test_settings_are_followed(run):
    found = wd.advise(run, burn_in=200, cells=40, lags=(1, 3), n_walkers=50, n_bins=5)
    assert found.burn_in == 200
    assert len(found.profile.cell) <= 40
    assert [one.lag for one in found.lags] == [1, 3]
    assert sum(found.division.walkers) == 50
    assert len(found.division.walkers) == 5


def test_the_bins_may_be_the_cells(run, advice):
    found = wd.advise(run, cells="bins")
    assert (found.dim, found.division) == (None, None)
    assert found.scheme("maximum").gain == pytest.approx(advice.scheme("maximum").gain, rel=0.5)
    assert found.scheme("optimal").gain == pytest.approx(found.scheme("maximum").gain, rel=0.01)


def test_advice_is_strict_json(run, advice):
    for one in (advice, wd.advise(run, cells="bins")):
        values = json.loads(json.dumps(one.values(), allow_nan=False))
        assert values["division"] is None or values["division"]["edges"] == list(one.division.edges)
        assert values["relative_error"] == one.relative_error
        assert [scheme["name"] for scheme in values["schemes"]] == [scheme.name for scheme in one.schemes]


def test_a_run_of_several_dimensions_takes_its_bins(make_ensemble):
    run = wd.Run(make_ensemble(cycles=60))
    found = wd.advise(run, burn_in=5, lags=(1, 2))
    assert found.dim is None
    assert set(found.profile.cell) < set(range(run.reader.rows("bin")))  # nobody begins in the target's
    assert found.flux == pytest.approx(found.arrivals.flux, rel=0.2)
    assert wd.advise(run, dim=1, cells=12, burn_in=5, lags=(1,)).label == "psi (rad)"


def test_a_short_run_is_warned_of(simulate):
    found = wd.advise(wd.Run(simulate(**SETTINGS, steps=3, edges=EDGES, cycles=95)), lags=(1,))
    assert found.burn_in == 47
    assert any("cycles to settle, and this run has 95: run on" in line for line in found.warnings)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"independent": 4}, ["only 4 independent arrivals (60 walkers, relatives counted once)"]),
        ({"largest": 0.7}, ["one event has 70% of the weight"]),
        ({"flux": 1.0}, ["the chain of cells has a flux of 0.167, counted are 1 per cycle"]),
        ({}, []),
    ],
)
def test_what_makes_advice_doubtful_is_said(changes, words):
    came = Arrivals(
        **{"count": 60, "independent": 9, "effective": 7.5, "largest": 0.2, "flux": 1 / 6, "crossing": 9.0} | changes
    )
    chain = Chain(np.array([[0.5, 0.5], [0.5, 0.0]]), np.array([[0.0], [0.5]]), np.array([[1.0, 0.0]]))
    seen = Observed(chain=chain, kept=np.arange(2), n_inside=2, exits=np.array([50, 60]), lost=0.0)
    found = list(doubts(came, seen, settled=10, n_cycles=100, burn_in=10))
    assert len(found) == len(words)
    assert all(word in line for word, line in zip(words, found, strict=True))


def test_what_cannot_be_advised_is_refused(run, make_ensemble, simulate):
    for settings, words in (
        ({"dim": 2}, r"no dimension 2 of the order parameter: this run has 0 \(x\)"),
        ({"cells": 1}, "1 cells: expected at least 2"),
        ({"cells": 9999}, "9999 cells: up to 1500"),
        ({"burn_in": 599, "lags": (0,)}, "burn-in of 599 cycles: expected 0 to 598; a lag of 0 cycles"),
        ({"lags": (1, 900)}, "a lag of 900 cycles"),
        ({"cells": "bins", "dim": 0}, "choose one of both"),
    ):
        with pytest.raises(wd.SelectionError, match=words):
            wd.advise(run, **settings)
    with pytest.raises(wd.SelectionError, match="no walker has arrived in the target"):
        wd.advise(wd.Run(make_ensemble(recycle=False)))
    with pytest.raises(wd.SelectionError, match="this run has 1 cycles"):
        wd.advise(wd.Run(make_ensemble(cycles=1)))


def test_a_scheme_that_is_not_there_is_named(advice):
    with pytest.raises(wd.SelectionError, match="no scheme 'best': there are brute-force, as-run"):
        advice.scheme("best")


def test_a_picture_is_drawn(advice, run, tmp_path):
    for number, one in enumerate((advice, wd.advise(run, cells="bins"))):
        target = wd.plot_advice(one, tmp_path / f"{number}.png", dpi=40)
        assert target.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(wd.SelectionError, match=r"pictures are written as \.png"):
        wd.plot_advice(advice, tmp_path / "x.jpg")
    with pytest.raises(wd.RunExistsError):
        wd.plot_advice(advice, tmp_path / "0.png")


@pytest.mark.slow
def test_the_double_well_gains_what_it_is_known_to(simulate):
    record = simulate(9.0, 1e-3, 5, 1.0, np.linspace(-1.2, 1.0, 23), 4000, count=10)
    found = wd.advise(wd.Run(record), lags=(1, 2, 4))
    assert found.scheme("maximum").gain == pytest.approx(295, rel=0.25)
    assert found.scheme("optimal").gain == pytest.approx(270, rel=0.25)
    assert found.scheme("uniform").gain == pytest.approx(126, rel=0.25)
    assert found.scheme("as-run").gain_drawn == pytest.approx(70.5, rel=0.3)  # measured with 200 runs: 70.5 +- 7
    assert found.relative_error == pytest.approx(0.058, rel=0.15)
    assert [one.maximum for one in found.lags] == pytest.approx([295.0, 146.6, 40.4], rel=0.25)
