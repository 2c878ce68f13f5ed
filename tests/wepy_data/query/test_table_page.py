"""The reference page of the tables: up to date, and true of a run."""

import re
from pathlib import Path

from wepy_data.query import table_page
from wepy_data.query.run import Run
from wepy_data.query.table import TABLES

COMMITTED = Path(__file__).parents[3] / "docs" / "data-model"


def test_committed_page_is_what_schema_and_code_say():
    assert table_page.main(["--check", str(COMMITTED)]) == 0


def test_a_page_that_is_not_up_to_date_is_named(tmp_path, capsys):
    assert table_page.main(["--check", str(tmp_path)]) == 1
    assert "tables.md is not up to date" in capsys.readouterr().err
    assert table_page.main([str(tmp_path)]) == 0
    assert table_page.main(["--check", str(tmp_path)]) == 0


def test_types_on_the_page_are_those_of_a_run(ensemble_record):
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", table_page.table_page(), re.DOTALL | re.MULTILINE))
    assert list(sections) == list(TABLES)
    for name, text in sections.items():
        rows = dict(re.findall(r"^\| `(\w+)`[^|]*\| (\w+) \|", text, re.MULTILINE))
        frame = Run(ensemble_record).table(name)
        found = {re.sub(r"_\d+$", "", label): str(dtype) for label, dtype in frame.dtypes.items()}
        assert {label: dtype if dtype != "object" else "str" for label, dtype in found.items()} == rows
