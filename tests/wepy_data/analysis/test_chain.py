"""Chains that recycle: their steady state, what a place adds to the flux, and exact values."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wepy_data as wd
from wepy_data.analysis import variance as of
from wepy_data.analysis.chain import Chain, recurrent, stationary

REFERENCE = Path(__file__).parents[2] / "data" / "reference"
GAINS = json.loads((REFERENCE / "doublewell_gain_table.json").read_text())


@st.composite
def chains(draw):
    """Return chains of a few cells and sources, in which everything can be reached."""
    n, k = draw(st.integers(1, 6)), draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    step = rng.random((n, n + k)) ** 4 + 1e-3
    restart = rng.random((k, n)) + 1e-3
    step, restart = (part / part.sum(1, keepdims=True) for part in (step, restart))
    return Chain(step[:, :n], step[:, n:], restart)


@given(chains())
def test_a_chain_keeps_its_identities(chain):
    omega, h, k = chain.stationary, chain.discrepancy, chain.transition
    assert omega @ k == pytest.approx(omega, rel=1e-10)
    assert h - k @ h == pytest.approx(chain.arrival - chain.flux, abs=1e-10)
    assert chain.passage == pytest.approx(1 + chain.inside @ chain.passage, rel=1e-9)
    if len(chain.restart) == 1:
        assert h - h[0] == pytest.approx(chain.flux * (chain.passage[0] - chain.passage), abs=1e-10)
    restarts = omega @ chain.arriving / chain.flux @ chain.restart
    assert restarts @ chain.passage == pytest.approx(1 / chain.flux, rel=1e-9)  # Hill's relation


@given(chains())
def test_the_variance_is_that_of_all_ends_of_a_step(chain):
    h = chain.discrepancy
    for row in range(len(h)):
        ends = [(p, h[j]) for j, p in enumerate(chain.inside[row])]
        ends += [(p * q, 1 + h[j]) for k, p in enumerate(chain.arriving[row]) for j, q in enumerate(chain.restart[k])]
        mean = sum(p * y for p, y in ends)
        assert mean == pytest.approx(h[row] + chain.flux, abs=1e-10)
        assert chain.variance[row] == pytest.approx(sum(p * (y - mean) ** 2 for p, y in ends), rel=1e-9, abs=1e-18)


@given(chains())
def test_variances_are_in_order(chain):
    omega, v2 = chain.stationary, chain.variance
    share = np.eye(len(omega))
    weight, term = of.bin_terms(share, omega, v2)
    best = of.best(omega, v2)
    assert best <= of.brute_force(omega, v2) * (1 + 1e-12)
    assert best <= of.allocated(weight, term, np.ones(len(weight))) * (1 + 1e-12)
    if (term > 0).all():
        assert of.allocated(weight, term, of.optimal_walkers(weight, term)) == pytest.approx(best, rel=1e-9)


def test_the_smallest_weights_are_as_accurate_as_the_largest():
    down, n = 1e-5, 8  # a ladder whose weights fall by 1e5 at each rung
    matrix = np.diag(np.full(n - 1, down), 1) + np.diag(np.full(n - 1, 0.5), -1)
    matrix += np.diag(1 - matrix.sum(1))
    found = stationary(matrix)
    assert found[1:] / found[:-1] == pytest.approx(np.full(n - 1, down / 0.5), rel=1e-12)


@pytest.mark.parametrize("tau", [1, 5, 20])
@pytest.mark.parametrize("width", [0.05, 0.1, 0.2])
def test_gains_of_the_double_well_are_the_exact_ones(exact_chain, tau, width):
    expected = GAINS[f"H=9,tau={tau},bw={width}"]
    x, chain = exact_chain(9.0, 1e-3, tau, 1.0)
    omega, v2, h = chain.stationary, chain.variance, chain.discrepancy
    assert chain.passage[-1] * tau == pytest.approx(expected["mfpt_steps"], rel=1e-7)
    brute = of.brute_force(omega, v2)
    assert brute == pytest.approx(expected["direct"], rel=1e-6)
    assert brute / of.best(omega, v2) == pytest.approx(expected["gain_max"], rel=1e-6)
    edges = -1.2 + width * np.arange(expected["nb"] - 1)
    share = np.eye(expected["nb"])[np.searchsorted(edges, x + 1e-9, side="right")]
    weight, term = of.bin_terms(share, omega, v2)
    drawn = term + weight * of.within_bins(share, omega, h)
    alike = np.ones(len(weight))
    for name, part in (("no_selvar", term), ("multinomial", drawn)):
        uniform = brute / of.allocated(weight, part, alike)
        optimal = brute / of.allocated(weight, part, of.optimal_walkers(weight, part))
        assert uniform == pytest.approx(expected[f"gain_uniform_{name}"], rel=2e-3)
        assert optimal == pytest.approx(expected[f"gain_optalloc_{name}"], rel=2e-3)


def test_the_flux_settles_when_it_does(exact_chain):
    _, chain = exact_chain(9.0, 1e-3, 20, 1.0)
    start = np.zeros(len(chain.stationary))
    start[-1] = 1.0
    after, weights, flux = chain.settled(start), start, []
    for _ in range(40):
        flux.append(weights @ chain.arrival / chain.flux)
        weights = weights @ chain.transition
    assert after == np.flatnonzero(np.abs(np.array(flux) - 1) > 0.01)[-1] + 1
    assert chain.settled(chain.stationary) in (0, 1)


def test_a_coarse_matrix_of_fluxes_has_the_exact_flux():
    known = json.loads((REFERENCE / "doublewell_coarse_matrix_tau20.json").read_text())
    flow = np.array(known["ness_flux_matrix_last_col_target"])
    step = flow / flow.sum(1, keepdims=True)
    chain = Chain(step[:, :-1], step[:, -1:], np.eye(len(flow))[[known["source_bin"]]])
    assert chain.flux == pytest.approx(known["flux_per_tau"], rel=1e-8)
    assert chain.stationary == pytest.approx(np.array(known["ness_populations"]), rel=1e-7)


def test_cells_that_are_never_left_or_never_reached_again_are_told_apart():
    flow = np.zeros((4, 4))
    flow[0, 1] = flow[1, 0] = flow[1, 2] = flow[3, 0] = 1.0
    assert recurrent(flow).tolist() == [True, True, False, False]


def test_a_chain_that_loses_weight_is_refused():
    with pytest.raises(wd.SelectionError, match=r"row 0 of a chain's step: expected probabilities, found a sum 0\.5"):
        Chain(np.array([[0.25]]), np.array([[0.25]]), np.array([[1.0]]))
    with pytest.raises(wd.SelectionError, match=r"expected \(n, n\)"):
        Chain(np.ones((2, 2)), np.ones((1, 1)), np.ones((1, 2)))


def test_bins_that_nobody_is_sent_to_are_infinitely_bad_if_anything_varies_there():
    weight, term = np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.0, 0.0])
    assert of.allocated(weight, term, np.array([3.0, 0.0, 0.0])) == pytest.approx(0.5)
    assert of.allocated(weight, term, np.array([0.0, 3.0, 0.0])) == np.inf
