"""The tree of bins, from what a file holds."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings

import wepy_data as wd
from wepy_data.testing import runs


@pytest.fixture(scope="module")
def run(ensemble_record):
    return wd.Run(ensemble_record)


@settings(max_examples=40)
@given(runs())
def test_bins_of_every_run_are_a_forest_that_has_all_walkers(record):
    run = wd.Run(record)
    bins = run.table("bins")
    if not len(bins):
        return
    tree = wd.bin_tree(run)
    assert list(tree) == bins.index.tolist()
    assert nx.is_forest(tree)
    assert {(above, row) for row, above in bins.parent.items() if above >= 0} == set(tree.edges)
    segments = run.table("segments")
    for row, node in tree.nodes.items():
        within = segments[segments.bin.isin([row, *nx.descendants(tree, row)])]
        assert node["walkers"] == len(within)
        assert node["weight"] == pytest.approx(within.weight.sum() / run.n_cycles)
        assert (node["index"], node["level"], node["cycle"]) == tuple(bins.loc[row, ["index", "level", "cycle"]])
        np.testing.assert_array_equal(node["centre"], bins.filter(like="centre").loc[row])


def test_cycles_choose_walkers_and_the_bins_there_are_by_then(run):
    bins, segments = run.table("bins"), run.table("segments", -3)
    tree = wd.bin_tree(run, -3)
    assert list(tree) == bins.index[bins.cycle <= run.n_cycles - 3].tolist()
    assert sum(node["walkers"] for node in tree.nodes.values()) == len(segments)
    assert sum(node["weight"] for node in tree.nodes.values()) == pytest.approx(1.0)
    assert set(wd.bin_tree(run, -3, occupied=True)) == set(segments.bin)
    assert wd.bin_tree(run, (0, 5)).nodes[0]["walkers"] == (run.table("segments", (0, 5)).bin == 0).sum()


def test_a_run_without_bins_says_so(make_ensemble):
    with pytest.raises(wd.SelectionError, match="no cycles yet"):
        wd.bin_tree(wd.Run(make_ensemble(0)))
    record = without_bins(make_ensemble(2))
    with pytest.raises(wd.SelectionError, match="made without a binner"):
        wd.bin_tree(wd.Run(record))


def test_unknown_cycles_say_which_there_are(run):
    for cycles in (99, (7, 7)):
        with pytest.raises(wd.SelectionError, match="cycles 0 to 11"):
            wd.bin_tree(run, cycles)


def without_bins(record):
    """Return a reader of a run as one without a binner leaves it."""

    class Binless:
        header, n_cycles, sealed, planned = record.header, record.n_cycles, record.sealed, record.planned
        rows, read = record.rows, record.read

        @staticmethod
        def stops(dim):
            return np.zeros(record.n_cycles, np.int64) if dim == "bin" else record.stops(dim)

    return Binless()
