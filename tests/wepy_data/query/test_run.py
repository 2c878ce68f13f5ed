"""Frames and observables, of records and files alike."""

import json

import h5py
import mdtraj
import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wepy_data.errors import DamagedRunError, SelectionError
from wepy_data.query.frame import blocks, frame_rows
from wepy_data.query.rows import read_rows
from wepy_data.query.run import Run, open_run
from wepy_data.query.topology import topology_from_json
from wepy_data.store import scatter
from wepy_data.store.writer import write_run
from wepy_data.testing import runs

POSITIONS = "/particles/trajectory/position/value"
QUICK = settings(max_examples=20, suppress_health_check=list(HealthCheck), deadline=None)


def rows_of(record, segments):
    """The rows of the segments' frames, found by looking at each frame."""
    owner = record.read("/frames/segment")
    return [row for segment in segments for row in np.flatnonzero(owner == segment).tolist()]


def some_segments(data, record):
    return data.draw(st.lists(st.integers(0, record.rows("segment") - 1), max_size=6))


@given(record=runs(min_cycles=1), data=st.data())
@QUICK
def test_rows_of_frames_keep_the_order_and_repetition_of_segments(record, data):
    segments = some_segments(data, record)
    rows, owners = frame_rows(record, segments)
    assert rows.tolist() == rows_of(record, segments)
    assert owners.tolist() == record.read("/frames/segment")[rows].tolist()


@given(record=runs(min_cycles=1, particles=True), data=st.data())
@QUICK
def test_frames_are_the_arrays_as_stored(record, data):
    run, segments = Run(record), some_segments(data, record)
    rows, trajectory = rows_of(record, segments), run.frames(segments)
    stored = record.read(POSITIONS)[rows]
    np.testing.assert_array_equal(trajectory.xyz, (stored / 1000).astype("f4") if stored.dtype == "i4" else stored)
    np.testing.assert_array_equal(trajectory.time, record.read("/frames/time")[rows])
    assert trajectory.n_atoms == run.topology.n_atoms == record.header.layout.sizes["atom"]
    if "/cell_lengths" in record.header.layout.growing:
        np.testing.assert_array_equal(trajectory.unitcell_lengths, record.read("/cell_lengths")[rows])
        np.testing.assert_array_equal(trajectory.unitcell_angles, record.read("/cell_angles")[rows])
    else:
        assert trajectory.unitcell_lengths is None


@given(record=runs(min_cycles=1), data=st.data())
@QUICK
def test_observables_are_the_arrays_as_stored(record, data):
    run, segments = Run(record), some_segments(data, record)
    rows = rows_of(record, segments)
    for name in run.observables:
        growing = record.header.layout.growing
        per_frame = f"/observables/{name}/value"
        own = next(p for p in (per_frame, f"/segments/observables/{name}", f"/segments/{name}") if p in growing)
        np.testing.assert_array_equal(run.observable(name), record.read(own))
        chosen = record.read(own)[rows if own == per_frame else segments]
        np.testing.assert_array_equal(run.observable(name, segments), chosen)
        assert run.unit(name) == growing[own].unit


@given(record=runs())
@settings(QUICK, max_examples=12)
def test_a_file_answers_as_the_record_does(tmp_path_factory, record):
    path = write_run(tmp_path_factory.mktemp("run") / "run.h5", record)
    mine = Run(record)
    with open_run(path) as stored:
        assert repr(stored) == repr(mine)
        assert (stored.n_cycles, stored.n_frames, stored.sealed) == (mine.n_cycles, mine.n_frames, mine.sealed)
        assert stored.observables == mine.observables
        for name in mine.observables:
            np.testing.assert_array_equal(stored.observable(name), mine.observable(name))
        for kind in ("compressed", "survivors", "all"):
            assert nx.utils.graphs_equal(stored.lineage.graph(kind), mine.lineage.graph(kind))
        if mine.n_cycles and POSITIONS in record.header.layout.growing:
            segments = mine.lineage.trace_all()[:, 0]
            ours, theirs = mine.frames(segments), stored.frames(segments)
            assert ours.topology == theirs.topology
            np.testing.assert_array_equal(ours.xyz, theirs.xyz)


def test_zero_frame_segments_and_no_segments_give_empty_trajectories(toy):
    run = Run(toy)
    assert run.frames(4).n_frames == 0
    assert run.frames([]).n_frames == 0
    assert run.frames([4, 0, 4]).n_frames == 1
    assert run.observable("order_parameter", [4]).shape == (0, 1)


def test_a_single_segment_may_be_given_as_a_number(toy):
    np.testing.assert_array_equal(Run(toy).frames(2).xyz, Run(toy).frames([2]).xyz)
    assert Run(toy).observable("weight", 2).tolist() == [0.5]


def test_chosen_atoms_stay_in_the_order_of_the_topology(toy):
    run = Run(toy)
    trajectory = run.frames([3, 2], atoms=[2, 0, 2])
    np.testing.assert_array_equal(trajectory.xyz, run.frames([3, 2]).xyz[:, [0, 2]])
    assert [atom.residue.index for atom in trajectory.topology.atoms] == [0, 1]
    assert trajectory.n_atoms == 2


def test_a_box_comes_with_its_frames(make_record):
    record = make_record(periodic=True)
    trajectory = Run(record).frames([3, 1])
    np.testing.assert_allclose(
        trajectory.unitcell_vectors,
        record.read("/particles/trajectory/box/edges/value")[rows_of(record, [3, 1])],
        atol=1e-6,
    )


def test_missing_segments_atoms_and_observables_say_what_exists(toy):
    run = Run(toy)
    for ask in (run.frames, lambda s: run.observable("weight", s), lambda s: run.observable("order_parameter", s)):
        with pytest.raises(SelectionError, match="no segment 6: this run has segments 0 to 5"):
            ask([0, 6])
        with pytest.raises(SelectionError, match="no segment -1: this run has segments 0 to 5"):
            ask([-1])
    with pytest.raises(SelectionError, match="no atom 3: this run has atoms 0 to 2"):
        run.frames([0], atoms=[0, 3])
    for ask in (run.observable, run.unit):
        with pytest.raises(SelectionError, match="no observable 'rmsd': this run has order_parameter, cycle, walker"):
            ask("rmsd")


def test_a_run_without_coordinates_says_so(make_record):
    run = Run(make_record(particles=False))
    with pytest.raises(SelectionError, match="this run stores no coordinates"):
        run.frames([0])
    assert run.topology.n_atoms == 0


def test_a_run_without_cycles_has_no_segment_to_ask_for(make_record):
    run = Run(make_record(frames=()))
    assert run.lineage.survivors().size == 0
    assert run.observable("weight").shape == (0,)
    with pytest.raises(SelectionError, match="no segment 0: this run has no segments yet"):
        run.frames([0])
    with pytest.raises(SelectionError, match="no cycle -1: this run has no cycles yet"):
        run.segment_id()


def test_particles_without_topology_are_atoms_of_their_species(toy):
    topology = Run(toy).topology
    assert [atom.element.symbol for atom in topology.atoms] == ["C", "C", "C"]
    assert topology.n_bonds == 0


def test_a_topology_of_other_particles_is_refused_before_frames_are_read(make_record, tmp_path):
    atoms = [{"index": i, "name": "C", "element": "C"} for i in range(2)]
    chain = {"index": 0, "residues": [{"index": 0, "name": "X", "atoms": atoms}]}
    toy = make_record(topology=json.dumps({"chains": [chain], "bonds": []}))
    path = write_run(tmp_path / "run.h5", toy)
    words = "/topology: found 2 atoms, expected 3 as in /particles/trajectory/species"
    with open_run(path) as run:
        for ask in (lambda: run.topology, lambda: run.frames([0])):
            with pytest.raises(DamagedRunError, match=f"run.h5 is damaged .{words}"):
                ask()
    with pytest.raises(DamagedRunError, match=f"the run is damaged .{words}"):
        _ = Run(toy).topology


def test_a_damaged_lineage_names_file_and_column(toy, tmp_path):
    path = write_run(tmp_path / "run.h5", toy)
    with h5py.File(path, "r+") as file:
        file["/segments/parent"][2] = 5
    with open_run(path) as run, pytest.raises(DamagedRunError, match=r"run.h5 .*/segments/parent: segment 2 has .* 5"):
        _ = run.lineage


@given(rows=st.lists(st.integers(0, 59), max_size=30), gap=st.integers(1, 500), limit=st.integers(1, 500))
@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
def test_scattered_rows_are_read_in_blocks_and_come_as_asked_for(monkeypatch, make_record, rows, gap, limit):
    record = make_record(frames=[(10, 10)] * 3)
    monkeypatch.setattr(scatter, "_GAP", gap)
    monkeypatch.setattr(scatter, "_BLOCK", limit)
    found = read_rows(record, POSITIONS, np.array(rows, np.int64))
    np.testing.assert_array_equal(found, record.read(POSITIONS)[rows])
    assert found.dtype == np.float32


def test_rows_near_each_other_are_one_read_and_distant_ones_are_not(make_record):
    class Counting:
        def __init__(self, record):
            self.record, self.header, self.reads = record, record.header, []

        def read(self, path, start, stop):
            self.reads.append((start, stop))
            return self.record.read(path, start, stop)

    record = make_record(frames=[(9000, 9000)], n_atoms=3)
    counting = Counting(record)  # a row has 36 bytes: 7281 rows are worth reading through
    read_rows(counting, POSITIONS, np.array([5, 3, 900, 17_000, 17_500]))
    assert counting.reads == [(3, 901), (17_000, 17_501)]


def test_blocks_hold_all_rows_in_order():
    assert [block.tolist() for block in blocks(np.arange(5), 2)] == [[0, 1], [2, 3], [4]]


def test_a_topology_that_is_none_is_refused():
    for text in ("", "[]", '{"chains": [{"index": 0}]}', '{"chains": [], "bonds": [[0, 1]]}', "[" * 100_000):
        with pytest.raises(DamagedRunError, match="/topology is not in mdtraj's JSON layout"):
            topology_from_json(text)


def test_unknown_elements_are_virtual_sites_and_atoms_come_in_order_of_index():
    atoms = [{"index": 1, "name": "M", "element": "Q?"}, {"index": 0, "name": "CA", "element": "C"}]
    residue = {"index": 0, "name": "ALA", "resSeq": 5, "segmentID": "S", "atoms": atoms}
    text = json.dumps({"chains": [{"index": 0, "residues": [residue]}], "bonds": [[0, 1]]})
    topology = topology_from_json(text)
    assert [(a.name, a.element) for a in topology.atoms] == [
        ("CA", mdtraj.element.carbon),
        ("M", mdtraj.element.virtual),
    ]
    assert [(r.name, r.resSeq, r.segment_id) for r in topology.residues] == [("ALA", 5, "S")]
    assert topology.n_bonds == 1


def test_an_element_that_mdtraj_does_not_know_becomes_a_virtual_site():
    from wepy_data.query.topology import topology_of_particles

    names = [atom.name for atom in topology_of_particles([1, 118, 0]).atoms]
    assert names == ["H", "X", "X"]
