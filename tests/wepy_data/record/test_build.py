"""Cycles built from facts."""

import math

import numpy as np
import pytest

from wepy_data.errors import ConformanceError
from wepy_data.record.build import build_cycle, column_rows, cycle_crc
from wepy_data.schema.layout import Layout, Named

LAYOUT = Layout(sizes={"feature": 1}, named={"/observables/<name>/value": (Named(name="order_parameter", shape=(1,)),)})


def facts(weight, parent, **more):
    n = len(weight)
    rows = {
        "/segments/weight": weight, "/segments/parent": parent,
        "/segments/state": np.where(np.array(parent) < 0, 0, -1),
        "/segments/continuous": np.array(parent) >= 0, "/segments/progress": np.zeros((n, 1)),
        "/segments/bin": np.full(n, -1), "/segments/cpu_time": np.zeros(n),
        "/segments/wall_time": np.zeros(n), "/segments/worker": np.full(n, -1), "/cycles/began": [0.0],
        "/cycles/ended": [1.0], "/frames/md_step": [], "/frames/time": [], "/frames/total_time": [],
        "/observables/order_parameter/value": np.zeros((0, 1)),
    }  # fmt: skip
    return {**rows, **more}


def frames(count):
    return {
        "/frames/md_step": np.arange(count), "/frames/time": np.arange(count) * 0.1,
        "/frames/total_time": np.arange(count) * 0.1, "/observables/order_parameter/value": np.zeros((count, 1)),
    }  # fmt: skip


def test_numbering_stops_roots_and_totals_are_derived():
    first = build_cycle(LAYOUT, None, facts([0.25, 0.75], [-1, -1], **frames(3)), [1, 2])
    second = build_cycle(LAYOUT, first, facts([0.75, 0.125, 0.125], [1, 0, 0], **frames(3)), [0, 1, 2])
    assert second.index == 1
    assert second["/segments/cycle"].tolist() == [1, 1, 1]
    assert second["/segments/walker"].tolist() == [0, 1, 2]
    assert second["/segments/root"].tolist() == [1, 0, 0]
    assert second["/segments/frame_stop"].tolist() == [3, 4, 6]
    assert second["/frames/segment"].tolist() == [3, 4, 4]
    assert second["/frames/index"].tolist() == [3, 4, 5]
    assert second["/cycles/total_weight"].tolist() == [1.0]
    assert {dim: second.stop(dim) for dim in ("segment", "frame", "merge", "event", "bin", "worker")} == {
        "segment": 5, "frame": 6, "merge": 0, "event": 0, "bin": 0, "worker": 0,
    }  # fmt: skip
    assert second["/cycles/crc"].tolist() == [cycle_crc(LAYOUT, second.rows)]
    assert (second.n_walkers, second.weight.sum(), second.parent.tolist()) == (3, 1.0, [1, 0, 0])


def test_the_total_is_the_correctly_rounded_sum():
    weight = np.random.default_rng(1).dirichlet(np.ones(50))
    cycle = build_cycle(LAYOUT, None, facts(weight, np.full(50, -1)), np.zeros(50, int))
    assert cycle["/cycles/total_weight"][0] == math.fsum(weight.tolist())


def test_rows_are_of_the_schemas_types_and_cannot_be_written_to():
    cycle = build_cycle(LAYOUT, None, facts([1], [-1]), [0])
    for path, column in LAYOUT.growing.items():
        assert cycle[path].dtype == column.numpy_dtype
        assert cycle[path].shape[1:] == column.shape
        assert not cycle[path].flags.writeable
    with pytest.raises(TypeError):
        cycle.rows["/segments/weight"] = np.ones(1)


def test_what_is_given_is_copied():
    weight = np.ones(1)
    cycle = build_cycle(LAYOUT, None, facts(weight, [-1]), [0])
    weight[0] = 2
    assert cycle.weight[0] == 1


def test_all_misshapen_facts_are_named_at_once():
    wrong = facts([1.0], [-1], **{"/segments/parent": [0.5], "/segments/progress": np.zeros((1, 2)), "/surprise": [1]})
    with pytest.raises(ConformanceError) as caught:
        build_cycle(LAYOUT, None, wrong, [0])
    assert {(p.path, p.kind) for p in caught.value.problems} == {
        ("/segments/parent", "dtype"),
        ("/segments/progress", "shape"),
        ("/surprise", "unexpected"),
    }


def test_all_wrong_values_are_named_at_once():
    wrong = facts([1.0, -0.5], [-1, -7], **{"/segments/wall_time": [1], "/segments/progress": [[np.nan], [0.0]]})
    del wrong["/segments/cpu_time"]
    with pytest.raises(ConformanceError, match="cycle 0 does not conform") as caught:
        build_cycle(LAYOUT, None, wrong, [0, 0])
    assert {(p.path, p.kind) for p in caught.value.problems} == {
        ("/segments/weight[1]", "above"),
        ("/segments/parent[1]", "ref"),
        ("/segments/progress[0]", "finite"),
        ("/segments/wall_time", "dim-size"),
        ("/segments/cpu_time", "missing"),
    }


@pytest.mark.parametrize("absent", ["/segments/weight", "/segments/parent"])
def test_a_cycle_without_the_column_that_others_follow_from_is_refused(absent):
    wrong = facts([1.0], [-1])
    del wrong[absent]
    with pytest.raises(ConformanceError) as caught:
        build_cycle(LAYOUT, None, wrong, [0])
    assert (absent, "missing") in {(p.path, p.kind) for p in caught.value.problems}


@pytest.mark.parametrize(("counts", "stored"), [([2], 1), ([1], 2)])
def test_frame_counts_must_fit_the_frames(counts, stored):
    with pytest.raises(ConformanceError) as caught:
        build_cycle(LAYOUT, None, facts([1.0], [-1], **frames(stored)), counts)
    assert {p.kind for p in caught.value.problems} == {"dim-size"}


@pytest.mark.parametrize("counts", [[1, 1], [-1], []])
def test_there_is_one_frame_count_of_zero_or_more_for_each_walker(counts):
    with pytest.raises(ConformanceError):
        build_cycle(LAYOUT, None, facts([1.0], [-1], **frames(max(0, sum(counts)))), counts)


def test_column_rows_have_the_columns_shape_and_are_read_only():
    column = LAYOUT.columns["/segments/progress"]
    rows = column_rows(column, [1, 2, 3])
    assert rows.shape == (3, 1)
    assert rows.dtype == np.float64
    assert not rows.flags.writeable
