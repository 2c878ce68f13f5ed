"""Lengths and angles of periodic boxes."""

import mdtraj
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wepy.box import cell_angles, cell_lengths

lengths = st.tuples(*[st.floats(0.5, 50.0)] * 3)
angles = st.tuples(*[st.floats(60.0, 90.0)] * 3)


@given(lengths, angles)
def test_lengths_and_angles_are_those_of_mdtraj(lengths, angles):
    vectors = mdtraj.utils.unitcell.lengths_and_angles_to_box_vectors(*lengths, *angles)
    edges = np.stack(vectors)[None].astype(float)
    assert np.allclose(cell_lengths(edges), [lengths], rtol=1e-6)
    assert np.allclose(cell_angles(edges), [angles], atol=1e-3)


def test_many_boxes_at_once():
    edges = np.array([np.diag([1.0, 2.0, 3.0]), [[2.0, 0, 0], [0, 2.0, 0], [1.0, 0, 3.0**0.5]]])
    assert np.allclose(cell_lengths(edges), [[1, 2, 3], [2, 2, 2]])
    assert np.allclose(cell_angles(edges), [[90, 90, 90], [90, 60, 90]])
    assert cell_lengths(edges[:0]).shape == (0, 3)


def test_rounding_does_not_leave_the_range_of_the_cosine():
    edges = np.array([[[1.0, 0, 0], [1.0, 1e-9, 0], [0, 0, 1.0]]])
    assert np.isfinite(cell_angles(edges)).all()
