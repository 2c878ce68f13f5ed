"""Tables as files."""

import json
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from wepy_data import MissingPackageError, RunExistsError, SelectionError, export_table, open_run
from wepy_data.query.table import TABLES


@pytest.fixture
def run(ensemble_file):
    with open_run(ensemble_file) as run:
        yield run


@pytest.mark.parametrize("name", TABLES)
def test_parquet_gives_the_table_back_with_its_units(run, tmp_path, name):
    table = run.table(name)
    again = pd.read_parquet(export_table(run, name, tmp_path / "t.parquet"))
    pd.testing.assert_frame_equal(again, table)
    assert again.attrs == table.attrs


@pytest.mark.parametrize("name", sorted(set(TABLES) - {"states"}))
def test_parquet_gives_chosen_cycles_and_columns_back_with_types_categories_units(run, tmp_path, name):
    columns = list(run.table(name).columns)[::2]
    table = run.table(name, cycles=(2, 5), columns=columns)
    written = export_table(run, name, tmp_path / "t.parquet", cycles=(2, 5), columns=columns)
    again = pd.read_parquet(written)
    pd.testing.assert_frame_equal(again, table)
    assert again.attrs == table.attrs
    assert json.loads(pq.read_schema(written).metadata[b"PANDAS_ATTRS"])["units"] == table.attrs["units"]


@pytest.mark.parametrize("name", TABLES)
def test_csv_gives_the_numbers_back_exactly(run, tmp_path, name):
    table = run.table(name)
    again = pd.read_csv(export_table(run, name, tmp_path / "t.csv"), index_col=0, dtype=str, keep_default_na=False)
    assert again.index.name == table.index.name
    assert list(again.columns) == list(table.columns)
    for column in table.columns:
        if table[column].dtype.kind in "iuf":
            texts = again[column].replace("", "nan")
            np.testing.assert_array_equal([float(text) for text in texts], table[column].to_numpy(float))
        else:
            assert again[column].tolist() == table[column].tolist()


def test_other_suffix_names_the_two(run, tmp_path):
    with pytest.raises(SelectionError, match=r"\.csv or \.parquet"):
        export_table(run, "segments", tmp_path / "t.xlsx")


def test_existing_file_is_kept_unless_told_otherwise(run, tmp_path):
    target = tmp_path / "t.csv"
    target.write_text("mine")
    with pytest.raises(RunExistsError):
        export_table(run, "segments", target)
    assert target.read_text() == "mine"
    export_table(run, "segments", target, overwrite=True)
    assert target.read_text().startswith("segment,cycle")


def test_unknown_table_and_missing_folder_are_refused(run, tmp_path):
    with pytest.raises(SelectionError, match="no table"):
        export_table(run, "walkers", tmp_path / "t.csv")
    with pytest.raises(FileNotFoundError, match="no folder"):
        export_table(run, "segments", tmp_path / "nowhere" / "t.csv")
    assert not list(tmp_path.iterdir())


def test_missing_pyarrow_says_how_to_get_it(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingPackageError, match=r"wepy-ensemble\[parquet\]"):
        export_table(run, "segments", tmp_path / "t.parquet")
