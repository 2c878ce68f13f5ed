"""Walker trees drawn as text."""

import re

import numpy as np
import pytest
from hypothesis import given

import wepy_data as wd
from wepy_data.plot.tree_text import _lines
from wepy_data.testing import runs

BRANCHES = "╴╶─╵╯╰┴╷╮╭┬│┤├┼○"


@pytest.fixture
def run(ensemble_file):
    with wd.open_run(ensemble_file) as run:
        yield run


def test_there_is_a_line_for_each_walker(run):
    lines = wd.tree_text(run, width=100).splitlines()
    walkers = len(run.lineage.segments_of(-1))
    assert len(lines) == 1 + walkers
    assert max(map(len, lines)) <= 100
    assert sorted(int(line.split()[-3]) for line in lines[1:]) == list(range(walkers))
    weights = [float(line.split()[-2]) for line in lines[1:]]
    assert sum(weights) == pytest.approx(1.0, abs=0.01)


def test_the_scale_goes_from_the_first_to_the_last_cycle(run):
    heading = wd.tree_text(run, cycle=7).splitlines()[0]
    assert re.match(r"cycle 0 +7  walker", heading)


def test_founders_are_circles(run):
    text = wd.tree_text(run)
    graph = run.lineage.graph()
    assert text.count("○") == sum(graph.in_degree(node) == 0 for node in graph)


def test_only_the_heaviest_are_shown_if_there_are_more(run):
    text = wd.tree_text(run, top=3)
    weight = run.observable("weight", run.lineage.segments_of(-1))
    assert [int(line.split()[-3]) for line in text.splitlines()[1:-1]]
    shown = {int(line.split()[-3]) for line in text.splitlines()[1:-1]}
    assert shown == set(np.argsort(-weight, kind="stable")[:3].tolist())
    share = np.sort(weight)[-3:].sum() / weight.sum()
    assert f"{len(weight) - 3} walkers with less weight (those shown have {share:.1%} of it)" in text


def test_no_walkers_cannot_be_drawn(run):
    with pytest.raises(wd.SelectionError, match="a tree of 0 walkers"):
        wd.tree_text(run, top=0)
    with pytest.raises(wd.SelectionError, match="no cycle 99"):
        wd.tree_text(run, 99)


@given(runs())
def test_every_run_can_be_drawn(record):
    run = wd.Run(record)
    if not run.n_cycles:
        return
    lines = wd.tree_text(run, width=80).splitlines()[1:]
    assert len(lines) == min(48, len(run.lineage.segments_of(-1))) + (len(run.lineage.segments_of(-1)) > 48)
    assert all(set(re.split(r" {2,}(?=\d)", line)[0]) <= set(BRANCHES + " ") for line in lines[:48])


def test_a_known_tree():
    """Two founders; the first is cloned after cycle 1."""
    lineage = wd.Lineage([-1, -1, 0, 1, 2, 2, 3], [2, 4, 7])
    tree = lineage.genealogy()
    column = 3 * lineage.cycle_of(tree.node)
    assert _lines(tree, tree.drawing().place, column, 7) == ["○──┬──╴", "   ╰──╴", "○─────╴"]
