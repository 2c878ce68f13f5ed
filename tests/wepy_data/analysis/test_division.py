"""Bins along a coordinate: none other has less variance."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wepy_data as wd
from wepy_data.analysis import variance as of
from wepy_data.analysis.division import division


def variance(omega, v2, h, begins):
    share = np.eye(len(begins) + 1)[np.searchsorted(begins, np.arange(len(omega)), side="right")]
    weight, term = of.bin_terms(share, omega, v2)
    term = term + weight * of.within_bins(share, omega, h)
    return of.allocated(weight, term, of.optimal_walkers(weight, term))


@given(st.integers(2, 7), st.data())
def test_no_other_division_is_better(n, data):
    n_bins = data.draw(st.integers(1, n))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    omega, v2, h = rng.dirichlet(np.ones(n)), rng.random(n) + 0.01, np.cumsum(rng.random(n))
    found = division(omega, v2, h, n_bins)
    others = [variance(omega, v2, h, np.array(some)) for some in combinations(range(1, n), n_bins - 1)]
    assert (np.diff(found) > 0).all()
    assert variance(omega, v2, h, found) == pytest.approx(min(others), rel=1e-9)


def test_more_bins_than_cells_are_refused():
    with pytest.raises(wd.SelectionError, match="9 bins from 3 cells: expected 1 to 3"):
        division(np.ones(3), np.ones(3), np.ones(3), 9)
