"""The backup of every step: what a crash leaves behind."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import wepy
import wepy_data as wd
from wepy.ensemble import founders
from wepy.errors import BinningError, SegmentError, StoreError
from wepy.heading import run_header
from wepy.protocols import Bin, Binning
from wepy.recorder import Recorder
from wepy.streams import Purpose, Stream

ENGINE = wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3, stride=4)


class OneByOne:
    """An engine that cannot batch, so that results arrive one by one, and that fails at one of them."""

    def __init__(self, cycle, walker):
        self._last = (cycle, walker)
        self.system, self.frame, self.describe = ENGINE.system, ENGINE.frame, ENGINE.describe

    def run(self, state, steps, stream):
        if (stream.cycle, stream.walker) == self._last:
            raise RuntimeError("out of luck")
        return ENGINE.run(state, steps, stream)


def journal_of(path):
    return list(wd.read_journal(wd.journal_path(path)))


def test_the_journal_of_a_failed_cycle_holds_its_plan_and_what_was_finished(double_well, tmp_path):
    path = tmp_path / "run.h5"
    simulation = double_well(engine=OneByOne(cycle=3, walker=4), store=path)
    with pytest.raises(SegmentError, match="cycle 3, walker 4: RuntimeError: out of luck"):
        list(simulation.run(cycles=9))
    plan, *segments = journal_of(path)
    assert plan.step == "plan"
    assert plan.facts == {"cycle": 3, "run_id": simulation.record.header.run_id}
    assert [entry.step for entry in segments] == ["segments"] * 4
    assert [entry.arrays["walker"].tolist() for entry in segments] == [[0], [1], [2], [3]]
    for walker, entry in enumerate(segments):
        start = {"x": plan.arrays["state/x"][walker]}
        again = ENGINE.run(start, 10, Stream(1, Purpose.DYNAMICS, 3, walker))
        assert entry.arrays["state/x"][0].tobytes() == again.state["x"].tobytes()
        assert entry.arrays["positions"].tobytes() == again.frames.positions.tobytes()
        assert entry.arrays["order_parameter"].tolist() == again.frames.positions[:, 0, :1].tolist()
    assert simulation.record.n_cycles == 3
    assert wd.check(path) == []


NOWHERE = wepy.Rectilinear([[50.0, 51.0]])


def crashed(simulation, cycles):
    """Run some cycles, and leave the run as a crash would."""
    running = simulation.run()
    for _ in range(cycles):
        next(running)
    with pytest.raises(KeyboardInterrupt):
        running.throw(KeyboardInterrupt)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("sealed", [True, False])
def test_an_overwritten_run_comes_back_if_the_new_one_is_a_mistake_that_shows_in_its_first_cycle(
    double_well, tmp_path, sealed
):
    path = tmp_path / "run.h5"
    list(double_well(store=path).run(cycles=2)) if sealed else crashed(double_well(store=path), 2)
    before = contents(tmp_path)
    for _ in range(2):
        with pytest.raises(BinningError, match="cycle 0"):
            list(double_well(store=path, overwrite=True, binner=NOWHERE).run(cycles=2))
        assert contents(tmp_path) == before
    assert [cycle.index for cycle in double_well(store=path).resume(cycles=4)] == [2, 3]


def test_an_overwritten_run_comes_back_if_the_new_file_cannot_be_made(double_well, tmp_path, monkeypatch):
    path = tmp_path / "run.h5"
    crashed(double_well(store=path), 2)
    before = contents(tmp_path)

    def full(*arguments, **settings):
        raise OSError("no room")

    monkeypatch.setattr(wd, "FileWriter", full)
    with pytest.raises(OSError, match="no room"):
        next(double_well(store=path, overwrite=True).run(cycles=2))
    assert contents(tmp_path) == before


def test_an_overwritten_run_is_kept_until_the_new_one_has_a_cycle(double_well, tmp_path):
    path = tmp_path / "run.h5"
    list(double_well(store=path).run(cycles=2))
    before = path.read_bytes()
    for _ in range(2):  # the second one overwrites a run without cycles
        with pytest.raises(SegmentError):
            next(double_well(engine=OneByOne(0, 3), store=path, overwrite=True).run(cycles=2))
        assert (tmp_path / "run.h5.overwritten").read_bytes() == before
    running = double_well(store=path).resume(cycles=2)
    assert next(running).index == 0
    assert not (tmp_path / "run.h5.overwritten").exists()
    assert sorted(contents(tmp_path)) == ["run.h5", "run.h5.journal"]
    running.close()
    running = double_well(store=path, overwrite=True).run(cycles=2)
    next(running)
    assert sorted(contents(tmp_path)) == ["run.h5", "run.h5.journal"]
    running.close()


def test_a_file_that_has_replaced_a_run_in_its_first_cycle_is_not_deleted(double_well, tmp_path):
    path = tmp_path / "run.h5"

    class Usurped(wepy.Rectilinear):
        def assign(self, features, weights):
            path.unlink()
            path.write_text("precious")
            return super().assign(features, weights)

    with pytest.raises(BinningError, match="cycle 0"):
        next(double_well(store=path, binner=Usurped([[50.0, 51.0]])).run(cycles=2))
    assert path.read_text() == "precious"


@pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
def test_a_file_that_is_taken_away_stops_the_run_at_the_next_commit(double_well, tmp_path, how):
    path, elsewhere = tmp_path / "run.h5", tmp_path / "elsewhere.h5"
    running = double_well(store=path).run(cycles=4)
    next(running)
    path.unlink() if how == "deleted" else path.rename(elsewhere)
    if how == "replaced":
        path.write_text("precious")
    with pytest.raises(StoreError, match=r"run\.h5 was (deleted or moved|replaced) while this run was being written"):
        next(running)
    if how == "replaced":
        assert path.read_text() == "precious"
    if how != "deleted":
        elsewhere.replace(path)
        assert [cycle.index for cycle in double_well(store=path).resume(cycles=4)] == [1, 2, 3]
        assert wd.check(path) == []


def test_a_committed_cycle_leaves_all_its_steps_in_the_journal_until_the_next_begins(double_well, tmp_path):
    path = tmp_path / "run.h5"
    simulation = double_well(store=path)
    for cycle in simulation.run(cycles=3):
        entries = {entry.step: entry for entry in journal_of(path)}
        assert list(entries) == ["plan", "segments", "bins", "balance"]
        assert {entry.facts["cycle"] for entry in entries.values()} == {cycle.index}
        assert entries["plan"].arrays["weight"].tobytes() == cycle.weight.tobytes()
        assert entries["bins"].arrays["bin"].tolist() == cycle["/segments/bin"].tolist()
        last = entries["balance"].arrays
    assert last["parent"].tolist() == simulation.record.planned["/next/parent"].tolist()
    assert not wd.journal_path(path).exists()


def test_states_with_and_without_velocities_are_backed_up_in_full(argon, tmp_path):
    path = tmp_path / "run.h5"
    for cycle in argon(store=path).run(cycles=2):
        plan, *segments = journal_of(path)
        assert ("state/velocities" in plan.arrays) == (cycle.index > 0)
        for entry in segments[:-2]:
            assert np.isfinite(entry.arrays["state/velocities"]).all()
            assert entry.arrays["state/positions"].shape == (1, 2, 3)
            assert {"box", "velocities", "observable/kinetic_energy"} <= set(entry.arrays)


def test_a_killed_run_leaves_its_cycles_and_its_journal(tmp_path):
    program = """
        import os, sys
        import numpy as np
        import wepy

        class Doomed(wepy.RandomWalk):
            def run_batch(self, states, steps, streams):
                if streams[0].cycle == 5:
                    os._exit(9)
                return super().run_batch(states, steps, streams)

        start = wepy.StartState(label="origin", arrays={"x": np.zeros(1)})
        simulation = wepy.Simulation(
            engine=Doomed(), order_parameter=wepy.Coordinates(), binner=wepy.Rectilinear([[-0.5, 0.5, np.inf]]),
            balancer=wepy.HuberKim(3), states=[start], walkers=4, steps=2, seed=1, store=sys.argv[1],
        )
        list(simulation.run())
    """
    path = tmp_path / "run.h5"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program), str(path)], check=False)
    assert done.returncode == 9
    with wd.FileRun(path) as run:
        assert (run.n_cycles, run.sealed) == (5, False)
        parents = run.rows("segment")
    assert wd.check(path) == []
    (plan,) = journal_of(path)
    assert (plan.step, plan.facts["cycle"]) == ("plan", 5)
    assert plan.arrays["state/x"].shape == (len(plan.arrays["weight"]), 1)
    assert 0 <= plan.arrays["parent"].min() <= plan.arrays["parent"].max() < parents
    assert plan.arrays["weight"].sum() == pytest.approx(1, abs=1e-12)


def test_bins_get_rows_in_order_of_use_and_refined_ones_first(double_well):
    simulation = double_well()
    recorder = Recorder(run_header(simulation), None)

    def made(*indices):
        return {
            index: Bin(label=str(index), centre=np.zeros(1), parent=index - 100 if index >= 100 else -1)
            for index in indices
        }

    first = Binning(index=np.array([108, 5, 108]), made=made(5, 8, 108))
    assert recorder.binned(0, first).tolist() == [2, 0, 2]  # 8 got row 1
    assert list(recorder.known_bins(1)) == [5, 8, 108]
    assert recorder.binned(0, Binning(index=np.array([5, 8, 105, 108]), made=made(105))).tolist() == [0, 1, 3, 2]


def test_a_recorder_without_a_store_touches_no_disk(double_well, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    list(double_well().run(cycles=2))
    assert list(tmp_path.iterdir()) == []


def test_first_segment_follows_the_last_cycle(double_well):
    simulation = double_well()
    list(simulation.run(cycles=2))
    assert simulation.recorder.first_segment == simulation.record.rows("segment")


def test_a_plan_is_backed_up_before_anything_runs(double_well, tmp_path):
    simulation = double_well()
    recorder = Recorder(run_header(simulation), tmp_path / "run.h5", durable=False)
    recorder.plan(0, founders(simulation.states, 6))
    recorder.close()
    (plan,) = journal_of(tmp_path / "run.h5")
    assert plan.arrays["start"].tolist() == [0] * 6
    assert plan.arrays["state/x"].tolist() == [[-1.0]] * 6
