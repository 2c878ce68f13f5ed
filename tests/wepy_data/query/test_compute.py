"""Observables computed from runs: the values, where they are kept, and what happens when it goes wrong."""

import functools
import importlib
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import mdtraj as md
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wepy_data as wd
from wepy_data.errors import FunctionError, RunBusyError, RunExistsError, SelectionError
from wepy_data.query.batch import Extents
from wepy_data.query.run import Run
from wepy_data.store.copy import write_copy
from wepy_data.store.journal import writing
from wepy_data.testing import runs

PROGRAM = '''
import sys, time
import numpy as np
import wepy_data as wd

def slow(trajectory):
    """First coordinate, slowly."""
    time.sleep(0.01 * trajectory.n_frames / 8)
    return trajectory.xyz[:, 0, 0]

def tell(done, total):
    print(done, total, flush=True)

if __name__ == "__main__":
    with wd.open_run(sys.argv[1]) as run:
        run.compute(slow, workers=int(sys.argv[2]), progress=tell)
'''


def centre(trajectory):
    """Mean position of the atoms."""
    return trajectory.xyz.mean(axis=1)


def first_sign(trajectory):
    return (trajectory.xyz[:, 0, 0] > 0).astype(int)


def spread(trajectory):
    """Several values of a segment."""
    return np.array([trajectory.xyz.std(), trajectory.n_frames])


def failing(trajectory):
    raise ZeroDivisionError("too near")


@pytest.fixture
def path(ensemble_file, tmp_path):
    return Path(shutil.copy(ensemble_file, tmp_path / "run.h5"))


@pytest.fixture
def growing(make_ensemble, tmp_path):
    """A writer of a run that is not sealed, its file, and the cycles that it is still to get."""
    record = make_ensemble()
    target = tmp_path / "live.h5"
    writer = wd.FileWriter(target, record.header)
    for cycle in record.cycles[:8]:
        writer.append(cycle)
    yield writer, target, record.cycles[8:], record
    writer.close()


def beside(path):
    return sorted(found.name for found in path.parent.iterdir())


def positions(run):
    return run.frames(np.arange(run.n_segments)).xyz


# values


@given(record=runs(particles=True, max_cycles=5), data=st.data())
@settings(max_examples=25)
def test_values_are_those_of_each_frame_alone(record, data):
    run = Run(record)
    chosen = data.draw(st.none() | st.lists(st.integers(0, max(0, run.n_segments - 1)), min_size=1, max_size=6))
    segments = np.arange(run.n_segments) if chosen is None else np.array(chosen)
    if not run.n_segments or not len(frames := run.frames(segments)):
        with pytest.raises(SelectionError):
            run.compute(centre, chosen, store=False)
        return
    found = run.compute(centre, chosen, store=False)
    np.testing.assert_array_equal(found, frames.xyz.mean(axis=1))
    per_segment = run.compute(spread, chosen, per="segment", store=False)
    for segment, row in zip(segments.tolist(), per_segment, strict=True):
        one = run.frames(segment)
        expected = [one.xyz.std(), one.n_frames] if one.n_frames else [np.nan, np.nan]
        np.testing.assert_allclose(row, expected, rtol=1e-5)


@given(
    counts=st.lists(st.integers(0, 9), min_size=1, max_size=60), atoms=st.integers(0, 10**6), workers=st.integers(1, 4)
)
def test_batches_hold_all_frames_once_and_little_memory(counts, atoms, workers):
    count = np.array(counts)
    extents = Extents(start=np.cumsum(count) - count, count=count)
    batches = extents.batches(np.arange(len(count)), atoms, workers)
    assert np.concatenate([np.zeros(0), *(b.segments for b in batches)]).tolist() == np.flatnonzero(count).tolist()
    assert all(b.counts.tolist() == count[b.segments].tolist() for b in batches)
    assert all(len(b.segments) == 1 or b.counts[:-1].sum() * atoms * 12 <= 1 << 25 for b in batches)
    if batches:
        rows = np.concatenate([extents.rows(b.segments, "frame") for b in batches])
        assert rows.tolist() == list(range(int(count.sum())))


@given(record=runs(min_cycles=1, particles=True), per=st.sampled_from(["frame", "segment"]), data=st.data())
@settings(max_examples=20)
def test_any_run_s_file_gives_back_what_was_computed(record, per, data, new_path):
    path = wd.write_run(new_path(), record)
    count = np.diff(record.read("/segments/frame_stop"), prepend=0)
    some = st.lists(st.integers(0, len(count) - 1), min_size=1, unique=True)
    chosen = np.array(data.draw(some)) if data.draw(st.booleans()) else np.arange(len(count))
    with wd.open_run(path) as run:
        if not count[chosen].any():
            with pytest.raises(SelectionError, match="there are no frames"):
                run.compute(spread, chosen, per=per)
            return
        function = centre if per == "frame" else spread
        expected = Run(record).compute(function, chosen, per=per, store=False)
        np.testing.assert_array_equal(run.compute(function, chosen, per=per, units="nm"), expected)
    with wd.open_run(path) as run:
        np.testing.assert_array_equal(run.observable(function.__name__, chosen), expected)
        rest = np.setdiff1d(np.arange(len(count)), chosen)
        if len(rest):
            assert np.isnan(run.observable(function.__name__, rest)).all()
        run.table("segments")
    assert wd.check(path) == []
    assert path.with_name(path.name + ".observables.h5").exists() != record.sealed
    with wd.FileRun(path) as found:
        assert wd.compare(found, record) is None


def test_a_sealed_run_gets_it_into_its_file(path):
    before = path.read_bytes()
    with wd.open_run(path) as run:
        seen = []
        found = run.compute(centre, name="centre", units="nm", progress=lambda *done: seen.append(done))
        np.testing.assert_array_equal(found, positions(run).mean(axis=1))
        assert seen[-1] == (run.n_frames, run.n_frames)
    assert path.read_bytes() != before
    assert wd.check(path) == []
    assert beside(path) == ["run.h5"]
    with wd.open_run(path) as run:
        assert "centre" in run.observables
        assert run.unit("centre") == "nm"
        np.testing.assert_array_equal(run.observable("centre"), found)
        lineage = run.lineage.trace(run.segment_id())
        np.testing.assert_array_equal(run.observable("centre", lineage), run.frames(lineage).xyz.mean(axis=1))
        origin = run.computed["centre"].provenance
    assert origin["function"].endswith(":centre")
    assert origin["doc"] == "Mean position of the atoms."
    assert {"numpy", "mdtraj", "wepy", "python"} <= set(origin["software"])
    assert origin["time"]


def test_one_per_segment_is_a_column_of_the_table(path):
    with wd.open_run(path) as run:
        run.compute(spread, per="segment", units="nm")
        frame = run.table("segments", cycles=-1)
        assert {"spread_0", "spread_1"} <= set(frame)
        assert frame.attrs["units"]["spread_0"] == "nm"
        np.testing.assert_array_equal(frame[["spread_0", "spread_1"]], run.observable("spread", frame.index))
        assert list(run.table("segments", columns=["spread"])) == ["spread_0", "spread_1"]


def test_some_segments_leave_nan_elsewhere_and_are_gone_on_with(path):
    with wd.open_run(path) as run:
        survivors = run.lineage.survivors()
        found = run.compute(first_sign, survivors, name="sign")
        assert found.dtype == np.float64
        whole = run.observable("sign")
        assert np.isnan(whole).sum() == run.n_frames - len(found)
        calls = []
        again = run.compute(first_sign, name="sign", progress=lambda *done: calls.append(done))
        np.testing.assert_array_equal(again, (positions(run)[:, 0, 0] > 0).astype(int))
        assert calls[0][0] > len(found)
    assert wd.check(path) == []


def test_whole_numbers_stay_whole_if_none_is_missing(path):
    with wd.open_run(path) as run:
        assert run.compute(first_sign).dtype == np.int64
        assert run.observable("first_sign", [0]).dtype == np.int64


def test_parallel_equals_serial(path):
    with wd.open_run(path) as run:
        serial = run.compute(wd.Distance(0, 3), store=False)
        both = run.compute(wd.Distance(0, 3), workers=2)
    np.testing.assert_array_equal(both, serial)


def test_chosen_atoms_alone_are_seen(path):
    with wd.open_run(path) as run:
        found = run.compute(centre, atoms=[1, 3], store=False)
        np.testing.assert_allclose(found, positions(run)[:, [1, 3]].mean(axis=1), atol=1e-6)


def test_built_in_ones_are_mdtraj_s(path):
    with wd.open_run(path) as run:
        frames = run.frames(np.arange(run.n_segments))
        for function, expected in (
            (wd.Distance(0, 3), md.compute_distances(frames, [[0, 3]])[:, 0]),
            (wd.Angle(0, 1, 2), md.compute_angles(frames, [[0, 1, 2]])[:, 0]),
            (wd.Dihedral(0, 1, 2, 3), md.compute_dihedrals(frames, [[0, 1, 2, 3]])[:, 0]),
            (wd.RadiusOfGyration(), md.compute_rg(frames)),
            (wd.Rmsd(frames.xyz[0]), md.rmsd(frames, frames[0])),
        ):
            found = run.compute(function)
            np.testing.assert_allclose(found, expected, atol=1e-6)
            assert run.unit(type(function).__name__.lower()) == function.unit


def test_the_order_in_which_atoms_are_named_does_not_matter(path):
    with wd.open_run(path) as run:
        found = run.compute(wd.Rmsd(positions(run)[0][[0, 1, 3]]), name="rmsd", atoms=[3, 0, 1])
        assert found[0] < 1e-3
        run.compute(wd.Rmsd(positions(run)[0][[0, 1, 3]]), name="rmsd", atoms=[0, 1, 3])  # the same


def test_a_run_whose_file_is_gone_is_asked_for_what_it_has(path):
    with wd.open_run(path) as run:
        path.unlink()
        assert "order_parameter" in run.observables


# runs that grow


def test_beside_a_run_that_grows_and_gone_on_with(growing):
    writer, path, more, record = growing
    with wd.open_run(path) as run:
        first = run.compute(centre, units="nm")
        assert len(first) == run.n_frames
    assert beside(path) == ["live.h5", "live.h5.observables.h5"]
    for cycle in more:
        writer.append(cycle)
    with wd.open_run(path) as run:
        values = run.observable("centre")
        np.testing.assert_array_equal(values[: len(first)], first)
        assert np.isnan(values[len(first) :]).all()
        assert len(values) == run.n_frames > len(first)
        calls = []
        found = run.compute(centre, units="nm", progress=lambda *done: calls.append(done))
        assert calls[0][0] > len(first)
        np.testing.assert_array_equal(found, positions(run).mean(axis=1))
    writer.seal(record.planned)
    with wd.open_run(path) as run:
        np.testing.assert_array_equal(run.observable("centre"), found)
        run.compute(centre, units="nm", progress=lambda *_: pytest.fail("all of it was there"))
    assert beside(path) == ["live.h5"]
    assert wd.check(path) == []
    with wd.open_run(path) as run:
        np.testing.assert_array_equal(run.observable("centre"), found)


def test_a_sealed_run_with_observables_can_go_on(path, make_ensemble):
    with wd.open_run(path) as run:
        found = run.compute(first_sign)
    wd.FileWriter.reopen(path).close()
    assert wd.check(path) == []
    with wd.open_run(path) as run:
        assert not run.sealed
        assert "first_sign" not in run.header.layout.named.get("/observables/<name>/value", ())
        np.testing.assert_array_equal(run.observable("first_sign"), found)


def test_repair_and_snapshot_keep_them(path, tmp_path):
    with wd.open_run(path) as run:
        found = run.compute(centre)
    with wd.open_run(wd.snapshot(path, tmp_path / "copy.h5")) as run:
        np.testing.assert_array_equal(run.observable("centre"), found)


def test_another_run_in_the_place_has_none_of_them(growing, make_ensemble):
    writer, path, *_ = growing
    with wd.open_run(path) as run:
        run.compute(centre)
    writer.close()
    other = make_ensemble(seed=2)
    with wd.FileWriter(path, other.header, overwrite=True) as new:
        for cycle in other.cycles[:3]:
            new.append(cycle)
        with wd.open_run(path) as run:
            assert "centre" not in run.observables
            run.compute(first_sign)
        with wd.open_run(path) as run:
            assert list(run.computed) == ["first_sign"]


def test_two_observables_beside_a_run_do_not_disturb_each_other(growing):
    _, path, _, _ = growing
    with wd.open_run(path) as run:
        run.compute(centre)
        run.compute(first_sign)
        assert list(run.computed) == ["centre", "first_sign"]
        np.testing.assert_array_equal(run.observable("centre"), positions(run).mean(axis=1))


# interruptions


def test_an_interrupted_one_goes_on_where_it_stopped(path):
    def stop(done, total):
        if done > total / 2:
            raise KeyboardInterrupt

    with wd.open_run(path) as run:
        with pytest.raises(KeyboardInterrupt):
            run.compute(centre, progress=stop)
        assert "centre" not in run.observables
        assert list(path.parent.glob("run.h5.unfinished/centre-*/*.npz"))
        calls = []
        found = run.compute(centre, progress=lambda *done: calls.append(done))
        assert calls[0][0] > run.n_frames / 2
        np.testing.assert_array_equal(found, positions(run).mean(axis=1))
    assert beside(path) == ["run.h5"]


def test_other_processes_end_when_the_caller_gives_up(path):
    def stop(done, total):
        raise KeyboardInterrupt

    with wd.open_run(path) as run, pytest.raises(KeyboardInterrupt):
        run.compute(wd.Distance(0, 3), workers=2, progress=stop)
    assert multiprocessing.active_children() == []


def test_the_same_function_is_computed_anew_if_told_so(path):
    with wd.open_run(path) as run:
        run.compute(centre)
        run.compute(centre, progress=lambda *_: pytest.fail("it is stored"))
        calls = []
        run.compute(centre, overwrite=True, progress=lambda *done: calls.append(done))
        assert calls[-1] == (run.n_frames, run.n_frames)


def test_another_unit_is_noted_without_computing(path):
    with wd.open_run(path) as run:
        found = run.compute(centre)
        again = run.compute(centre, units="nm", progress=lambda *_: pytest.fail("it is stored"))
        assert run.unit("centre") == "nm"
        np.testing.assert_array_equal(again, found)


def test_another_function_begins_anew(path):
    def stop(done, total):
        raise KeyboardInterrupt

    with wd.open_run(path) as run:
        with pytest.raises(KeyboardInterrupt):
            run.compute(functools.partial(wrapped, power=1), name="x", progress=stop)
        calls = []
        found = run.compute(functools.partial(wrapped, power=2), name="x", progress=lambda *done: calls.append(done))
        assert len(calls) > 1
        np.testing.assert_array_equal(found, positions(run)[:, 0, 0] ** 2)


def wrapped(trajectory, power):
    return trajectory.xyz[:, 0, 0] ** power


def test_a_damaged_block_is_computed_anew(path):
    def stop(done, total):
        raise KeyboardInterrupt

    with wd.open_run(path) as run:
        with pytest.raises(KeyboardInterrupt):
            run.compute(centre, progress=stop)
        (block,) = path.parent.glob("run.h5.unfinished/centre-*/*.npz")
        data = bytearray(block.read_bytes())
        data[len(data) // 2] ^= 1
        block.write_bytes(data)
        np.testing.assert_array_equal(run.compute(centre), positions(run).mean(axis=1))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_one_goes_on_where_it_stopped(path, tmp_path, workers):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    line = [sys.executable, str(script), str(path), str(workers)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        done = int(process.stdout.readline().split()[0])
        children = [
            int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        ]
        process.send_signal(signal.SIGKILL)
    assert wd.check(path) == []
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{child}").exists() for child in children):  # whoever computed for it ends with it
        assert time.monotonic() < deadline
        time.sleep(0.05)
    again = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True)
    first = int(again.stdout.split("\n")[0].split()[0])
    assert first > done
    with wd.open_run(path) as run:
        np.testing.assert_array_equal(run.observable("slow"), positions(run)[:, 0, 0])


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_killed_while_storing_leaves_the_old_file_whole(path, monkeypatch, step):
    before = path.read_bytes()

    def die(*_, **__):
        raise SystemExit("killed")  # what is there then, is there after a kill

    def replace(self, target, real=Path.replace):  # blocks are there already
        return die() if self.name.startswith(".run.h5") else real(self, target)

    with wd.open_run(path) as run:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", die) if step == "fsync" else patch.setattr(Path, "replace", replace)
            with pytest.raises(SystemExit):
                run.compute(centre)
        assert path.read_bytes() == before
        assert wd.check(path) == []
        run.compute(centre, progress=lambda *_: pytest.fail("all blocks were finished"))
    assert beside(path) == ["run.h5"]


def test_a_run_that_is_written_keeps_the_results_for_later(path):
    with wd.open_run(path) as run:
        with writing(path), pytest.raises(RunBusyError):
            run.compute(centre)
        run.compute(centre, progress=lambda *_: pytest.fail("all blocks were finished"))


# refusals


def only_here(function):
    """Return a function of a module that no other process can import."""
    module = types.ModuleType("only_here")
    module.failing = types.FunctionType(function.__code__, function.__globals__, function.__name__)
    module.failing.__module__ = "only_here"
    sys.modules["only_here"] = module
    return module.failing


@pytest.mark.parametrize(
    ("function", "settings", "says"),
    [
        (failing, {}, r"failing failed on segments 0 to \d+ \(ZeroDivisionError: too near\)"),
        (failing, {"per": "segment"}, r"failing failed on segment 0 "),
        (
            only_here(failing),
            {"workers": 2},
            r"failing cannot be imported by other processes .*: define it at the top of a module",
        ),
        (lambda t: np.zeros(3), {"name": "x"}, r"returned an array of shape \(3,\) for \d+ frames"),
        (lambda t: 1.0, {"name": "x"}, r"shape \(\) for"),
        (lambda t: t.xyz[:, 0] > 0, {"name": "x", "workers": 2}, "cannot be sent to other processes.*top of a module"),
        (lambda t: np.full(t.n_frames, "a"), {"name": "x"}, "returned <U1"),
        (lambda t: np.zeros((t.n_frames, 0)), {"name": "x"}, r"returned float64 of shape \(\d+, 0\)"),
        (lambda t: np.zeros(t.n_frames), {"name": "x", "per": "segment"}, None),
        (3, {}, "3 is no function"),
    ],
)
def test_functions_that_do_not_fit_are_named(path, function, settings, says):
    with wd.open_run(path) as run:
        if says is None:
            assert run.compute(function, **settings).shape == (run.n_segments, 2)
            return
        with pytest.raises(FunctionError, match=says):
            run.compute(function, **settings)
        assert run.computed == {}


def test_a_failure_in_another_process_is_that_of_the_function(path, tmp_path, monkeypatch):
    (tmp_path / "my_measures.py").write_text("def failing(t):\n    raise ZeroDivisionError('too near')\n")
    monkeypatch.syspath_prepend(tmp_path)
    function = importlib.import_module("my_measures").failing
    says = r"my_measures:failing failed on segments \d+ to \d+ \(ZeroDivisionError: too near\)"
    with wd.open_run(path) as run, pytest.raises(FunctionError, match=says):
        run.compute(function, workers=2)


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"name": "a/b"}, SelectionError, "'a/b' cannot be a name"),
        ({"name": "weight"}, RunExistsError, "an observable weight of its own"),
        ({"segments": [10**6]}, SelectionError, "no segment 1000000"),
        ({"per": "walker"}, SelectionError, "per 'walker'"),
        ({"workers": 0}, SelectionError, "at least 1"),
        ({"atoms": [9]}, SelectionError, "no atom 9"),
    ],
)
def test_wishes_that_cannot_be_are_named(path, settings, error, says):
    with wd.open_run(path) as run, pytest.raises(error, match=says):
        run.compute(centre, **settings)


def test_one_of_another_function_is_kept_unless_told_otherwise(path):
    with wd.open_run(path) as run:
        run.compute(centre, name="x")
        with pytest.raises(RunExistsError, match=r"an observable x of another function .*centre"):
            run.compute(first_sign, name="x")
        assert run.compute(first_sign, name="x", overwrite=True).ndim == 1
        assert run.observable("x").ndim == 1


def test_a_run_without_coordinates_and_a_record_in_memory_say_so(make_ensemble):
    with pytest.raises(SelectionError, match="stores no coordinates"):
        Run(make_ensemble(cycles=2, particles=False)).compute(centre, store=False)
    run = Run(make_ensemble(cycles=2))
    with pytest.raises(SelectionError, match="a record in memory stores no observables"):
        run.compute(centre)
    with pytest.raises(SelectionError, match="other processes cannot see a record in memory"):
        run.compute(centre, store=False, workers=2)


def test_damage_in_a_stored_one_is_found(path):
    with wd.open_run(path) as run:
        run.compute(wd.Distance(0, 3), name="ends")
    import h5py

    with h5py.File(path) as file:
        place = file["/extra/observables/ends/value"].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    data[place.byte_offset + place.size // 2] ^= 1
    path.write_bytes(data)
    with wd.open_run(path) as run, pytest.raises(wd.DamagedRunError, match="/extra/observables cannot be read"):
        run.observable("ends")


def test_a_damaged_file_beside_a_run_says_what_to_do(growing):
    _, path, _, _ = growing
    with wd.open_run(path) as run:
        run.compute(centre)
    sidecar = path.with_name("live.h5.observables.h5")
    sidecar.write_bytes(sidecar.read_bytes()[:600])
    with wd.open_run(path) as run, pytest.raises(wd.DamagedRunError, match="delete it to go on without them"):
        _ = run.observables


def test_what_a_user_has_put_into_extra_is_no_observable(ensemble_record, tmp_path):
    import h5py

    path = tmp_path / "run.h5"
    write_copy(path, ensemble_record, ensemble_record.header, ensemble_record.planned)
    with h5py.File(path, "r+") as file:
        file["/extra/observables/mine"] = np.arange(3)
        file["/extra/observables/theirs/value"] = np.arange(3)
        file["/extra/observables/away"] = h5py.ExternalLink("other.h5", "/")
    with wd.open_run(path) as run:
        assert run.computed == {}
        assert len(run.compute(centre)) == run.n_frames
