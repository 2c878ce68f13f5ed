"""Every damage is found, whatever the run and whatever is done to it."""

import pytest
from hypothesis import given, settings

from wepy_data.schema.spec import run_spec
from wepy_data.store.check import check
from wepy_data.testing import NearValid, mutations_of, near_valid


@settings(max_examples=30)
@given(damaged=near_valid())
def test_every_mutation_is_found(damaged, new_path):
    must_be_found(damaged, new_path())


@pytest.mark.parametrize("rule", [rule for rule in run_spec().rules if rule != "crc"])
def test_every_way_to_break_a_rule_is_found_in_a_rich_run(rule, rich_run, new_path):
    for mutation in mutations_of(rich_run)[rule]:
        must_be_found(NearValid(run=rich_run, mutation=mutation), new_path())


@pytest.mark.slow
def test_every_mutation_is_found_in_a_rich_run(rich_run, new_path):
    for mutations in mutations_of(rich_run).values():
        for mutation in mutations:
            must_be_found(NearValid(run=rich_run, mutation=mutation), new_path())


def must_be_found(damaged, path):
    damaged.write(path)
    problems = check(path)
    path.unlink()
    assert damaged.mutation.is_found(problems), "\n".join([f"missed {damaged.mutation}, found:", *map(str, problems)])
