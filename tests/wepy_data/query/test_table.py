"""Tables: the schema's columns, types, categories and units, of records and files alike."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wepy_data.errors import SelectionError
from wepy_data.query.run import Run, open_run
from wepy_data.query.table import TABLES
from wepy_data.record.run_record import RunRecord
from wepy_data.schema.layout import Named
from wepy_data.store.writer import write_run
from wepy_data.testing import runs

QUICK = settings(max_examples=25, suppress_health_check=list(HealthCheck), deadline=None)


@given(record=runs(), name=st.sampled_from(sorted(TABLES.keys() - {"decisions"})))
@settings(QUICK)
def test_columns_are_those_of_the_schema_with_its_types_units_and_values(record, name):
    frame = Run(record).table(name)
    assert frame.index.name == TABLES[name]
    labels = list(frame.columns)
    for path, column in record.header.layout.columns.items():
        if not path.startswith(f"/{name}/") or "/arrays/" in path:
            continue
        stored = record.header.static[path] if name == "states" else record.read(path)
        for part in stored.reshape(len(stored), int(np.prod(column.shape))).T:
            label = labels.pop(0)
            assert label.removeprefix("observables/").startswith(path.split("/")[-1])
            assert frame.attrs["units"][label] == column.unit
            found = frame[label]
            if column.spec.enum:
                assert list(found.cat.categories) == sorted(column.spec.enum, key=column.spec.enum.__getitem__)
                assert found.map(column.spec.enum).tolist() == part.tolist()
            elif column.dtype.startswith("S"):
                assert found.tolist() == [text.decode() for text in part.tolist()]
            else:
                assert found.dtype == column.numpy_dtype
                np.testing.assert_array_equal(found.to_numpy(), part)
    assert labels == []


@given(record=runs())
@settings(QUICK, max_examples=10)
def test_tables_of_a_file_equal_those_of_the_record(tmp_path_factory, record):
    path = write_run(tmp_path_factory.mktemp("run") / "run.h5", record)
    with open_run(path) as run:
        for name in TABLES:
            pd.testing.assert_frame_equal(run.table(name), Run(record).table(name))
            assert run.table(name).attrs == Run(record).table(name).attrs


@given(record=runs(min_cycles=0, max_cycles=0))
@settings(QUICK, max_examples=5)
def test_a_run_without_cycles_has_empty_tables_of_the_same_columns(record):
    for name in set(TABLES) - {"states"}:
        frame = Run(record).table(name)
        assert len(frame) == 0
        assert len(frame.columns) > 0


@given(record=runs())
@settings(QUICK, max_examples=5)
def test_a_missing_table_says_which_exist(record):
    with pytest.raises(SelectionError, match="no table 'walkers': there are segments, cycles, merges"):
        Run(record).table("walkers")


def test_labels_are_unicode_and_tables_without_rows_keep_their_types(toy):
    run = Run(toy)
    assert run.table("states")["label"].tolist() == ["Grundzustand α→β"]
    assert run.table("merges").dtypes.astype(str).to_dict() == {"into": "int64", "from": "int64", "weight": "float64"}
    assert list(run.table("events")["kind"].cat.categories) == ["recycled", "absorbed", "failed"]
    assert run.table("workers")["host"].dtype == run.table("states")["label"].dtype


def test_features_are_numbered_only_if_there_are_several(toy, make_record):
    assert "progress" in Run(toy).table("segments")
    assert {"progress_0", "progress_1"} <= set(Run(make_record(n_features=2)).table("segments"))


def test_an_observable_with_the_name_of_a_column_hides_nothing(make_record):
    table = Run(make_record(per_segment=Named(name="weight", unit="nm"))).table("segments")
    assert table["weight"].sum() == pytest.approx(len(set(table["cycle"])))
    assert (table["observables/weight"] == 7).all()
    assert table.attrs["units"]["observables/weight"] == "nm"


def test_a_number_outside_an_enumeration_is_a_missing_value(toy):
    states = {**toy.header.static, "/states/kind": np.array([9], "u1")}
    object.__setattr__(toy.header, "static", states)  # as a damaged file would say
    assert isinstance(toy, RunRecord)
    assert Run(toy).table("states")["kind"].isna().all()
