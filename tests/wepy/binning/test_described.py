"""Binners from their descriptions."""

import json
import pickle

import pytest
from hypothesis import given
from random_binners import Growing, Uncounted, binners

from wepy.binning import (
    MAB,
    FunctionBins,
    KMeansBins,
    Piece,
    Piecewise,
    Rectilinear,
    Recursive,
    Voronoi,
    binner_from_description,
)
from wepy.errors import ConfigurationError

SOME = [
    FunctionBins("math:sqrt", 3, n_dims=2, labels=["a", "b", "c"], target_counts={1: 2}),
    Voronoi([[0.1, 1 / 3], [2.0, 1e-300]], target_counts=3),
    MAB([2, 3], direction=[1, 86], skip=[False, True], bottleneck=False, target_count=4),
    KMeansBins(3, dims=[1, 0], scale=[0.1, 2.0], target_count=5),
    KMeansBins(3, scale=2.0),
]


def again(binner):
    return binner_from_description(json.loads(json.dumps(binner.describe(), allow_nan=False)))


@pytest.mark.parametrize("binner", SOME, ids=lambda binner: type(binner).__name__)
def test_a_description_is_strict_json_and_builds_the_binner_again(binner):
    assert again(binner) == binner
    assert hash(again(binner)) == hash(binner)
    assert pickle.loads(pickle.dumps(binner)) == binner


@given(binners)
def test_binners_inside_binners_are_built_again(binner):
    if any(isinstance(part, Growing | Uncounted) for part in _all(binner)):
        return
    assert again(binner) == binner
    assert again(binner).describe() == binner.describe()


def _all(binner):
    yield binner
    if isinstance(binner, Recursive):
        for part in (binner.base, *binner.children.values()):
            yield from _all(part)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({}, "kind: expected one of rectilinear, voronoi, .* got None"),
        ("voronoi", "kind: expected one of"),
        ({"kind": "hexagons"}, "got 'hexagons'"),
        ({"kind": "mab"}, r"mab bins need kind, nbins and may have direction, .*; missing or unknown: \['nbins'\]"),
        ({"kind": "k-means", "n_groups": 2, "seed": 1}, r"missing or unknown: \['seed'\]"),
        ({"kind": "voronoi", "centres": [[0]], "metric": {"kind": "?"}}, "metric: "),
        (
            {"kind": "recursive", "base": {"kind": "mab", "nbins": [2]}, "children": {}},
            "expected bins that are the same in every cycle, got 'mab'",
        ),
        (
            {"kind": "recursive", "base": {"kind": "rectilinear", "edges": [[0, 1]]}, "children": [1]},
            "children: expected",
        ),
        ({"kind": "piecewise", "pieces": [{"lower": [0], "binner": {}}]}, r"pieces\[0\]: expected"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(description, message):
    with pytest.raises(ConfigurationError, match=message):
        binner_from_description(description)


def test_every_kind_is_described():
    kinds = {type(binner) for binner in SOME} | {Rectilinear, Recursive, Piecewise}
    grid = Rectilinear([[0, 1]])
    for binner in (grid, Recursive(grid, {0: MAB(1)}), Piecewise([Piece([0], None, grid)])):
        assert again(binner) == binner
    assert len(kinds) == 7
