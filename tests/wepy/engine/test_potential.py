"""Analytic potentials."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from wepy.engine import DoubleWell, Harmonic, MuellerBrown, Odld
from wepy.errors import ConfigurationError

POTENTIALS = (DoubleWell(height=9.0), Harmonic(stiffness=3.0, centre=(0.5, -1.0, 2.0)), MuellerBrown(temperature=12.0))


def points(potential, low=-1.2, high=1.2):
    floats = st.floats(low, high, allow_subnormal=False)
    return st.integers(1, 9).flatmap(lambda n: arrays(np.float64, (n, potential.dimensions), elements=floats))


@pytest.mark.parametrize("potential", POTENTIALS, ids=lambda value: type(value).__name__)
@given(data=st.data())
def test_force_is_minus_the_slope_of_the_energy(potential, data):
    x = data.draw(points(potential))
    assert potential.energy(x).shape == (len(x),)
    assert potential.force(x).shape == x.shape
    for axis in range(potential.dimensions):
        step = np.zeros(potential.dimensions)
        step[axis] = 1e-6
        slope = (potential.energy(x + step) - potential.energy(x - step)) / 2e-6
        np.testing.assert_allclose(potential.force(x)[:, axis], -slope, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("potential", POTENTIALS, ids=lambda value: type(value).__name__)
@given(data=st.data())
def test_bits_of_a_walker_do_not_depend_on_the_others(potential, data):
    x = data.draw(points(potential, -30.0, 30.0))
    alone = [potential.force(x[i : i + 1]) for i in range(len(x))]
    assert potential.force(x).tobytes() == np.concatenate(alone).tobytes()
    alone = [potential.energy(x[i : i + 1]) for i in range(len(x))]
    assert potential.energy(x).tobytes() == np.concatenate(alone).tobytes()


def test_double_well_has_its_barrier_at_zero_and_its_wells_at_one():
    assert DoubleWell(height=9.0).energy(np.array([[-1.0], [0.0], [1.0]])).tolist() == [0.0, 9.0, 0.0]


@given(st.floats(0.3, 9.9))
def test_odld_falls_as_its_energy_does(x):
    at = np.array([[x]])
    slope = (Odld().energy(at + 1e-6) - Odld().energy(at - 1e-6)) / 2e-6
    np.testing.assert_allclose(Odld().force(at)[:, 0], -slope, rtol=1e-5, atol=1e-4)


@given(arrays(np.float64, st.integers(1, 9).map(lambda n: (n, 1)), elements=st.floats(0.01, 800.0)))
def test_bits_of_odld_do_not_depend_on_the_others(x):
    assert Odld().force(x).tobytes() == np.concatenate([Odld().force(row[None]) for row in x]).tobytes()


def test_mueller_brown_has_its_published_minima():
    minima = np.array([[-0.55822363, 1.44172584], [0.6234994, 0.02803776]])
    surface = MuellerBrown(temperature=1.0)
    np.testing.assert_allclose(surface.energy(minima), [-146.69951721, -108.16672412], rtol=1e-8)
    np.testing.assert_allclose(surface.force(minima), 0.0, atol=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: DoubleWell(height=0.0),
        lambda: DoubleWell(height="9"),
        lambda: Harmonic(stiffness=-1.0),
        lambda: Harmonic(centre=()),
        lambda: Harmonic(centre=(float("nan"),)),
        lambda: MuellerBrown(temperature=float("inf")),
    ],
)
def test_settings_out_of_range_are_refused(make):
    with pytest.raises(ConfigurationError, match="expected"):
        make()
