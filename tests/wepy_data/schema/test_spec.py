"""The schema's text, its vocabulary, and what is made of it."""

import pytest
import yaml

from wepy_data.schema.location import schema_folder
from wepy_data.schema.rules import RULES
from wepy_data.schema.spec import WILDCARD, check_vocabulary, parse_spec, run_spec

TEXT = (schema_folder() / "run-1.0.yaml").read_text(encoding="utf-8")


def test_the_schema_keeps_to_its_own_vocabulary():
    check_vocabulary(TEXT)


def test_everything_wrong_with_a_schema_is_named_at_once():
    raw = yaml.safe_load(TEXT)
    raw["datasets"]["/segments/weight"]["dtype"] = "float64"
    raw["datasets"]["/segments/parent"]["refers"] = "segment"
    raw["dims"]["cycle"].pop("owner")
    raw["rules"]["Weights Sum"] = "no"
    raw["version"] = "1.0"
    with pytest.raises(ValueError, match="does not conform to meta") as caught:
        check_vocabulary(yaml.safe_dump(raw))
    message = str(caught.value)
    for part in (
        "datasets//segments/weight",
        "'refers' was unexpected",
        "'owner' is a required",
        "Weights Sum",
        "'1.0'",
    ):
        assert part in message


def test_every_rule_has_a_function_and_every_function_a_rule():
    assert set(RULES) == set(run_spec().rules)


def test_a_spec_remembers_its_text():
    spec = parse_spec(TEXT)
    assert spec.text == TEXT
    assert len(spec.sha256) == 64
    assert spec == run_spec()


def test_every_dimension_is_owned_by_a_dataset_that_has_it():
    spec = run_spec()
    for dim in spec.dims.values():
        assert spec.datasets[dim.owner].dims[dim.axis] == dim.name
        if dim.grows and dim.name != "cycle":
            assert spec.datasets[dim.stop].dims == ("cycle",)


def test_every_name_that_the_schema_uses_is_one_that_it_has():
    spec = run_spec()
    objects = {**spec.groups, **spec.datasets}
    for dataset in spec.datasets.values():
        assert {dim for dim in dataset.dims if isinstance(dim, str) and dim != "..."} <= set(spec.dims)
        assert not dataset.ref or dataset.ref in spec.dims
        assert not dataset.present_with or dataset.present_with in objects
        assert dataset.path.rsplit("/", 1)[0] in ("", *objects)
    for link in spec.links.values():
        assert link.to in spec.datasets
        assert not link.present_with or link.present_with in objects


def test_only_whole_names_are_wildcards():
    for path in run_spec().datasets:
        assert all(part == WILDCARD or "<" not in part for part in path.split("/"))
