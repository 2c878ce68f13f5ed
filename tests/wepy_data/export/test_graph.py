"""Graphs and trees in other programs' formats, read again by other readers."""

import itertools
import json

import networkx as nx
import numpy as np
import pytest
import tskit
from hypothesis import given
from hypothesis import strategies as st

import wepy_data as wd
from wepy_data.export.graph import newick
from wepy_data.testing import runs


@pytest.fixture
def run(ensemble_file):
    with wd.open_run(ensemble_file) as run:
        yield run


READERS = {
    ".gexf": lambda path: nx.read_gexf(path, node_type=int),
    ".graphml": lambda path: nx.read_graphml(path, node_type=int),
    ".json": lambda path: nx.node_link_graph(json.loads(path.read_text()), edges="edges"),
}


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("flow", [False, True])
@pytest.mark.parametrize("which", ["compressed", "survivors", "all"])
def test_networkx_reads_the_graph_that_was_written(run, tmp_path, suffix, flow, which):
    written = wd.export_graph(run, tmp_path / f"graph{suffix}", which, flow=flow)
    found = READERS[suffix](written)
    made = (run.lineage.weight_graph if flow else run.lineage.graph)(which)
    assert set(found.edges) == set(made.edges)
    for node, data in made.nodes(data=True):
        assert {name: found.nodes[node][name] for name in data} == data
    for a, b, data in made.edges(data=True):
        assert {name: found.edges[a, b][name] for name in data} == data


def test_windows_and_attributes_are_those_asked_for(run, tmp_path):
    path = wd.export_graph(run, tmp_path / "g.json", "all", cycles=(2, 5), attributes=["state", "wall_time"])
    found = READERS[".json"](path)
    assert set(nx.get_node_attributes(found, "cycle").values()) == {2, 3, 4}
    assert all(set(data) == {"cycle", "walker", "state", "wall_time"} for _, data in found.nodes(data=True))
    with pytest.raises(wd.SelectionError, match="no attribute 'beauty' of segments in this lineage: it knows cycle"):
        wd.export_graph(run, tmp_path / "h.json", attributes=["beauty"])


def test_a_dot_file_names_every_node_and_edge(run, tmp_path):
    text = wd.export_graph(run, tmp_path / "g.dot").read_text()
    graph = run.lineage.graph()
    assert text.count("->") == graph.number_of_edges()
    assert all(f"  {node} [" in text for node in graph)


def parsed(text):
    """Read one tree in Newick's format: return its edges with lengths, and its root."""
    edges, stack, place, last = {}, [[]], 0, None
    while place < len(text):
        if text[place] == "(":
            stack.append([])
            place += 1
        elif text[place] == ")":
            children = stack.pop()
            place += 1
        elif text[place] == ",":
            place += 1
            continue
        if text[place] in "();":
            continue
        end = next(i for i in range(place, len(text)) if text[i] in ",();")
        name, _, length = text[place:end].partition(":")
        if text[place - 1] == ")":
            edges |= {(int(name), child): size for child, size in children}
        stack[-1].append((int(name), int(length) if length else None))
        last, place = int(name), end
        if text[place] == ";":
            break
    return edges, last


def test_newick_trees_are_the_compressed_ones(run, tmp_path):
    lines = wd.export_graph(run, tmp_path / "g.nwk").read_text().splitlines()
    graph, found = run.lineage.graph(), {}
    for line in lines:
        edges, root = parsed(line)
        found |= edges
        assert graph.in_degree(root) == 0
    assert found == {(a, b): length for a, b, length in graph.edges(data="length")}
    assert len(lines) == sum(graph.in_degree(node) == 0 for node in graph)


def test_a_long_tree_in_newick():
    """As deep as no recursion goes."""
    long = nx.DiGraph([(node, node + 1, {"length": 1}) for node in range(50_000)])
    text = newick(long)
    assert text.startswith("(" * 50_000 + "50000:1)49999:1)")
    assert text.endswith(")1:1)0;\n")


def test_what_is_no_number_is_null_in_json(run, tmp_path):
    run.lineage._attributes["wanting"] = np.full(run.n_segments, np.nan)
    data = json.loads(wd.export_graph(run, tmp_path / "g.json", attributes=["wanting"]).read_text())
    assert {node["wanting"] for node in data["nodes"]} == {None}


def test_a_tree_of_one_walker_in_newick():
    assert newick(nx.DiGraph([(0, 5, {"length": 3})])) == "(5:3)0;\n"
    lone = nx.DiGraph()
    lone.add_node(4)
    assert newick(lone) == "4;\n"


@given(runs(), st.booleans())
def test_tskit_finds_the_same_common_ancestors(record, keep_unary):
    lineage = wd.Run(record).lineage
    if not lineage.n_cycles:
        return
    sequence = wd.tree_sequence(lineage, keep_unary=keep_unary)
    tree = sequence.first()
    ends = lineage.segments_of(-1).tolist()
    samples = {sequence.node(u).metadata["segment"]: u for u in sequence.samples()}
    assert sorted(samples) == ends
    together = lineage.coalescence()
    for (i, a), (j, b) in itertools.combinations(enumerate(ends), 2):
        meeting = tree.mrca(samples[a], samples[b])
        shared = lineage.mrca(a, b)
        assert (shared == -1) == (meeting == tskit.NULL)
        if shared >= 0:
            assert sequence.node(meeting).metadata["segment"] == shared
            assert lineage.n_cycles - 1 - tree.time(meeting) == together[i, j] == lineage.cycle_of(shared)
    if keep_unary:
        found = {node.metadata["segment"] for node in sequence.nodes()}
        assert found == set(lineage.survivors().tolist())
        for node in sequence.nodes():
            above = tree.parent(node.id)
            expected = int(lineage.parent[node.metadata["segment"]])
            assert (sequence.node(above).metadata["segment"] if above != tskit.NULL else -1) == expected


def test_tskit_files(run, tmp_path):
    found = tskit.load(wd.export_graph(run, tmp_path / "g.trees"))
    assert found.num_samples == len(run.lineage.segments_of(-1))
    assert found.num_nodes == len(run.lineage.graph())
    whole = tskit.load(wd.export_graph(run, tmp_path / "s.trees", "survivors"))
    assert whole.num_nodes == len(run.lineage.survivors())
    assert whole.simplify().first().num_edges == found.simplify().first().num_edges


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("g.png", {}, r"graphs are written as .gexf, .graphml, .json, .dot, .nwk, .trees"),
        ("g.nwk", {"which": "all"}, "holds trees of the final walkers only"),
        ("g.trees", {"flow": True}, "holds trees of the final walkers only"),
        ("g.gexf", {"which": "some"}, "no graph 'some'"),
        ("g.gexf", {"which": "all", "max_nodes": 3}, "more than max_nodes=3: take 'compressed' or"),
        ("g.trees", {"which": "some"}, "no graph 'some'"),
        ("g.nwk", {"attributes": ["weight"]}, "has no room for attributes"),
        ("g.gexf", {"cycles": (5, 5)}, "this run has cycles 0 to"),
    ],
)
def test_what_cannot_be_written_says_why_and_leaves_nothing(run, tmp_path, name, settings, says):
    with pytest.raises(wd.SelectionError, match=says):
        wd.export_graph(run, tmp_path / name, **settings)
    assert list(tmp_path.iterdir()) == []


def test_files_that_exist_are_kept(run, tmp_path):
    (tmp_path / "g.gexf").write_text("mine")
    with pytest.raises(wd.RunExistsError):
        wd.export_graph(run, tmp_path / "g.gexf")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        wd.export_graph(run, tmp_path / "none" / "g.gexf")
    wd.export_graph(run, tmp_path / "g.gexf", overwrite=True)
    assert np.isclose(nx.read_gexf(tmp_path / "g.gexf").number_of_nodes(), len(run.lineage.graph()))
