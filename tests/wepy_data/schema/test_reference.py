from pathlib import Path

import pytest

from wepy_data.schema import reference
from wepy_data.schema.problem import KINDS
from wepy_data.schema.spec import parse_spec, run_spec

COMMITTED = Path(__file__).parents[3] / "docs" / "data-model"


def test_committed_pages_are_what_the_schema_says():
    committed = {name: (COMMITTED / name).read_text(encoding="utf-8") for name in reference.reference_pages()}
    assert committed == reference.reference_pages(), "run: python -m wepy_data.schema.reference docs/data-model"


def test_every_name_of_the_schema_is_on_the_page():
    spec, page = run_spec(), reference.reference_page(run_spec())
    for path in (*spec.texts, *spec.links):
        assert f"| `{path}` |" in page
    for path in spec.groups:
        assert f"| `{path}` |" in page or f"\n## {path}\n" in page
    for dataset in spec.datasets.values():
        assert dataset.doc in page
    for name in spec.dims:
        assert f"| `{name}` |" in page


def test_every_kind_of_problem_is_on_the_page():
    page = reference.problems_page(run_spec())
    for kind in (*KINDS, *run_spec().rules):
        assert f"| `{kind}` |" in page


def test_a_change_of_the_schema_changes_the_page():
    changed = parse_spec(run_spec().text.replace("Statistical weight of the walker", "Importance of the walker"))
    assert reference.reference_page(changed) != reference.reference_page(run_spec())


def test_check_of_pages_just_written_passes(tmp_path, capsys):
    assert reference.main([str(tmp_path / "pages")]) == 0
    assert reference.main(["--check", str(tmp_path / "pages")]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["reference.md", "problems.md"])
def test_check_names_the_page_that_is_not_up_to_date(tmp_path, capsys, name):
    reference.main([str(tmp_path)])
    (tmp_path / name).write_text("edited by hand", encoding="utf-8")
    assert reference.main(["--check", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert said == (
        f"{tmp_path / name} is not what the schema says: run `python -m wepy_data.schema.reference {tmp_path}`\n"
    )
    assert (tmp_path / name).read_text(encoding="utf-8") == "edited by hand"


def test_check_of_an_empty_folder_fails(tmp_path):
    assert reference.main(["--check", str(tmp_path)]) == 1


def test_tables_have_as_many_cells_in_each_row():
    for page in reference.reference_pages().values():
        width = 0
        for line in page.splitlines():
            cells = line.replace("\\|", "").count("|") if line.startswith("|") else 0
            assert not width or not cells or cells == width, line
            width = cells
