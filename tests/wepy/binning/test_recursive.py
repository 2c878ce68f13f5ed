"""Binners inside binners: against a naive evaluation, and against what WESTPA returns."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_binners import Growing, Uncounted, binners, ensembles, fixed, flat, nested

from wepy.binning import MAB, KMeansBins, Piece, Piecewise, Rectilinear, Recursive, RegionTree, Voronoi, binned
from wepy.binning.numbering import Counted, Interleaved
from wepy.errors import BinningError, ConfigurationError
from wepy.protocols import Binning

GOLDEN = Path(__file__).parents[2] / "data" / "golden" / "recursive_westpa.json"
INF = float("inf")


def path_of(binner, x, weights, known, walker):
    """Name a walker's bin by what each binner on the way down says, each seeing its own walkers only."""
    if isinstance(binner, Recursive):
        place = binner.base.assign(x, weights)
        own = int(place[walker])
        if own in binner.children:
            here = np.flatnonzero(place == own)
            below = path_of(binner.children[own], x[here], weights[here], known, list(here).index(walker))
            return (("base", own), *below)
        return (("base", own),)
    return (("leaf", int(binned(binner, known, x, weights).index[walker])),)


@settings(max_examples=60, deadline=None)
@given(binners, ensembles())
def test_walkers_share_a_bin_where_a_naive_evaluation_says_so(binner, ensemble):
    x, weights = ensemble
    index = binned(binner, {}, x, weights).index
    paths = [path_of(binner, x, weights, {}, walker) for walker in range(len(x))]
    for a in range(len(x)):
        for b in range(a):
            assert (index[a] == index[b]) == (paths[a] == paths[b])


@settings(max_examples=80, deadline=None)
@given(binners, ensembles())
def test_parents_lead_to_the_base_bin_that_holds_the_walker(binner, ensemble):
    x, weights = ensemble
    found = binned(binner, {}, x, weights)
    if not isinstance(binner, Recursive):
        return
    place = binner.base.assign(x, weights)
    base = {}
    for walker, index in enumerate(found.index.tolist()):
        chain = [index]
        while found.made[chain[-1]].parent >= 0:
            assert found.made[chain[-1]].level > found.made[found.made[chain[-1]].parent].level
            chain.append(found.made[chain[-1]].parent)
        own = int(binner._numbering.outer(0, place[walker : walker + 1])[0])
        assert own in chain
        assert found.made[own].label == binner.base.bin(int(place[walker])).label
        base[own] = int(place[walker])
    assert len(set(base.values())) == len(base)


@settings(max_examples=60, deadline=None)
@given(binners, st.lists(ensembles(), min_size=2, max_size=4))
def test_bins_once_made_keep_their_indices_also_after_a_restart(binner, cycles):
    known, restored = {}, {}
    for x, weights in [*cycles, cycles[0]]:
        found = binned(binner, known, x, weights)
        again = binned(binner, restored, x, weights)
        assert found.index.tolist() == again.index.tolist()
        assert list(found.made) == list(again.made)
        known |= found.made
        restored |= {index: replace(bin_, label="") for index, bin_ in found.made.items()}


trees = st.builds(
    RegionTree,
    st.sampled_from([(2.0, 0.5), (1.0, 0.3)]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    order=st.sampled_from(["two-pass", "sequential"]),
)
with_trees = nested(trees, flat | nested(flat, flat)).filter(lambda binner: binner.children)


def up_from(known, index):
    """The bin and all that it is in, the innermost first."""
    chain = [index]
    while known[chain[-1]].parent >= 0:
        chain.append(known[chain[-1]].parent)
    return chain


@settings(max_examples=40, deadline=None)
@given(with_trees, st.lists(ensembles(), min_size=2, max_size=4))
def test_regions_inside_bins_are_those_of_each_tree_alone_also_after_a_restart(binner, cycles):
    known, restored, alone = {}, {}, {bin_: {} for bin_ in binner.children}
    for x, weights in cycles:
        found, again = binned(binner, known, x, weights), binned(binner, restored, x, weights)
        assert (found.index.tolist(), list(found.made)) == (again.index.tolist(), list(again.made))
        known |= found.made
        restored |= {index: replace(bin_, label="") for index, bin_ in found.made.items()}
        place = binner.base.assign(x, weights)
        for bin_, tree in binner.children.items():
            here = np.flatnonzero(place == bin_)
            own = tree.adapt(alone[bin_], x[here], weights[here]) if len(here) else Binning(index=here, made={})
            alone[bin_] |= own.made
            refined = int(binner._numbering.outer(0, np.array(bin_)))
            for index, region in zip(found.index[here].tolist(), own.index.tolist(), strict=True):
                chain, expected = up_from(known, index), up_from(alone[bin_], region)
                assert [known[one].centre.tolist() for one in chain[:2]] == [alone[bin_][one].centre.tolist() for one in expected]  # fmt: skip # noqa: E501
                assert chain[2] == refined
                assert [known[one].level - known[refined].level for one in chain[:2]] == [2, 1]
    assert all(len(alone[bin_]) == len(own) for bin_, own in inside(binner, known).items())


def inside(binner, known):
    """The regions in each bin that is refined."""
    refined = {bin_: int(binner._numbering.outer(0, np.array(bin_))) for bin_ in binner.children}
    return {bin_: [i for i in known if up in up_from(known, i)[1:]] for bin_, up in refined.items()}


@settings(max_examples=40, deadline=None)
@given(with_trees, st.lists(ensembles(), min_size=1, max_size=3))
def test_weight_inside_a_bin_is_that_of_its_regions(binner, cycles):
    known = {}
    for x, weights in cycles:
        found = binned(binner, known, x, weights)
        known |= found.made
        own = {index: math.fsum(weights[found.index == index]) for index in set(found.index.tolist())}
        total = dict.fromkeys(known, 0.0)
        for index, weight in own.items():
            for one in up_from(known, index):
                total[one] += weight
        parents = {one.parent for one in known.values()}
        assert math.isclose(math.fsum(total[i] for i, one in known.items() if one.parent < 0), 1.0)
        assert not parents & set(own)  # nobody is in a bin that is refined
        place = binner.base.assign(x, weights)
        for bin_ in binner.children:
            refined = int(binner._numbering.outer(0, np.array(bin_)))
            assert math.isclose(total.get(refined, 0.0), math.fsum(weights[place == bin_]))


@settings(max_examples=60, deadline=None)
@given(fixed, st.lists(ensembles(), min_size=2, max_size=4))
def test_fixed_bins_are_the_same_by_assign_and_by_adapt(binner, cycles):
    known = {}
    for x, weights in cycles:
        index = binner.assign(x, weights)
        found = binned(binner, known, x, weights)
        assert found.index.tolist() == index.tolist()
        for number, bin_ in found.made.items():
            told = binner.bin(number)
            assert (told.label, told.parent, told.level, told.target_count) == (
                bin_.label, bin_.parent, bin_.level, bin_.target_count
            )  # fmt: skip
        known |= found.made
    assert max(known) < binner.n_bins
    assert not binned(binner, known, *cycles[0]).made


@settings(max_examples=100, deadline=None)
@given(fixed)
def test_every_bin_of_fixed_binners_can_be_told_of(binner):
    told = [binner.bin(index) for index in range(binner.n_bins)]
    if isinstance(binner, Recursive) and '"piecewise"' not in json.dumps(binner.describe()):
        assert all(bin_.parent == -1 or bin_.parent >= binner.n_leaves for bin_ in told)
    assert all(told[bin_.parent].level < bin_.level for bin_ in told if bin_.parent >= 0)
    with pytest.raises(BinningError, match=f"no bin {binner.n_bins}: these bins are 0 to {binner.n_bins - 1}"):
        binner.bin(binner.n_bins)


@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 200))
def test_interleaved_indices_are_one_to_one(n_base, n_children, index):
    numbering = Interleaved(n_base, n_children)
    part, local = numbering.inner(index)
    assert numbering.outer(part, np.array([local])).tolist() == [index]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 2)), min_size=1, max_size=4), st.data())
def test_counted_indices_are_one_to_one_and_leaves_come_first(sizes, data):
    leaves = [a for a, _ in sizes]
    bins = [a + b for a, b in sizes]
    refined = sorted(data.draw(st.sets(st.integers(0, leaves[0] - 1))))
    numbering = Counted(leaves, bins, refined)
    pairs = [numbering.inner(index) for index in range(numbering.n_bins)]
    assert sorted(pairs) == sorted((part, local) for part, count in enumerate(bins) for local in range(count))
    for index, (part, local) in enumerate(pairs):
        assert numbering.outer(part, np.array([local])).tolist() == [index]
        is_leaf = local < leaves[part] and not (part == 0 and local in refined)
        assert is_leaf == (index < numbering.n_leaves)
    assert pairs[: numbering.n_leaves] == sorted(pairs[: numbering.n_leaves])


@pytest.mark.parametrize("case", json.loads(GOLDEN.read_text()), ids=lambda case: case["desc"])
def test_bins_are_numbered_as_westpa_numbers_them(case):
    binner = Recursive(Rectilinear([[0, 1, 2, 3]]), {1: Rectilinear([[1, 1.25, 1.5, 2]])})
    x = np.array(case["x"])[:, None]
    assert binner.assign(x, np.full(len(x), 1 / len(x))).tolist() == case["assign"]
    assert binner.n_leaves == case["nbins"]


def test_deep_bins_are_numbered_as_westpa_numbers_them_too():
    inner = Recursive(Rectilinear([[1, 1.5, 2]]), {0: Rectilinear([[1, 1.25, 1.5]])})
    binner = Recursive(Rectilinear([[0, 1, 2, 3]]), {1: inner, 2: Rectilinear([[2, 2.5, 3]])})
    x = np.array([[0.5], [1.6], [1.1], [1.3], [2.1], [2.9]])
    assert binner.assign(x, np.full(6, 1 / 6)).tolist() == [0, 1, 2, 3, 4, 5]
    assert (binner.n_leaves, binner.n_bins) == (6, 9)
    chain = [binner.bin(2)]
    while chain[-1].parent >= 0:
        chain.append(binner.bin(chain[-1].parent))
    assert [(bin_.label, bin_.level) for bin_ in chain] == [("[1, 1.25)", 2), ("[1, 1.5)", 1), ("[1, 2)", 0)]


def test_children_that_make_bins_take_turns_with_indices():
    binner = Recursive(Rectilinear([[-INF, 0, 5, INF]]), {0: Growing(), 1: Growing()})
    x, weights = np.array([[-1.5], [2.5], [9.0], [-1.2]]), np.full(4, 0.25)
    found = binned(binner, {}, x, weights)
    assert found.index.tolist() == [3 + 1 * 2 + 0, 3 + 1 * 2 + 1, 2, 5]
    assert {index: (bin_.parent, bin_.level) for index, bin_ in found.made.items()} == {
        2: (-1, 0), 0: (-1, 0), 3: (0, 1), 5: (3, 2), 1: (-1, 0), 4: (1, 1), 6: (4, 2)
    }  # fmt: skip
    assert binner.n_bins is None
    with pytest.raises(BinningError, match="ask for them with adapt"):
        binner.assign(x, weights)
    with pytest.raises(BinningError, match="Growing makes bins as walkers move"):
        binner.bin(5)
    assert binner.bin(0).label == "(-inf, 0)"


def test_children_see_their_own_walkers_and_bins_only():
    seen = []

    class Spy(Growing):
        def adapt(self, known, order_parameter, weights):
            seen.append((dict(known), order_parameter.tolist(), weights.tolist()))
            return super().adapt(known, order_parameter, weights)

    binner = Recursive(Rectilinear([[-INF, 0, 5, INF]]), {0: Growing(), 1: Spy()})
    x, weights = np.array([[-1.5], [2.5], [9.0]]), np.array([0.5, 0.3, 0.2])
    known = binned(binner, {}, x, weights).made
    binned(binner, known, x, weights)
    assert seen[0] == ({}, [[2.5]], [0.3])
    assert {index: (bin_.parent, bin_.level) for index, bin_ in seen[1][0].items()} == {0: (-1, 0), 1: (0, 1)}
    assert len(seen) == 2


def test_walkers_that_fit_nowhere_are_named_as_the_run_numbers_them():
    narrow = Rectilinear([[0.0, 0.5]])
    inner = Recursive(Rectilinear([[-INF, 10, INF]]), {0: Rectilinear([[1.0, 1.5]])})
    binner = Recursive(Rectilinear([[0.0, 1.0, INF]]), {0: narrow, 1: inner})
    with pytest.raises(BinningError) as caught:
        binner.assign(np.array([[0.1], [1.7], [0.7], [1.2], [0.9]]), np.full(5, 0.2))
    assert str(caught.value).splitlines() == [
        "walkers that fit no bin:",
        "  walker 1: inside bin 1: inside bin 0: dimension 0: 1.7 lies outside [1, 1.5)",
        "  walker 2: inside bin 0: dimension 0: 0.7 lies outside [0, 0.5)",
        "  walker 4: inside bin 0: dimension 0: 0.9 lies outside [0, 0.5)",
        "  way out: add -inf as the first or inf as the last edge of that dimension",
    ]


def test_what_other_binners_complain_of_comes_with_the_walkers_they_mean():
    class Moody(Uncounted):
        def assign(self, order_parameter, weights):
            raise BinningError("walker 1 is out of bounds")

    binner = Recursive(Rectilinear([[0.0, 1.0, 2.0]]), {0: Moody(), 1: Rectilinear([[1.5, 2]])})
    with pytest.raises(BinningError) as caught:
        binned(binner, {}, np.array([[0.1], [1.2], [0.3]]), np.full(3, 1 / 3))
    assert "inside bin 0, where walkers 0, 1, ... are [0, 2]: walker 1 is out of bounds" in str(caught.value)
    assert "walker 1: inside bin 1: dimension 0: 1.2 lies outside [1.5, 2)" in str(caught.value)


@pytest.mark.parametrize("base", [MAB(2), KMeansBins(2), Uncounted(), Recursive(Voronoi([[0.0]]), {0: MAB(2)})])
def test_a_base_must_be_fixed_and_know_its_bins(base):
    with pytest.raises(ConfigurationError, match="base: expected bins that are the same in every cycle"):
        Recursive(base, {})


@pytest.mark.parametrize("key", [-1, 2, "x", True, 1.0])
def test_bins_that_do_not_exist_cannot_be_refined(key):
    with pytest.raises(ConfigurationError, match=r"children: no bin .* to refine: .* 0 to 1"):
        Recursive(Rectilinear([[0, 1, 2]]), {key: Voronoi([[0.0]])})


def test_bins_that_are_refined_already_cannot_be_refined_from_outside():
    base = Recursive(Rectilinear([[0, 1, 2]]), {0: Rectilinear([[0, 1]])})
    assert (base.n_leaves, base.n_bins) == (2, 3)
    with pytest.raises(ConfigurationError, match="no bin 2 to refine"):
        Recursive(base, {2: Voronoi([[0.0]])})


def test_all_bins_have_one_dimension():
    with pytest.raises(ConfigurationError, match=r"expected the same dimensions for all of them, got \[1, 2\]"):
        Recursive(Rectilinear([[0, 1]]), {0: MAB([2, 2])})


@pytest.mark.parametrize(
    "binner",
    [Recursive(Rectilinear([[-INF, INF]]), {0: MAB(2)}), Piecewise([Piece([-INF], None, Rectilinear([[-INF, INF]]))])],
)
def test_values_that_are_no_numbers_are_named_before_anybody_is_asked(binner):
    with pytest.raises(BinningError, match="walker 1: dimension 0: nan is not a finite number"):
        binned(binner, {}, np.array([[0.0], [np.nan]]), np.array([0.5, 0.5]))
