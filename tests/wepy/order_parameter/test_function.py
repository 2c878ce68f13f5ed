"""A user's own function as order parameter."""

import pickle

import numpy as np
import pytest

from wepy.errors import ConfigurationError, SegmentError
from wepy.order_parameter import Function
from wepy.protocols import Frames

FRAMES = Frames(positions=np.arange(12.0).reshape(2, 2, 3), step=np.array([1, 2]), time=np.array([0.1, 0.2]))

SOURCE = """
import numpy as np

def centre(frames):
    return frames.positions.mean(axis=1)

def flat(frames):
    return frames.positions[:, 0, 0]

def broken(frames):
    return np.full((len(frames), 1), np.inf)

class Group:
    centre = staticmethod(centre)

number = 3
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "my_features.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    return "my_features"


def test_function_is_found_by_name_and_called(module):
    feature = Function(name=f"{module}:centre", labels=["x", "y", "z"], unit="nm")
    np.testing.assert_array_equal(feature(FRAMES), [[1.5, 2.5, 3.5], [7.5, 8.5, 9.5]])
    assert feature.labels == ("x", "y", "z")
    assert feature.describe() == {
        "kind": "Function",
        "name": "my_features:centre",
        "labels": ["x", "y", "z"],
        "unit": "nm",
    }
    copy = pickle.loads(pickle.dumps(feature))
    assert copy == feature
    assert Function(name=f"{module}:Group.centre", labels=["a", "b", "c"])(FRAMES).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("my_features:flat", ConfigurationError, r"order parameter my_features:flat: expected shape \(2, 1\)"),
        ("my_features:broken", SegmentError, r"order parameter my_features:broken: expected finite numbers"),
    ],
)
def test_wrong_results_name_the_function(module, name, error, message):
    with pytest.raises(error, match=message):
        Function(name=name, labels=["a"])(FRAMES)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my_features", r"expected package.module:function, found 'my_features'"),
        ("my_features:", "expected package.module:function"),
        ("my_features:f()", "expected package.module:function"),
        ("no_such_module:f", "cannot import 'no_such_module:f'"),
        ("my_features:absent", "cannot import 'my_features:absent'"),
        ("my_features:number", "expected a function, 'my_features:number' is a int"),
    ],
)
def test_name_that_is_no_function_is_refused(module, name, message):
    with pytest.raises(ConfigurationError, match=message):
        Function(name=name, labels=["a"])


def test_labels_are_needed(module):
    with pytest.raises(ConfigurationError, match="expected a name for each dimension, found none"):
        Function(name=f"{module}:centre", labels=[])
