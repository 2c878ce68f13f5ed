"""Decisions of the resampling: against a loop over segments, and against the weights."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given

from wepy_data.errors import DamagedRunError
from wepy_data.query.decision import COLUMNS, DECISIONS
from wepy_data.query.run import Run
from wepy_data.record.load import read_cycles
from wepy_data.testing import runs


def flows_of(record):
    """Return children and flows of weight by segment: {parent: [child]}, [(from, into, weight)]."""
    children, flows = defaultdict(list), []
    for cycle in read_cycles(record):
        first = cycle.stop("segment") - cycle.n_walkers
        for walker, parent in enumerate(cycle.parent.tolist()):
            children[parent].append(first + walker)
        flows += zip(*(cycle[f"/merges/{name}"].tolist() for name in ("from", "into", "weight")), strict=True)
    if record.planned is not None:
        first = record.rows("segment")
        for walker, parent in enumerate(record.planned["/next/parent"].tolist()):
            children[parent].append(first + walker)
        into = (first + record.planned["/next/merges/into"]).tolist()
        more = (record.planned[f"/next/merges/{name}"].tolist() for name in ("from", "weight"))
        flows += [(source, to, weight) for to, source, weight in zip(into, *more, strict=True)]
    return children, flows


def decision_of(segment, children, flows, absorbed):
    """Return one row of the table, by the definition."""
    mine = children.get(segment, [])
    out = [(weight, -into) for source, into, weight in flows if source == segment]
    gained = [weight for _, into, weight in flows if into in mine]
    if segment in absorbed:
        word = "absorbed"
    elif not mine:
        word = "merged"
    elif gained:
        word = "merge"
    else:
        word = "clone" if len(mine) + len(out) > 1 else "nothing"
    merged_into = -max(out)[1] if out else -1
    return word, len(mine), merged_into, sum(w for w, _ in out), sum(gained)


@given(record=runs(max_cycles=5, merging=True))
def test_decisions_are_those_of_a_loop_over_the_segments(record):
    frame = Run(record).table("decisions")
    stops = record.stops("segment")
    known = record.n_cycles - (not record.sealed)
    assert frame.index.tolist() == list(range(int(stops[known - 1]) if known > 0 else 0))
    children, flows = flows_of(record)
    events = Run(record).table("events")
    absorbed = set(events.segment[events.kind == "absorbed"])
    for row in frame.itertuples():
        word, n_children, merged_into, out, gained = decision_of(row.Index, children, flows, absorbed)
        assert (row.decision, row.n_children, row.merged_into) == (word, n_children, merged_into)
        assert (row.weight_out, row.weight_in) == (pytest.approx(out, 1e-12), pytest.approx(gained, 1e-12))


@given(record=runs(min_cycles=1, merging=True, sealed=True))
def test_a_walker_that_is_merged_away_gives_all_its_weight(record):
    frame = Run(record).table("decisions")
    merged = frame[frame.decision == "merged"]
    np.testing.assert_allclose(merged.weight_out, merged.weight, rtol=1e-11)
    assert (merged.merged_into >= 0).all()
    assert frame.weight_out.sum() == pytest.approx(frame.weight_in.sum())


@given(record=runs(min_cycles=2, merging=True))
def test_decisions_of_chosen_cycles_are_those_rows_of_all(record):
    run = Run(record)
    whole = run.table("decisions")
    for cycle in range(record.n_cycles):
        part = run.table("decisions", cycles=cycle)
        assert part.equals(whole[whole.cycle == cycle])


def test_columns_have_the_documented_types(ensemble_record):
    frame = Run(ensemble_record).table("decisions")
    assert {name: str(frame[name].dtype) for name in COLUMNS} == {name: dtype for name, (dtype, _) in COLUMNS.items()}
    assert list(frame.decision.cat.categories) == list(DECISIONS)
    assert list(frame.columns) == ["cycle", "walker", "weight", *COLUMNS]
    assert {"clone", "merge", "merged", "nothing"} <= set(frame.decision)


def test_parents_in_the_wrong_cycle_are_damage(make_ensemble):
    record = make_ensemble(cycles=3)
    rows = dict(record.cycles[1].rows)
    rows["/segments/parent"] = rows["/segments/parent"] + 1000
    object.__setattr__(record.cycles[1], "rows", rows)
    with pytest.raises(DamagedRunError, match=r"/segments/parent: found 10.., expected a segment from 0 to 3"):
        Run(record).table("decisions", cycles=0)
