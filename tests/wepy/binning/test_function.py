"""Functions as bins."""

import numpy as np
import pytest

from wepy.binning import FunctionBins
from wepy.errors import BinningError, ConfigurationError

SOURCE = """
import numpy as np

def sign(x, weights):
    x[:] = np.where(x > 0, 1, 0)
    return x[:, 0]

def heavy(x, weights):
    return weights > 0.3

def wide(x, weights):
    return np.zeros((len(x), 1), int)

def wild(x, weights):
    return x[:, 0]

def words(x, weights):
    return ["a"] * len(x)

def fails(x, weights):
    return 1 // 0
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / "bins_of_a_test.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    return "bins_of_a_test"


X, WEIGHTS = np.array([[-1.0], [2.0], [0.5]]), np.array([0.2, 0.4, 0.4])


def test_a_function_says_the_bin_and_cannot_move_walkers(module):
    x = X.copy()
    index = FunctionBins(f"{module}:sign", 2).assign(x, WEIGHTS)
    assert (index.tolist(), index.dtype) == ([0, 1, 1], np.int64)
    assert (x == X).all()
    assert FunctionBins(f"{module}:heavy", 2).assign(X, WEIGHTS).tolist() == [0, 1, 1]


def test_bins_have_labels_targets_and_no_centre():
    binner = FunctionBins("math:sqrt", 2, n_dims=3, labels=["out", "in"], target_counts=4)
    assert (binner.bin(1).label, binner.bin(1).target_count) == ("in", 4)
    assert np.isnan(binner.bin(1).centre).tolist() == [True] * 3
    assert FunctionBins("math:sqrt", 2).bin(1).label == "bin 1"
    with pytest.raises(BinningError, match="no bin 2"):
        binner.bin(2)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("wide", r"FunctionBins bins_of_a_test:wide: expected shape \(3,\), one bin for each walker, got \(3, 1\)"),
        (
            "wild",
            r"walker 0: bins_of_a_test:wild: expected a whole number .* 0 to 1, got -1.0\n.* 1: .* got 2.0\n.* 2: ",
        ),
        ("words", "expected whole numbers, got an array of <U1"),
        ("fails", "the function failed: ZeroDivisionError"),
    ],
)
def test_what_a_function_returns_is_checked(module, function, message):
    with pytest.raises(BinningError, match=message):
        FunctionBins(f"{module}:{function}", 2).assign(X, WEIGHTS)


def test_functions_never_see_what_is_no_number(module):
    with pytest.raises(BinningError, match="walker 0: dimension 0: nan"):
        FunctionBins(f"{module}:fails", 2).assign(np.array([[np.nan]]), np.ones(1))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "nowhere_at_all:f", "n_bins": 2}, "FunctionBins: name: cannot import 'nowhere_at_all:f'"),
        ({"name": "no colon", "n_bins": 2}, "expected package.module:function"),
        ({"name": "math:pi", "n_bins": 2}, "expected a function"),
        ({"name": "math:sqrt", "n_bins": 0, "n_dims": 1.5}, "n_bins: expected a whole number.*\n.*n_dims: expected a"),
        ({"name": "math:sqrt", "n_bins": 2, "labels": ["a"]}, "labels: expected 2, one for each bin"),
        ({"name": "math:sqrt", "n_bins": 2, "target_counts": {2: 1}}, "target_counts: no bin 2"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(ConfigurationError, match=message):
        FunctionBins(**settings)
