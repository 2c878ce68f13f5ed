"""Going on with a run: whatever ended it, it becomes the run that nothing has disturbed, bit for bit."""

import contextlib
import dataclasses
import itertools
import threading
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import wepy
import wepy_data as wd
from wepy.ensemble import StartState
from wepy.errors import BinningError, ConfigurationError, ResumeError, SegmentError, WepyError
from wepy.standing import known_header
from wepy_data.store import repair as module

ENGINE = wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3, stride=4)
CYCLES = 7


class OneByOne:
    """An engine that cannot batch, so that results arrive one by one; it counts what it runs, and may fail."""

    def __init__(self, fails_at=None, engine=ENGINE):
        self.ran, self._fails_at, self._engine = [], fails_at, engine
        self.system, self.frame, self.describe = engine.system, engine.frame, engine.describe

    def run(self, state, steps, stream):
        if (stream.cycle, stream.walker) == self._fails_at:
            raise RuntimeError("out of luck")
        self.ran.append((stream.cycle, stream.walker))
        return self._engine.run(state, steps, stream)


@dataclasses.dataclass(frozen=True)
class Moment:
    """Copies of file and journal right after the commit of a cycle, as a crash there would leave them."""

    file: bytes
    journal: bytes

    @property
    def stops(self):
        """Where each entry of the journal ends."""
        place, found = 0, []
        while place < len(self.journal):
            place += 20 + int.from_bytes(self.journal[place : place + 4], "little")
            found.append(place)
        return found


def drain(cycles):
    for _ in cycles:
        pass


def filmed(simulation, path, cycles=CYCLES):
    """Run to the end, and return the moments after each commit."""
    film = []
    for _ in simulation.run(cycles=cycles):
        film.append(Moment(path.read_bytes(), wd.journal_path(path).read_bytes()))
    return film


def left_as(path, file, journal):
    """Put file and journal where a crash has left them."""
    path.write_bytes(file)
    wd.journal_path(path).write_bytes(journal)
    return path


def stopped(simulation, cycles):
    """Run some cycles, and leave the run without sealing it."""
    running = simulation.run()
    drain(itertools.islice(running, cycles))
    with pytest.raises(KeyboardInterrupt):
        running.throw(KeyboardInterrupt)


def assert_undisturbed(path, undisturbed):
    with wd.FileRun(path) as file:
        assert file.sealed
        assert wd.compare(undisturbed, file) is None
    assert wd.check(path) == []
    assert not wd.journal_path(path).exists()


def kinds(path):
    with wd.FileRun(path) as file:
        return [record["kind"] for record in file.header.provenance]


def header_of(path):
    with wd.FileRun(path) as file:
        return dataclasses.replace(file.header, inputs=dict(file.header.inputs))


@pytest.fixture(scope="module")
def undisturbed(double_well):
    """Return the record of the run that nothing has disturbed."""
    simulation = double_well()
    drain(simulation.run(cycles=CYCLES))
    return simulation.record


@pytest.fixture(scope="module")
def film(double_well, tmp_path_factory):
    """Return the moments after each commit of a run whose results arrive one by one."""
    path = tmp_path_factory.mktemp("film") / "run.h5"
    return filmed(double_well(engine=OneByOne(), store=path), path)


def test_a_sealed_run_goes_on_as_if_it_had_never_ended(double_well, undisturbed, tmp_path):
    path = tmp_path / "run.h5"
    drain(double_well(store=path).run(cycles=3))
    assert [cycle.index for cycle in double_well(store=path).resume(cycles=CYCLES)] == [3, 4, 5, 6]
    assert_undisturbed(path, undisturbed)
    assert kinds(path) == ["start", "resume"]


def test_a_stopped_run_goes_on_as_if_it_had_never_stopped(double_well, undisturbed, tmp_path):
    path = tmp_path / "run.h5"
    stopped(double_well(store=path), 4)
    assert wd.journal_path(path).exists()
    assert [cycle.index for cycle in double_well(store=path).resume(cycles=CYCLES)] == [4, 5, 6]
    assert_undisturbed(path, undisturbed)


def test_a_run_may_be_stopped_and_sealed_at_every_cycle(double_well, undisturbed, tmp_path):
    path = tmp_path / "run.h5"
    stopped(double_well(store=path), 1)
    for total in range(2, CYCLES + 1):
        running = double_well(store=path).resume(cycles=None if total % 2 else total)
        assert next(running).index == total - 1
        if total % 2:
            with pytest.raises(KeyboardInterrupt):
                running.throw(KeyboardInterrupt)
        else:
            drain(running)
    drain(double_well(store=path).resume(cycles=CYCLES))
    assert_undisturbed(path, undisturbed)
    with wd.FileRun(path) as file:
        assert [record["kind"] for record in file.header.provenance] == ["start"] + ["resume"] * CYCLES
        assert [record["cycle"] for record in file.header.provenance] == [0, 1, 2, 3, 4, 5, 6, 7]


def test_leaving_the_loop_of_a_resumed_run_seals_it(double_well, tmp_path):
    path = tmp_path / "run.h5"
    drain(double_well(store=path).run(cycles=2))
    for cycle in double_well(store=path).resume():
        if cycle.index == 4:
            break
    with wd.FileRun(path) as file:
        assert (file.n_cycles, file.sealed) == (5, True)


def finished_segments(path):
    """Return cycle and walker of the segments in a journal."""
    entries = [e for e in wd.read_journal(wd.journal_path(path)) if e.step == "segments"]
    return {(e.facts["cycle"], walker) for e in entries for walker in e.arrays["walker"].tolist()}


@settings(max_examples=20)
@given(cycle=st.integers(1, CYCLES - 1), part=st.floats(0, 1), batch=st.booleans())
@example(cycle=3, part=0.0, batch=False)
@example(cycle=3, part=1.0, batch=False)
def test_a_journal_torn_anywhere_costs_nothing_that_was_finished(
    double_well, undisturbed, film, new_path, cycle, part, batch
):
    moment, path = film[cycle], new_path()
    cut = moment.stops[0] + int(part * (len(moment.journal) - moment.stops[0]))  # the plan comes whole, by a rename
    left_as(path, film[cycle - 1].file, moment.journal[:cut])
    finished, engine = finished_segments(path), OneByOne()
    drain(double_well(engine=ENGINE if batch else engine, store=path).resume(cycles=CYCLES))
    assert_undisturbed(path, undisturbed)
    assert not finished & set(engine.ran)
    with wd.FileRun(path) as file:
        found = file.header.provenance[1]["found"]
    assert found == {"cycles": cycle, "sealed": False, "segments": len(finished)}


@pytest.mark.parametrize("entry", ["plan", "segments", "bins", "balance"])
def test_a_crash_after_each_step_goes_on_from_there(double_well, undisturbed, film, tmp_path, entry):
    path = left_as(tmp_path / "run.h5", film[3].file, film[4].journal)
    steps = [found.step for found in wd.read_journal(wd.journal_path(path))]
    last = len(steps) - 1 - steps[::-1].index(entry)
    left_as(path, film[3].file, film[4].journal[: film[4].stops[last]])
    engine = OneByOne()
    drain(double_well(engine=engine, store=path).resume(cycles=CYCLES))
    assert_undisturbed(path, undisturbed)
    assert ((4, 0) in engine.ran) == (entry == "plan")


def test_a_crash_between_commit_and_rotation_runs_nothing_again(double_well, undisturbed, film, tmp_path):
    path = tmp_path / "run.h5"
    for index, moment in enumerate(film):
        left_as(path, moment.file, moment.journal)
        engine = OneByOne()
        drain(double_well(engine=engine, store=path).resume(cycles=CYCLES))
        assert_undisturbed(path, undisturbed)
        assert {cycle for cycle, _ in engine.ran} == set(range(index + 1, CYCLES))


def test_results_that_the_journal_has_lost_of_a_committed_cycle_run_again(double_well, undisturbed, film, tmp_path):
    path = left_as(tmp_path / "run.h5", film[4].file, film[4].journal[: film[4].stops[2]])
    engine = OneByOne()
    drain(double_well(engine=engine, store=path).resume(cycles=CYCLES))
    assert_undisturbed(path, undisturbed)
    assert not {(4, 0), (4, 1)} & set(engine.ran)


def test_a_crash_in_the_first_cycle_keeps_what_was_finished(double_well, undisturbed, tmp_path):
    path = tmp_path / "run.h5"
    with pytest.raises(SegmentError, match="cycle 0, walker 4: RuntimeError: out of luck"):
        drain(double_well(engine=OneByOne(fails_at=(0, 4)), store=path).run(cycles=CYCLES))
    engine = OneByOne()
    drain(double_well(engine=engine, store=path).resume(cycles=CYCLES))
    assert_undisturbed(path, undisturbed)
    assert [ran for ran in engine.ran if ran[0] == 0] == [(0, 4), (0, 5)]


def test_a_run_without_a_cycle_and_without_a_plan_starts_with_its_founders(double_well, undisturbed, tmp_path):
    path = tmp_path / "run.h5"
    with pytest.raises(SegmentError):
        drain(double_well(engine=OneByOne(fails_at=(0, 0)), store=path).run(cycles=CYCLES))
    wd.journal_path(path).write_bytes(b"")
    drain(double_well(store=path).resume(cycles=CYCLES))
    assert_undisturbed(path, undisturbed)


def test_crashes_of_resumed_runs_are_resumed_too_and_every_start_is_recorded(double_well, undisturbed, tmp_path):
    path, ran = tmp_path / "run.h5", []
    for fails_at in [(0, 3), (0, 4), (2, 0), (2, 1), (5, 2)]:
        engine = OneByOne(fails_at=fails_at)
        simulation = double_well(engine=engine, store=path)
        with pytest.raises(SegmentError):
            drain(simulation.resume(cycles=CYCLES) if path.exists() else simulation.run(cycles=CYCLES))
        ran += engine.ran
    engine = OneByOne()
    drain(double_well(engine=engine, store=path).resume(cycles=CYCLES))
    ran += engine.ran
    assert_undisturbed(path, undisturbed)
    assert len(ran) == len(set(ran)) == undisturbed.rows("segment")
    assert kinds(path) == ["start"] + ["resume"] * 5


@pytest.mark.parametrize("sealed", [False, True])
def test_a_run_that_has_its_cycles_is_only_sealed(double_well, undisturbed, film, tmp_path, sealed):
    path = left_as(tmp_path / "run.h5", film[-1].file, film[-1].journal)
    for _ in range(1 + sealed):
        assert list(double_well(store=path).resume(cycles=CYCLES)) == []
        assert_undisturbed(path, undisturbed)


def test_part_of_a_batch_is_run_by_whoever_is_there(double_well, undisturbed, film, tmp_path):
    path = left_as(tmp_path / "run.h5", film[3].file, film[4].journal[: film[4].stops[3]])
    finished = finished_segments(path)
    asked = []

    class Watched(wepy.Serial):
        slots = 3

        def run(self, function, items):
            asked.append([item.walkers for item in items])
            return super().run(function, items)

    drain(double_well(dispatcher=Watched(), store=path).resume(cycles=CYCLES))
    assert_undisturbed(path, undisturbed)
    again = [walker for walkers in asked[0] for walker in walkers]
    assert len(finished) == 3
    assert not {walker for _, walker in finished} & set(again)
    assert len(again) == len(set(again))


def test_other_workers_go_on_with_the_run(double_well, undisturbed, film, tmp_path):
    path = left_as(tmp_path / "run.h5", film[3].file, film[4].journal[: film[4].stops[3]])
    drain(double_well(dispatcher=wepy.Processes(workers=2), store=path).resume(cycles=CYCLES))
    assert_undisturbed(path, undisturbed)
    with wd.FileRun(path) as file:
        assert file.rows("worker") in (2, 3)  # one of the two may have been the faster one throughout
        assert file.header.provenance[1]["changes"] == []
        assert file.header.provenance[1]["components"]["dispatcher"]["kind"] == "processes"


def test_a_run_with_velocities_in_a_box_goes_on_bit_for_bit(argon, tmp_path):
    path = tmp_path / "run.h5"
    whole = argon()
    drain(whole.run(cycles=5))
    stopped(argon(store=path), 2)
    drain(argon(store=path).resume(cycles=3))
    drain(argon(store=path).resume(cycles=5))
    assert_undisturbed(path, whole.record)


OTHER_BINS = wepy.Rectilinear([[-np.inf, 0.0, np.inf]])
FASTER = wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=4e-3, stride=4)
FORCED = {
    "seed: 1 in the run, 2 now": {"seed": 2},
    "balancer.target_count: 4 in the run, 5 now": {"balancer": wepy.HuberKim(5)},
    "manager.steps: 10 in the run, 11 now": {"steps": 11},
    "engine.timestep: 0.005 in the run, 0.004 now": {"engine": FASTER},
}
FATAL = {
    "binner": {"binner": OTHER_BINS},
    "binner: ": {"binner": None},
    "order_parameter": {"order_parameter": wepy.Coordinates(labels=("y",))},
    "recycling": {"recycling": wepy.Recycling(wepy.Region([0.3]))},
    "/states/arrays/x": {"states": [StartState(label="left", arrays={"x": np.array([-0.9])})]},
    "/particles/trajectory/position/value": {"storage": wepy.Storage(precision="pm")},
    "/segments/arrays/x": {"storage": wepy.Storage(states="all")},
}


@pytest.mark.parametrize("change", FORCED)
def test_changed_physics_is_listed_refused_and_recorded_if_forced(double_well, film, tmp_path, change):
    path = left_as(tmp_path / "run.h5", film[3].file, film[3].journal)
    with pytest.raises(ResumeError, match="was run with other settings") as caught:
        drain(double_well(store=path, **FORCED[change]).resume(cycles=CYCLES))
    assert f"  {change}" in str(caught.value).splitlines()
    assert (path.read_bytes(), wd.journal_path(path).read_bytes()) == (film[3].file, film[3].journal)
    drain(double_well(store=path, **FORCED[change]).resume(cycles=CYCLES, force=True))
    with wd.FileRun(path) as file:
        assert file.header.provenance[1]["changes"] == [change]
    assert wd.check(path) == []


@pytest.mark.parametrize("key", FATAL)
def test_what_the_file_cannot_hold_is_refused_even_if_forced(double_well, film, tmp_path, key):
    path = left_as(tmp_path / "run.h5", film[3].file, film[3].journal)
    with pytest.raises(ResumeError, match="branch it into a run of its own") as caught:
        drain(double_well(store=path, **FATAL[key]).resume(cycles=CYCLES, force=True))
    assert any(line.startswith(f"  {key}") for line in str(caught.value).splitlines())
    assert (path.read_bytes(), wd.journal_path(path).read_bytes()) == (film[3].file, film[3].journal)


def test_every_change_is_listed(double_well, film, tmp_path):
    path = left_as(tmp_path / "run.h5", film[3].file, film[3].journal)
    with pytest.raises(ResumeError) as caught:
        drain(double_well(store=path, seed=3, steps=5, binner=OTHER_BINS).resume())
    assert [line.split(":")[0].split(".")[0] for line in str(caught.value).splitlines()[1:]] == [
        "  binner", "  manager", "  seed"
    ]  # fmt: skip


def test_forced_changes_are_what_the_next_resume_compares_with(double_well, tmp_path):
    path = tmp_path / "run.h5"
    drain(double_well(store=path).run(cycles=2))
    drain(double_well(store=path, seed=2).resume(cycles=4, force=True))
    drain(double_well(store=path, seed=2).resume(cycles=5))
    with pytest.raises(ResumeError, match="seed: 2 in the run, 1 now"):
        drain(double_well(store=path).resume(cycles=6))


def test_forced_changes_count_and_are_kept_although_the_run_is_not_sealed(double_well, tmp_path):
    path = tmp_path / "run.h5"
    stopped(double_well(store=path, config={"a": 1}, inputs={"a.txt": "old"}), 2)
    for seed in (2, 3):
        changed = {"store": path, "seed": seed, "config": {"a": seed}, "inputs": {"b.txt": "new"}}
        for force in (True, False):
            running = double_well(**changed).resume(force=force)
            next(running)
            with pytest.raises(KeyboardInterrupt):
                running.throw(KeyboardInterrupt)
            assert known_header(path, header_of(path)).config == {"a": seed}
    assert header_of(path).config == {"a": 1}
    with pytest.raises(ResumeError, match="seed: 3 in the run, 1 now"):
        drain(double_well(store=path).resume())
    drain(double_well(store=path, seed=3).resume(cycles=7))
    header = header_of(path)
    assert (header.config, dict(header.inputs)) == ({"a": 3}, {"b.txt": "new"})
    assert [start["seed"] for start in header.provenance] == [1, 2, 2, 3, 3, 3]
    assert wd.check(path) == []


def test_changes_that_are_none_leave_the_configuration_as_it_was(double_well, tmp_path):
    path = tmp_path / "run.h5"
    drain(double_well(store=path, config={"a": 1}).run(cycles=2))
    drain(double_well(store=path, dispatcher=wepy.Serial(), config={"a": 2}).resume(cycles=4))
    assert header_of(path).config == {"a": 1}


def test_a_refused_resume_of_a_sealed_run_leaves_it_as_it_was(double_well, tmp_path):
    path = tmp_path / "run.h5"
    drain(double_well(store=path).run(cycles=2))
    before = path.read_bytes()
    for changes, total in [({"seed": 2}, 5), ({}, 1)]:
        with pytest.raises(ResumeError):
            drain(double_well(store=path, **changes).resume(cycles=total))
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["run.h5"]


def test_fewer_cycles_than_there_are_are_refused(double_well, film, tmp_path):
    path = left_as(tmp_path / "run.h5", film[3].file, film[3].journal)
    with pytest.raises(ResumeError, match="has 4 cycles already, and is to have 3 in the end"):
        drain(double_well(store=path).resume(cycles=3))


def test_no_run_is_no_run_to_resume(double_well, tmp_path):
    for store in (None, tmp_path / "run.h5"):
        with pytest.raises(ResumeError, match="there is no run to resume"):
            drain(double_well(store=store).resume())
    assert list(tmp_path.iterdir()) == []


def test_a_missing_journal_says_what_can_be_done(double_well, film, tmp_path):
    path = left_as(tmp_path / "run.h5", film[3].file, b"")
    wd.journal_path(path).unlink()
    with pytest.raises(ResumeError, match=r"is missing or empty: put the journal back, or wepy branch .* --cycle 2"):
        drain(double_well(store=path).resume())
    assert [found.name for found in tmp_path.iterdir()] == ["run.h5"]


def test_the_journal_of_another_run_is_refused(double_well, film, tmp_path):
    other = tmp_path / "other.h5"
    stopped(double_well(store=other), 4)
    path = left_as(tmp_path / "run.h5", film[3].file, wd.journal_path(other).read_bytes())
    with pytest.raises(ResumeError, match=r"belongs to run .* put file and journal of the same run together"):
        drain(double_well(store=path).resume())


@pytest.mark.parametrize(("file", "journal"), [(3, 5), (5, 3), (0, 6)])
def test_a_journal_of_another_moment_is_refused(double_well, film, tmp_path, file, journal):
    path = left_as(tmp_path / "run.h5", film[file].file, film[journal].journal)
    with pytest.raises(ResumeError, match=f"holds {file + 1} cycles?, and .* is of cycle {journal}: one of them"):
        drain(double_well(store=path).resume())
    assert (path.read_bytes(), wd.journal_path(path).read_bytes()) == (film[file].file, film[journal].journal)


def test_a_run_that_another_manager_goes_on_with_is_refused(double_well, undisturbed, tmp_path):
    path = tmp_path / "run.h5"
    drain(double_well(store=path).run(cycles=2))
    first = double_well(store=path).resume(cycles=CYCLES)
    next(first)
    with pytest.raises(wd.RunBusyError, match="another process is writing this run"):
        next(double_well(store=path).resume(cycles=CYCLES))
    with pytest.raises(wd.RunBusyError):
        next(double_well(store=path, overwrite=True).run(cycles=CYCLES))
    drain(first)
    assert_undisturbed(path, undisturbed)


def at_once(starts):
    """Call functions in threads at the same moment; return what each of them has returned or raised."""
    together, got = threading.Barrier(len(starts)), {}

    def start(number):
        together.wait()
        try:
            got[number] = starts[number]()
        except Exception as error:  # noqa: BLE001 (the test looks at it)
            got[number] = error

    threads = [threading.Thread(target=start, args=(number,)) for number in range(len(starts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [got[number] for number in range(len(starts))]


def first_step(cycles):
    """Begin a run and keep it running."""
    next(cycles)
    return cycles


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "crashed"])
def test_of_managers_that_start_at_the_same_moment_one_writes_the_run(double_well, film, tmp_path, sealed):
    finished = tmp_path / "finished.h5"
    drain(double_well(store=finished).run(cycles=2))
    for number in range(8):
        path = left_as(tmp_path / f"{number}.h5", film[3].file, film[3].journal)
        if sealed:
            wd.journal_path(path).unlink()
            path.write_bytes(finished.read_bytes())
        starts = [
            lambda path=path: first_step(double_well(store=path).resume(cycles=CYCLES)),
            lambda path=path: first_step(double_well(store=path, overwrite=True).run(cycles=CYCLES)),
        ]
        got = at_once(starts * 2)
        (winner,) = (one for one in got if not isinstance(one, Exception))
        assert [type(one) for one in got if one is not winner] == [wd.RunBusyError] * 3
        drain(winner)
        assert wd.check(path) == []
        with wd.FileRun(path) as run:
            assert run.n_cycles == CYCLES
            assert run.sealed


def test_a_repair_that_is_tried_again_and_again_costs_a_resumed_run_no_cycle(
    double_well, undisturbed, film, tmp_path, monkeypatch
):
    surplus = module._surplus
    monkeypatch.setattr(module, "_surplus", lambda run: time.sleep(0.02) or surplus(run))
    path, end = left_as(tmp_path / "run.h5", film[1].file, film[1].journal), threading.Event()

    def resumed():
        cycles = None
        while cycles is None:
            with contextlib.suppress(wd.RunBusyError):
                cycles = first_step(double_well(store=path).resume(cycles=CYCLES))
        for _ in cycles:
            time.sleep(0.05)
        end.set()

    def repaired():
        while not end.is_set():
            with contextlib.suppress(wd.RunBusyError):
                wd.repair(path)

    assert at_once([resumed, repaired]) == [None, None]
    assert_undisturbed(path, undisturbed)


def test_a_link_to_a_run_stays_a_link_and_leads_to_the_one_lock(double_well, undisturbed, tmp_path):
    (tmp_path / "folder").mkdir()
    path, link = tmp_path / "folder" / "run.h5", tmp_path / "link.h5"
    link.symlink_to(path)
    drain(double_well(store=link).run(cycles=2))
    first = first_step(double_well(store=link).resume(cycles=CYCLES))
    for store in (path, link):
        with pytest.raises(wd.RunBusyError):
            next(double_well(store=store).resume(cycles=CYCLES))
        with pytest.raises(wd.RunBusyError):
            next(double_well(store=store, overwrite=True).run(cycles=CYCLES))
    with wd.FileRun(link) as run:
        assert run.state == "growing"
    drain(first)
    assert link.is_symlink()
    assert_undisturbed(path, undisturbed)
    assert [found.name for found in path.parent.iterdir()] == ["run.h5"]


def test_a_simulation_resumes_once_and_only_before_it_runs(double_well, tmp_path):
    simulation = double_well(store=tmp_path / "run.h5")
    drain(simulation.run(cycles=1))
    with pytest.raises(WepyError, match="has run"):
        drain(simulation.resume(cycles=2))
    with pytest.raises(ConfigurationError, match="cycles: expected at least 1"):
        drain(double_well(store=tmp_path / "run.h5").resume(cycles=0))


def test_bins_that_stop_a_run_keep_its_cycles_for_a_resume(walk, tmp_path):
    path = tmp_path / "run.h5"
    narrow = wepy.Rectilinear([[-0.5, 2.5], [-np.inf, np.inf]])
    with pytest.raises(BinningError):
        drain(walk(binner=narrow, store=path).run(cycles=50))
    with wd.FileRun(path) as file:
        before = file.n_cycles
    with pytest.raises(BinningError):
        drain(walk(binner=narrow, store=path).resume(cycles=50))
    with wd.FileRun(path) as file:
        assert file.n_cycles == before
    assert wd.check(path) == []


def test_what_crashes_have_left_beside_a_run_is_removed_and_nothing_else(double_well, undisturbed, film, tmp_path):
    path = left_as(tmp_path / "run.h5", film[3].file, film[4].journal)
    for name in ("run.h5.superblock", ".run.h5.123.part", ".run.h5.journal.123.part", ".run.h5.b.123.part", "run.h5x"):
        (tmp_path / name).write_bytes(film[3].file[:100])
    drain(double_well(store=path).resume(cycles=CYCLES))
    assert_undisturbed(path, undisturbed)
    assert sorted(found.name for found in tmp_path.iterdir()) == [".run.h5.b.123.part", "run.h5", "run.h5x"]


def test_a_start_that_was_killed_before_there_was_a_file_says_how_to_start_again(double_well, tmp_path):
    path = tmp_path / "run.h5"
    wd.Journal(wd.journal_path(path)).close()
    words = r"run\.h5 is missing, and run\.h5\.journal is beside its place: .* put it back .* \(wepy run --overwrite\)"
    with pytest.raises(ResumeError, match=words):
        drain(double_well(store=path).resume())
    with pytest.raises(wd.RunExistsError, match=words):
        drain(double_well(store=path).run(cycles=1))
    drain(double_well(store=path, overwrite=True).run(cycles=1))
    assert wd.check(path) == []


class Interrupted(wepy.OpenMM):
    """An engine that fails at the second walker of the third cycle."""

    def run(self, state, steps, stream):
        if (stream.cycle, stream.walker) == (2, 1):
            raise RuntimeError("out of luck")
        return super().run(state, steps, stream)


def test_a_run_that_goes_on_on_another_platform_says_which_segments_ran_where(argon, tmp_path, monkeypatch):
    path, engine = tmp_path / "run.h5", argon().engine
    settings = {field.name: getattr(engine, field.name) for field in dataclasses.fields(engine) if field.init}
    for name in ("WEPY_OPENMM_PLATFORM", "WEPY_OPENMM_PROPERTIES"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SegmentError, match="cycle 2, walker 1: RuntimeError: out of luck"):
        drain(argon(engine=Interrupted(**settings), store=path).run(cycles=4))
    monkeypatch.setenv("WEPY_OPENMM_PLATFORM", "CPU")
    drain(argon(store=path).resume(cycles=4))
    assert wd.check(path) == []
    with wd.open_run(path) as run:
        segments, workers = run.table("segments"), run.table("workers")
        starts = [record["environment"].get("WEPY_OPENMM_PLATFORM") for record in run.header.provenance]
    assert workers.platform.tolist() == ["Reference", "CPU"]
    assert workers.groupby(["host", "pid"]).ngroups == 1
    assert starts == [None, "CPU"]
    before = (segments.cycle < 2) | ((segments.cycle == 2) & (segments.walker == 0))  # the last came from the journal
    assert before.any()
    assert (segments.worker == np.where(before, 0, 1)).all()
