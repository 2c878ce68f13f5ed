"""Lineage against brute force and networkx, on random forests with changing numbers of walkers."""

from itertools import combinations, pairwise

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy_data.errors import DamagedRunError, SelectionError
from wepy_data.query.graph import KINDS
from wepy_data.query.lineage import Lineage


@st.composite
def forests(draw, min_cycles=1):
    counts = draw(st.lists(st.integers(1, 6), min_size=min_cycles, max_size=9))
    parent, start = [-1] * counts[0], 0
    for before, count in pairwise(counts):
        parent += [start + draw(st.integers(0, before - 1)) for _ in range(count)]
        start += before
    return Lineage(np.array(parent, np.int64), np.cumsum(counts))


def oracle(lineage):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(lineage.n_segments))
    graph.add_edges_from((p, s) for s, p in enumerate(lineage.parent.tolist()) if p >= 0)
    return graph


def line(lineage, segment):
    found = [segment]
    while lineage.parent[found[0]] >= 0:
        found.insert(0, int(lineage.parent[found[0]]))
    return found


def final(lineage):
    return lineage.segments_of(-1).tolist()


def ancestors_and_self(graph, segments):
    return set(segments).union(*(nx.ancestors(graph, s) for s in segments))


@st.composite
def forests_and_ends(draw):
    """A forest, and some segments of one of its cycles, perhaps repeated and in any order."""
    lineage = draw(forests())
    cycle = draw(st.integers(0, lineage.n_cycles - 1))
    ends = draw(st.lists(st.sampled_from(lineage.segments_of(cycle).tolist()), min_size=1, max_size=6))
    return lineage, cycle, ends


@given(forests())
def test_trace_follows_the_parents(lineage):
    for segment in range(lineage.n_segments):
        traced = lineage.trace(segment)
        assert traced.tolist() == line(lineage, segment)
        assert traced.dtype == np.int32


@given(forests_and_ends())
def test_trace_all_has_the_trace_of_each_segment_as_a_column(drawn):
    lineage, cycle, ends = drawn
    traced = lineage.trace_all(ends)
    assert traced.shape == (cycle + 1, len(ends))
    assert traced.T.tolist() == [line(lineage, end) for end in ends]


@given(forests())
def test_the_final_walkers_are_traced_by_default(lineage):
    assert lineage.trace_all().T.tolist() == [line(lineage, end) for end in final(lineage)]


@given(forests_and_ends())
def test_ancestors_in_every_cycle_are_those_of_the_trace(drawn):
    lineage, cycle, ends = drawn
    for at in range(cycle + 1):
        assert lineage.ancestor(ends, at).tolist() == [line(lineage, end)[at] for end in ends]


@given(forests())
def test_the_most_recent_common_ancestor_is_that_of_networkx(lineage):
    graph = oracle(lineage)
    for a, b in combinations(range(lineage.n_segments), 2):
        shared = ancestors_and_self(graph, [a]) & ancestors_and_self(graph, [b])
        assert lineage.mrca(a, b) == max(shared, default=-1)
        assert lineage.mrca(b, a) == lineage.mrca(a, b)


@given(forests())
def test_survivors_are_the_ancestors_of_the_final_walkers(lineage):
    survivors = lineage.survivors()
    assert survivors.tolist() == sorted(ancestors_and_self(oracle(lineage), final(lineage)))


@given(forests(), st.data())
def test_survivors_may_be_asked_for_segments_of_several_cycles(lineage, data):
    ends = data.draw(st.lists(st.integers(0, lineage.n_segments - 1), min_size=1))
    assert lineage.survivors(ends).tolist() == sorted(ancestors_and_self(oracle(lineage), ends))


@given(forests(), st.data())
def test_descendants_are_those_of_networkx(lineage, data):
    segment = data.draw(st.integers(0, lineage.n_segments - 1))
    below = nx.descendants(oracle(lineage), segment) | {segment}
    for cycle in range(lineage.n_cycles):
        expected = sorted(below & set(lineage.segments_of(cycle).tolist()))
        assert lineage.descendants(segment, cycle).tolist() == expected
        assert lineage.descendants(segment, cycle - lineage.n_cycles).tolist() == expected


@given(forests(), st.integers(1, 10))
def test_pairs_hold_every_segment_and_its_ancestor_once(lineage, lag):
    expected = [[line(lineage, s)[-1 - lag], s] for s in range(lineage.n_segments) if len(line(lineage, s)) > lag]
    found = [np.stack(pair, 1).tolist() for pair in lineage.pairs(lag)]
    assert [pair for cycle in found for pair in cycle] == expected


@given(forests())
def test_the_compressed_tree_is_the_contraction_of_the_surviving_one(lineage):
    tree = oracle(lineage).subgraph(lineage.survivors().tolist())
    contracted = nx.DiGraph(tree)
    for node in list(contracted):
        if contracted.in_degree(node) == 1 and contracted.out_degree(node) == 1:
            ((above, _),), ((_, below),) = contracted.in_edges(node), contracted.out_edges(node)
            contracted.remove_node(node)
            contracted.add_edge(above, below)
    kept, above = lineage.compressed()
    assert kept.tolist() == sorted(contracted)
    assert {(a, k) for k, a in zip(kept.tolist(), above.tolist(), strict=True) if a >= 0} == set(contracted.edges)


@given(forests(), st.data())
def test_a_tip_stays_in_the_compressed_tree_even_amid_a_lineage(lineage, data):
    ends = data.draw(st.lists(st.integers(0, lineage.n_segments - 1), min_size=1, unique=True))
    kept, above = lineage.compressed(ends)
    assert set(ends) <= set(kept.tolist())
    for segment, nearest in zip(kept.tolist(), above.tolist(), strict=True):
        expected = [s for s in line(lineage, segment)[:-1] if s in set(kept.tolist())]
        assert nearest == (expected[-1] if expected else -1)


@given(forests())
def test_no_two_branches_cross_in_planar_order(lineage):
    place = lineage.planar_order()
    survivors = lineage.survivors()
    assert np.isfinite(place[survivors]).all()
    assert np.isnan(np.delete(place, survivors)).all()
    assert sorted(place[final(lineage)].tolist()) == list(range(len(final(lineage))))
    for cycle in range(lineage.n_cycles):
        here = np.intersect1d(lineage.segments_of(cycle), survivors)
        ordered = here[np.argsort(place[here])]
        assert len(np.unique(place[here])) == len(here)
        if cycle:
            assert (np.diff(place[lineage.parent[ordered]]) >= 0).all()


@given(forests())
def test_cycle_and_walker_lead_back_to_the_segment(lineage):
    every = np.arange(lineage.n_segments)
    cycles, walkers = lineage.cycle_of(every), lineage.walker_of(every)
    back = [lineage.segment_id(c, w) for c, w in zip(cycles.tolist(), walkers.tolist(), strict=True)]
    assert back == every.tolist()
    assert cycles.tolist() == [len(line(lineage, s)) - 1 for s in range(lineage.n_segments)]


@given(forests())
def test_negative_cycles_and_walkers_count_from_the_end(lineage):
    assert lineage.segment_id(-1, -1) == lineage.n_segments - 1
    assert lineage.segment_id(-lineage.n_cycles, 0) == 0


@given(forests(), st.sampled_from(KINDS))
def test_graphs_have_the_expected_nodes_edges_and_lengths(lineage, which):
    graph = lineage.graph(which)
    whole = oracle(lineage)
    nodes = {
        "all": range(lineage.n_segments),
        "survivors": lineage.survivors().tolist(),
        "compressed": lineage.compressed()[0].tolist(),
    }[which]
    assert set(graph) == set(nodes)
    assert nx.is_forest(graph)
    for above, below, length in graph.edges(data="length"):
        assert length == nx.shortest_path_length(whole, above, below)
    if which != "compressed":
        assert set(graph.edges) == set(whole.subgraph(nodes).edges)


def small():
    """Two founders; the second is cloned, the first goes on until it ends before the last cycle."""
    parent = np.array([-1, -1, 0, 1, 1, 3, 4])
    weights = np.arange(7) / 8
    return Lineage(parent, np.array([2, 5, 7]), {"weight": lambda: weights, "bin": np.arange(7) % 2})


@pytest.mark.parametrize("which", KINDS)
def test_nodes_carry_plain_python_values(which):
    graph = small().graph(which)
    assert graph.nodes[5] == {"cycle": 2, "walker": 0, "weight": 0.625, "bin": 1}
    for node, attributes in graph.nodes(data=True):
        assert type(node) is int
        assert {name: type(value) for name, value in attributes.items()} == {
            "cycle": int, "walker": int, "weight": float, "bin": int,
        }  # fmt: skip
    assert all(type(length) is int for *_, length in graph.edges(data="length"))


def test_the_compressed_graph_of_a_known_forest():
    assert sorted(small().graph().edges(data="length")) == [(1, 5, 2), (1, 6, 2)]


def test_a_graph_that_is_too_large_names_the_smaller_ones():
    with pytest.raises(
        SelectionError, match=r"'all' has 7 nodes, more than max_nodes=6: .*'compressed' or 'survivors'"
    ):
        small().graph("all", max_nodes=6)
    with pytest.raises(SelectionError, match=r"'compressed' has 3 nodes.*: take fewer cycles .*or raise max_nodes"):
        small().graph(max_nodes=2)


def test_an_unknown_kind_of_graph_is_told_the_kinds():
    with pytest.raises(SelectionError, match="no graph 'some': there are compressed, survivors, all"):
        small().graph("some")


@pytest.mark.parametrize(
    "ask",
    [
        lambda tree, segment: tree.trace(segment), lambda tree, segment: tree.trace_all([0, segment]),
        lambda tree, segment: tree.ancestor([segment], 0), lambda tree, segment: tree.mrca(0, segment),
        lambda tree, segment: tree.mrca(segment, 0), lambda tree, segment: tree.survivors([segment]),
        lambda tree, segment: tree.descendants(segment), lambda tree, segment: tree.compressed([segment]),
        lambda tree, segment: tree.planar_order([segment]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("segment", [-1, -2, 7, 1000])
def test_a_missing_segment_says_which_exist(ask, segment):
    with pytest.raises(SelectionError, match=f"no segment {segment}: this run has segments 0 to 6"):
        ask(small(), segment)


def test_a_missing_cycle_or_walker_says_what_exists():
    with pytest.raises(SelectionError, match="no cycle 3: this run has cycles 0 to 2"):
        small().segments_of(3)
    with pytest.raises(SelectionError, match="no cycle -4: this run has cycles 0 to 2"):
        small().descendants(0, -4)
    with pytest.raises(SelectionError, match="no walker 2: cycle 2 has walkers 0 to 1"):
        small().segment_id(-1, 2)
    with pytest.raises(SelectionError, match="no cycle 2: this lineage has cycles 0 to 1"):
        small().ancestor([3], 2)


def test_segments_of_several_cycles_cannot_be_traced_together():
    with pytest.raises(SelectionError, match="segments of cycles 0 to 2: they must be of one cycle"):
        small().trace_all([5, 0])


def test_a_lag_below_one_is_refused_at_once():
    with pytest.raises(SelectionError, match="a lag of 0 cycles"):
        small().pairs(0)


def test_no_segment_has_no_cycle_and_no_walker():
    assert small().cycle_of([-1, 5]).tolist() == [-1, 2]
    assert small().walker_of([-1, 6]).tolist() == [-1, 1]


@pytest.mark.parametrize("parent", [[-1, -1, 7, 0], [-1, -1, 3, 2], [0, -1, 0, 0], [-1, -1, -2, 0]])
def test_parents_that_do_not_come_before_their_children_are_refused(parent):
    with pytest.raises(DamagedRunError, match=r"segment \d has the parent"):
        Lineage(np.array(parent), np.array([2, 4]))


def test_a_run_without_cycles_has_an_empty_lineage():
    empty = Lineage(np.zeros(0, np.int64), np.zeros(0, np.int64))
    assert empty.trace_all().shape == (0, 0)
    assert empty.survivors().size == empty.planar_order().size == empty.compressed()[0].size == 0
    assert list(empty.pairs(1)) == []
    assert all(len(empty.graph(which)) == 0 for which in KINDS)
    with pytest.raises(SelectionError, match="no cycle -1: this run has no cycles yet"):
        empty.segment_id(-1, 0)
    with pytest.raises(SelectionError, match="no segment 0: this run has no segments yet"):
        empty.trace(0)


def test_asking_for_no_segments_answers_with_none():
    assert small().trace_all([]).shape == (0, 0)
    assert small().ancestor([], 1).size == 0
    assert small().survivors([]).size == 0
    assert np.isnan(small().planar_order([])).all()
