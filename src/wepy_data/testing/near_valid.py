"""The strategy of nearly valid runs: a valid one, and one thing that is done to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import h5py
from hypothesis import strategies as st

from wepy_data.record.protocols import RunReader
from wepy_data.record.run_record import RunRecord
from wepy_data.store.copy import VERSIONS
from wepy_data.store.writer import write_run
from wepy_data.testing.mutation import Mutation
from wepy_data.testing.rule_mutation import rule_mutations
from wepy_data.testing.run import runs
from wepy_data.testing.structure_mutation import structure_mutations
from wepy_data.testing.value_mutation import value_mutations

_SOURCES: tuple[Callable[[RunReader], Iterator[Mutation]], ...] = (structure_mutations, value_mutations, rule_mutations)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NearValid:
    """A valid run and one thing to be done to it."""

    run: RunRecord
    mutation: Mutation

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the run to a new file and damage it."""
        write_run(path, self.run)
        with h5py.File(path, "r+", libver=VERSIONS, locking=False) as file:
            self.mutation.damage(file)


def mutations_of(run: RunReader) -> dict[str, list[Mutation]]:
    """Return everything that can be done to a run, by kind of the problem that must be found."""
    found: dict[str, list[Mutation]] = {}
    for source in _SOURCES:
        for mutation in source(run):
            found.setdefault(mutation.kind, []).append(mutation)
    return found


def mutations(run: RunReader) -> st.SearchStrategy[Mutation]:
    """Return the strategy of what can be done to a run; all kinds of problems are equally likely."""
    found = mutations_of(run)
    return st.sampled_from(sorted(found)).flatmap(lambda kind: st.sampled_from(found[kind]))


@st.composite
def near_valid(draw: st.DrawFn, run: st.SearchStrategy[RunRecord] | None = None) -> NearValid:
    """Return a strategy of runs with one thing wrong.

    Parameters
    ----------
    run : strategy of RunRecord, optional
        What is damaged; by default any valid run.
    """
    valid = draw(runs() if run is None else run)
    return NearValid(run=valid, mutation=draw(mutations(valid)))
