"""The three levels of checks, and how they stand together."""

import h5py
import pytest

from wepy_data.schema.check import check_tree, provenance_problems
from wepy_data.store.check import check
from wepy_data.store.tree import FileTree
from wepy_data.store.writer import write_run


@pytest.fixture
def damaged(rich_run, new_path):
    """Return a file with something wrong at each level."""
    path = write_run(new_path(), rich_run)
    with h5py.File(path, "r+") as file:
        del file["/segments/wall_time"]
        file["/surprise"] = 1
        file["/segments/cpu_time"][0] = -1
        file["/cycles/total_weight"][0] = 2
    return path


def test_each_level_includes_the_ones_before(damaged):
    structure, values, invariants = (check(damaged, level) for level in ("structure", "values", "invariants"))
    assert {p.kind for p in structure} == {"missing", "unexpected"}
    assert {p.kind for p in values} == {"missing", "unexpected", "min"}
    assert {p.kind for p in invariants} >= {"missing", "unexpected", "min", "weights-sum", "weight-kept"}
    assert invariants[: len(values)] == values


def test_an_unknown_level_is_refused_with_those_that_exist(damaged):
    with pytest.raises(ValueError, match="no level 'deep': there are structure, values, invariants"):
        check(damaged, "deep")


def test_a_problem_says_where_what_was_found_and_what_was_expected(damaged):
    lines = [str(problem) for problem in check(damaged)]
    assert "/segments/wall_time: missing: found nothing, expected f8 of [segment]" in lines
    assert "/segments/cpu_time[0]: min: found -1.0, expected at least 0" in lines


def test_anything_in_extra_is_left_alone(rich_run, new_path):
    path = write_run(new_path(), rich_run)
    with h5py.File(path, "r+") as file:
        file["/extra/deep/er"] = h5py.Empty("f4")
        file["/extra/soft"] = h5py.SoftLink("/nowhere")
        file["/extra/loop"] = file["/extra"]
    assert check(path) == []


def test_a_group_that_holds_itself_is_unexpected_and_ends_no_check(rich_run, new_path):
    path = write_run(new_path(), rich_run)
    with h5py.File(path, "r+") as file:
        file["/segments/again"] = file["/"]
    assert ("/segments/again", "unexpected") in {(p.path, p.kind) for p in check(path)}


def test_many_violations_of_a_rule_are_counted_not_listed(rich_run, new_path):
    path = write_run(new_path(), rich_run)
    with h5py.File(path, "r+") as file:
        file["/segments/walker"][...] = file["/segments/walker"][()] + 3
    found = [p for p in check(path) if p.kind == "segment-rows"]
    assert len(found) == 6
    assert "more of these" in found[-1].found


def test_a_missing_commit_column_does_not_accuse_the_tables_that_it_counts(rich_run, new_path):
    path = write_run(new_path(), rich_run)
    with h5py.File(path, "r+") as file:
        del file["/cycles/merge_stop"]
    assert [(p.path, p.kind) for p in check(path)] == [("/cycles/merge_stop", "missing")]


def test_a_missing_stop_leaves_the_rules_that_can_be_checked(rich_run, new_path):
    path = write_run(new_path(), rich_run)
    with h5py.File(path, "r+") as file:
        del file["/cycles/bin_stop"]
        file["/frames/index"][0] = 5
    assert "frame-order" in {p.kind for p in check(path)}


def test_an_open_file_can_be_checked_too(rich_run, new_path):
    with h5py.File(write_run(new_path(), rich_run), "r") as file:
        assert check_tree(FileTree(file)) == []


def test_provenance_problems_name_the_record(rich_run):
    records = [dict(rich_run.header.provenance[0]), {"kind": "start"}]
    assert provenance_problems(records[:1]) == []
    assert {p.path for p in provenance_problems(records)} == {"/provenance[1]"}
