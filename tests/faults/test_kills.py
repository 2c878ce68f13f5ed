"""Kills of a run at any moment: nothing committed or finished is lost, and the end is the undisturbed run's."""

from collections import Counter
from random import Random

import pytest
from kills import STAGE, Tally, assert_nothing_finished_ran_again, finish_despite_kills, logged, owners
from mortal_run import main

import wepy_data as wd

CYCLES = {"logged": 3 * STAGE, "double-well": 3 * STAGE, "alanine-dipeptide": 2 * STAGE}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return what gives the file of a run that nothing has disturbed; runs with SCOOP are like serial ones."""
    files = {}

    def run(name):
        name = name.removesuffix(" scoop")
        if name not in files:
            files[name] = tmp_path_factory.mktemp("undisturbed") / "run.h5"
            main(name, files[name], CYCLES[name])
        return files[name]

    return run


def survive(name, folder, expected, kills, number, tally):
    """Kill a run some times, let it finish, and look at everything it has left."""
    store = folder / "run.h5"
    cycles = CYCLES[name.removesuffix(" scoop")]
    history = finish_despite_kills(name, store, cycles, kills, Random(f"{name} {number}"), tally)
    with wd.FileRun(expected) as one, wd.FileRun(store) as other:
        assert other.sealed
        assert wd.compare(one, other) is None
        starts = other.header.provenance
    assert wd.check(store) == []
    assert_nothing_finished_ran_again(history, store)
    assert [record["kind"] for record in starts] == ["start"] + ["resume"] * (len(starts) - 1)
    assert sorted({path.name for path in folder.iterdir()} - {"run.h5.log"}) == ["run.h5"]
    if name == "logged":
        ran = Counter(logged(store))
        assert set(ran) == set(owners(store))
        assert sum(ran.values()) <= len(ran) + kills  # one segment runs at a time
        tally.segments += len(ran)
        tally.rerun += sum(ran.values()) - len(ran)


@pytest.mark.parametrize(("name", "kills"), [("logged", 3), ("alanine-dipeptide scoop", 1)])
def test_a_run_survives_a_few_kills(name, kills, undisturbed, tmp_path):
    survive(name, tmp_path, undisturbed(name), kills, 0, Tally())


# runs, and kills of each: 24 + 12 + 12 + 12 + 12
BULK = {
    "logged": (4, 6), "double-well": (2, 6), "double-well scoop": (2, 6), "alanine-dipeptide": (2, 6),
    "alanine-dipeptide scoop": (2, 6),
}  # fmt: skip


@pytest.mark.slow
def test_runs_survive_72_kills_at_any_moment(undisturbed, tmp_path):
    tally = Tally()
    for name, (runs, kills) in BULK.items():
        for number in range(1, runs + 1):
            folder = tmp_path / f"{name} {number}"
            folder.mkdir()
            survive(name, folder, undisturbed(name), kills, number, tally)
    print(tally)
    assert (tally.kills, tally.finished) == (72, 12)
    assert len(tally.landed) > 6  # at any moment
