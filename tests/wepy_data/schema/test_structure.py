"""What the checks make of a file's objects."""

import h5py

from wepy_data.schema.spec import run_spec
from wepy_data.schema.structure import layout_of, structure_problems, wildcard_names
from wepy_data.schema.tree import Node
from wepy_data.store.tree import FileTree
from wepy_data.store.writer import write_run


def test_the_layout_of_a_file_is_the_one_that_it_was_made_with(rich_run, new_path):
    with h5py.File(write_run(new_path(), rich_run), "r") as file:
        layout = layout_of(run_spec(), FileTree(file).nodes())
    mine = rich_run.header.layout
    assert list(layout.columns) == list(mine.columns)
    assert dict(layout.links()) == dict(mine.links())
    assert {dim: layout.sizes[dim] for dim in mine.sizes} == mine.sizes


def test_an_empty_file_misses_all_that_is_required_and_nothing_optional():
    nodes = {"/": Node(kind="group")}
    spec = run_spec()
    problems = structure_problems(spec, nodes, layout_of(spec, nodes))
    assert {p.kind for p in problems} == {"missing"}
    paths = {p.path for p in problems}
    assert {"/@sealed", "/segments", "/segments/weight", "/config"} <= paths
    assert not any(path.startswith(("/particles", "/next", "/continues", "/extra", "/topology")) for path in paths)


def test_names_of_a_wildcard_are_sorted_and_go_one_level_deep():
    nodes = {f"/observables/{name}": Node(kind="group") for name in ("z", "a", "ä", "a/value")}
    assert wildcard_names("/observables/<name>/value", nodes) == ["a", "z", "ä"]
