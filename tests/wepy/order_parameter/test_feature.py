"""Checks that all order parameters share."""

import numpy as np
import pytest

from wepy.errors import ConfigurationError, SegmentError
from wepy.order_parameter.feature import checked_indices, checked_labels, checked_tuples, checked_values
from wepy.protocols import Frames

FRAMES = Frames(positions=np.zeros((2, 1, 3)), step=np.array([1, 2]), time=np.array([0.1, 0.2]))


def test_values_become_float64_of_the_frames_and_labels():
    found = checked_values("my feature", [[1], [2]], FRAMES, 1)
    assert (found.dtype, found.tolist()) == (np.float64, [[1.0], [2.0]])


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        ([1.0, 2.0], ConfigurationError, r"my feature: expected shape \(2, 1\) \(frames, labels\), found \(2,\)"),
        ([[1.0]], ConfigurationError, r"found \(1, 1\)"),
        (None, ConfigurationError, r"my feature: expected shape"),
        ({"a": 1}, ConfigurationError, "my feature: expected an array of numbers, found dict"),
        ([[1.0], [np.nan]], SegmentError, r"my feature: expected finite numbers, found \[nan\] in frame 1"),
    ],
)
def test_wrong_values_say_what_was_expected(values, error, message):
    with pytest.raises(error, match=message):
        checked_values("my feature", values, FRAMES, 1)


@pytest.mark.parametrize("indices", [(), 3, "ab", (-1,), (0.5,), (True,), (1, 1), None])
def test_indices_must_be_distinct_whole_numbers(indices):
    with pytest.raises(ConfigurationError, match="here: expected"):
        checked_indices("here", indices)


def test_indices_of_numpy_become_plain_integers():
    found = checked_indices("here", np.array([2, 0]))
    assert found == (2, 0)
    assert {type(index) for index in found} == {int}


@pytest.mark.parametrize("tuples", [(), (1, 2), ((1, 2, 3),), ((1, 1),), None])
def test_tuples_must_have_their_width(tuples):
    with pytest.raises(ConfigurationError, match="here"):
        checked_tuples("here", tuples, 2)


def test_labels_default_and_are_distinct():
    assert checked_labels("here", None, ["a", "b"]) == ("a", "b")
    assert checked_labels("here", "phi", ["a"]) == ("phi",)
    for labels in (["a"], ["a", "a"], ["a", ""], ["a", 1]):
        with pytest.raises(ConfigurationError, match="here: labels: expected"):
            checked_labels("here", labels, ["x", "y"])
