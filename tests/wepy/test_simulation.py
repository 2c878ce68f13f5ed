"""The loop: what it conserves, records, refuses and leaves behind."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import wepy
import wepy_data as wd
from wepy.errors import BinningError, ConfigurationError, SegmentError, WepyError
from wepy.protocols import Balance, Segment
from wepy.streams import Purpose

LEVELS = ("structure", "values", "invariants")


@dataclasses.dataclass(frozen=True)
class Unlucky(wepy.RandomWalk):
    """A random walk that fails for one walker of one cycle, in one of several ways."""

    fault: str = "raises"
    cycle: int = 2
    walker: int = 1

    def run_batch(self, states, steps, streams):
        segments = super().run_batch(states, steps, streams)
        for index, stream in enumerate(streams):
            if (stream.cycle, stream.walker) == (self.cycle, self.walker):
                segments[index] = self._spoilt(segments[index])
        return segments

    def _spoilt(self, segment):
        if self.fault == "raises":
            raise ZeroDivisionError("the engine is out of luck")
        state, frames = segment.state, segment.frames
        if self.fault == "state":
            state = {"x": np.full(2, math.nan)}
        if self.fault == "frames":
            frames = dataclasses.replace(frames, positions=np.full_like(frames.positions, math.inf))
        if self.fault == "short":
            frames = dataclasses.replace(frames, step=frames.step - 1)
        if self.fault == "empty":
            frames = wepy.Frames(positions=np.zeros((0, 1, 3)), step=np.zeros(0, np.int64), time=np.zeros(0))
        return Segment(state=state, frames=frames)


@dataclasses.dataclass(frozen=True)
class Clouded(wepy.Coordinates):
    """An order parameter that cannot see walkers beyond 1, in one of several ways."""

    fault: str = "nan"

    def __call__(self, frames):
        values = super().__call__(frames)
        if not (values > 1).any():
            return values
        if self.fault == "raises":
            raise ZeroDivisionError("too far")
        return values[:, :1] if self.fault == "shape" else np.where(values > 1, math.nan, values)


class Generous:
    """A balancer that makes weight out of nothing."""

    def __init__(self, factor):
        self._factor = factor

    def plan(self, weights, bins, order_parameter):
        return wepy.NoBalancing().plan(weights * self._factor, bins, order_parameter)

    def describe(self):
        return {"kind": "generous"}


class Untouchable(wepy.Serial):
    """A dispatcher that must not be entered."""

    def __enter__(self):
        raise AssertionError("workers were started")


def run(simulation, cycles):
    for _ in simulation.run(cycles=cycles):
        pass
    return simulation.record


def totals(record):
    weight, stops = record.read("/segments/weight"), record.stops("segment")
    return [math.fsum(part.tolist()) for part in np.split(weight, stops[:-1])]


def test_weights_are_conserved_over_hundreds_of_cycles(double_well):
    record = run(double_well(), 400)
    found = np.array(totals(record))
    assert np.abs(np.diff(found)).max() < 1e-12
    assert abs(found[-1] - 1) < 1e-12
    assert record.rows("event") > 50
    assert record.rows("merge") > 50


def test_recycled_walkers_restart_from_the_source_and_keep_their_weight(double_well):
    record = run(double_well(), 60)
    segment, weight = record.read("/events/segment"), record.read("/segments/weight")
    parent, state = record.read("/segments/parent"), record.read("/segments/state")
    progress, continuous = record.read("/segments/progress")[:, 0], record.read("/segments/continuous")
    assert len(segment) > 0
    assert set(segment.tolist()) == set(np.flatnonzero(progress >= 0.2).tolist())
    assert record.read("/events/weight").tolist() == weight[segment].tolist()
    assert set(record.read("/events/source_state").tolist()) == {0}
    assert record.header.static["/states/kind"][record.read("/events/target")].tolist() == [2] * len(segment)
    restarted = np.isin(parent, segment)
    assert (continuous[restarted] == 0).all()
    assert (state[restarted] == 0).all()
    founders = parent < 0
    assert (continuous[~restarted & ~founders] == 1).all()
    assert (state[~restarted & ~founders] == -1).all()


def test_frames_of_a_recycled_walker_start_at_the_source(double_well):
    engine = wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=1e-9)
    far = [wepy.StartState(label="there", arrays={"x": np.array([0.2 - 1e-7])})]
    home = [wepy.StartState(label="home", arrays={"x": np.array([-0.5])})]
    record = run(double_well(engine=engine, states=far, sources=home, steps=100, walkers=8), 6)
    again = record.read("/segments/parent")[record.read("/segments/continuous") == 0] >= 0
    progress = record.read("/segments/progress")[record.read("/segments/continuous") == 0]
    assert again.any()
    assert np.allclose(progress[again], -0.5, atol=1e-2)
    assert set(record.read("/events/source_state").tolist()) == {1}


def test_time_and_steps_go_on_along_each_lineage(double_well):
    record = run(double_well(), 20)
    stop, step = record.read("/segments/frame_stop"), record.read("/frames/md_step")
    time, cycle = record.read("/frames/time"), record.read("/segments/cycle")
    assert np.diff(stop, prepend=0).tolist() == [3] * len(stop)
    assert step.reshape(-1, 3).tolist() == (10 * cycle[:, None] + [4, 8, 10]).tolist()
    assert np.allclose(time, step * 5e-3, rtol=1e-12)
    assert np.allclose(np.diff(record.read("/frames/total_time").reshape(-1, 3)), [0.02, 0.01])
    assert record.read("/frames/total_time")[-1] == pytest.approx(len(stop) * 0.05)


def test_each_parent_is_continued_from_where_it_ended(walk):
    record = run(walk(engine=wepy.RandomWalk(dimensions=2, stride=1)), 20)
    positions = record.read("/particles/trajectory/position/value")[:, 0, :2].reshape(-1, 3, 2)
    parent = record.read("/segments/parent")
    start = np.where(parent[:, None] >= 0, positions[parent, -1], 0.0)
    first = positions[:, 0]
    assert ((np.abs(first - start) == 1) | ((first == 0) & (start == 0))).all()


SHAPES = {
    "recycling": {},
    "no recycling": {"recycling": None},
    "no bins": {"binner": None},
    "no balancing": {"balancer": None},
    "sources": {
        "sources": [
            wepy.StartState(label="ä", probability=0.25, arrays={"x": np.array([-0.9])}),
            wepy.StartState(label="ö", probability=0.75, arrays={"x": np.array([-0.5])}),
        ]
    },
    "several states": {
        "states": [
            wepy.StartState(label="a", probability=0.9, arrays={"x": np.array([-1.0])}),
            wepy.StartState(label="b", probability=0.1, arrays={"x": np.array([-0.8])}),
        ]
    },
    "end frames only": {"engine": wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3)},
    "every frame": {"engine": wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3, stride=1)},
    "one walker": {"walkers": 1, "balancer": None},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_the_file_conforms_at_every_level_and_equals_the_record(double_well, tmp_path, shape):
    simulation = double_well(store=tmp_path / "run.h5", **SHAPES[shape])
    record = run(simulation, 12)
    assert [wd.check(tmp_path / "run.h5", level) for level in LEVELS] == [[], [], []]
    memory = run(double_well(**SHAPES[shape]), 12)
    with wd.FileRun(tmp_path / "run.h5") as file:
        assert wd.compare(memory, file) is None
        kept = [p for p, c in record.header.layout.growing.items() if c.spec.storage != "block"]
        assert all(record.read(path).tobytes() == file.read(path).tobytes() for path in kept)
    assert not wd.journal_path(tmp_path / "run.h5").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.h5"]


def test_a_two_dimensional_run_conforms(walk, tmp_path):
    record = run(walk(store=tmp_path / "run.h5"), 15)
    assert [wd.check(tmp_path / "run.h5", level) for level in LEVELS] == [[], [], []]
    assert record.read("/segments/progress").shape[1] == 2


def test_a_periodic_run_with_velocities_and_energies_conforms(argon, tmp_path):
    record = run(argon(store=tmp_path / "run.h5"), 5)
    assert [wd.check(tmp_path / "run.h5", level) for level in LEVELS] == [[], [], []]
    assert np.allclose(record.read("/cell_lengths"), [2.0, 2.0, math.hypot(0.5, 1.9)])
    with wd.FileRun(tmp_path / "run.h5") as file:
        assert np.abs(file.read("/particles/trajectory/velocity/value")).max() > 0
        assert np.isfinite(file.read("/observables/kinetic_energy/value")).all()
        assert file.planned["/next/arrays/velocities"].shape == (len(file.planned["/next/weight"]), 2, 3)
        assert wd.compare(run(argon(), 5), file) is None


def test_every_cycle_is_yielded_once_it_is_committed(double_well, tmp_path):
    simulation = double_well(store=tmp_path / "run.h5")
    for cycle in simulation.run(cycles=4):
        with wd.FileRun(tmp_path / "run.h5") as live:
            assert live.n_cycles == cycle.index + 1
            assert not live.sealed
            assert (
                live.read("/segments/weight", live.rows("segment") - cycle.n_walkers).tolist() == cycle.weight.tolist()
            )


def test_leaving_the_loop_seals_the_run(double_well, tmp_path):
    simulation = double_well(store=tmp_path / "run.h5")
    for cycle in simulation.run():
        if cycle.index == 6:
            break
    with wd.FileRun(tmp_path / "run.h5") as file:
        assert (file.n_cycles, file.sealed) == (7, True)
        assert wd.compare(file, run(double_well(), 7)) is None
    assert wd.check(tmp_path / "run.h5") == []


def test_an_error_of_the_caller_seals_the_run(double_well, tmp_path):
    def stumble():
        for cycle in double_well(store=tmp_path / "run.h5").run():
            {}[cycle.index]

    with pytest.raises(KeyError):
        stumble()
    with wd.FileRun(tmp_path / "run.h5") as file:
        assert (file.n_cycles, file.sealed) == (1, True)


@pytest.mark.parametrize("cycles", [0, -1])
def test_no_cycles_are_refused_before_anything_starts(double_well, tmp_path, cycles):
    simulation = double_well(store=tmp_path / "run.h5", dispatcher=Untouchable())
    with pytest.raises(ConfigurationError, match="cycles: expected at least 1"):
        run(simulation, cycles)
    assert list(tmp_path.iterdir()) == []


def test_a_generator_that_is_never_begun_leaves_nothing(double_well, tmp_path):
    simulation = double_well(store=tmp_path / "run.h5")
    simulation.run(cycles=3).close()
    del simulation
    assert list(tmp_path.iterdir()) == []


def test_a_simulation_runs_once(double_well):
    simulation = double_well()
    with pytest.raises(WepyError, match="no record yet"):
        simulation.record  # noqa: B018
    run(simulation, 1)
    with pytest.raises(WepyError, match="has run"):
        run(simulation, 1)


def test_an_existing_file_is_refused_before_anything_starts(double_well, tmp_path):
    (tmp_path / "run.h5").write_bytes(b"precious")
    simulation = double_well(store=tmp_path / "run.h5", dispatcher=Untouchable())
    with pytest.raises(wd.RunExistsError, match=r"run\.h5 exists"):
        next(simulation.run(cycles=1))
    assert (tmp_path / "run.h5").read_bytes() == b"precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.h5"]


def test_an_existing_file_is_replaced_on_demand(double_well, tmp_path):
    (tmp_path / "run.h5").write_bytes(b"worthless")
    run(double_well(store=tmp_path / "run.h5", overwrite=True), 1)
    assert wd.check(tmp_path / "run.h5") == []


def test_a_missing_folder_is_named_before_anything_starts(double_well, tmp_path):
    simulation = double_well(store=tmp_path / "no" / "run.h5", dispatcher=Untouchable())
    with pytest.raises(ConfigurationError, match=r"no/run\.h5: its folder is missing"):
        next(simulation.run(cycles=1))


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("raises", r"cycle 2, walkers 0 to \d+: ZeroDivisionError: the engine is out of luck"),
        ("state", "cycle 2, walker 1: engine: expected finite numbers, got others in state x"),
        ("frames", "cycle 2, walker 1: engine: expected finite numbers, got others in frames"),
        ("short", "cycle 2, walker 1: engine: expected a last frame at step 3, got 2"),
        ("empty", "cycle 2, walker 1: engine: expected a last frame at step 3, got no frame"),
    ],
)
def test_a_failing_engine_names_cycle_and_walker_and_commits_nothing_of_it(walk, tmp_path, fault, message):
    simulation = walk(engine=Unlucky(dimensions=2, fault=fault), store=tmp_path / "run.h5")
    with pytest.raises(SegmentError, match=message):
        run(simulation, 5)
    assert_stopped_after_two(tmp_path / "run.h5", walk)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("nan", r"cycle \d+, walker \d+: order parameter: expected finite numbers, got \[.*nan.*\] for frame 0"),
        ("raises", r"cycle \d+, walker \d+: order parameter: ZeroDivisionError: too far"),
        ("shape", r"cycle \d+, walker \d+: order parameter: expected shape \(1, 2\), got \(1, 1\)"),
    ],
)
def test_a_failing_order_parameter_names_cycle_and_walker(walk, tmp_path, fault, message):
    order_parameter = Clouded(indices=(0, 1), labels=("a", "b"), fault=fault)
    simulation = walk(order_parameter=order_parameter, store=tmp_path / "run.h5")
    with pytest.raises(SegmentError, match=message):
        run(simulation, 50)
    with wd.FileRun(tmp_path / "run.h5") as file:
        assert not file.sealed
        assert (file.read("/segments/progress") <= 1).all()
    assert wd.check(tmp_path / "run.h5") == []


def test_a_walker_outside_the_bins_is_named_with_its_cycle(walk, tmp_path):
    binner = wepy.Rectilinear([[-0.5, 2.5], [-np.inf, np.inf]])
    simulation = walk(binner=binner, store=tmp_path / "run.h5")
    with pytest.raises(BinningError, match=r"(?s)cycle \d+: walkers that fit no bin.*walker \d+: dimension 0"):
        run(simulation, 50)
    assert wd.check(tmp_path / "run.h5") == []
    steps = [entry.step for entry in wd.read_journal(wd.journal_path(tmp_path / "run.h5"))]
    assert steps == ["plan", "segments"]


def test_a_mistake_that_shows_in_the_first_cycle_leaves_no_file_in_the_way(walk, tmp_path):
    simulation = walk(binner=wepy.Rectilinear([[50.0, 51.0], [-np.inf, np.inf]]), store=tmp_path / "run.h5")
    with pytest.raises(BinningError, match="cycle 0"):
        run(simulation, 5)
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_another_manager_is_writing_is_not_overwritten(walk, tmp_path):
    store = tmp_path / "run.h5"
    first = walk(store=store).run(cycles=5)
    next(first)
    with pytest.raises(wd.RunBusyError, match="another process is writing this run"):
        next(walk(store=store, overwrite=True).run(cycles=5))
    assert len(list(first)) == 4
    assert wd.check(store) == []


class Usurping:
    """Lets every new walker continue walker 0, whatever the plan says."""

    def plan(self, weights, bins, order_parameter):
        return self

    def draw(self, stream):
        empty = np.zeros(0, np.int64)
        four = np.full(4, 0.25)
        return Balance(
            parent=np.zeros(4, np.int64), weight=four, merge_into=empty, merge_from=empty, merge_weight=np.zeros(0)
        )

    def describe(self):
        return {"kind": "usurping"}


def test_a_balancer_that_gives_one_walkers_weight_to_another_is_stopped(walk):
    simulation = walk(balancer=Usurping())
    with pytest.raises(WepyError, match=r"cycle 0: balancer: walker 0 weighs .* of which"):
        run(simulation, 5)


@pytest.mark.parametrize("factor", [1.001, 1 - 1e-11])
def test_a_balancer_that_does_not_keep_the_weight_is_stopped(walk, factor):
    simulation = walk(balancer=Generous(factor), engine=wepy.RandomWalk(dimensions=2))
    with pytest.raises(WepyError, match=r"cycle 0"):
        run(simulation, 5)
    assert simulation.record.n_cycles == 0


def assert_stopped_after_two(path, make):
    with wd.FileRun(path) as file:
        assert (file.n_cycles, file.sealed) == (2, False)
        undisturbed = run(make(), 2)
        assert file.read("/segments/progress").tolist() == undisturbed.read("/segments/progress").tolist()
        planned = undisturbed.planned
    assert wd.check(path) == []
    (plan,) = wd.read_journal(wd.journal_path(path))
    assert (plan.step, plan.facts["cycle"]) == ("plan", 2)
    assert plan.arrays["weight"].tobytes() == planned["/next/weight"].tobytes()
    assert plan.arrays["state/x"].tobytes() == planned["/next/arrays/x"].tobytes()


HALF = wepy.StartState(label="s", arrays={"x": np.zeros(2)}, probability=0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"steps": 0}, "steps: expected at least 1"),
        ({"seed": -1}, "seed: expected"),
        ({"seed": 2**64}, "seed: expected"),
        ({"seed": 1.5}, "seed: expected a whole number, got 1.5"),
        ({"steps": 2.0}, "steps: expected a whole number, got 2.0"),
        ({"walkers": 0}, "walkers: expected at least one"),
        ({"states": []}, "walkers: expected at least one for each of 0"),
        (
            {"sources": [wepy.StartState(label="s", arrays={"x": np.zeros(2)}, probability=0.5)]},
            "source states: expected",
        ),
        ({"config": {"a": math.inf}}, "config: expected JSON values"),
        ({"config": {"a": object()}}, "config: expected JSON values"),
    ],
)
def test_settings_that_cannot_work_are_refused_at_once(walk, changes, message):
    with pytest.raises(ConfigurationError, match=message):
        walk(**changes)


def test_whole_numbers_may_be_numpy_s(walk, tmp_path):
    numbers = {"seed": np.uint64(7), "walkers": np.int32(5), "steps": np.int64(3)}
    assert wd.compare(run(walk(**numbers), 2), run(walk(seed=7, walkers=5, steps=3), 2)) is None
    run(walk(**numbers, store=tmp_path / "run.h5"), 1)
    assert wd.check(tmp_path / "run.h5") == []


BEYOND = [wepy.StartState(label="s", arrays={"x": np.full(2, 5.0)})]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"states": [wepy.StartState(label="s", arrays={"x": np.zeros(3)})]}, r"state 's': .*shape \(2,\)"),
        ({"states": [wepy.StartState(label="s", arrays={"y": np.zeros(2)})]}, r"state 's': .*array 'x'"),
        ({"order_parameter": wepy.Coordinates(indices=(9,))}, "state 'origin': .*no coordinate 9"),
        ({"order_parameter": Clouded((0, 1), ("a", "b")), "states": BEYOND}, "state 's': order parameter: expected"),
        ({"recycling": wepy.Recycling(wepy.Region([0.0, 0.0]))}, "state 'origin' is in the target"),
        ({"recycling": wepy.Recycling(wepy.Region([0.0]))}, "target: expected an order parameter of shape"),
    ],
)
def test_a_start_state_that_cannot_work_is_named_before_anything_starts(walk, tmp_path, changes, message):
    simulation = walk(dispatcher=Untouchable(), store=tmp_path / "run.h5", **changes)
    with pytest.raises(ConfigurationError, match=message):
        run(simulation, 1)
    assert list(tmp_path.iterdir()) == []


def test_initial_states_may_lie_in_the_target_if_there_are_sources(walk):
    sources = [wepy.StartState(label="home", arrays={"x": np.zeros(2)})]
    states = [wepy.StartState(label="there", arrays={"x": np.full(2, 9.0)})]
    region = wepy.Recycling(wepy.Region([3.0, 3.0]))
    assert run(walk(states=states, sources=sources, recycling=region), 3).rows("event") == 5


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**64 - 1) | st.integers(2**64 - 3, 2**64 - 1))
def test_the_same_seed_gives_the_same_run_and_another_seed_another(double_well, seed):
    first, second = run(double_well(seed=seed), 6), run(double_well(seed=seed), 6)
    assert wd.compare(first, second) is None
    assert wd.compare(first, run(double_well(seed=(seed + 1) % 2**64), 6)) is not None
    assert first.header.provenance[0]["seed"] == seed


def test_the_largest_seed_goes_into_a_conforming_file(double_well, tmp_path):
    run(double_well(seed=2**64 - 1, store=tmp_path / "run.h5"), 2)
    assert wd.check(tmp_path / "run.h5") == []


def test_clones_part(walk):
    engine = wepy.OverdampedLangevin(wepy.DoubleWell(), timestep=1e-3)
    simulation = walk(
        engine=engine, order_parameter=wepy.Coordinates(), binner=None, balancer=wepy.HuberKim(8), walkers=1,
        states=[wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
    )  # fmt: skip
    record = run(simulation, 2)
    children = record.read("/segments/progress")[record.read("/segments/parent") == 0]
    assert len(np.unique(children)) == 8


def test_walkers_of_molecules_part_and_keep_their_energies(argon):
    record = run(argon(walkers=1, binner=None, balancer=wepy.HuberKim(4)), 3)
    children = record.read("/segments/progress")[record.read("/segments/parent") == 0]
    assert len(np.unique(children)) == 4
    assert np.isfinite(record.read("/observables/kinetic_energy/value")).all()


def test_one_walker_s_noise_does_not_depend_on_how_many_there_are(double_well):
    few, many = (run(double_well(walkers=n, balancer=None), 1) for n in (2, 9))
    assert few.read("/segments/progress").tolist() == many.read("/segments/progress")[:2].tolist()


def test_streams_of_a_run_are_its_own(walk):
    seen = []

    class Watching(wepy.RandomWalk):
        def run_batch(self, states, steps, streams):
            seen.extend(streams)
            return super().run_batch(states, steps, streams)

    run(walk(engine=Watching(dimensions=2)), 8)
    assert len(set(seen)) == len(seen)
    assert {stream.purpose for stream in seen} == {Purpose.DYNAMICS}
