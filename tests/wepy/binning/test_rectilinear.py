"""Rectilinear bins."""

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wepy.binning import Rectilinear
from wepy.errors import BinningError, ConfigurationError

INF = math.inf


def assign(binner, points):
    points = np.array(points, float)
    return binner.assign(points, np.full(len(points), 1 / len(points))).tolist()


@st.composite
def grids(draw):
    edges = []
    for _ in range(draw(st.integers(1, 3))):
        inner = draw(st.lists(st.floats(-5, 5), min_size=2, max_size=5, unique=True))
        ends = draw(st.sampled_from([([], []), ([-INF], []), ([], [INF]), ([-INF], [INF])]))
        edges.append([*ends[0], *sorted(inner), *ends[1]])
    return Rectilinear(edges=edges)


@settings(max_examples=100, deadline=None)
@given(grids(), st.data())
def test_every_walker_lies_in_the_box_of_its_bin(binner, data):
    sides = [[data.draw(st.integers(0, n - 1)) for n in binner.shape] for _ in range(4)]
    points = []
    for side in sides:
        bounds = [(e[i], e[i + 1]) for e, i in zip(binner.edges, side, strict=True)]
        clipped = [(max(a, -10.0), min(b, 10.0)) for a, b in bounds]
        points.append([data.draw(st.floats(a, b, exclude_max=True)) for a, b in clipped])
    found = assign(binner, points)
    assert found == [int(np.ravel_multi_index(side, binner.shape)) for side in sides]
    for index, side in zip(found, sides, strict=True):
        centre = binner.bin(index).centre
        bounded = [math.isfinite(e[i]) and math.isfinite(e[i + 1]) for e, i in zip(binner.edges, side, strict=True)]
        assert np.isfinite(centre).tolist() == bounded
        if all(bounded):
            assert binner.assign(centre[None], np.ones(1)).tolist() == [index]


def test_bins_are_half_open():
    binner = Rectilinear(edges=[[0.0, 1.0, 2.0]])
    assert assign(binner, [[0.0], [math.nextafter(1.0, 0)], [1.0], [math.nextafter(2.0, 0)]]) == [0, 0, 1, 1]


def test_the_last_dimension_runs_fastest():
    binner = Rectilinear(edges=[[0, 1, 2], [0, 1, 2, 3]])
    assert binner.shape == (2, 3)
    assert binner.n_bins == 6
    assert assign(binner, [[0, 0], [0, 2.5], [1, 0], [1.5, 1.5]]) == [0, 2, 3, 4]


def test_a_bin_has_a_readable_label_and_a_centre():
    binner = Rectilinear(edges=[[-0.5, -0.4, INF], [0, 1]])
    first, last = binner.bin(0), binner.bin(1)
    assert first.label == "[-0.5, -0.4) x [0, 1)"
    np.testing.assert_allclose(first.centre, [-0.45, 0.5])
    assert last.label == "[-0.4, inf) x [0, 1)"
    assert np.isnan(last.centre[0])
    assert last.centre[1] == 0.5
    assert (first.parent, first.level, first.target_count) == (-1, 0, -1)


def test_labels_of_close_edges_differ():
    a, b = 1.0, math.nextafter(1.0, 2)
    assert Rectilinear(edges=[[a, b]]).bin(0).label == "[1, 1.0000000000000002)"


def test_every_walker_without_a_bin_is_named_with_value_and_range():
    binner = Rectilinear(edges=[[0, 1], [0, INF]])
    with pytest.raises(BinningError) as error:
        assign(binner, [[0.5, 1], [1.0, 1], [math.nan, -3], [0.2, INF]])
    text = str(error.value)
    assert "walker 1: dimension 0: 1.0 lies outside [0, 1)" in text
    assert "walker 2: dimension 0: nan is not a finite number" in text
    assert "walker 2: dimension 1: -3.0 lies outside [0, inf)" in text
    assert "walker 3: dimension 1: inf is not a finite number" in text
    assert "walker 0" not in text
    assert "add -inf as the first or inf as the last edge" in text


def test_the_way_out_for_nan_alone_is_not_more_edges():
    with pytest.raises(BinningError, match="no bin can hold such a walker") as error:
        assign(Rectilinear(edges=[[-INF, INF]]), [[math.nan]])
    assert "add -inf" not in str(error.value)


@pytest.mark.parametrize("shape", [(3,), (3, 1), (3, 3), (1, 3, 2)])
def test_another_dimension_than_the_bins_is_an_error(shape):
    with pytest.raises(BinningError, match=r"expected shape \(n_walkers, 2\)"):
        Rectilinear(edges=[[0, 1], [0, 1]]).assign(np.zeros(shape), np.full(3, 1 / 3))


@pytest.mark.parametrize("index", [-1, 2])
def test_a_bin_that_does_not_exist_says_which_do(index):
    with pytest.raises(BinningError, match=f"no bin {index}: these bins are 0 to 1"):
        Rectilinear(edges=[[0, 1, 2]]).bin(index)


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([], "one list of edges for each dimension"),
        ("01", "one list of edges for each dimension"),
        (7, "one list of edges for each dimension"),
        ([0.0, 1.0], r"edges\[0\]: expected a list of numbers for each dimension"),
        ([["a", "b"]], r"edges\[0\]: expected a list of numbers"),
        (["01"], r"edges\[0\]: expected a list of numbers"),
        ([[0.0]], r"edges\[0\]: expected at least 2 edges, got 1"),
        ([[0, 1], [1, 1]], r"edges\[1\]: expected strictly increasing edges, got 1 followed by 1 at position 0"),
        ([[0, 2, 1]], "got 2 followed by 1 at position 1"),
        ([[0, math.nan, 1]], r"edges\[0\]: expected numbers, got nan at position 1"),
        ([[INF, -INF]], "strictly increasing"),
    ],
)
def test_wrong_edges_are_refused_when_they_are_given(edges, message):
    with pytest.raises(ConfigurationError, match=message):
        Rectilinear(edges=edges)


def test_all_wrong_edges_are_reported_together():
    with pytest.raises(ConfigurationError) as error:
        Rectilinear(edges=[[0], [1, 0], [0, math.nan]])
    assert [line[:8] for line in str(error.value).splitlines()] == ["edges[0]", "edges[1]", "edges[2]"]


def test_target_counts_are_for_all_bins_or_for_each():
    assert Rectilinear(edges=[[0, 1, 2]], target_counts=7).bin(1).target_count == 7
    some = Rectilinear(edges=[[0, 1, 2]], target_counts={1: 3})
    assert [some.bin(0).target_count, some.bin(1).target_count] == [-1, 3]


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (-1, "expected a number of walkers"),
        (True, "expected a number of walkers"),
        (2.5, "expected a number of walkers"),
        ({2: 1}, "no bin 2: these bins are 0 to 1"),
        ({-1: 1}, "no bin -1"),
        ({"x": 1}, "no bin 'x'"),
        ({0: -4}, r"target_counts\[0\]: expected a whole number"),
    ],
)
def test_wrong_target_counts_are_refused(targets, message):
    with pytest.raises(ConfigurationError, match=message):
        Rectilinear(edges=[[0, 1, 2]], target_counts=targets)


@pytest.mark.parametrize("targets", [None, 4, {0: 2, 3: 5}])
def test_the_description_is_strict_json_and_builds_the_binner_again(targets):
    binner = Rectilinear(edges=[[-INF, 0.1, INF], [0, 1 / 3, 1]], target_counts=targets)
    text = json.dumps(binner.describe(), allow_nan=False)
    again = Rectilinear.from_description(json.loads(text))
    assert again == binner
    assert json.loads(text)["edges"][0] == ["-inf", 0.1, "inf"]
    assert again.describe() == binner.describe()
    assert hash(again) == hash(binner)


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"kind": "voronoi"}, "kind: expected 'rectilinear', got 'voronoi'"),
        ({"kind": "rectilinear"}, "missing or unknown: .'edges'"),
        ({"kind": "rectilinear", "edges": [[0, 1]], "colour": 1}, "missing or unknown: .'colour'"),
    ],
)
def test_a_description_that_does_not_fit_is_refused(description, message):
    with pytest.raises(ConfigurationError, match=message):
        Rectilinear.from_description(description)


def test_a_binner_is_a_value():
    edges = [[0.0, 1.0]]
    binner = Rectilinear(edges=edges)
    edges[0][1] = 5.0
    assert binner.edges == ((0.0, 1.0),)
    assert pickle.loads(pickle.dumps(binner)) == binner
    with pytest.raises(ValueError, match="read-only"):
        binner.bin(0).centre[0] = 3


def test_no_walkers_have_no_bins():
    assert Rectilinear(edges=[[0, 1]]).assign(np.zeros((0, 1)), np.zeros(0)).tolist() == []
