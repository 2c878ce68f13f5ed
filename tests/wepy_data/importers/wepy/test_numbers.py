"""Imported runs of wepy 1.2 give the numbers that its records and its own tools give."""

import h5py
import numpy as np
import pytest

import wepy_data as wd

RUNS = [("wepy_rw_revo_warp", 0), ("wepy_nacl_revo_omm", 0), ("wepy_nacl_revo_omm", 1)]
FILES = ["wepy_rw_revo_warp", "wepy_nacl_revo_omm"]


@pytest.fixture(scope="session")
def imported(peer_file, tmp_path_factory):
    """Return a function: the imports of all runs of a file."""
    found = {}

    def get(name):
        if name not in found:
            output = str(tmp_path_factory.mktemp(name) / "run-{run}.h5")
            found[name] = wd.import_wepy_runs(peer_file(name), output)
        return found[name]

    return get


@pytest.fixture(params=RUNS, ids=lambda one: f"{one[0]}-{one[1]}")
def one(request, imported, peer_file, expected):
    """The path of a run, its group in wepy's file, and what is expected of it."""
    name, number = request.param
    with h5py.File(peer_file(name)) as file:
        yield imported(name)[number].output, file[f"runs/{number}"], expected(name)["runs"][number]


@pytest.fixture(params=FILES)
def several(request, imported, expected):
    """All runs of a file, opened together, and what is expected of them."""
    with wd.open_runs([report.output for report in imported(request.param)]) as runs:
        yield runs, expected(request.param)


def test_nothing_is_wrong_with_what_was_imported(one):
    assert wd.check(one[0]) == []


def test_walkers_and_cycles_are_all_there_and_the_run_is_sealed(one):
    path, _, numbers = one
    with wd.open_run(path) as run:
        assert (run.n_cycles, run.sealed) == (numbers["n_cycles"], True)
        assert run.n_segments == numbers["n_resampling_records"]  # of one step in each cycle
        assert (run.table("segments").groupby("cycle").size() == numbers["n_walkers"]).all()


def test_all_fields_are_taken(one):
    path, _, numbers = one
    with wd.open_run(path) as run:
        layout = run.header.layout
        homes = {
            "weights": "/segments/weight", "positions": "/particles/trajectory/position/value",
            "box_vectors": "/particles/trajectory/box/edges/value", "velocities": "/observables/velocities/value",
        }  # fmt: skip
        assert [name for name, home in homes.items() if home in layout.growing] == sorted(
            numbers["fields"], key=list(homes).index
        )


def test_the_file_and_its_continuations_are_those_that_the_answers_are_for(several, peer_file):
    runs, numbers = several
    (source,) = {one.header.provenance[0]["source"]["file"] for one in runs}
    assert source == str(peer_file(numbers["file"].removesuffix(".h5")))
    assert peer_file(numbers["file"].removesuffix(".h5")).stat().st_size == numbers["size"]
    continued = [[place, place - 1] for place, one in enumerate(runs) if one.header.continues is not None]
    assert continued == numbers["continuations"]
    for later, before in continued:
        assert runs[later].header.continues.run_id == runs[before].header.run_id


def test_weights_are_those_of_the_file_bit_for_bit(one):
    path, group, numbers = one
    with wd.open_run(path) as run:
        table = run.table("segments")
        for walker, trajectory in group["trajectories"].items():
            own = table[table.walker == int(walker)]
            assert own.weight.tolist() == trajectory["weights"][:, 0].tolist()
        assert table[table.cycle == run.n_cycles - 1].weight.tolist() == numbers["weights_last_cycle"]


def test_warped_walkers_are_recycled_with_their_weights(one):
    path, group, numbers = one
    with wd.open_run(path) as run:
        events, segments = run.table("events"), run.table("segments")
        assert len(events) == numbers["n_warps"]
        order = np.lexsort((group["warping/walker_idx"][:, 0], group["warping/_cycle_idxs"]))
        own = segments.loc[events.segment]
        assert own.cycle.tolist() == group["warping/_cycle_idxs"][:][order].tolist()
        assert own.walker.tolist() == group["warping/walker_idx"][:, 0][order].tolist()
        assert events.weight.tolist() == group["warping/weight"][:, 0][order].tolist()
        per_cycle = events.weight.groupby(own.cycle.to_numpy()).sum()
        for cycle, weight in per_cycle.items():
            rows = group["warping/_cycle_idxs"][:] == cycle
            assert weight == pytest.approx(group["warping/weight"][:, 0][rows].sum(), rel=1e-14)


def test_weight_that_moved_is_that_of_squashed_walkers(one):
    path, group, _ = one
    records = {name: group[f"resampling/{name}"][:] for name in ("walker_idx", "decision_id", "target_idxs")}
    cycle = group["resampling/_cycle_idxs"][:]
    n_cycles = int(cycle.max()) + 1
    squash, keep = (group[f"decision/{name}"][()] for name in ("SQUASH", "KEEP_MERGE"))
    with wd.open_run(path) as run:
        segments, merges = run.table("segments"), run.table("merges")
        found = {(into, source): weight for into, source, weight in merges[["into", "from", "weight"]].values.tolist()}
        wanted = {}
        for row in np.flatnonzero((records["decision_id"][:, 0] == squash) & (cycle < n_cycles - 1)).tolist():
            source = run.segment_id(int(cycle[row]), int(records["walker_idx"][row, 0]))
            into = run.segment_id(int(cycle[row]) + 1, int(records["target_idxs"][row][0]))
            wanted[into, source] = segments.weight[source]
        assert found == wanted
        kept = records["walker_idx"][(records["decision_id"][:, 0] == keep) & (cycle < n_cycles - 1), 0]
        merged = segments.loc[sorted({into for into, _ in found})]
        assert sorted(segments.walker[merged.parent].tolist()) == sorted(kept.tolist())


def test_frames_and_order_parameters_are_those_of_the_file(one):
    path, group, _ = one
    with wd.open_run(path) as run:
        segment = run.segment_id(5, 3)
        frame = run.frames([segment])
        positions = group["trajectories/3/positions"][5]
        assert frame.xyz[0, :, : positions.shape[1]] == pytest.approx(positions, rel=1e-6)
        name = next(iter(group["progress"]))
        assert run.table("segments", cycles=5).progress.tolist() == group[f"progress/{name}"][5].tolist()
        if "box_vectors" in group["trajectories/3"]:
            assert frame.unitcell_vectors[0] == pytest.approx(group["trajectories/3/box_vectors"][5], rel=1e-6)


def test_sparse_velocities_are_there_where_the_file_has_them(imported, peer_file):
    report = imported("wepy_nacl_revo_omm")[0]
    with wd.open_run(report.output) as run, h5py.File(peer_file("wepy_nacl_revo_omm")) as file:
        for walker in range(10):
            group = file[f"runs/0/trajectories/{walker}/velocities"]
            found = run.observable("velocities", [run.segment_id(cycle, walker) for cycle in range(20)])
            there = ~np.isnan(found).any(axis=(1, 2))
            assert np.flatnonzero(there).tolist() == group["_sparse_idxs"][:].tolist()
            assert found[there].tolist() == group["data"][:].tolist()
        assert run.unit("velocities") == "nm ps-1"


def test_parents_are_those_of_the_resampling_records(several):
    runs, numbers = several
    (span,) = numbers["spans"]
    table, lineage = runs.table("segments"), runs.lineage
    walker, continuous = table.walker.to_numpy(), lineage.attribute("continuous")
    cycle_of, steps = lineage.cycle_of(np.arange(runs.n_segments)), []
    for cycle in range(1, span["contig_trace_len"]):
        ids = np.flatnonzero(cycle_of == cycle)
        steps.append(np.where(continuous[ids] == 1, walker[lineage.parent[ids]], -1).tolist())
    planned = runs[len(runs) - 1].reader.planned
    segments = runs[len(runs) - 1].table("segments")
    last = segments.walker.to_numpy()[planned["/next/parent"]]
    steps.append(np.where(planned["/next/continuous"] == 1, last, -1).tolist())
    assert steps == span["parent_table"]


def test_lineages_are_wepys_up_to_where_dynamics_were_broken(several):
    runs, numbers = several
    (span,) = numbers["spans"]
    table, found = runs.table("segments"), []
    for walker in range(len(span["lineages_run_traj_cycle"])):
        rows = table.loc[runs.lineage.continuous.trace(runs.segment_id(-1, walker))]
        found.append(np.stack([rows.run, rows.walker, rows.cycle], axis=1).tolist())
    assert found == span["lineages_run_traj_cycle"]


def test_founders_that_continue_weigh_what_was_planned(imported):
    first, second = imported("wepy_nacl_revo_omm")
    with wd.open_run(first.output) as run, wd.open_run(second.output) as later:
        planned = run.reader.planned["/next/weight"]
        assert planned == pytest.approx(later.table("segments", cycles=0).weight.to_numpy(), rel=1e-13)
        continues = later.header.continues
        assert (continues.run_id, continues.cycle, continues.cycles_before) == (run.header.run_id, 19, 20)


def test_runs_that_are_imported_one_by_one_find_each_other(imported, peer_file, tmp_path):
    again = wd.import_wepy(peer_file("wepy_nacl_revo_omm"), tmp_path / "run.h5", run=1)
    with wd.open_runs([imported("wepy_nacl_revo_omm")[0].output, again.output]) as runs:
        assert len(runs.lineage.trace(runs.segment_id(-1, 0))) == 35
