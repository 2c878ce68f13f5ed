"""What is asked of walker trees, against brute force: one run, cut at restarts, grown cycle by cycle, or joined."""

import itertools
from collections import Counter

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.cluster.hierarchy import cophenet, is_valid_linkage
from scipy.spatial.distance import squareform

from wepy_data.errors import DamagedRunError, SelectionError
from wepy_data.query.lineage import Flows, Lineage
from wepy_data.query.lineage.lineage import windowed


@st.composite
def forests(draw):
    """Layers of one run or several, some of whose segments have no parent; weights, merges."""
    n_runs = draw(st.integers(1, 3))
    counts, previous, run_stop = [], [], []
    for _ in range(n_runs):
        known = len(counts)
        before = draw(st.integers(-1, known - 1))
        own = draw(st.lists(st.integers(1, 5), min_size=1, max_size=6))
        previous += [before, *range(known, known + len(own) - 1)]
        counts += own
        run_stop.append(len(counts))
    stops = np.cumsum(counts)
    start = stops - counts
    rootless = draw(st.booleans())
    parent = []
    for layer, before in enumerate(previous):
        for _ in range(counts[layer]):
            lost = before < 0 or (rootless and draw(st.integers(0, 4)) == 0)
            parent.append(-1 if lost else int(start[before]) + draw(st.integers(0, counts[before] - 1)))
    weight = np.array(draw(st.lists(st.integers(1, 16), min_size=len(parent), max_size=len(parent)))) / 16
    continuous = np.array(draw(st.lists(st.booleans(), min_size=len(parent), max_size=len(parent))))
    return Lineage(
        np.array(parent), stops, {"weight": weight, "continuous": continuous & (np.array(parent) >= 0)},
        previous=previous, run_stop=run_stop, flows=lambda: Flows(into=NO, source=NO, weight=NO.astype(float)),
    )  # fmt: skip


NO = np.zeros(0, np.int64)


def line(lineage, segment):
    """Return the ancestry, the segment itself first."""
    found = [segment]
    while (above := int(lineage.parent[found[-1]])) >= 0:
        found.append(above)
    return found


def ends_of(lineage, run=-1):
    return lineage.segments_of(-1, run).tolist()


def by_cycle(lineage, segment):
    return {int(lineage.cycle_of(one)): one for one in line(lineage, segment)}


@given(forests())
def test_traces_and_ancestors_of_joined_runs(lineage):
    for run in range(lineage.n_runs):
        ends = ends_of(lineage, run)
        traced = lineage.trace_all(ends)
        for place, end in enumerate(ends):
            assert lineage.trace(end).tolist() == line(lineage, end)[::-1]
            known = by_cycle(lineage, end)
            assert traced[:, place].tolist() == [known.get(cycle, -1) for cycle in range(len(traced))]
            for cycle in range(len(traced)):
                assert lineage.ancestor([end], cycle).tolist() == [known.get(cycle, -1)]


@given(forests())
def test_common_ancestors_of_all_pairs(lineage):
    pairs = np.array(list(itertools.product(range(lineage.n_segments), repeat=2)))
    expected = []
    for a, b in pairs.tolist():
        shared = set(line(lineage, a)) & set(line(lineage, b))
        expected.append(max(shared, key=lambda s: int(lineage.cycle_of(s)), default=-1))
        assert lineage.mrca(a, b) == expected[-1]
    assert lineage.mrca(pairs[:, 0], pairs[:, 1]).tolist() == expected


@given(forests(), st.data())
def test_coalescence_is_the_cycle_of_the_common_ancestor(lineage, data):
    ends = data.draw(st.lists(st.integers(0, lineage.n_segments - 1), min_size=1, max_size=8))
    found = lineage.coalescence(ends)
    for (i, a), (j, b) in itertools.product(enumerate(ends), repeat=2):
        assert found[i, j] == (lineage.cycle_of(lineage.mrca(a, b)) if lineage.mrca(a, b) >= 0 else -1)


@given(forests())
def test_scipy_finds_the_same_coalescence_in_the_linkage(lineage):
    ends = ends_of(lineage)
    found = lineage.linkage()
    assert found.shape == (len(ends) - 1, 4)
    if len(ends) < 2:
        return
    assert is_valid_linkage(found)
    heights = squareform(cophenet(found))
    together, last = lineage.coalescence(ends), int(lineage.cycle_of(ends[0]))
    for i, j in itertools.combinations(range(len(ends)), 2):
        assert heights[i, j] == (last - together[i, j] if together[i, j] >= 0 else last + 1)


@given(forests())
def test_survivor_curve_and_effective_numbers(lineage):
    ends = ends_of(lineage)
    curve, effective = lineage.survivor_curve(), lineage.effective_ancestors()
    assert len(curve) == len(effective) == lineage.cycle_of(ends[0]) + 1
    weight = lineage.attribute("weight")
    for cycle in range(len(curve)):
        shares = Counter()
        for end in ends:
            above = by_cycle(lineage, end).get(cycle)
            if above is not None:
                shares[above] += weight[end]
        assert curve[cycle] == len(shares)
        if shares:
            total = sum(shares.values())
            assert effective[cycle] == pytest.approx(1 / sum((w / total) ** 2 for w in shares.values()))
        else:
            assert np.isnan(effective[cycle])


@given(forests(), st.data())
def test_survivors_and_the_compressed_tree(lineage, data):
    ends = data.draw(st.lists(st.integers(0, lineage.n_segments - 1), min_size=1, max_size=6))
    alive = set().union(*(line(lineage, end) for end in ends))
    assert lineage.survivors(ends).tolist() == sorted(alive)
    kept, above = lineage.compressed(ends)
    children = Counter(int(lineage.parent[s]) for s in alive)
    expected = {s for s in alive if children[s] != 1 or lineage.parent[s] < 0 or s in ends}
    assert kept.tolist() == sorted(expected)
    for segment, nearest in zip(kept.tolist(), above.tolist(), strict=True):
        assert nearest == next((s for s in line(lineage, segment)[1:] if s in expected), -1)


@given(forests())
def test_the_final_walkers_of_all_runs_survive(lineage):
    ends = set().union(*(ends_of(lineage, run) for run in range(lineage.n_runs)))
    assert lineage.survivors().tolist() == sorted(set().union(*(line(lineage, end) for end in ends)))


@given(forests(), st.data())
def test_no_branches_cross_whatever_the_tips(lineage, data):
    ends = data.draw(st.lists(st.integers(0, lineage.n_segments - 1), min_size=1, max_size=8, unique=True))
    place = lineage.planar_order(ends)
    assert np.isfinite(place).nonzero()[0].tolist() == lineage.survivors(ends).tolist()
    tips = sorted(ends, key=lambda s: place[s])
    for segment in lineage.survivors(ends).tolist():
        below = [number for number, tip in enumerate(tips) if segment in line(lineage, tip)]
        assert below == list(range(below[0], below[0] + len(below)))  # those of one segment stand together


@given(forests())
def test_families(lineage):
    below = {s: [] for s in range(lineage.n_segments)}
    for segment in range(lineage.n_segments):
        for above in line(lineage, segment):
            below[above].append(segment)
    values = np.arange(lineage.n_segments) / 4
    assert lineage.subtree_sum().tolist() == [len(found) for found in below.values()]
    assert lineage.subtree_sum(values).tolist() == [values[found].sum() for found in below.values()]
    assert lineage.extinction().tolist() == [lineage.cycle_of(found).max() for found in below.values()]
    assert lineage.founder().tolist() == [line(lineage, s)[-1] for s in below]
    parents = Counter(lineage.parent.tolist())
    assert lineage.children_count().tolist() == [parents[s] for s in below]
    for segment in below:
        assert lineage.children(segment).tolist() == np.flatnonzero(lineage.parent == segment).tolist()
    for run in range(lineage.n_runs):
        path = [lineage.segments_of(c, run) for c in range(int(lineage.cycle_of(ends_of(lineage, run)[0])) + 1)]
        for early, late in itertools.combinations_with_replacement(range(len(path)), 2):
            expected = [len(set(below[s]) & set(path[late].tolist())) for s in path[early].tolist()]
            assert lineage.family_sizes(early, late, run).tolist() == expected
            one = int(path[early][0])
            assert lineage.descendants(one, late, run).tolist() == sorted(set(below[one]) & set(path[late].tolist()))


@given(forests(), st.integers(0, 8), st.data())
def test_clusters_are_connected_by_near_common_ancestors(lineage, within, data):
    ends = data.draw(st.lists(st.integers(0, lineage.n_segments - 1), max_size=8))
    related = nx.Graph()
    related.add_nodes_from(range(len(ends)))
    for (i, a), (j, b) in itertools.combinations(enumerate(ends), 2):
        shared = lineage.mrca(a, b)
        if shared >= 0 and lineage.cycle_of(shared) >= max(lineage.cycle_of([a, b])) - within:
            related.add_edge(i, j)
    found = lineage.clusters(ends, within=within)
    expected = {tuple(sorted(part)) for part in nx.connected_components(related)}
    assert {tuple(np.flatnonzero(found == label).tolist()) for label in set(found.tolist())} == expected
    assert sorted(set(found.tolist())) == list(range(len(expected)))


@given(forests(), st.integers(1, 20))
def test_pairs_and_windows(lineage, lag):
    lines = {s: line(lineage, s) for s in range(lineage.n_segments)}
    pairs = [[int(a), int(b)] for found in lineage.pairs(lag) for a, b in zip(*found, strict=True)]
    assert pairs == [[found[lag], s] for s, found in lines.items() if len(found) > lag]
    windows = [row for found in lineage.windows(lag) for row in found.tolist()]
    assert windows == [found[:lag][::-1] for found in lines.values() if len(found) >= lag]


@given(forests(), st.integers(1, 3), st.data())
def test_transitions_carry_the_weight_of_the_descendant(lineage, lag, data):
    states = data.draw(st.lists(st.integers(-1, 2), min_size=lineage.n_segments, max_size=lineage.n_segments))
    expected = np.zeros((3, 3))
    for before, after in ((int(a), int(b)) for found in lineage.pairs(lag) for a, b in zip(*found, strict=True)):
        if states[before] >= 0 and states[after] >= 0:
            expected[states[before], states[after]] += lineage.attribute("weight")[after]
    assert lineage.transition_counts(states, lag, 3) == pytest.approx(expected)


def test_a_walker_that_was_cloned_is_not_counted_twice():
    lineage = Lineage([-1, -1, 0, 0, 1], [2, 5], {"weight": np.array([0.4, 0.6, 0.2, 0.2, 0.6])})
    assert lineage.transition_counts([0, 1, 0, 0, 1], 1).tolist() == [[0.4, 0.0], [0.0, 0.6]]


@given(forests())
def test_dynamics_are_cut_where_walkers_restarted(lineage):
    continuous = lineage.attribute("continuous")
    cut = lineage.continuous
    assert cut.parent.tolist() == [p if c else -1 for p, c in zip(lineage.parent, continuous, strict=True)]
    assert cut.cycle_of(range(cut.n_segments)).tolist() == lineage.cycle_of(range(cut.n_segments)).tolist()
    for run in range(lineage.n_runs):
        assert cut.segments_of(-1, run).tolist() == lineage.segments_of(-1, run).tolist()


@given(forests())
def test_a_lineage_that_grew_is_the_one_that_was_built_at_once(lineage):
    last = len(lineage.segments_of(-1))
    stops, whole = lineage._forest.start[1:], lineage._forest
    grown = Lineage(
        lineage.parent[:-last], stops[:-1], previous=whole.previous[:-1],
        run_stop=[*lineage._run_stop[:-1], len(stops) - 1],
    )  # fmt: skip
    if whole.previous[-1] != len(stops) - 2:
        return  # the last run has one cycle only: appending goes on with the last cycle
    assert grown._forest.jump is not None  # so that it must be kept up
    view = grown.parent
    grown.append(lineage.parent[-last:])
    assert grown.parent.tolist() == lineage.parent.tolist()
    assert view.tolist() == lineage.parent[:-last].tolist()
    assert grown._forest.jump[: grown.n_segments].tolist() == whole.jump[: grown.n_segments].tolist()
    assert grown._forest.has_founders == whole.has_founders
    assert grown.trace_all().tolist() == lineage.trace_all().tolist()


def test_a_parent_out_of_place_is_not_appended():
    lineage = Lineage([-1, -1, 0, 1], [2, 4])
    for wrong in ([0], [4], [-2]):
        with pytest.raises(DamagedRunError, match="segment 4 has the parent"):
            lineage.append(wrong)
    assert (lineage.n_segments, lineage.n_cycles) == (4, 2)
    for count in range(20):
        lineage.append([lineage.n_segments - 1])
        assert lineage.trace(lineage.n_segments - 1).tolist() == [1, *range(3, 5 + count)]


@given(forests(), st.data())
def test_a_window_is_the_forest_of_its_cycles(lineage, data):
    first = data.draw(st.integers(0, lineage.n_cycles - 1))
    stop = data.draw(st.integers(first + 1, lineage.n_cycles))
    cut = windowed(lineage, (first, stop))
    cycles = lineage.cycle_of(range(lineage.n_segments))
    inside = [s for s, cycle in enumerate(cycles.tolist()) if first <= cycle < stop]
    assert cut.within().tolist() == inside
    assert set(lineage.graph("all", cycles=(first, stop))) == set(inside)
    ends = set()
    for run in range(lineage.n_runs):
        if int(lineage.cycle_of(ends_of(lineage, run)[0])) >= stop - 1:
            ends |= set(lineage.segments_of(stop - 1, run).tolist())
    alive = {s for end in ends for s in line(lineage, end) if cycles[s] >= first}
    assert set(lineage.graph("survivors", cycles=(first, stop))) == alive


def test_a_window_that_is_none_says_what_exists():
    lineage = Lineage([-1, 0, 1], [1, 2, 3])
    for wrong in ((2, 2), (5, 9), 3, -4):
        with pytest.raises(SelectionError, match="this run has cycles 0 to 2"):
            lineage.graph("all", cycles=wrong)
    for cycles in ((-2, 3), slice(1, None), (1, None)):
        assert set(lineage.graph("all", cycles=cycles)) == {1, 2}
    assert set(lineage.graph("all", cycles=-1)) == {2}


@given(forests(), st.integers(1, 3), st.data())
def test_pairs_and_windows_within_cycles(lineage, lag, data):
    first = data.draw(st.integers(0, lineage.n_cycles - 1))
    stop = data.draw(st.integers(first + 1, lineage.n_cycles))
    cycle = {s: int(lineage.cycle_of(s)) for s in range(lineage.n_segments)}
    inside = [(a, b) for found in lineage.pairs(lag) for a, b in zip(*(x.tolist() for x in found), strict=True)]
    inside = [(a, b) for a, b in inside if first <= cycle[a] and cycle[b] < stop]
    found = lineage.pairs(lag, (first, stop))
    assert [pair for part in found for pair in zip(*(x.tolist() for x in part), strict=True)] == inside
    rows = [row for part in lineage.windows(lag) for row in part.tolist()]
    assert [row for part in lineage.windows(lag, (first, stop)) for row in part.tolist()] == [
        row for row in rows if first <= cycle[row[0]] and cycle[row[-1]] < stop
    ]


def test_transitions_of_some_cycles_only():
    lineage = Lineage([-1, 0, 1, 2, 3], [1, 2, 3, 4, 5], {"weight": np.ones(5)})
    assert lineage.transition_counts([0] * 5, 1, cycles=(1, 4)).tolist() == [[2.0]]


@given(forests())
def test_the_view_is_the_graph(lineage):
    graph, view = lineage.graph("all", attributes=("weight",)), lineage.view(("weight",))
    assert len(view) == len(graph)
    assert {n: dict(d) for n, d in view.nodes(data=True)} == {n: dict(d) for n, d in graph.nodes(data=True)}
    assert sorted(view.edges) == sorted(graph.edges)
    for segment in graph:
        assert nx.ancestors(view, segment) == nx.ancestors(graph, segment)
        assert nx.descendants(view, segment) == nx.descendants(graph, segment)
    with pytest.raises(nx.NetworkXError):
        view.add_node(10**6)


def resampled(rng, walkers=8, cycles=12):
    """Return a lineage with merges, and for each cycle the share of each founder's weight in each walker."""
    parents, weights = [np.full(walkers, -1)], [rng.random(walkers)]
    into, source, moved = [], [], []
    shares = [np.eye(walkers)]
    for cycle in range(1, cycles):
        weight, share = weights[-1].copy(), shares[-1] * weights[-1]
        order = rng.permutation(walkers)
        count = int(rng.integers(0, 4))
        ended, kept = order[:count], order[count:]
        parent = rng.permutation(np.concatenate([kept, rng.choice(kept, count)]))
        new, new_share = weight[parent] / np.bincount(parent, minlength=walkers)[parent], None
        new_share = share[:, parent] / np.bincount(parent, minlength=walkers)[parent]
        for walker in ended.tolist():
            child = int(rng.integers(walkers))
            new[child] += weight[walker]
            new_share[:, child] += share[:, walker]
            into.append(cycle * walkers + child)
            source.append((cycle - 1) * walkers + walker)
            moved.append(weight[walker])
        parents.append(parent + (cycle - 1) * walkers)
        weights.append(new)
        shares.append(new_share / new)
    order = np.argsort(into, kind="stable")
    flows = Flows(into=np.array(into, int)[order], source=np.array(source, int)[order], weight=np.array(moved)[order])
    stops = np.arange(1, cycles + 1) * walkers
    return Lineage(np.concatenate(parents), stops, {"weight": np.concatenate(weights)}, flows=lambda: flows), shares


@pytest.mark.parametrize("seed", range(8))
def test_weight_is_followed_back_through_merges(seed):
    lineage, shares = resampled(np.random.default_rng(seed))
    weight = lineage.attribute("weight")
    for cycle in range(lineage.n_cycles):
        origin = lineage.weight_origin(cycle)
        assert origin == pytest.approx(weight[lineage.segments_of(cycle)])  # nothing enters or leaves
    some = lineage.segments_of(-1)[2:5]
    expected = shares[-1][:, 2:5] @ weight[some]
    assert lineage.weight_origin(0, some) == pytest.approx(expected)
    assert lineage.weight_origin(0, some, values=[1.0, 0.0, 0.0]) == pytest.approx(shares[-1][:, 2])


@pytest.mark.parametrize("seed", range(4))
def test_the_weight_graph_keeps_what_flows(seed):
    lineage, _ = resampled(np.random.default_rng(seed))
    weight, final = lineage.attribute("weight"), set(ends_of(lineage))
    whole = lineage.weight_graph("all")
    for which in ("all", "compressed"):
        graph = lineage.weight_graph(which)
        assert nx.is_directed_acyclic_graph(graph)
        for node in graph:
            flows_in = sum(w for *_, w in graph.in_edges(node, data="weight"))
            flows_out = sum(w for *_, w in graph.out_edges(node, data="weight"))
            assert node in final or flows_out == pytest.approx(weight[node])
            assert graph.nodes[node]["cycle"] == 0 or flows_in == pytest.approx(weight[node])
        for above, below, data in graph.edges(data=True):
            assert data["length"] == graph.nodes[below]["cycle"] - graph.nodes[above]["cycle"]
            assert nx.has_path(whole, above, below)
    passing = {n for n in whole if whole.in_degree(n) == whole.out_degree(n) == 1}
    assert set(graph) == set(whole) - passing
    alive = lineage.weight_graph("survivors")
    assert set(lineage.survivors().tolist()) <= set(alive)
    into_survivors = {edge for edge in whole.edges if edge[1] in set(lineage.survivors().tolist())}
    assert set(alive.edges) == into_survivors


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda t: t.survivors(np.array([True, False])), r"given as bool: expected ids.* np.flatnonzero\(mask\)"),
        (lambda t: t.trace(4.9), "given as float64"),
        (lambda t: t.trace([0, 1]), "2 segments: this is asked of one"),
        (lambda t: t.trace(2**70), "segments are given as object"),
        (lambda t: t.mrca(0, "a"), "segments are given as <U1"),
        (lambda t: t.segments_of(1.0), "a cycle of 1.0: expected a whole number"),
        (lambda t: t.pairs(1.5), "a lag of 1.5"),
        (lambda t: t.clusters(within=-1), "relatives within -1 cycles"),
        (lambda t: t.windows(True), "a length of True"),
        (lambda t: t.transition_counts([0, 2, 0], 1, 2), "state 2 of 2 states"),
        (lambda t: t.transition_counts([0, 2], 1), "2 states of 3 segments"),
        (lambda t: t.transition_counts([0.5, 0, 0], 1), "states are float64"),
        (lambda t: t.transition_counts([0, 0, 0], 1, weights=[1]), "1 weights of 3 segments"),
        (lambda t: t.effective_ancestors(weights=[-1.0]), "weights must be positive"),
        (lambda t: t.effective_ancestors(weights=[np.nan]), "weights must be positive"),
        (lambda t: t.graph(attributes="beauty"), "no attribute 'beauty'"),
        (lambda t: t.subtree_sum(1.0), "1 values of 3 segments"),
        (lambda t: t.weight_origin(0, []), "the weight of no segments"),
        (lambda t: t.weight_origin(0, values=[1, 2]), "2 values of 1 segments"),
    ],
)
def test_mistakes_are_named(ask, says):
    lineage = Lineage(
        [-1, 0, 1], [1, 2, 3], {"weight": np.ones(3)}, flows=lambda: Flows(into=NO, source=NO, weight=NO.astype(float))
    )
    with pytest.raises(SelectionError, match=says):
        ask(lineage)


@pytest.mark.parametrize("stops", [[1], [2, 1], [3, 2], [5], []])
def test_ends_of_cycles_that_do_not_fit_are_refused(stops):
    with pytest.raises(DamagedRunError, match="cycles end at segments up to"):
        Lineage([-1, 0], stops)


def test_effective_numbers_of_the_smallest_weights():
    lineage = Lineage([-1, -1], [2])
    assert lineage.effective_ancestors(weights=[1e-300, 1e-300]).tolist() == [2.0]


def test_a_window_keeps_while_its_lineage_grows():
    lineage = Lineage([-1, 0, 1], [1, 2, 3], {"weight": np.ones(9)})
    cut, view = windowed(lineage, (1, 3)), lineage.view()
    lineage.append([2])
    assert cut.survivors().tolist() == [1, 2]
    assert lineage.survivors().tolist() == [0, 1, 2, 3]
    assert len(view) == 3
    assert nx.descendants(view, 0) == {1, 2}


def test_many_founders_take_no_longer_than_their_number():
    """Nodes are not copied for each founder."""
    cycles = 5_000
    parent = np.arange(2 * cycles) - 2
    parent[1::2] = parent[0] = -1
    lineage = Lineage(parent, np.arange(2, 2 * cycles + 1, 2))
    assert len(lineage.survivors(np.arange(1, 2 * cycles, 2))) == cycles


def test_what_is_not_known_is_refused():
    lineage = Lineage([-1, 0], [1, 2])
    with pytest.raises(SelectionError, match="no attribute 'weight'"):
        lineage.effective_ancestors()
    with pytest.raises(SelectionError, match="no attribute 'continuous'"):
        _ = lineage.continuous
    with pytest.raises(SelectionError, match="merges are not known"):
        lineage.weight_origin(0)
    with pytest.raises(SelectionError, match="2 weights of 1 segments"):
        lineage.effective_ancestors(weights=[1, 2])
    with pytest.raises(SelectionError, match="1 values of 2 segments"):
        lineage.subtree_sum([1.0])
    with pytest.raises(SelectionError, match="no run 1: there has runs 0 to 0"):
        lineage.segments_of(0, 1)
