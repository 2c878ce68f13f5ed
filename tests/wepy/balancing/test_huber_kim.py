"""Huber-Kim balancing."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_huber_kim import PlainHuberKim

from wepy.balancing import HuberKim
from wepy.balancing.contract import BalancerContract, ensemble, random_ensemble
from wepy.binning import Rectilinear
from wepy.errors import BinningError, ConfigurationError
from wepy.protocols import Bin, InformedBalancer
from wepy.streams import Purpose, Stream

GOLDEN = json.loads((Path(__file__).parents[2] / "data/golden/huber_kim_westpa.json").read_text())


def plan(balancer, weights, bins=None, points=None):
    bins = np.zeros(len(weights), np.int64) if bins is None else np.array(bins)
    points = np.zeros((len(weights), 1)) if points is None else np.array(points, float)[:, None]
    return balancer.plan(np.array(weights, float), bins, points)


def groups(found):
    parts = np.split(found.member, found.stop[:-1])
    return [(part.tolist(), weight) for part, weight in zip(parts, found.weight.tolist(), strict=True)]


class TestHuberKimKeepsTheContract(BalancerContract):
    limits = (1e-310, 1.0)

    def balancer(self):
        return HuberKim(4)

    def counts(self, walkers):
        n_bins = len(np.unique(walkers.bins))
        return 4 * n_bins, 4 * n_bins

    def balanced(self):
        return [
            ensemble("equal", [0.1] * 12, [0, 1, 2] * 4),
            ensemble("nearly equal", [0.09, 0.1, 0.11, 0.12]),
            ensemble("after balancing", plan(HuberKim(4), random_ensemble(60, 1, seed=0).weights).weight.tolist()),
        ]


class TestHuberKimWithTargetOneKeepsTheContract(BalancerContract):
    limits = (1e-310, 1.0)

    def balancer(self):
        return HuberKim(1)

    def counts(self, walkers):
        return len(np.unique(walkers.bins)), len(np.unique(walkers.bins))


class TestHuberKimWithoutAdjustedCountsKeepsTheContract(BalancerContract):
    def balancer(self):
        return HuberKim(5, adjust_counts=False, split_threshold=3.0, merge_threshold=0.5)


class TestHuberKimWithNarrowLimitsKeepsTheContract(BalancerContract):
    limits = (1e-3, 0.1)

    def balancer(self):
        return HuberKim(6, min_weight=1e-3, max_weight=0.1)

    def ensembles(self):
        within = random_ensemble(40, 3, seed=4, spread=0.5)
        return [
            *super().ensembles(),
            within,
            ensemble("light bins", [0.0012, 0.0015, *[0.0997] * 10], [1, 1, *[0] * 10]),
        ]


class TestHuberKimWithSubgroupsKeepsTheContract(BalancerContract):
    limits = (1e-310, 1.0)

    def balancer(self):
        return HuberKim(4, subgroups=Rectilinear([[-math.inf, 0.15, math.inf]]))

    def counts(self, walkers):
        n_bins = len(np.unique(walkers.bins))
        return 4 * n_bins, 4 * n_bins

    def balanced(self):
        return [ensemble("equal", [0.1] * 12, [0, 1, 2] * 4)]


@pytest.mark.parametrize("case", GOLDEN, ids=[f"{len(c['weights_in'])}-to-{c['target']}" for c in GOLDEN])
def test_groups_are_those_of_westpa_up_to_walkers_of_equal_weight(case):
    found = plan(HuberKim(case["target"]), case["weights_in"])
    np.testing.assert_allclose(np.sort(found.weight), case["weights_out_sorted"], rtol=1e-12)
    weights = case["weights_in"]
    ours = sorted((sorted(weights[i] for i in members), weight) for members, weight in groups(found))
    theirs = sorted((sorted(weights[i] for i in members), weight) for members, weight in case["groups_parents_weight"])
    assert [members for members, _ in ours] == [members for members, _ in theirs]
    np.testing.assert_allclose([w for _, w in ours], [w for _, w in theirs], rtol=1e-12)


def test_the_golden_file_has_its_nine_cases():
    assert len(GOLDEN) == 9


def test_heavy_walkers_are_split_and_light_ones_merged():
    found = groups(plan(HuberKim(4), [0.9, 0.05, 0.03, 0.02]))
    assert [members for members, _ in found] == [[0], [0], [0], [0, 1, 2, 3]]
    np.testing.assert_allclose([weight for _, weight in found], [0.225, 0.225, 0.225, 0.325], rtol=1e-15)


def by_the_book(weights, target, least, most):
    """The weights after the four steps, sorting anew each time; no care for speed, walkers or rounding."""
    ideal = math.fsum(weights) / target
    new = []
    for weight in weights:
        copies = math.ceil(weight / ideal) if weight > 2 * ideal else 1
        new += [weight / copies] * copies
    while (light := int(np.sum(np.cumsum(sorted(new)) <= ideal))) > 1:
        new = [*sorted(new)[light:], sum(sorted(new)[:light])]
    while len(new) < target:
        new = [*sorted(new)[:-1], max(new) / 2, max(new) / 2]
    while len(new) > target:
        new = [*sorted(new)[2:], sum(sorted(new)[:2])]
    within = []
    for weight in new:
        copies = math.ceil(weight / (most * (1 + 1e-12)))
        within += [weight / copies] * copies
    light = [weight for weight in within if weight < least]
    return sorted([weight for weight in within if weight >= least] + [sum(light)] * bool(light))


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-4, 0).map(lambda x: 10.0**x) | st.sampled_from([0.25, 0.5, 1.0]), min_size=1, max_size=30),
    st.integers(1, 12),
    st.floats(0.2, 1.0),
)
def test_weights_are_those_of_the_four_steps_by_the_book(weights, target, most):
    weights = (np.array(weights) / math.fsum(weights)).tolist()
    found = plan(HuberKim(target, min_weight=1e-12, max_weight=most), weights)
    np.testing.assert_allclose(np.sort(found.weight), by_the_book(weights, target, 1e-12, most), rtol=1e-12)


kinds_of_weight = st.sampled_from(
    [st.integers(1, 3).map(float), st.floats(-200, 0).map(lambda x: 10.0**x), st.integers(-6, 0).map(lambda x: 2.0**x)]
)
settings_of_huber_kim = st.fixed_dictionaries(
    {
        "target_count": st.integers(1, 12),
        "split_threshold": st.sampled_from([1.0, 2.0, 3.0]),
        "merge_threshold": st.sampled_from([0.5, 1.0, 1.5, 8.0]),
        "adjust_counts": st.sampled_from([True, True, False]),
    }
)
limits_of_weight = st.sampled_from([(1e-310, 1.0), (1e-3, 0.1), (0.01, 0.5), (1e-100, 0.2)])


@settings(max_examples=400, deadline=None)
@given(
    kinds_of_weight.flatmap(lambda kind: st.lists(st.tuples(kind, st.integers(0, 2)), min_size=1, max_size=30)),
    settings_of_huber_kim,
    limits_of_weight,
    st.booleans(),
)
def test_plans_are_those_of_the_plain_implementation_bit_for_bit(walkers, options, limits, with_one_subgroup):
    weights, bins = np.array([weight for weight, _ in walkers]), np.array([index for _, index in walkers])
    weights = weights / math.fsum(weights)
    options = options | {"min_weight": limits[0], "max_weight": limits[1]}
    subgroups = Rectilinear([[-1.0, 1.0]]) if with_one_subgroup else None
    found = plan(HuberKim(**options, subgroups=subgroups), weights, bins)
    expected = PlainHuberKim(**options).plan(weights, bins)
    for name in ("stop", "member", "share"):
        assert getattr(found, name).tobytes() == getattr(expected, name).tobytes()


@pytest.mark.parametrize("target", [10, 3000])
def test_plans_of_many_walkers_are_those_of_the_plain_implementation(target):
    weights = np.exp(np.random.default_rng(0).normal(0, 2, 3000))
    weights, bins = weights / math.fsum(weights), np.random.default_rng(1).integers(0, 3, 3000)
    found, expected = plan(HuberKim(target), weights, bins), PlainHuberKim(target).plan(weights, bins)
    assert (found.member.tobytes(), found.share.tobytes()) == (expected.member.tobytes(), expected.share.tobytes())


def test_equal_weights_are_taken_in_order_of_walkers():
    found = groups(plan(HuberKim(4), [0.1] * 10))
    assert [members for members, _ in found] == [[0, 1, 2, 3], [4, 5], [6, 7], [8, 9]]


def test_bins_are_balanced_apart_from_each_other():
    weights, bins = np.array([0.4, 0.1, 0.3, 0.1, 0.05, 0.05]), np.array([7, 2, 7, 2, 7, 2])
    together = groups(plan(HuberKim(2), weights, bins))
    apart = []
    for index in (2, 7):
        here = np.flatnonzero(bins == index)
        apart += [(here[members].tolist(), weight) for members, weight in groups(plan(HuberKim(2), weights[here]))]
    assert together == apart


def test_new_walkers_are_ordered_by_bin_and_then_by_walker():
    found = plan(HuberKim(2), [0.2, 0.3, 0.25, 0.25], [5, 1, 5, 1])
    assert groups(found) == [([1], 0.3), ([3], 0.25), ([0], 0.2), ([2], 0.25)]


def test_single_bins_may_have_their_own_target():
    found = plan(HuberKim(2, target_counts={3: 5}), [0.5, 0.5], [0, 3])
    assert found.clones(2).tolist() == [2, 5]


def test_bins_may_bring_their_target_and_the_balancers_own_come_first():
    known = {index: Bin(label="", centre=np.zeros(1), target_count=count) for index, count in enumerate([4, 6, -1, 0])}
    balancer = HuberKim(2, target_counts={1: 3, 3: 5})
    assert isinstance(balancer, InformedBalancer)
    informed = balancer.informed(known)
    assert plan(informed, [0.2] * 5, [0, 1, 2, 3, 4]).clones(5).tolist() == [4, 3, 2, 5, 2]
    assert informed == balancer
    assert informed.describe() == balancer.describe()
    with pytest.raises(ConfigurationError, match="walker 0 is in bin 3, whose target count is 0"):
        plan(HuberKim(2).informed(known), [1.0], [3])


HALVES = Rectilinear([[0.0, 1.0, 2.0]])


def test_walkers_merge_within_their_subgroup_only():
    weights, points = [0.05, 0.1, 0.05, 0.1, 0.35, 0.35], [0, 0, 1, 1, 0, 1]
    apart = plan(HuberKim(4, subgroups=HALVES), weights, points=points)
    assert [members for members, _ in groups(apart)] == [[0, 1], [2, 3], [4], [5]]
    together = plan(HuberKim(4), weights)
    assert [members for members, _ in groups(together)] == [[0, 1, 2], [3], [4], [5]]


def test_the_pair_of_one_subgroup_with_the_smallest_sum_merges_first():
    weights, points = [0.1, 0.4, 0.15, 0.16, 0.19], [0, 0, 1, 1, 1]
    found = plan(HuberKim(4, merge_threshold=0.1, subgroups=HALVES), weights, points=points)
    assert [members for members, _ in groups(found)] == [[0], [1], [2, 3], [4]]
    found = plan(HuberKim(3, merge_threshold=0.1, subgroups=HALVES), weights, points=points)
    assert [members for members, _ in groups(found)] == [[0, 1], [2, 3], [4]]


def test_each_subgroup_keeps_a_walker_even_if_the_count_is_exceeded():
    thirds = Rectilinear([[0.0, 1.0, 2.0, 3.0]])
    found = plan(HuberKim(2, subgroups=thirds), [0.3, 0.2, 0.3, 0.2], points=[0, 1, 2, 2])
    assert [members for members, _ in groups(found)] == [[0], [1], [2, 3]]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(-6, 0), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=30),
    st.integers(1, 8),
)
def test_no_group_spans_subgroups_and_counts_are_met_where_they_can_be(walkers, target):
    weights = np.array([10.0**exponent for exponent, _, _ in walkers])
    bins, points = np.array([[index, point] for _, index, point in walkers]).T
    quarters = Rectilinear([[0.0, 1.0, 2.0, 3.0, 4.0]])
    found = plan(HuberKim(target, subgroups=quarters), weights / math.fsum(weights), bins, points)
    for members, _ in groups(found):
        assert len({(bins[member], points[member]) for member in members}) == 1
    for index in np.unique(bins):
        count = np.isin(found.member[found.stop - 1], np.flatnonzero(bins == index)).sum()
        assert count == max(target, len(np.unique(points[bins == index])))


def test_walkers_that_fit_no_subgroup_are_named():
    with pytest.raises(BinningError, match="subgroups: walkers that fit no bin:\n  walker 1"):
        plan(HuberKim(2, subgroups=HALVES), [0.5, 0.5], points=[0, 7])


def test_walkers_in_a_bin_with_target_zero_are_an_error_that_names_them():
    balancer = HuberKim(2, target_counts={3: 0, 4: 0, 5: 0})
    with pytest.raises(ConfigurationError) as error:
        plan(balancer, [0.25, 0.25, 0.25, 0.25], [0, 3, 5, 3])
    assert str(error.value).splitlines() == [
        "target_counts: walkers 1, 3 are in bin 3, whose target count is 0: weight would be lost",
        "target_counts: walker 2 is in bin 5, whose target count is 0: weight would be lost",
        "way out: give these bins a target count of at least 1",
    ]
    assert len(plan(balancer, [1.0], [0]).stop) == 2


def test_counts_are_left_alone_if_not_adjusted():
    found = plan(HuberKim(4, adjust_counts=False), [0.3, 0.3, 0.4])
    assert groups(found) == [([0], 0.3), ([1], 0.3), ([2], 0.4)]


def test_thresholds_are_in_units_of_the_ideal_weight():
    weights = [0.5, 0.3, 0.1, 0.1]  # ideal 0.25
    strict = HuberKim(4, split_threshold=1.5, merge_threshold=0.5, adjust_counts=False)
    assert plan(strict, weights).clones(4).tolist() == [2, 1, 1, 1]
    assert len(plan(strict, weights).stop) == 5
    merging = HuberKim(4, merge_threshold=0.8, adjust_counts=False)
    assert [members for members, _ in groups(plan(merging, weights))] == [[0], [1], [2, 3]]


def test_walkers_above_the_greatest_weight_are_split_even_if_the_count_is_exceeded():
    found = plan(HuberKim(1, max_weight=0.5), [0.75, 0.25])
    assert [members for members, _ in groups(found)] == [[0, 1], [0, 1]]
    assert found.weight.tolist() == [0.5, 0.5]
    assert found.expected_child_weight(2).tolist() == [0.75, 0.25]


def test_walkers_below_the_least_weight_are_merged_even_if_the_count_is_missed():
    found = plan(HuberKim(3, min_weight=0.01), [0.004, 0.005, 0.991], [0, 0, 0])
    assert found.weight.min() >= 0.009
    found = plan(HuberKim(2, min_weight=0.01), [0.004, 0.005, 0.991], [0, 0, 1])
    assert [members for members, _ in groups(found)] == [[0, 1], [2], [2]]


def test_walkers_are_never_split_into_pieces_below_the_least_weight():
    found = plan(HuberKim(10, min_weight=0.2), [0.5], [0])
    assert found.weight.tolist() == [0.25, 0.25]
    found = plan(HuberKim(10), [2e-310, 1.0], [0, 1])
    assert len(found.stop) == 12
    assert found.weight.min() >= 1e-310


def test_a_total_above_one_by_rounding_is_no_excess():
    found = plan(HuberKim(1), [0.5, 0.5 + 2**-51])
    assert len(found.stop) == 1
    assert found.weight[0] > 1


def test_ten_thousand_walkers_in_one_bin_come_out_as_one_group():
    weights = np.random.default_rng(0).random(10_000)
    found = plan(HuberKim(1), weights / weights.sum())
    assert len(found.stop) == 1
    assert len(found.member) == 10_000


def test_ten_thousand_copies_of_one_walker_have_equal_weight():
    found = plan(HuberKim(10_000), [1.0])
    assert len(found.stop) == 10_000
    assert found.weight.max() / found.weight.min() <= 2


def test_weights_and_counts_hold_over_many_cycles():
    random = np.random.default_rng(3)
    weights, points = np.full(50, 0.02), np.zeros(50)
    for cycle in range(300):
        points = points + random.normal(0, 0.3, len(points))
        bins = np.clip(np.floor(points), -4, 4).astype(np.int64)
        before = math.fsum(weights)
        balance = plan(HuberKim(5), weights, bins).draw(Stream(1, Purpose.BALANCING, cycle))
        assert len(balance.parent) == 5 * len(np.unique(bins))
        assert abs(math.fsum(balance.weight) - before) <= 1e-12 * before
        weights, points = balance.weight, points[balance.parent]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"target_count": 0}, "target_count: expected a whole number, 1 or more, got 0"),
        ({"target_count": 2.5}, "target_count"),
        ({"target_count": True}, "target_count"),
        ({"split_threshold": 0.5}, "split_threshold: expected a number, 1 or more"),
        ({"split_threshold": math.nan}, "split_threshold"),
        ({"merge_threshold": 0.0}, "merge_threshold"),
        ({"min_weight": 0.0}, "min_weight, max_weight: expected 1e-310 <= min_weight <= max_weight / 2"),
        ({"min_weight": 0.3, "max_weight": 0.5}, "got 0.3 and 0.5"),
        ({"max_weight": math.inf}, "got 1e-310 and inf"),
        ({"max_weight": 1.5}, "max_weight: expected at most 1, got 1.5"),
        ({"target_counts": {-1: 3}}, "expected bin indices, 0 or more, got -1"),
        ({"target_counts": {2: -3}}, r"target_counts\[2\]"),
    ],
)
def test_settings_that_do_not_fit_are_refused(wrong, message):
    with pytest.raises(ConfigurationError, match=message):
        HuberKim(**wrong)


def test_all_wrong_settings_are_reported_together():
    with pytest.raises(ConfigurationError) as error:
        HuberKim(0, split_threshold=0, merge_threshold=-1)
    assert len(str(error.value).splitlines()) == 3


@pytest.mark.parametrize("weight", [0.0, -0.1, math.nan, math.inf])
def test_weights_that_are_none_are_refused(weight):
    with pytest.raises(ValueError, match="of walker 1"):
        plan(HuberKim(2), [0.5, weight])


def test_as_many_bins_as_weights_are_needed():
    with pytest.raises(ValueError, match="as many weights as bins"):
        plan(HuberKim(2), [0.5, 0.5], [0])
    with pytest.raises(ValueError, match="at least one"):
        plan(HuberKim(2), [])


def test_the_description_is_strict_json():
    text = json.dumps(HuberKim(4, target_counts={2: 8}).describe(), allow_nan=False)
    assert json.loads(text) == {
        "kind": "huber-kim",
        "target_count": 4,
        "split_threshold": 2.0,
        "merge_threshold": 1.0,
        "adjust_counts": True,
        "min_weight": 1e-310,
        "max_weight": 1.0,
        "target_counts": {"2": 8},
        "subgroups": None,
    }
    halves = Rectilinear([[0.0, 1.0, 2.0]])
    assert HuberKim(subgroups=halves).describe()["subgroups"] == halves.describe()


def test_merged_groups_may_be_halved_again_and_again():
    found = plan(HuberKim(8, merge_threshold=8.0), [0.5, 0.25, 0.125, 0.125])
    assert [members for members, _ in groups(found)] == [[0, 1, 2, 3]] * 8
    assert found.weight.tolist() == [0.125] * 8
    assert found.expected_child_weight(4).tolist() == [0.5, 0.25, 0.125, 0.125]
