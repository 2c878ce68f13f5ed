"""What the mutations cover, and that damages do only what they say."""

import h5py
import pytest
from hypothesis import given, settings

from wepy_data.schema.spec import run_spec
from wepy_data.store.check import check
from wepy_data.store.writer import write_run
from wepy_data.testing import mutations_of, near_valid, refresh_crc, runs

STRUCTURE = {
    "missing", "unexpected", "kind", "dtype", "rank", "dim-size", "unit", "dims-attribute", "attribute", "link",
}  # fmt: skip
VALUES = {"finite", "above", "min", "max", "enum", "ref", "json", "topology", "provenance", "utf-8"}


def test_every_rule_and_kind_can_be_broken_in_a_rich_run(rich_run):
    assert set(mutations_of(rich_run)) == STRUCTURE | VALUES | set(run_spec().rules)


@given(run=runs())
def test_even_the_poorest_run_can_be_damaged_in_its_structure(run):
    assert set(mutations_of(run)) >= STRUCTURE


@pytest.mark.parametrize("kind", ["crc", "weight-flow", "missing"])
def test_mutations_of_a_kind_are_told_apart_by_their_words(kind, rich_run):
    words = [str(mutation) for mutation in mutations_of(rich_run)[kind]]
    assert len(set(words)) == len(words)


def test_refreshing_checksums_leaves_a_valid_run_as_it_is(rich_run, new_path):
    path = write_run(new_path(), rich_run)
    with h5py.File(path, "r+", libver=("v110", "v110")) as file:
        before = file["/cycles/crc"][()].tolist()
        refresh_crc(file)
        assert file["/cycles/crc"][()].tolist() == before


def test_a_value_changed_with_a_refreshed_checksum_is_the_only_problem(rich_run, new_path):
    for mutation in mutations_of(rich_run)["max"]:
        path = write_run(new_path(), rich_run)
        with h5py.File(path, "r+", libver=("v110", "v110")) as file:
            mutation.damage(file)
        assert "crc" not in {problem.kind for problem in check(path)}


@settings(max_examples=10)
@given(damaged=near_valid(runs(min_cycles=1, max_cycles=1)))
def test_the_run_to_be_damaged_can_be_chosen(damaged):
    assert damaged.run.n_cycles == 1
