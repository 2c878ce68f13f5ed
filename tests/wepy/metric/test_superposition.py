"""Superposition of many pairs at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from wepy.metric.superposition import exact_rotations, rotations


def fit(rotation, products):
    """What the best rotation maximises."""
    return (rotation * products).sum(axis=(1, 2))


def is_rotation(found):
    np.testing.assert_allclose(found @ found.transpose(0, 2, 1), np.broadcast_to(np.eye(3), found.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(found), 1.0, atol=1e-9)


@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 5), st.just(3), st.just(3)), elements=st.floats(-9, 9) | st.integers(-2, 2).map(float)))  # fmt: skip # noqa: E501
def test_no_rotation_fits_better(products):
    found, exact = rotations(products), exact_rotations(products)
    is_rotation(found)
    is_rotation(exact)
    np.testing.assert_allclose(fit(found, products), fit(exact, products), atol=1e-9 * (1 + np.abs(products).max()))


@pytest.mark.parametrize("n_atoms", [3, 4, 30])
def test_fast_and_exact_rotations_are_the_same(n_atoms):
    random = np.random.default_rng(n_atoms)
    a, b = random.normal(size=(2, 2000, n_atoms, 3))
    products = np.einsum("nki,nkj->nij", a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True))
    away = np.abs(rotations(products) - exact_rotations(products)).max(axis=(1, 2))
    assert np.quantile(away, 0.99) < 1e-9
    assert away.max() < 1e-6
