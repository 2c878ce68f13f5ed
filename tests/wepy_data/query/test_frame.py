"""Frames by stride, by last, by blocks and by atoms; velocities and start states."""

import mdtraj
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wepy_data import Run, SelectionError, open_run, write_run
from wepy_data.record.run_record import RunRecord
from wepy_data.testing import runs

POSITIONS, VELOCITIES = "/particles/trajectory/position/value", "/particles/trajectory/velocity/value"
QUICK = settings(max_examples=15, suppress_health_check=list(HealthCheck), deadline=None)


def some(data, record):
    segments = data.draw(st.lists(st.integers(0, record.rows("segment") - 1), max_size=6))
    n_atoms = record.header.layout.sizes["atom"]
    atoms = data.draw(st.none() | st.lists(st.integers(0, n_atoms - 1), min_size=1) if n_atoms else st.none())
    return segments, atoms


def rows_of(record, segments, stride, which):
    owner, found = record.read("/frames/segment"), []
    for segment in segments:
        mine = np.flatnonzero(owner == segment).tolist()
        found += mine[-1:] if which == "last" else mine
    return found[::stride]


def in_nm(record, rows, atoms):
    stored = record.read(POSITIONS)[rows]
    stored = (stored / 1000).astype("f4") if stored.dtype == "i4" else stored
    return stored if atoms is None else stored[:, np.unique(atoms)]


@given(
    record=runs(min_cycles=1, particles=True), data=st.data(), stride=st.integers(1, 4),
    which=st.sampled_from(["all", "last"]),
)  # fmt: skip
@QUICK
def test_frames_of_a_file_are_those_of_the_record_by_stride_last_and_atoms(new_path, record, data, stride, which):
    segments, atoms = some(data, record)
    rows = rows_of(record, segments, stride, which)
    with open_run(write_run(new_path(), record)) as stored:
        for run in (Run(record), stored):
            found = run.frames(segments, atoms, stride, which)
            np.testing.assert_array_equal(found.xyz, in_nm(record, rows, atoms))
            np.testing.assert_array_equal(found.time, record.read("/frames/time")[rows])


@given(record=runs(min_cycles=1, particles=True), data=st.data(), size=st.integers(1, 300))
@QUICK
def test_blocks_of_frames_are_bounded_and_join_to_all_of_them(record, data, size):
    run, (segments, atoms) = Run(record), some(data, record)
    whole, parts = run.frames(segments, atoms), list(run.iter_frames(segments, atoms, block_bytes=size))
    assert all(part.n_frames == 1 or part.xyz.nbytes <= size for part in parts)
    assert sum(part.n_frames for part in parts) == whole.n_frames
    if parts:
        joined = mdtraj.join(parts)
        np.testing.assert_array_equal(joined.xyz, whole.xyz)
        np.testing.assert_array_equal(joined.time, whole.time)


@given(record=runs(min_cycles=1, particles=True, velocities=True), data=st.data(), stride=st.integers(1, 3))
@QUICK
def test_velocities_are_those_of_the_same_frames(record, data, stride):
    run, (segments, atoms) = Run(record), some(data, record)
    stored = record.read(VELOCITIES)[rows_of(record, segments, stride, "all")]
    found = run.velocities(segments, atoms, stride)
    np.testing.assert_array_equal(found, stored if atoms is None else stored[:, np.unique(atoms)])


def test_atoms_far_apart_and_side_by_side_come_from_a_file_in_one_piece(make_ensemble, tmp_path):
    record = make_ensemble(6)
    object.__setattr__(record.header, "compression", "none")
    with open_run(write_run(tmp_path / "run.h5", record)) as run:
        path = run.lineage.trace(run.segment_id())
        whole = run.frames(path).xyz
        for atoms in ([0], [3], [1, 2], [0, 3], [2, 0, 1]):
            np.testing.assert_array_equal(run.frames(path, atoms).xyz, whole[:, sorted(atoms)])


def test_runs_without_velocities_or_coordinates_say_so(toy, make_record):
    with pytest.raises(SelectionError, match="no velocities"):
        Run(toy).velocities(0)
    bare = Run(make_record(particles=False))
    for ask in (bare.frames, bare.velocities, bare.starts, lambda segment: list(bare.iter_frames(segment))):
        with pytest.raises(SelectionError, match=r"no coordinates|no velocities"):
            ask(0)


@pytest.mark.parametrize(("more", "words"), [({"stride": 0}, "1 or more"), ({"which": "first"}, "'all' and 'last'")])
def test_strides_and_choices_that_make_no_sense_are_refused(toy, more, words):
    with pytest.raises(SelectionError, match=words):
        Run(toy).frames(0, **more)


def with_positions(record):
    """The same run, its states having positions."""
    values = np.arange(36.0).reshape(3, 4, 3)
    made = RunRecord(record.header)
    made.header.static["/states/arrays/positions"] = values
    for cycle in record.cycles:
        made.append(cycle)
    return made, values


def test_starts_are_those_of_founders_and_recycled_walkers(make_ensemble):
    record = make_ensemble(12)
    object.__setattr__(record.header, "static", dict(record.header.static))
    made, values = with_positions(record)
    run, segments = Run(made), Run(made).table("segments")
    jumps = segments[segments.continuous == "discontinuous"].index.to_numpy()
    found = run.starts(segments.index)
    np.testing.assert_array_equal(found.xyz, values[segments.state[jumps]].astype("f4"))
    assert set(segments.state[jumps]) == {0, 1}
    frames = run.table("frames").groupby("segment").time.last()
    expected = [0.0 if parent < 0 else frames[parent] for parent in segments.parent[jumps]]
    np.testing.assert_array_equal(found.time, expected)
    assert run.starts(segments.index, atoms=[1]).xyz.shape == (len(jumps), 1, 3)


def test_starts_of_states_without_positions_are_none(ensemble_record):
    assert Run(ensemble_record).starts([0, 1]).n_frames == 0
