"""Checks of single values."""

import numpy as np
import pytest

from wepy_data.schema.layout import Layout
from wepy_data.schema.values import value_problems

COLUMNS = Layout(sizes={"feature": 2}).columns


def kinds(path, values, first_row=0):
    column = COLUMNS[path]
    return [(p.kind, p.path) for p in value_problems(column, np.array(values, column.numpy_dtype), first_row)]


@pytest.mark.parametrize(
    ("path", "values", "kind"),
    [
        ("/segments/weight", [0.5, np.nan], "finite"),
        ("/segments/weight", [0.5, -np.inf], "finite"),
        ("/segments/weight", [0.5, 0.0], "above"),
        ("/segments/walker", [0, -1], "min"),
        ("/states/probability", [0.5, 1.5], "max"),
        ("/states/kind", [2, 3], "enum"),
        ("/segments/parent", [-1, -2], "ref"),
        ("/segments/root", [0, -1], "ref"),
        ("/states/label", [b"a", b"\xff"], "utf-8"),
        ("/segments/progress", [[0, 0], [0, np.nan]], "finite"),
    ],
)
def test_a_wrong_value_is_found_where_it_is(path, values, kind):
    assert (kind, f"{path}[11]") in kinds(path, values, first_row=10)


@pytest.mark.parametrize("path", COLUMNS)
def test_no_rows_have_no_problems(path):
    assert kinds(path, COLUMNS[path].empty()) == []


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/segments/parent", [-1, 2**62]),
        ("/states/label", ["α" * 32, ""]),
        ("/bins/centre", [[np.nan, np.inf]]),
        ("/states/probability", [0, 1]),
    ],
)
def test_values_within_bounds_have_no_problems(path, values):
    values = [v.encode() if isinstance(v, str) else v for v in values]
    assert kinds(path, values) == []


def test_many_wrong_values_are_one_problem_that_shows_the_first_and_counts_the_rest():
    column = COLUMNS["/segments/walker"]
    (problem,) = value_problems(column, np.full(10, -7))
    assert str(problem) == "/segments/walker[0]: min: found -7, -7, -7 and 7 more, expected at least 0"
