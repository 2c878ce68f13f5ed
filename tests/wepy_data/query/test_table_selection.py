"""Chosen cycles and columns of tables: the same values, and nothing else is read."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy_data.errors import SelectionError
from wepy_data.query.run import Run, open_run
from wepy_data.query.table import TABLES
from wepy_data.testing import runs

GROWING = sorted(TABLES.keys() - {"states", "decisions"})


class Watched:
    """A reader that notes what is read."""

    def __init__(self, reader):
        self.reader, self.seen = reader, []

    def __getattr__(self, name):
        return getattr(self.reader, name)

    def read(self, path, start=0, stop=None):
        values = self.reader.read(path, start, stop)
        self.seen.append((path, len(values)))
        return values


@given(record=runs(max_cycles=5), name=st.sampled_from(GROWING), data=st.data())
def test_rows_of_chosen_cycles_are_those_of_the_whole_table(record, name, data):
    run, edge = Run(record), st.none() | st.integers(-6, 6)
    chosen = slice(data.draw(edge), data.draw(edge))
    whole, stops = run.table(name), record.stops(TABLES[name]) if name != "cycles" else np.arange(record.n_cycles) + 1
    cycle = np.searchsorted(stops, whole.index, side="right")
    expected = whole[np.isin(cycle, np.arange(record.n_cycles)[chosen])]
    found = run.table(name, cycles=chosen)
    pd.testing.assert_frame_equal(found, expected, check_index_type=False)
    assert found.index.name == TABLES[name]
    assert found.attrs == whole.attrs
    pd.testing.assert_frame_equal(run.table(name, cycles=(chosen.start, chosen.stop)), found)


@given(record=runs(min_cycles=1), data=st.data())
def test_columns_come_in_the_order_asked_for(record, data):
    run = Run(record)
    whole = run.table("segments")
    wanted = data.draw(st.lists(st.sampled_from(list(whole.columns)), unique=True))
    found = run.table("segments", columns=wanted)
    pd.testing.assert_frame_equal(found, whole[wanted], check_column_type=False)
    assert list(found.attrs["units"]) == wanted


def test_only_the_rows_and_columns_asked_for_are_read(ensemble_file):
    with open_run(ensemble_file) as run:
        watched = Watched(run.reader)
        found = Run(watched).table("segments", cycles=(3, 5), columns=["weight", "progress"])
    assert list(found.columns) == ["weight", "progress_0", "progress_1"]
    assert watched.seen == [("/segments/weight", len(found)), ("/segments/progress", len(found))]
    assert 0 < len(found) < run.n_segments


def test_an_unknown_column_names_those_that_exist(ensemble_record):
    with pytest.raises(SelectionError, match="no column 'mass', 'x' in the table merges: there are into, from, weight"):
        Run(ensemble_record).table("merges", columns=["mass", "into", "x"])


def test_one_column_may_be_named_without_a_list(ensemble_record):
    assert list(Run(ensemble_record).table("cycles", columns="total_weight").columns) == ["total_weight"]


@pytest.mark.parametrize(
    ("name", "cycles", "says"),
    [
        ("segments", 12, "no cycle 12: this run has cycles 0 to 11"),
        ("segments", -13, "no cycle -13"),
        ("frames", slice(0, 8, 2), "in steps of 2"),
        ("states", 0, "states belong to no cycle"),
    ],
)
def test_cycles_that_cannot_be_chosen_say_why(ensemble_record, name, cycles, says):
    with pytest.raises(SelectionError, match=says):
        Run(ensemble_record).table(name, cycles=cycles)


def test_one_cycle_may_be_a_number_of_numpy(ensemble_record):
    found = Run(ensemble_record).table("segments", cycles=np.int32(-1))
    assert set(found.cycle) == {11}
