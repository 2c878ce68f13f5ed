"""Storage choices: what a run's file keeps, and that they change nothing else."""

import mdtraj
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wepy
import wepy_data as wd
from wepy.protocols import Frames
from wepy.storage import Kept, picometres

POSITIONS, IDS = "/particles/trajectory/position/value", "/particles/trajectory/id"
VELOCITIES = "/particles/trajectory/velocity/value"
CYCLES = 3


@pytest.fixture
def stored(argon, tmp_path):
    """Return a maker of sealed runs of argon with chosen storage: the file, and the record it must equal."""

    def make(name, **choices):
        simulation = argon(storage=wepy.Storage(**choices), store=tmp_path / f"{name}.h5")
        cycles = list(simulation.run(cycles=CYCLES))
        assert wd.check(tmp_path / f"{name}.h5") == []
        return wd.open_run(tmp_path / f"{name}.h5"), cycles

    return make


def rows(cycles, path):
    return np.concatenate([cycle.rows[path] for cycle in cycles])


def test_file_holds_what_the_cycles_hold_whatever_is_chosen(stored):
    run, cycles = stored("all", precision="pm", atoms=[1], stride=2, velocities=False, states="all", compression="none")
    with run:
        assert set(cycles[0].rows) == set(run.header.layout.growing)
        for path in cycles[0].rows:
            np.testing.assert_array_equal(run.reader.read(path), rows(cycles, path))
        assert run.header.compression == "none"


def test_storage_does_not_change_the_run(stored):
    whole, _ = stored("whole")
    chosen, _ = stored("chosen", precision="pm", atoms=[1], stride=2, velocities=False, states="all")
    with whole, chosen:
        for path, column in whole.header.layout.growing.items():
            if column.dim in ("segment", "merge", "bin") and not column.spec.volatile and not path.endswith("_stop"):
                np.testing.assert_array_equal(whole.reader.read(path), chosen.reader.read(path))
        for name, values in whole.reader.planned.items():  # restart states are in full precision, of all atoms
            np.testing.assert_array_equal(values, chosen.reader.planned[name])


def test_picometres_are_within_half_of_one_and_read_as_nanometres(stored, tmp_path):
    whole, _ = stored("whole")
    chosen, _ = stored("chosen", precision="pm")
    with whole, chosen:
        assert chosen.header.layout.growing[POSITIONS].unit == "pm"
        segments = range(whole.n_segments)
        one, other = whole.frames(segments), chosen.frames(segments)
        assert np.abs(one.xyz - other.xyz).max() <= 5.001e-4
        np.testing.assert_array_equal(one.unitcell_lengths, other.unitcell_lengths)
    np.testing.assert_array_equal(mdtraj.load(str(tmp_path / "chosen.h5")).xyz, other.xyz)


def test_stride_counts_back_from_the_last_frame(stored):
    whole, _ = stored("whole")
    chosen, _ = stored("chosen", stride=3)
    with whole, chosen:
        for segment in range(whole.n_segments):
            all_frames = whole.frames([segment])
            kept = chosen.frames([segment])
            np.testing.assert_array_equal(kept.xyz, all_frames.xyz[::-1][::3][::-1])
            np.testing.assert_array_equal(kept.time, all_frames.time[::-1][::3][::-1])


def test_chosen_atoms_are_numbered_and_have_their_own_topology(stored):
    whole, _ = stored("whole")
    chosen, _ = stored("chosen", atoms=[1])
    with whole, chosen:
        assert chosen.header.static[IDS].tolist() == [1]
        assert IDS not in whole.header.static
        for name in ("species", "mass", "charge"):
            path = f"/particles/trajectory/{name}"
            np.testing.assert_array_equal(chosen.header.static[path], whole.header.static[path][[1]])
        for path in (POSITIONS, VELOCITIES):
            np.testing.assert_array_equal(chosen.reader.read(path), whole.reader.read(path)[:, [1]])
        assert chosen.topology == whole.topology.subset([1])


@pytest.mark.parametrize("choice", [True, None, False])
def test_velocities_are_kept_unless_unwanted(stored, choice):
    run, _ = stored("run", velocities=choice)
    with run:
        assert (VELOCITIES in run.header.layout.growing) == (choice is not False)


def test_states_at_ends_are_those_that_the_next_walkers_start_from(stored):
    run, _ = stored("run", states="all")
    with run:
        planned = run.reader.planned
        for name in ("positions", "velocities", "box"):
            ends = run.reader.read(f"/segments/arrays/{name}")
            assert ends.dtype == np.float64
            np.testing.assert_array_equal(ends[planned["/next/parent"]], planned[f"/next/arrays/{name}"])
        assert not any("arrays" in name for name in run.observables)
        assert not any("positions" in name for name in run.table("segments"))


def test_states_at_ends_are_those_before_recycling(double_well, tmp_path):
    simulation = double_well(storage=wepy.Storage(states="all"), store=tmp_path / "run.h5")
    for _ in simulation.run(cycles=20):
        pass
    with wd.open_run(tmp_path / "run.h5") as run:
        recycled = run.reader.read("/events/segment")
        assert len(recycled)
        ends = run.reader.read("/segments/arrays/x")
        np.testing.assert_array_equal(ends, run.reader.read("/segments/progress"))
        assert (ends[recycled] >= 0.2).all()


def test_record_in_memory_leaves_the_states_to_the_file(double_well, tmp_path):
    simulation = double_well(storage=wepy.Storage(states="all"), store=tmp_path / "run.h5")
    for _ in simulation.run(cycles=2):
        pass
    with pytest.raises(wd.SelectionError, match="it is in the run's file"):
        simulation.record.read("/segments/arrays/x")


class Rocket:
    """An engine whose walker 1 has left for good in cycle 1."""

    def __init__(self):
        self._walk = wepy.RandomWalk()
        self.system, self.frame, self.describe = self._walk.system, self._walk.frame, self._walk.describe

    def run(self, state, steps, stream):
        found = self._walk.run(state, steps, stream)
        if (stream.cycle, stream.walker) != (1, 1):
            return found
        frames = found.frames
        far = Frames(positions=frames.positions + 3e6, step=frames.step, time=frames.time)
        return wepy.Segment(state=found.state, frames=far)


def test_position_beyond_picometres_names_the_walker_and_commits_nothing(tmp_path):
    simulation = wepy.Simulation(
        engine=Rocket(), order_parameter=wepy.Coordinates(), walkers=3, steps=2, seed=1,
        states=[wepy.StartState(label="origin", arrays={"x": np.zeros(1)})],
        storage=wepy.Storage(precision="pm"), store=tmp_path / "run.h5",
    )  # fmt: skip
    with pytest.raises(wepy.SegmentError, match=r'cycle 1, walker 1: storage: precision = "pm".*2147484 nm.*"single"'):
        for _ in simulation.run(cycles=3):
            pass
    with wd.open_run(tmp_path / "run.h5") as run:
        assert run.n_cycles == 1
    assert wd.check(tmp_path / "run.h5") == []


@given(st.lists(st.floats(-2147483, 2147483), min_size=1))
def test_rounding_to_picometres_is_within_half_of_one(lengths):
    lengths = np.array(lengths)
    assert (np.abs(picometres(lengths) - lengths * 1000) <= 0.5000001).all()


@given(st.integers(1, 30), st.integers(1, 40))
def test_the_last_frame_is_always_kept(n_frames, stride):
    kept = np.arange(n_frames)[Kept(stride=stride).rows(n_frames)]
    assert kept[-1] == n_frames - 1
    assert (np.diff(kept) == stride).all()
    assert len(kept) == -(-n_frames // stride)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"precision": "double"}, "precision: expected 'single' or 'pm'"),
        ({"states": "some"}, "states: expected 'last' or 'all'"),
        ({"compression": "zip"}, "compression: expected 'gzip' or 'none'"),
        ({"stride": 0}, "stride: expected a whole number of at least 1"),
        ({"atoms": [0.5]}, "atoms: expected whole numbers"),
        ({"atoms": [2]}, "atoms: no atom 2: the system has atoms 0 to 1"),
        ({"atoms": [-1]}, "atoms: no atom -1"),
        ({"atoms": [0, 0]}, "atoms: expected each atom once"),
        ({"atoms": []}, "selects none of 2 atoms"),
    ],
)
def test_wrong_choice_says_what_is_right(argon, choices, words):
    with pytest.raises(wepy.ConfigurationError, match=words):
        argon(storage=wepy.Storage(**choices))


def test_velocities_that_no_frame_carries_cannot_be_kept(double_well):
    with pytest.raises(wepy.ConfigurationError, match="the engine's frames carry none"):
        double_well(storage=wepy.Storage(velocities=True))


@pytest.mark.parametrize(("text", "words"), [("not a selection (", "selection language"), ("water", "selects none")])
def test_wrong_selection_says_what_is_wrong(double_well, text, words):
    with pytest.raises(wepy.ConfigurationError, match=words):
        double_well(storage=wepy.Storage(atoms=text))
