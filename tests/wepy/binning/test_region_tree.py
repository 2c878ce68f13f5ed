"""Regions within regions."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy.binning import RegionTree
from wepy.binning.region import Places, Regions
from wepy.errors import BinningError, ConfigurationError
from wepy.metric import Euclidean, LigandRMSD, Periodic
from wepy.protocols import AdaptiveBinner, Bin

GOLDEN = json.loads((Path(__file__).parents[2] / "data/golden/wexplore_wepy_patched.json").read_text())


def adapt(tree, known, points):
    points = np.array(points, float)
    return tree.adapt(known, points, np.full(len(points), 1 / len(points)))


def grown(tree, known, points):
    found = adapt(tree, known, points)
    return known | found.made, found


def path(known, index):
    """The region as wepy spells it: at each level, the how-manieth of its siblings."""
    found = []
    while index >= 0:
        parent = known[index].parent
        found.append([i for i, one in known.items() if one.parent == parent].index(index))
        index = parent
    return found[::-1]


def golden_tree(case, order="sequential"):
    tree = RegionTree(case["params"]["max_region_sizes"], case["params"]["max_n_regions"], order=order)
    known, _ = grown(tree, {}, [case["init_position"]])
    return tree, known


@pytest.mark.parametrize("case", GOLDEN, ids=[f"{len(c['cycles'][0]['weights'])} walkers" for c in GOLDEN])
def test_regions_grow_as_in_wepy_walker_by_walker(case):
    tree, known = golden_tree(case)
    for cycle in case["cycles"]:
        known, found = grown(tree, known, cycle["positions"])
        assert [path(known, index) for index in found.index.tolist()] == cycle["region_assignment"]
        leaves = [index for index, one in found.made.items() if one.level == tree.n_levels - 1]
        assert [path(known, index) for index in leaves] == [one["leaf"] for one in cycle["new_branches"]]
        for index, branch in zip(leaves, cycle["new_branches"], strict=True):
            image = found.made[index].centre.tolist()
            assert image == branch["image"]
            assert min(one.level for one in found.made.values() if one.centre.tolist() == image) == branch["level"]


@pytest.mark.parametrize("case", GOLDEN, ids=[f"{len(c['cycles'][0]['weights'])} walkers" for c in GOLDEN])
def test_the_second_pass_makes_no_other_regions_and_moves_walkers_to_nearer_ones(case):
    points = case["cycles"][0]["positions"]
    one, other = (adapt(*golden_tree(case, order), points) for order in ("two-pass", "sequential"))
    assert [b.centre.tolist() for b in one.made.values()] == [b.centre.tolist() for b in other.made.values()]
    assert one.index.tolist() != other.index.tolist()


trees = st.builds(
    RegionTree,
    st.sampled_from([(1.0, 0.4, 0.1), (2.0, 0.5, 0.2)]),
    st.tuples(*[st.integers(1, 4)] * 3),
    st.sampled_from([Euclidean(), Euclidean(dims=[1]), Periodic(3.0)]),
)
coordinate = st.floats(-3, 3) | st.integers(-2, 2).map(float)
cycles = st.lists(st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=12), min_size=1, max_size=4)


def by_the_book(tree, known, points):
    """The two passes with no care for speed."""
    children = {-1: []}
    for index, one in known.items():
        children.setdefault(one.parent, []).append(index)
    images = {index: one.centre for index, one in known.items()}

    def between(point, index):
        metric = tree.metric
        return metric.between(metric.images(point[None]), metric.images(images[index][None]))[0, 0]

    def assign(point):
        found, above = [], -1
        for _ in range(tree.n_levels):
            above = min(children[above], key=lambda index: between(point, index))
            found.append(above)
        return found

    def make(point, above, level):
        for _ in range(level, tree.n_levels):
            index = len(images)
            children[above].append(index)
            images[index], children[index], above = point, [], index

    if not images:
        make(points[0], -1, 0)
    for point in points:
        found = assign(point)
        for level, index in enumerate(found):
            above = found[level - 1] if level else -1
            room = len(children[above]) < tree.max_n_regions[level]
            if between(point, index) > tree.max_region_sizes[level] and room:
                make(point, above, level)
                break
    return [assign(point)[-1] for point in points], images


@given(trees, cycles)
def test_regions_are_those_of_two_passes_by_the_book(tree, walkers):
    known = {}
    for points in walkers:
        points = np.array(points, float)
        expected, images = by_the_book(tree, known, points)
        known, found = grown(tree, known, points)
        assert found.index.tolist() == expected
        assert {index: one.centre.tolist() for index, one in known.items()} == {i: c.tolist() for i, c in images.items()}  # fmt: skip # noqa: E501


@given(trees, cycles)
def test_regions_keep_their_limits(tree, walkers):
    known = {}
    for points in walkers:
        before = len(known)
        known, found = grown(tree, known, points)
        assert list(found.made) == list(range(before, len(known)))
        for index, one in found.made.items():
            assert one.parent == -1 if one.level == 0 else one.parent < index
            assert one.target_count == -1
        for level, most in enumerate(tree.max_n_regions):
            parents = [one.parent for one in known.values() if one.level == level]
            assert max(parents.count(parent) for parent in parents) <= most
        assert {known[index].level for index in found.index.tolist()} == {tree.n_levels - 1}
        again = adapt(tree, {index: Bin(label="", centre=b.centre, parent=b.parent, level=b.level) for index, b in known.items()}, points)  # fmt: skip # noqa: E501
        settled = not again.made
        assert not settled or again.index.tolist() == found.index.tolist()


def test_the_first_walker_is_the_image_of_the_first_region():
    found = adapt(RegionTree([1.0, 0.5], [5, 5]), {}, [[0.25, 0.0], [0.3, 0.0]])
    assert [(b.label, b.centre.tolist(), b.parent, b.level) for b in found.made.values()] == [
        ("0", [0.25, 0.0], -1, 0),
        ("0/0", [0.25, 0.0], 0, 1),
    ]
    assert found.index.tolist() == [1, 1]


def test_a_full_level_passes_the_walker_on_to_the_next():
    found = adapt(RegionTree([1.0, 0.5], [1, 2]), {}, [[0.0], [9.0], [5.0]])
    assert [b.label for b in found.made.values()] == ["0", "0/0", "0/1"]
    assert found.index.tolist() == [1, 2, 2]


def test_numbers_go_on_from_the_highest_that_is_known():
    known = {
        40: Bin(label="", centre=np.zeros(1), parent=-1, level=0),
        70: Bin(label="", centre=np.zeros(1), parent=40, level=1),
    }
    found = adapt(RegionTree([1.0, 0.5], [2, 2]), known, [[0.0], [9.0]])
    assert found.index.tolist() == [70, 72]
    assert {index: b.parent for index, b in found.made.items()} == {71: -1, 72: 71}


def test_images_may_be_molecules():
    random = np.random.default_rng(0)
    points = random.normal(0.0, 1.0, (30, 18))
    tree = RegionTree([2.0, 1.0], [5, 5], LigandRMSD([4, 5], [0, 1, 2, 3]))
    known, found = grown(tree, {}, points)
    rows = Places(Regions(known, tree.metric, 2), tree.metric.images(points)).row
    assert np.array(list(known))[rows[:, 1]].tolist() == found.index.tolist()
    assert len(known) > 6


@pytest.mark.parametrize(
    "known",
    [
        {0: Bin(label="", centre=np.zeros(1))},
        {0: Bin(label="", centre=np.zeros(1)), 1: Bin(label="", centre=np.zeros(1), parent=5, level=1)},
        {0: Bin(label="", centre=np.zeros(1)), 1: Bin(label="", centre=np.zeros(1), parent=0, level=2)},
        {1: Bin(label="", centre=np.zeros(1), parent=0, level=1), 0: Bin(label="", centre=np.zeros(1))},
    ],
)
def test_bins_of_another_binner_are_refused(known):
    with pytest.raises(ConfigurationError, match="no regions of 2 levels"):
        adapt(RegionTree([1.0, 0.5], [2, 2]), known, [[0.0]])


def test_walkers_that_are_not_finite_are_named():
    with pytest.raises(BinningError, match=r"walker 1: \[nan\]\n  walker 3: \[inf\]"):
        adapt(RegionTree([1.0], [2]), {}, [[0.0], [np.nan], [1.0], [np.inf]])


def test_settings_that_do_not_fit_are_named_together():
    with pytest.raises(ConfigurationError) as caught:
        RegionTree([1.0, 2.0, 0.5], [0, 1], order="random")
    assert [line.split(":")[0] for line in str(caught.value).splitlines()] == [
        "max_region_sizes",
        "max_n_regions",
        "max_region_sizes, max_n_regions",
        "order",
    ]


def test_a_tree_can_be_made_from_its_description():
    tree = RegionTree([1.0, 0.5], [3, 4], Periodic([6.0, float("inf")]), order="sequential")
    assert RegionTree.from_description(json.loads(json.dumps(tree.describe(), allow_nan=False))) == tree
    assert pickle.loads(pickle.dumps(tree)) == tree
    assert isinstance(tree, AdaptiveBinner)
    with pytest.raises(ConfigurationError, match="expected 'region-tree'"):
        RegionTree.from_description({"kind": "rectilinear"})
    with pytest.raises(ConfigurationError, match=r"missing or unknown: \['max_n_regions'"):
        RegionTree.from_description({"kind": "region-tree", "max_region_sizes": [1.0]})
