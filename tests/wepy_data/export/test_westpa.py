"""Runs as west.h5: what comes back when it is imported again, and what its reader is told."""

import h5py
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from wepy_data import Run, RunExistsError, SelectionError, check, export_westpa, import_westpa, open_run, write_run
from wepy_data.testing import runs

QUICK = settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
LEFT_OPEN = "how much weight each of some merged walkers gave"


def again(run, folder, **more):
    """What was exported, what the import says, and the run that comes back."""
    west, back = folder / "west.h5", folder / "back.h5"
    exported = export_westpa(run, west, overwrite=True, **more)
    report = import_westpa(west, back, overwrite=True)
    assert check(back) == []
    return exported, report, open_run(back)


def same(path, run, other):
    np.testing.assert_array_equal(other.reader.read(path), run.reader.read(path), err_msg=path)


def states_of(run):
    """Label and share of each basis state, then the labels of targets."""
    kind, share = run.header.static["/states/kind"], run.header.static["/states/probability"]
    labels = run.header.static["/states/label"]
    basis = [(labels[i], share[i]) for i in np.flatnonzero(kind != 2)]
    total = sum(share[kind != 2])
    return [one for one, _ in basis], [one / total for _, one in basis], labels[kind == 2].tolist()


def by_label(run, states):
    labels = run.header.static["/states/label"]
    return [labels[state] if state >= 0 else None for state in states]


def targets_of(run):
    return int((run.header.static["/states/kind"] == 2).sum())


def compare_merges(run, other, *, exact):
    mine, theirs = (
        {(into, giver): weight for into, giver, weight in zip(*(one.read(f"/merges/{name}") for name in ("into", "from", "weight")), strict=True)}  # noqa: E501
        for one in (run.reader, other.reader)
    )  # fmt: skip
    assert set(mine) == set(theirs)
    if exact:
        weight = run.reader.read("/segments/weight")
        for (into, giver), moved in mine.items():
            assert theirs[into, giver] == pytest.approx(moved, abs=1e-12 * max(weight[into], weight[giver]))


def compare_events(run, other):
    kind = run.reader.read("/events/kind")
    last = int(run.reader.stops("segment")[-2]) if run.n_cycles > 1 else 0
    # what follows an iteration says who was recycled, and who was absorbed
    follow = run.sealed and len(run.reader.planned["/next/weight"]) > 0
    mine = (kind < 2) & (follow | (run.reader.read("/events/segment") < last))
    for name in ("segment", "weight", "kind"):
        np.testing.assert_array_equal(other.reader.read(f"/events/{name}"), run.reader.read(f"/events/{name}")[mine])
    for name in ("source_state", "target"):
        path = f"/events/{name}"
        told = mine & ((name == "source_state") | (kind == 0) | (targets_of(run) == 1))
        found = other.reader.read(path)[told[mine]]
        assert by_label(other, found) == by_label(run, run.reader.read(path)[told])


def compare_points(run, other, n_points):
    frames = run.reader.read("/segments/frame_stop")
    if n_points > 1 or (np.diff(frames, prepend=0) == 1).all():
        same("/observables/order_parameter/value", run, other)
    else:
        np.testing.assert_array_equal(
            other.reader.read("/observables/order_parameter/value"), run.reader.read("/segments/progress")
        )


def compare_planned(run, other):
    if not run.sealed or not len(run.reader.planned["/next/weight"]):
        assert not other.sealed
        return
    for name in ("weight", "parent", "continuous"):
        np.testing.assert_array_equal(other.reader.planned[f"/next/{name}"], run.reader.planned[f"/next/{name}"])
    state = "/next/state"
    assert by_label(other, other.reader.planned[state]) == by_label(run, run.reader.planned[state])


@QUICK
@given(runs(min_cycles=1, max_frames=3))
def test_what_west_h5_can_hold_comes_back(tmp_path_factory, record):
    run = Run(record)
    exported, report, other = again(run, tmp_path_factory.mktemp("west"))
    with other:
        for name in ("weight", "parent", "cycle", "walker", "continuous", "root", "progress", "cpu_time", "wall_time"):
            same(f"/segments/{name}", run, other)
        same("/cycles/segment_stop", run, other)
        compare_merges(run, other, exact=not any(LEFT_OPEN in one for one in report.unknown))
        compare_events(run, other)
        compare_points(run, other, exported.n_points - 1)
        compare_planned(run, other)
        labels, shares, targets = states_of(run)
        found, found_shares, found_targets = states_of(other)
        assert (found, found_targets) == (labels, targets)
        np.testing.assert_allclose(found_shares, shares, rtol=1e-9)
        state = "/segments/state"
        assert by_label(other, other.reader.read(state)) == by_label(run, run.reader.read(state))


@QUICK
@given(runs(min_cycles=1))
def test_observables_come_back(tmp_path_factory, record):
    run = Run(record)
    _, _, other = again(run, tmp_path_factory.mktemp("west"))
    growing = run.header.layout.growing
    with other:
        for path in other.header.layout.growing:  # names that WESTPA could have, too
            named = path.startswith(("/observables/", "/segments/observables/")) and "/order_parameter/" not in path
            if named and path in growing and len(run.reader.read(path)) == len(other.reader.read(path)):
                same(path, run, other)


@QUICK
@given(runs(min_cycles=2, absorption=True, merging=True))
def test_each_segment_starts_where_its_parent_ended_and_absorbed_ones_end(tmp_path_factory, record):
    run = Run(record)
    west = tmp_path_factory.mktemp("west") / "west.h5"
    exported = export_westpa(run, west)
    stops = [0, *run.reader.stops("segment").tolist()]
    kind, who = run.reader.read("/events/kind"), run.reader.read("/events/segment")
    with h5py.File(west) as file:
        assert file.attrs["west_current_iteration"] == run.n_cycles + 1
        assert len(file["summary"]) == run.n_cycles + 1
        before = None
        for cycle in range(run.n_cycles):
            group = file[f"iterations/iter_{cycle + 1:08d}"]
            index, pcoord = group["seg_index"][:], group["pcoord"][:]
            goes_on = index["parent_id"] >= 0
            if before is not None:
                np.testing.assert_array_equal(pcoord[goes_on, 0], before[index["parent_id"][goes_on], -1])
            else:
                assert not goes_on.any()
            gone = who[kind < 2] - stops[cycle]
            gone = gone[(gone >= 0) & (gone < len(index))]
            assert set(np.flatnonzero(index["endpoint_type"] == 3)) == set(gone.tolist())
            assert file["summary"][cycle]["norm"] == pytest.approx(index["weight"].sum())
            before = pcoord
    absorbed = int((kind == 1).sum())
    assert any(f"{absorbed} absorbed walkers" in note for note in exported.notes) == (absorbed > 0)


@pytest.fixture
def run(make_ensemble):
    return Run(make_ensemble())


def test_states_start_where_they_are_said_to_be(run, tmp_path):
    labels = [one.decode() for one in run.header.static["/states/label"]]
    n_dims = run.header.layout.sizes["feature"]
    exported = export_westpa(run, tmp_path / "west.h5", points={label: np.full(n_dims, 7.5) for label in labels})
    assert not any("first stored point" in note for note in exported.notes)
    with h5py.File(tmp_path / "west.h5") as file:
        assert (file["iterations/iter_00000001/pcoord"][:, 0] == 7.5).all()
        assert (file["ibstates/0/bstate_pcoord"][:] == 7.5).all()
    assert "first stored point" in str(export_westpa(run, tmp_path / "other.h5"))


def test_mistakes_are_named(run, tmp_path):
    with pytest.raises(SelectionError, match="no state 'nowhere': this run has '"):
        export_westpa(run, tmp_path / "west.h5", points={"nowhere": [1.0]})
    label = run.header.static["/states/label"][0].decode()
    with pytest.raises(SelectionError, match="found 4 numbers, expected"):
        export_westpa(run, tmp_path / "west.h5", points={label: [1.0] * 4})
    (tmp_path / "west.h5").touch()
    with pytest.raises(RunExistsError, match="exists: choose another name"):
        export_westpa(run, tmp_path / "west.h5")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        export_westpa(run, tmp_path / "nowhere" / "west.h5")


def test_a_run_does_not_replace_itself(run, tmp_path):
    write_run(tmp_path / "run.h5", run.reader)
    with open_run(tmp_path / "run.h5") as opened, pytest.raises(SelectionError, match="the run's own file"):
        export_westpa(opened, tmp_path / "run.h5", overwrite=True)


@QUICK
@given(runs(max_cycles=0))
def test_a_run_without_cycles_is_refused(tmp_path_factory, record):
    with pytest.raises(SelectionError, match="no cycles yet"):
        export_westpa(Run(record), tmp_path_factory.mktemp("west") / "west.h5")
