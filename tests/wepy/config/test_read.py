"""Configurations read from TOML: every mistake at once."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy.config import Configuration, parse_configuration, read_configuration
from wepy.config.example import examples_folder
from wepy.errors import ConfigurationError

SMALL = """
[run]
steps = 5
seed = 1
[engine]
kind = "double-well"
[order_parameter]
kind = "coordinates"
[[states]]
label = "left"
x = [-1.0]
"""


def read(tmp_path, text):
    path = tmp_path / "c.toml"
    path.write_text(text, encoding="utf-8")
    return read_configuration(path)


def mistakes(tmp_path, text):
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, text)
    head, *lines = str(caught.value).splitlines()
    assert head.startswith(str(tmp_path / "c.toml"))
    return [line.strip() for line in lines]


def test_a_small_configuration_gets_defaults(tmp_path):
    config = read(tmp_path, SMALL)
    assert (config.run.cycles, config.run.walkers, str(config.run.output)) == (100, 8, "run.h5")
    assert config.balancer.kind == "huber-kim"
    assert config.dispatch.kind == "serial"
    assert config.binner is config.recycling is None


@pytest.mark.parametrize("path", sorted(examples_folder().glob("*/*.toml")), ids=lambda path: path.stem)
def test_the_examples_parse_and_survive_the_way_through_json(path):
    config = read_configuration(path)
    assert parse_configuration(config.model_dump(mode="json")) == config


def test_workers_need_a_dispatch_that_has_some(tmp_path):
    (line,) = mistakes(tmp_path, SMALL + "[dispatch]\nworkers = 4\n")
    assert line.startswith('dispatch: expected kind = "processes" or "scoop" with workers')


def test_every_mistake_is_reported_at_once_with_its_key(tmp_path):
    text = """
        colour = 1
        [run]
        steps = "five"
        cycels = 3
        walkers = 0
        seed = true
        [engine]
        kind = "double-wel"
        [order_parameter]
        kind = "coordinates"
        indices = [-1]
        [binner]
        kind = "rectilinear"
        edges = [{start = 1.0, stop = 0.0, bins = 3}, [0.0, 1.0], {start = 0, stop = 1, bin = 3}, "a"]
        [balancer]
        kind = "huber-kim"
        target_cont = 3
        [recycling]
        lower = [1.0]
        upper = [0.5]
        [[states]]
        label = "a"
        [[states]]
        probability = 2
        x = [nan]
        [dispatch]
        workers = 1.5
    """
    assert mistakes(tmp_path, text) == [
        "run.walkers: expected a number of at least 1, found 0",
        "run.steps: expected a whole number, found 'five'",
        "run.seed: expected a whole number, found True",
        "run.cycels: unknown key; did you mean cycles?",
        'engine.kind: expected one of "openmm", "openmm-files", "double-well", "mueller-brown", "odld", '
        "\"random-walk\", found 'double-wel'",
        "order_parameter.indices[0]: expected a number of at least 0, found -1",
        "binner.edges[0]: expected start < stop, got 1.0 and 0.0, found {'start': 1.0, 'stop': 0.0, 'bins': 3}",
        "binner.edges[2].bins: missing; add it",
        "binner.edges[2].bin: unknown key; did you mean bins?",
        "binner.edges[3]: expected a table, found 'a'",
        "balancer.target_cont: unknown key; did you mean target_count?",
        "recycling: expected lower < upper in every dimension, found {'lower': [1.0], 'upper': [0.5]}",
        "states[0]: expected one of x (coordinates of a toy) and pdb (a file), found {'label': 'a'}",
        "states[1].probability: expected a number of at most 1.0, found 2",
        "states[1].x[0]: expected a finite number, found nan",
        "dispatch.workers: expected a whole number, found 1.5",
        "colour: unknown key; expected some of run, engine, order_parameter, binner, balancer, recycling, boundaries, "
        "states, sources, dispatch, storage",
    ]


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ("[engine]", "engine.kind: missing; expected one of"),
        ('[engine]\nkind = "openmm"', "engine.pdb: missing; add it"),
        ('[order_parameter]\nkind = "function"\nname = "f"\nlabels = ["a"]', "order_parameter.name: expected package"),
        ('[order_parameter]\nkind = "distance"\npairs = [[0, -1]]', "order_parameter.pairs[0][1]: expected a number"),
        ('[balancer]\nkind = "revo"', "balancer.merge_distance: missing; add it"),
        ('[balancer]\nkind = "wexplore"\npmax = 0', "balancer.pmax: expected a number greater than 0"),
        (
            '[balancer]\nkind = "revo"\nmerge_distance = 1.0\nmetric = {kind = "euclid"}',
            'balancer.metric.kind: expected one of "euclidean", "periodic", "atom-pairs", "ligand-rmsd"',
        ),
        (
            '[balancer]\nkind = "revo"\nmerge_distance = 1.0\nmetric = {kind = "periodic", period = [1.0, -1.0]}',
            "balancer.metric.period[1]: expected a number greater than 0",
        ),
        (
            '[binner]\nkind = "region-tree"\nmax_region_sizes = [1.0, 0.5]',
            "binner: expected as many max_region_sizes as max_n_regions",
        ),
        (
            '[binner]\nkind = "region-tree"\nmax_region_sizes = [1.0, 1.0]\nmax_n_regions = [2, 2]',
            "binner: expected decreasing max_region_sizes",
        ),
        ('[order_parameter]\nkind = "distance"\npairs = []', "order_parameter.pairs: expected at least 1, found []"),
        ('[order_parameter]\nkind = "distance"\npairs = [[1]]', "order_parameter.pairs[0][1]: missing; add it"),
        ('[binner]\nkind = "rectilinear"\nedges = []', "binner.edges: expected at least 1, found []"),
        ('[binner]\nkind = "rectilinear"\nedges = [[1.0]]', "binner: expected at least 2 edges, strictly increasing"),
        ('[binner]\nkind = "rectilinear"\nedges = [[1.0, nan]]', "binner: expected at least 2 edges, strictly"),
        ("[recycling]\nlower = [1.0]\nupper = [2.0, 3.0]", "recycling: expected as many upper edges as lower"),
        ('[dispatch]\nkind = "mpi"', "dispatch.kind: expected 'serial', 'processes' or 'scoop', found 'mpi'"),
    ],
)
def test_a_mistake_names_its_key_and_the_way_out(tmp_path, change, line):
    name = change.splitlines()[0]
    tables = SMALL.split("\n[")
    text = "\n[".join(table for table in tables if f"[{table}".split("]")[0] + "]" != name)
    found = mistakes(tmp_path, text.replace("[[states]]", f"{change}\n[[states]]"))
    assert any(entry.startswith(line) for entry in found), found


@pytest.mark.parametrize("key", ["run", "engine", "order_parameter", "binner", "recycling", "dispatch"])
def test_a_value_in_the_place_of_a_table(tmp_path, key):
    tables = [table for table in SMALL.split("\n[") if not table.startswith(f"{key}]")]
    (found,) = mistakes(tmp_path, f"{key} = 3\n" + "\n[".join(tables))
    assert found == f"{key}: expected a table, found 3"


def test_an_empty_file_misses_its_tables(tmp_path):
    assert mistakes(tmp_path, "") == [f"{key}: missing; add it" for key in ("run", "engine", "order_parameter")]


@pytest.mark.parametrize("text", ["a = [", "a = 1\na = 2", "[run\n"])
def test_what_is_not_toml_is_named_with_its_line(tmp_path, text):
    with pytest.raises(ConfigurationError, match=r"c\.toml is not TOML: .*(line \d|end of document)"):
        read(tmp_path, text)


def test_bytes_that_are_no_text_are_not_toml(tmp_path):
    (tmp_path / "c.toml").write_bytes(b"\x89HDF\xff")
    with pytest.raises(ConfigurationError, match=r"c\.toml is not a text"):
        read_configuration(tmp_path / "c.toml")


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.toml: no such file \(wepy init"):
        read_configuration(tmp_path / "no.toml")
    with pytest.raises(ConfigurationError, match="is a folder: name the TOML file"):
        read_configuration(tmp_path)


def test_infinite_edges_are_numbers_in_toml_and_text_in_json(tmp_path):
    config = read(tmp_path, SMALL + '[recycling]\nlower = [-inf]\nupper = [2]\n[binner]\nkind = "rectilinear"\n'
                                    "edges = [[-inf, 0, inf]]")  # fmt: skip
    assert config.recycling.lower == [-math.inf]
    dumped = config.model_dump(mode="json")
    assert dumped["recycling"]["lower"] == ["-inf"]
    assert dumped["binner"]["edges"] == [["-inf", 0.0, "inf"]]


json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KINDS = ["openmm", "double-well", "coordinates", "rectilinear", "huber-kim", "none", "distance", "x"]


@given(
    st.dictionaries(
        st.sampled_from([*Configuration.model_fields, "nix"]),
        json | st.lists(json, max_size=2) | st.fixed_dictionaries({"kind": st.sampled_from(KINDS), "edges": json}),
    )
)
def test_whatever_is_in_a_file_gives_a_configuration_or_a_clear_error(raw):
    try:
        parse_configuration(raw)
    except ConfigurationError as error:
        head, *lines = str(error).splitlines()
        assert "mistake" in head
        assert lines
        assert all(line.startswith("  ") and ": " in line for line in lines)
