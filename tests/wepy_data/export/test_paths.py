"""Sets of trajectories with an index: lineages, successful paths, branches."""

import mdtraj
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wepy_data import Run, RunExistsError, SelectionError, branch_paths, export_paths, successful_paths
from wepy_data.export import stream
from wepy_data.export.content import Block
from wepy_data.testing import runs


@pytest.fixture
def run(make_ensemble):
    return Run(make_ensemble(20))


def loaded(exported):
    top = {} if exported.topology == exported.trajectory else {"top": exported.topology}
    return mdtraj.load(exported.trajectory, **top)


@pytest.mark.parametrize("most_open", [200, 3])
@pytest.mark.parametrize("suffix", [".dcd", ".xtc", ".h5"])
def test_all_lineages_are_written_as_each_would_be_alone(run, tmp_path, monkeypatch, suffix, most_open):
    monkeypatch.setattr(stream, "_MOST_OPEN", most_open)
    monkeypatch.setattr(stream, "BLOCK_BYTES", 48 * 7)
    paths = run.lineage.trace_all().T
    written = export_paths(run, paths, tmp_path / f"all{suffix}")
    index = pd.read_csv(written.index)
    assert index.file.tolist() == [one.trajectory.name for one in written.files]
    assert index.tip.tolist() == paths[:, -1].tolist()
    assert index.n_frames.tolist() == [40] * len(paths)
    assert index.weight.sum() == pytest.approx(1)
    for path, one in zip(paths, written.files, strict=True):
        np.testing.assert_allclose(loaded(one).xyz, run.frames(path).xyz, atol=6e-4)
        assert pd.read_csv(one.table).segment.tolist() == np.repeat(path, 2).tolist()
    kinds = {".dcd": 1, ".xtc": 1, ".h5": 0}
    assert len(list(tmp_path.iterdir())) == 1 + 2 * len(paths) + kinds[suffix]


def test_each_frame_is_read_once_however_many_paths_share_it(run, tmp_path, monkeypatch):
    read = []

    def counted(shaping, rows, *, velocities=False):
        read.extend(rows.tolist())
        return block(shaping, rows, velocities=velocities)

    block = stream.Shaping.block
    monkeypatch.setattr(stream.Shaping, "block", counted)
    export_paths(run, run.lineage.trace_all().T, tmp_path / "all.npz")
    _, *others = read  # the topology's frame
    assert len(others) == len(set(others)) == 2 * len(run.lineage.survivors())


def test_successful_paths_reach_the_target_and_begin_anew(run, tmp_path):
    written = export_paths(run, successful_paths(run), tmp_path / "success.npz", which="last")
    index, segments, events = pd.read_csv(written.index), run.table("segments"), run.table("events")
    assert sorted(index.tip) == sorted(events.segment[events.kind == "recycled"])
    for one in written.files:
        with np.load(one.trajectory) as found:
            path = found["segment"]
            assert found["order_parameter"][-1, 0] > 1.0
        assert segments.continuous[path].tolist() == ["discontinuous"] + ["continuous"] * (len(path) - 1)
        assert segments.parent[path[1:]].tolist() == path[:-1].tolist()


def test_branch_of_an_ancestor_has_all_its_descendants_paths(run, tmp_path):
    final = run.lineage.segments_of(-1)
    ancestor = next(a for a in (run.lineage.mrca(final[0], other) for other in final[1:]) if a >= 0)
    paths = branch_paths(run, ancestor)
    assert [path[-1] for path in paths] == run.lineage.descendants(ancestor).tolist()
    assert all(path[0] == ancestor for path in paths)
    assert len(export_paths(run, paths, tmp_path / "branch.dcd").files) == len(paths) > 1


def test_all_frames_are_superposed_on_the_first_of_the_first_path(run, tmp_path):
    paths = run.lineage.trace_all().T[:3]
    written = export_paths(run, paths, tmp_path / "all.h5", align=[0, 1, 2, 3])
    reference = run.frames(paths[0])[0]
    for path, one in zip(paths, written.files, strict=True):
        np.testing.assert_allclose(loaded(one).xyz, run.frames(path).superpose(reference).xyz, atol=1e-5)


@given(record=runs(min_cycles=1, particles=True, recycling=True, absorption=True), data=st.data())
@settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)
def test_any_runs_successful_paths_have_their_frames_or_a_row(new_path, record, data):
    run = Run(record)
    paths, target = successful_paths(run), new_path().with_suffix(".npz")
    kinds = record.read("/events/kind")
    assert [path[-1] for path in paths] == record.read("/events/segment")[kinds < 2].tolist()
    frames = [run.frames(path).n_frames for path in paths]
    if not sum(frames):
        with pytest.raises(SelectionError, match="nothing to export"):
            export_paths(run, paths, target)
        return
    written = export_paths(run, paths, target)
    index = pd.read_csv(written.index, keep_default_na=False)
    assert index.n_frames.tolist() == frames
    assert [bool(name) for name in index.file] == [count > 0 for count in frames]
    assert written.n_frames == sum(frames)


def test_scripts_of_each_file_load_the_shared_topology(run, tmp_path):
    written = export_paths(run, run.lineage.trace_all().T[:2], tmp_path / "all.dcd", scripts=True)
    for one in written.files:
        assert all("all.pdb" in script.read_text() for script in one.scripts)
        assert all(one.trajectory.name in script.read_text() for script in one.scripts)


def test_progress_counts_all_files(run, tmp_path):
    told = []
    written = export_paths(
        run, run.lineage.trace_all().T, tmp_path / "all.dcd", progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (written.n_frames, written.n_frames)


def test_no_file_appears_if_one_is_in_the_way_or_paths_are_none(run, tmp_path):
    paths = run.lineage.trace_all().T[:2]
    name = f"all-c19-w{run.lineage.walker_of(paths[0, -1])}.csv"
    (tmp_path / name).write_text("mine")
    with pytest.raises(RunExistsError, match=name):
        export_paths(run, paths, tmp_path / "all.dcd")
    for wrong, words in (([], "no paths"), ([[0], [1, 0]], "two paths end"), ([[]], "without segments")):
        with pytest.raises(SelectionError, match=words):
            export_paths(run, wrong, tmp_path / "all.dcd")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_blocks_give_what_is_taken_of_them():
    values = np.arange(12, dtype="f4").reshape(2, 2, 3)
    block = Block(positions=values, time=np.arange(2.0), step=np.arange(2), velocities=values)
    assert block.take(np.arange(2)) is block
    one = block.take(np.array([1]))
    assert (len(one), one.lengths, one.angles) == (1, None, None)
    np.testing.assert_array_equal(one.velocities, values[1:])
