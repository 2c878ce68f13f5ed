"""The first difference between two runs."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given

from wepy_data.record.compare import compare
from wepy_data.record.cycle import Cycle
from wepy_data.record.run_record import RunRecord
from wepy_data.testing import runs


def changed(run, path, value, *, cycle=0, row=0):
    """Return a copy of a run with one value changed."""
    copy = RunRecord(run.header)
    for one in run:
        rows = dict(one.rows)
        if one.index == cycle:
            rows[path] = rows[path].copy()
            rows[path][row] = value
        copy.append(Cycle(index=one.index, rows=rows))
    if run.planned is not None:
        copy.seal(run.planned)
    return copy


@given(run=runs(max_cycles=2))
def test_a_run_equals_itself(run):
    assert compare(run, run, volatile=True) is None


def test_a_difference_is_named_with_both_values(rich_run):
    found = compare(rich_run, changed(rich_run, "/segments/state", 77, cycle=0, row=0))
    assert found.path == "/segments/state[0]"
    assert found.right == "77"
    assert str(found).startswith("/segments/state[0]: ")


def test_the_place_of_a_difference_has_all_indices(rich_run):
    other = changed(rich_run, "/frames/time", 77, cycle=1, row=0)
    assert compare(rich_run, other).path == f"/frames/time[{rich_run.stops('frame')[0]}]"
    other = changed(rich_run, "/particles/trajectory/position/value", 77, cycle=0, row=0)
    assert compare(rich_run, other).path == "/particles/trajectory/position/value[0, 0, 0]"


def test_a_bit_counts_and_not_only_a_value(rich_run):
    zero, minus = (changed(rich_run, "/segments/progress", value) for value in (0.0, -0.0))
    assert compare(zero, minus).path == "/segments/progress[0, 0]"


def test_numbers_that_are_none_equal_themselves(rich_run):
    one, other = (changed(rich_run, "/bins/centre", np.nan) for _ in range(2))
    assert compare(one, other) is None


@pytest.mark.parametrize("path", ["/cycles/began", "/segments/cpu_time", "/segments/worker", "/cycles/crc"])
def test_volatile_columns_count_only_if_asked_for(path, rich_run):
    other = changed(rich_run, path, rich_run.read(path)[0] + 1)
    assert compare(rich_run, other) is None
    assert compare(rich_run, other, volatile=True).path == f"{path}[0]"


def test_runs_of_other_lengths_differ(rich_run):
    shorter = RunRecord(rich_run.header)
    shorter.append(rich_run.cycles[0])
    assert str(compare(rich_run, shorter)) == "/cycles: 3 cycles != 1 cycles"


def test_a_sealed_run_differs_from_one_that_is_not(rich_run):
    other = RunRecord(rich_run.header)
    for cycle in rich_run:
        other.append(cycle)
    assert compare(rich_run, other).path == "/next"
    other.seal({**rich_run.planned, "/next/weight": rich_run.planned["/next/weight"] * 2})
    assert compare(rich_run, other).path == "/next/weight[0]"


def test_headers_are_compared_but_not_who_ran_it(rich_run):
    def with_header(**changes):
        other = RunRecord(dataclasses.replace(rich_run.header, **changes))
        for cycle in rich_run:
            other.append(cycle)
        other.seal(rich_run.planned)
        return other

    assert compare(rich_run, with_header(author="someone else", run_id="another", config={})) is None
    assert compare(rich_run, with_header(topology="{}")).path == "/topology"
    static = {**rich_run.header.static, "/states/probability": rich_run.header.static["/states/probability"] / 2}
    assert compare(rich_run, with_header(static=static)).path == "/states/probability[0]"


def test_runs_with_other_datasets_differ():
    from hypothesis import Phase, find, settings

    quick = settings(phases=[Phase.generate])
    with_particles = find(runs(particles=True, velocities=True), lambda run: True, settings=quick)
    without = find(runs(particles=False), lambda run: True, settings=quick)
    found = compare(with_particles, without)
    assert {found.left, found.right} == {"there", "missing"}
