"""Plans and their draws."""

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wepy.balancing import Plan
from wepy.streams import Purpose, Stream


def stream(cycle=0):
    return Stream(seed=5, purpose=Purpose.BALANCING, cycle=cycle)


shares = st.floats(-40, 0).map(lambda x: 10.0**x)
plans = st.lists(st.lists(st.tuples(st.integers(0, 7), shares), min_size=1, max_size=6), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None)
@given(plans, st.integers(0, 1000))
def test_a_draw_accounts_for_every_share(groups, cycle):
    balance = Plan.from_groups(groups).draw(stream(cycle))
    rows = {}
    for into, source, moved in zip(balance.merge_into, balance.merge_from, balance.merge_weight, strict=True):
        assert (into, source) not in rows
        rows[into, source] = moved
    for new, group in enumerate(groups):
        assert balance.weight[new] == math.fsum(share for _, share in group)
        brought = Counter()
        for walker, share in group:
            brought[walker] += share
        assert balance.parent[new] in brought
        del brought[balance.parent[new]]
        found = {source: moved for (into, source), moved in rows.items() if into == new}
        assert found == pytest.approx(dict(brought), rel=1e-12, abs=0)


@settings(max_examples=100, deadline=None)
@given(plans)
def test_expected_child_weights_are_those_of_all_survivors_enumerated(groups):
    plan = Plan.from_groups(groups)
    expected = [Fraction(0)] * 8
    for group in groups:
        total = sum(Fraction(share) for _, share in group)
        for walker, share in group:
            expected[walker] += Fraction(share) / total * total
    np.testing.assert_allclose(plan.expected_child_weight(8), [float(e) for e in expected], rtol=1e-14)


def test_copies_of_the_survivor_are_no_merges():
    balance = Plan.from_groups([[(0, 0.25), (0, 0.25)], [(0, 0.5)]]).draw(stream())
    assert balance.parent.tolist() == [0, 0]
    assert balance.weight.tolist() == [0.5, 0.5]
    assert len(balance.merge_into) == len(balance.merge_from) == len(balance.merge_weight) == 0


def test_copies_of_another_walker_are_one_merge():
    plan = Plan.from_groups([[(1, 0.25), (2, 1e-30), (1, 0.25)]])
    balance = plan.draw(stream())
    assert balance.parent.tolist() == [1]
    assert balance.merge_from.tolist() == [2]
    plan = Plan.from_groups([[(1, 1e-30), (2, 1.0), (1, 3e-30)]])
    balance = plan.draw(stream())
    assert balance.parent.tolist() == [2]
    assert (balance.merge_into.tolist(), balance.merge_from.tolist()) == ([0], [1])
    assert balance.merge_weight.tolist() == [4e-30]


def test_survivors_are_drawn_by_their_shares():
    plan = Plan.from_groups([[(0, 0.1), (1, 0.6), (2, 0.3)]] * 40_000)
    found = np.bincount(plan.draw(stream()).parent, minlength=3) / 40_000
    assert (np.abs(found - [0.1, 0.6, 0.3]) < 5 * np.sqrt([0.09, 0.24, 0.21]) / 200).all()


def test_tiny_groups_beside_heavy_ones_are_drawn_as_precisely():
    plan = Plan.from_groups([[(0, 1.0)], *([[(1, 1e-300), (2, 3e-300)]] * 10_000)])
    survivors = plan.draw(stream()).parent[1:]
    assert abs((survivors == 1).mean() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 10_000)


def test_the_draw_of_a_group_does_not_depend_on_the_groups_after_it():
    group = [(0, 0.3), (1, 0.3), (2, 0.4)]
    few, many = Plan.from_groups([group] * 10), Plan.from_groups([group] * 50)
    assert few.draw(stream()).parent.tolist() == many.draw(stream()).parent[:10].tolist()


def test_groups_of_one_ticket_are_drawn_at_the_same_place():
    groups = [[(0, 0.25), (1, 0.25)], [(1, 0.5), (2, 0.5)]] * 500
    plan = Plan.from_groups(groups)
    together = Plan(stop=plan.stop, member=plan.member, share=plan.share, ticket=np.repeat(np.arange(500), 2))
    pairs = Counter(map(tuple, together.draw(stream()).parent.reshape(-1, 2).tolist()))
    assert set(pairs) == {(0, 1), (1, 2)}
    assert abs(pairs[0, 1] - 250) < 5 * math.sqrt(125)
    alone = Plan(stop=plan.stop, member=plan.member, share=plan.share, ticket=np.arange(1000))
    assert alone.draw(stream()).parent.tolist() == plan.draw(stream()).parent.tolist()
    with pytest.raises(ValueError, match="ticket: expected 1000 whole numbers, 0 or more"):
        Plan(stop=plan.stop, member=plan.member, share=plan.share, ticket=[0])


def test_the_same_stream_gives_the_same_draw_and_another_one_another():
    plan = Plan.from_groups([[(0, 0.5), (1, 0.5)]] * 64)
    assert plan.draw(stream(1)).parent.tolist() == plan.draw(stream(1)).parent.tolist()
    assert plan.draw(stream(1)).parent.tolist() != plan.draw(stream(2)).parent.tolist()


def test_clones_are_counted_by_group():
    plan = Plan.from_groups([[(0, 0.1)], [(0, 0.1), (1, 0.2), (0, 0.1)], [(2, 0.5)]])
    assert plan.clones(4).tolist() == [2, 1, 1, 0]


def test_a_plan_of_nothing_keeps_every_walker():
    weights = np.array([0.1, 0.7, 0.2])
    balance = Plan.nothing(weights).draw(stream())
    assert balance.parent.tolist() == [0, 1, 2]
    assert balance.weight.tolist() == weights.tolist()
    assert len(balance.merge_into) == 0


def test_a_plan_and_its_draw_are_read_only_and_own_their_arrays():
    weights = np.array([0.5, 0.5])
    plan = Plan.nothing(weights)
    weights[0] = 9
    assert plan.share.tolist() == [0.5, 0.5]
    balance = plan.draw(stream())
    for array in (plan.stop, plan.member, plan.share, plan.weight, *(getattr(balance, n) for n in balance.__slots__)):
        assert not array.flags.writeable


def test_dtypes_are_those_of_the_seam():
    balance = Plan.from_groups([[(0, 0.5), (1, 0.5)]]).draw(stream())
    types = {name: getattr(balance, name).dtype.name for name in balance.__slots__}
    assert types == {
        "parent": "int64", "weight": "float64", "merge_into": "int64", "merge_from": "int64", "merge_weight": "float64",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("stop", "member", "share", "message"),
    [
        ([], [], [], "expected three flat arrays and a group"),
        ([1], [0, 1], [0.5, 0.5], "expected the last to be the number of members, 2, found 1"),
        ([1, 1], [0], [1.0], "an empty group"),
        ([2], [0, 1], [1.0], "differ in length: 2 and 1"),
        ([1], [-1], [1.0], "expected walker indices, found -1"),
        ([2], [0, 1], [0.5, 0.0], "positive finite weights, found 0.0 at 1"),
        ([1], [0], [math.nan], "found nan at 0"),
        ([1], [0], [math.inf], "found inf at 0"),
    ],
)
def test_what_is_no_plan_is_refused(stop, member, share, message):
    with pytest.raises(ValueError, match=message):
        Plan(stop=stop, member=member, share=share)
