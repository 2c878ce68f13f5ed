import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from wepy_data.importers.westpa.flow import weight_flow


@st.composite
def resamplings(draw):
    """Weights before and after random splits and merges, as WESTPA does them: who gave to whom, and how much."""
    n, lightest = draw(st.integers(1, 8)), draw(st.sampled_from((0, -12, -40, -250)))
    before = 10 ** np.array(draw(st.lists(st.floats(lightest, 0), min_size=n, max_size=n)))
    walkers = [{s: before[s]} for s in range(n)]  # weight that each walker has from each segment
    for _ in range(draw(st.integers(0, 20))):
        if draw(st.booleans()) or len(walkers) < 2:
            place, parts = draw(st.integers(0, len(walkers) - 1)), draw(st.integers(2, 3))
            one = walkers.pop(place)
            walkers += [{s: w / parts for s, w in one.items()} for _ in range(parts)]
        else:
            one = walkers.pop(draw(st.integers(0, len(walkers) - 1)))
            other = walkers[draw(st.integers(0, len(walkers) - 1))]
            for s, w in one.items():
                other[s] = other.get(s, 0.0) + w
    return before, walkers


@settings(max_examples=200, deadline=None)
@given(resamplings())
def test_flows_fit_the_weights(case):
    before, walkers = case
    after = np.array([sum(one.values()) for one in walkers])
    child, segment = np.array([(c, s) for c, one in enumerate(walkers) for s in sorted(one)]).T
    flow = weight_flow(before, after, segment, child)
    assert (flow.amount > 0).all()
    np.testing.assert_allclose(np.bincount(segment, flow.amount, len(before)), before, rtol=1e-14)
    np.testing.assert_allclose(np.bincount(child, flow.amount, len(after)), after, rtol=2e-13)


@settings(max_examples=100, deadline=None)
@given(resamplings())
def test_flows_without_loops_are_the_ones_that_were(case):
    before, walkers = case
    after = np.array([sum(one.values()) for one in walkers])
    child, segment = np.array([(c, s) for c, one in enumerate(walkers) for s in sorted(one)]).T
    flow = weight_flow(before, after, segment, child)
    if not flow.n_even:
        truth = np.array([walkers[c][s] for c, s in zip(child, segment, strict=True)])
        np.testing.assert_allclose(flow.amount, truth, rtol=1e-9, atol=1e-13 * before.max())


def test_a_small_segment_that_gives_to_a_heavy_child_keeps_its_weight():
    before = np.array([1.0, 1e-18])
    after = np.array([1.0 + 0.25e-18, 0.75e-18])
    flow = weight_flow(before, after, np.array([0, 1, 1]), np.array([0, 0, 1]))
    assert flow.amount.tolist() == [1.0, 1e-18 - 0.75e-18, 0.75e-18]


def test_where_weights_leave_it_open_each_gives_in_proportion():
    before, after = np.array([0.2, 0.6]), np.array([0.3, 0.5])
    flow = weight_flow(before, after, np.array([0, 1, 0, 1]), np.array([0, 0, 1, 1]))
    np.testing.assert_allclose(flow.amount, [0.075, 0.225, 0.125, 0.375], rtol=1e-12)
    assert flow.n_even == 4


def test_a_light_bridge_between_heavy_loops_carries_what_is_needed():
    heavy, light = 0.3, 1e-7
    before = np.array([heavy, heavy, light, light, heavy, heavy])
    after = np.array([0.35, 0.25 + 0.4 * light, 0.35, 0.25 + 1.6 * light])  # the two loops differ in what they need
    segment = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5])
    child = np.array([0, 1, 0, 1, 1, 3, 1, 3, 2, 3, 2, 3])
    amount = weight_flow(before, after, segment, child).amount
    np.testing.assert_allclose(np.bincount(segment, amount), before, rtol=1e-14)
    np.testing.assert_allclose(np.bincount(child, amount), after, rtol=2e-13)
    bridge = amount[(segment == 2) | (segment == 3)][[0, 2]].sum()
    np.testing.assert_allclose(bridge, 0.4 * light, rtol=1e-6)


def test_weights_that_were_changed_are_not_made_to_fit():
    before, after = np.array([0.5, 0.5]), np.array([0.9, 0.2])
    amount = weight_flow(before, after, np.array([0, 1]), np.array([0, 1])).amount
    assert amount.tolist() == [0.5, 0.5]
