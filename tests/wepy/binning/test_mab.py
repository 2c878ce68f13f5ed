"""Minimal adaptive bins."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_binners import ensembles

from wepy.binning import MAB
from wepy.errors import BinningError, ConfigurationError

GOLDEN = Path(__file__).parents[2] / "data" / "golden"
CASES = [
    case for name in ("mab_westpa", "mab_westpa_dims") for case in json.loads((GOLDEN / f"{name}.json").read_text())
]


def local(binner, x, weights=None):
    x = np.array(x, float)
    x = x[:, None] if x.ndim == 1 else x
    return binner.local_bins(x, np.full(len(x), 1 / len(x)) if weights is None else np.array(weights)).tolist()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"direction {case['direction']}")
def test_local_bins_are_those_of_westpa(case):
    binner = MAB(case["nbins"], direction=case["direction"], skip=case["skip"], bottleneck=case["bottleneck"])
    assert binner.n_local_bins == case["n_total_bins"]
    assert local(binner, case["coords"], case["weights"]) == case["assignment"]


@st.composite
def planes(draw):
    count = draw(st.integers(1, 10))
    x = draw(st.lists(st.tuples(*[st.integers(-3, 3)] * 2), min_size=count, max_size=count))
    weights = np.array(draw(st.lists(st.integers(1, 99), min_size=count, max_size=count)), float)
    return np.array(x, float), weights / weights.sum()


mabs = st.builds(
    MAB,
    st.lists(st.integers(1, 4), min_size=2, max_size=2),
    direction=st.lists(st.sampled_from([0, 1, -1, 86]), min_size=2, max_size=2),
    skip=st.lists(st.booleans(), min_size=2, max_size=2),
    bottleneck=st.booleans(),
    target_count=st.none() | st.integers(1, 9),
)


@given(mabs, planes())
def test_bins_of_walkers_that_stand_out_hold_one_walker_and_the_others_lie_between_edges(binner, ensemble):
    x, weights = ensemble
    found = binner.local_bins(x, weights)
    n_equal = math.prod(1 if skip else n for n, skip in zip(binner.nbins, binner.skip, strict=True))
    assert ((found >= 0) & (found < binner.n_local_bins)).all()
    assert np.bincount(found, minlength=n_equal)[n_equal:].max(initial=0) <= 1
    shape = tuple(1 if skip else n for n, skip in zip(binner.nbins, binner.skip, strict=True))
    for walker in np.flatnonzero(found < n_equal):
        for dim, place in enumerate(np.unravel_index(found[walker], shape, order="F")):
            low, high = x[:, dim].min(), x[:, dim].max()
            width = (high - low) / shape[dim]
            assert low + place * width - 1e-9 <= x[walker, dim] <= low + (place + 1) * width + 1e-9


@given(mabs, planes(), st.integers(0, 50))
def test_every_cycle_has_new_bins_in_order_of_the_local_ones(binner, ensemble, last):
    x, weights = ensemble
    found = binner.adapt({last: None, 0: None}, x, weights)
    bins = binner.local_bins(x, weights)
    assert list(found.made) == list(range(last + 1, last + 1 + len(set(bins.tolist()))))
    assert sorted(set(zip(found.index.tolist(), bins.tolist(), strict=True))) == list(
        zip(found.made, sorted(set(bins.tolist())), strict=True)
    )
    wanted = -1 if binner.target_count is None else binner.target_count
    assert all(
        (bin_.parent, bin_.target_count, bin_.centre.shape) == (-1, wanted, (2,)) for bin_ in found.made.values()
    )


@given(st.lists(st.integers(-50, 50), min_size=3, max_size=12, unique=True), st.randoms(use_true_random=False))
def test_the_order_of_walkers_does_not_matter_without_ties(values, random):
    weights = np.array([random.random() + 0.01 for _ in values])
    order = list(range(len(values)))
    random.shuffle(order)
    binner = MAB(3)
    first = local(binner, values, weights)
    assert local(binner, np.array(values)[order], weights[order]) == [first[k] for k in order]


@given(ensembles(min_size=3))
def test_bottlenecks_carry_most_compared_with_what_is_ahead(ensemble):
    x, weights = ensemble
    found = MAB(1, direction=1).local_bins(x, weights)  # 0 equal, 1 leading, 2 forward bottleneck
    if x.min() == x.max():
        assert set(found.tolist()) == {0}
        return
    at = int(np.flatnonzero(found == 2)[0])
    order = sorted(range(len(x)), key=lambda walker: (-x[walker, 0], walker))
    lagging = min(range(len(x)), key=lambda walker: (x[walker, 0], walker))
    ratio = {w: weights[w] / weights[order[:k]].sum() for k, w in enumerate(order) if k > 0 and w != lagging}
    assert found[order[0]] == 1
    assert ratio[at] == pytest.approx(max(ratio.values()))


def test_few_walkers_and_equal_ones_are_no_special_case():
    assert local(MAB(3), [0.7]) == [0]
    assert local(MAB(3), [0.7, 0.7, 0.7]) == [0, 0, 0]
    assert local(MAB(3), [0.7, 0.9]) == [4, 3]
    assert local(MAB(3, direction=86), [0.7, 0.9]) == [0, 2]
    assert MAB(3).local_bins(np.zeros((0, 1)), np.zeros(0)).tolist() == []
    assert MAB(3).adapt({}, np.zeros((0, 1)), np.zeros(0)).made == {}


def test_of_walkers_at_the_same_place_the_first_stands_out():
    # leading 2, lagging 0; their equals are in the last and the first of the equal bins
    assert local(MAB(2, bottleneck=False), [0.0, 0.0, 1.0, 1.0]) == [3, 0, 2, 1]
    # forward from 2: walkers 3, 1 have 0.25 / 0.25, 0.25 / 0.5; backward from 0: 1, 3 likewise
    assert local(MAB(2), [0.0, 0.0, 1.0, 1.0]) == [3, 5, 2, 4]


def test_dimensions_alike_but_for_one_have_no_special_walkers_there():
    x = [[0.0, 5.0], [0.5, 5.0], [0.6, 5.0], [1.0, 5.0]]
    assert local(MAB([2, 3], bottleneck=False), x) == [8, 1, 1, 6]


def test_a_skipped_dimension_is_not_binned():
    x = [[0.0, 5.0], [0.5, 1.0], [0.6, 9.0], [1.0, 3.0]]
    assert local(MAB([2, 9], skip=[False, True]), x) == local(MAB(2), [row[0] for row in x])


def test_centres_are_middles_of_bins_and_places_of_walkers():
    x = np.array([[0.0], [0.1], [0.3], [0.8], [1.0]])
    made = MAB(2, bottleneck=False).adapt({}, x, np.full(5, 0.2)).made
    assert [bin_.centre.tolist() for bin_ in made.values()] == [[0.25], [0.75], [1.0], [0.0]]
    assert [bin_.label for bin_ in made.values()] == [
        "[0, 0.5)", "[0.5, 1)", "leading in dimension 0", "lagging in dimension 0"
    ]  # fmt: skip


@pytest.mark.parametrize("values", [[-1.7e308, 0.0, 1.7e308], [0.0, 5e-324, 1e-323], [1.0, math.nextafter(1, 2), 2.0]])
def test_extreme_values_are_binned(values):
    assert set(local(MAB(4, bottleneck=False), values)) <= set(range(6))
    assert np.isfinite(
        [b.centre for b in MAB(4).adapt({}, np.array(values)[:, None], np.full(3, 1 / 3)).made.values()]
    ).all()


def test_wrong_input_is_named():
    with pytest.raises(BinningError, match="walker 1: dimension 0: inf is not a finite number"):
        local(MAB(2), [0.0, math.inf])
    with pytest.raises(BinningError, match=r"weights: expected shape \(2,\)"):
        local(MAB(2), [0.0, 1.0], [1.0])


def test_all_wrong_settings_are_named_together():
    with pytest.raises(ConfigurationError) as caught:
        MAB([0, 2], direction=[2, 0, 0], skip=["yes", False])
    assert str(caught.value).splitlines() == [
        "nbins[0]: expected a whole number, 1 or more, got 0",
        "direction[0]: expected 0 (both ends), 1 (leading), -1 (lagging) or 86 (neither), got 2",
        "skip[0]: expected true or false, got 'yes'",
        "direction: expected 2, one for each dimension of nbins, got 3",
    ]
    with pytest.raises(ConfigurationError, match="target_count: expected a whole number"):
        MAB(2, target_count=-1)
