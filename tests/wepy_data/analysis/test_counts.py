"""What is counted along lineages: weights of pairs, independent arrivals, what merging adds."""

from fractions import Fraction
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from wepy_data.analysis.arrival import arrivals
from wepy_data.analysis.merging import merging_variance
from wepy_data.analysis.transition import arrivals_so_far, flux_matrix
from wepy_data.query.lineage import Lineage


class Columns:
    """As much of a run as is read here."""

    def __init__(self, parent, stops, weight, bins=None, merges=()):
        self.lineage = Lineage(np.array(parent), np.array(stops), {"weight": np.array(weight, float)})
        into, source, moved = (np.array([m[i] for m in merges], (int, int, float)[i]) for i in range(3))
        columns = {
            "/segments/weight": weight, "/segments/bin": bins,
            "/merges/into": into, "/merges/from": source, "/merges/weight": moved,
        }  # fmt: skip
        self.n_cycles, self.n_segments = len(stops), len(parent)
        self.reader = SimpleNamespace(
            read=lambda path, *rows: np.array(columns[path])[slice(*rows) if rows else slice(None)],
            stops=lambda dim: np.array(stops),
            rows=lambda dim: len(parent),
        )


def cloned_and_merged():
    """Yield all outcomes of two cycles: the heavy walker is cloned, two light ones merge; with their probabilities."""
    half, third, sixth = Fraction(1, 2), Fraction(1, 3), Fraction(1, 6)
    for first, second in product((True, False), repeat=2):
        # cycle 0: 1/2, 1/3, 1/6; cycle 1: the first twice (1/4 each), the others merged (1/2)
        survivor = 1 if first else 2
        # cycle 2: the merged one twice, the two clones merged
        merged = 3 if second else 4
        probability = (third if first else sixth) / half * half
        weights = [half, third, sixth, half / 2, half / 2, half, half / 2, half / 2, half]
        yield probability, [-1, -1, -1, 0, 0, survivor, 5, 5, merged], weights


def test_weights_of_pairs_are_the_ancestors_on_the_average():
    cells = SimpleNamespace(cell=np.array([0, 1, 2] * 3), n_cells=3)
    found = np.zeros((2, 3))
    for probability, parent, weight in cloned_and_merged():
        run = Columns(parent, [3, 6, 9], list(map(float, weight)))
        found[0] += float(probability) * run.lineage.transition_counts(cells.cell, 1, 3, cycles=(0, 2)).sum(1)
        found[1] += float(probability) * flux_matrix(run, cells, lag=2).sum(1)
    assert found[0] == pytest.approx([1 / 2, 1 / 3, 1 / 6])
    assert found[1] == pytest.approx([1 / 2, 1 / 3, 1 / 6])


def test_clones_that_arrive_together_are_one_event():
    # two walkers at home (bin 0); both leave; the first is cloned on its way; all three arrive, one after a turn home
    parent = [-1, -1, 0, 1, 2, 2, 3, 4, 5, 6]
    bins = [0, 0, 1, 1, 1, 1, 0, 0, 0, 1]
    weight = [0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.5, 0.25, 0.25, 0.5]
    run = Columns(parent, [2, 4, 7, 10], weight, bins)
    arrived = np.zeros(10, bool)
    arrived[[7, 8]] = True
    cells = SimpleNamespace(arrived=arrived)
    found = arrivals(run, cells)
    assert (found.count, found.independent, found.largest) == (2, 1, 1.0)
    assert found.flux == pytest.approx(0.5 / 4)
    assert found.crossing == 3.0  # cycles 1, 2, 3
    assert arrivals_so_far(run, cells).tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 1, 0]
    assert arrivals(run, SimpleNamespace(arrived=np.zeros(10, bool))).independent == 0


def test_merging_adds_the_variance_of_the_draw():
    shares, h = [0.2, 0.3, 0.1], np.array([0.5, -1.0, 2.0, 0.0])
    expected = 0.6 * np.dot(shares, h[:3] ** 2) - np.dot(shares, h[:3]) ** 2
    for survivor in range(3):  # whoever was drawn
        merges = [(3, other, shares[other]) for other in range(3) if other != survivor]
        run = Columns([-1, -1, -1, survivor], [3, 4], [*shares, 0.6], merges=merges)
        assert merging_variance(run, h) == pytest.approx(expected)
