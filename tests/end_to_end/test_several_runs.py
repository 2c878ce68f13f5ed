"""Several runs asked as one: a run and its branches against the run that went through undisturbed."""

import numpy as np
import pytest

import wepy
import wepy_data as wd
from wepy.branch import branch_point

ENGINE = wepy.OverdampedLangevin(wepy.DoubleWell(height=2.0), timestep=5e-3, stride=4)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Return a run of eight cycles, a branch of its cycle 2 that repeats the next three, and one of that one's end."""
    folder = tmp_path_factory.mktemp("runs")
    found = {name: folder / f"{name}.h5" for name in ("run", "middle", "end")}
    drain(simulation(found["run"]).run(cycles=8))
    drain(simulation(found["middle"], **branch_point(found["run"], 2, ENGINE).settings).run(cycles=3))
    drain(simulation(found["end"], **branch_point(found["middle"], -1, ENGINE).settings).run(cycles=2))
    return found


def simulation(path, **changes):
    settings = {
        "engine": ENGINE,
        "order_parameter": wepy.Coordinates(labels=("x",)),
        "binner": wepy.Rectilinear([[-np.inf, *np.linspace(-1.0, 0.4, 8).tolist(), np.inf]]),
        "balancer": wepy.HuberKim(4),
        "recycling": wepy.Recycling(wepy.Region([-0.4])),
        "states": [wepy.StartState(label="left", arrays={"x": np.array([-1.0])})],
        "walkers": 6, "steps": 16, "seed": 1, "storage": wepy.Storage(states="all"), "store": path,
    }  # fmt: skip
    return wepy.Simulation(**(settings | changes))


def drain(cycles):
    for _ in cycles:
        pass


@pytest.fixture
def runs(files):
    with wd.open_runs([files["end"], files["run"], files["middle"]]) as runs:
        yield runs


@pytest.fixture
def run(files):
    with wd.open_run(files["run"]) as run:
        yield run


def test_runs_come_in_the_order_of_their_continuations(runs, files):
    assert [one.reader.path for one in runs] == [files["run"], files["middle"], files["end"]]
    assert (len(runs), runs.lineage.n_runs) == (3, 3)


def test_what_is_compared_has_merges_and_restarts(run):
    table = run.table("segments")
    assert ((table.continuous == "discontinuous") & (table.cycle > 2)).any()
    assert (run.table("merges").into >= run.segment_id(3, 0)).any()


def own(runs, run, segments):
    """Return the segments of the undisturbed run that those of the end of the branches repeat."""
    cycles, walkers = runs.lineage.cycle_of(segments), runs.lineage.walker_of(segments)
    return [run.segment_id(c, w) if c >= 0 else -1 for c, w in zip(cycles.tolist(), walkers.tolist(), strict=True)]


def test_the_ancestries_of_branches_go_back_to_the_founders_of_the_first_run(runs, run):
    assert runs.lineage.n_cycles == run.n_cycles
    for walker, end in enumerate(runs.lineage.segments_of(-1).tolist()):
        path = runs.lineage.trace(end)
        assert own(runs, run, path) == run.lineage.trace(run.segment_id(-1, walker)).tolist()
        assert np.unique(runs.lineage.run_of(path)).tolist() == [0, 1, 2]
        np.testing.assert_array_equal(
            runs.observable("order_parameter", path), run.observable("order_parameter", own(runs, run, path))
        )
        np.testing.assert_array_equal(runs.frames(path).xyz, run.frames(own(runs, run, path)).xyz)


@pytest.mark.parametrize(
    "ask",
    [
        lambda tree: tree.survivor_curve(), lambda tree: tree.effective_ancestors(), lambda tree: tree.coalescence(),
        lambda tree: tree.weight_origin(0), lambda tree: tree.weight_origin(4), lambda tree: tree.family_sizes(1),
        lambda tree: tree.continuous.survivor_curve(), lambda tree: tree.trace_all() >= 0,
        lambda tree: tree.continuous.trace_all() >= 0,
    ],
)  # fmt: skip
def test_questions_to_the_last_branch_are_answered_as_by_the_undisturbed_run(runs, run, ask):
    np.testing.assert_array_equal(ask(runs.lineage), ask(run.lineage))


def test_common_ancestors_of_walkers_of_different_runs(runs):
    mine, branch = runs.lineage.segments_of(-1, run=0), runs.lineage.segments_of(-1, run=1)
    found = runs.lineage.mrca(mine[:, None], branch[None, :])
    assert found.shape == (len(mine), len(branch))
    for i, a in enumerate(mine.tolist()):
        for j, b in enumerate(branch.tolist()):
            shared = set(runs.lineage.trace(a).tolist()) & set(runs.lineage.trace(b).tolist())
            assert found[i, j] == max(shared, default=-1)
    assert (runs.lineage.cycle_of(found) <= 2).all()


def test_tables_have_a_run_and_ids_that_go_on(runs):
    table = runs.table("segments")
    assert table.index.tolist() == list(range(runs.n_segments))
    assert table.run.tolist() == runs.lineage.run_of(np.arange(runs.n_segments)).tolist()
    assert table.parent.tolist() == runs.lineage.parent.tolist()
    merges = runs.table("merges")
    flows = runs.lineage.flows
    assert set(zip(merges["into"], merges["from"], strict=True)) <= set(zip(flows.into, flows.source, strict=True))
    events, states = runs.table("events"), runs.table("states")
    assert events.weight.tolist() == table.weight[events.segment].tolist()
    assert states.label[table.state[table.parent < 0]].str.startswith("left").all()
    assert table.attrs["units"]["cpu_time"] == "s"


def test_the_flow_of_weight_goes_on_from_run_to_run(runs):
    graph, final = runs.lineage.weight_graph("all"), set()
    for number in range(3):
        final |= set(runs.lineage.segments_of(-1, number).tolist())
    followed = {int(p) for p in runs.lineage.parent[runs.lineage.run_of(np.arange(runs.n_segments)) > 0]}
    for node, weight in graph.nodes(data="weight"):
        flows_in = sum(flow for *_, flow in graph.in_edges(node, data="weight"))
        assert graph.nodes[node]["cycle"] == 0 or flows_in == pytest.approx(weight)
        leaves = sum(flow for *_, flow in graph.out_edges(node, data="weight"))
        twice = node in followed and graph.nodes[node]["run"] == 0  # it went on in both
        assert node in final or twice or leaves == pytest.approx(weight) or leaves == pytest.approx(2 * weight)


def test_columns_of_ids_are_numbered_on_wherever_they_are_asked_for(runs):
    table = runs.table("segments")
    assert runs.lineage.attribute("bin").tolist() == runs.observable("bin").tolist() == table.bin.tolist()
    assert runs.table("bins").index[table.bin].tolist() == table.bin.tolist()
    assert table.root.tolist() == runs.lineage.founder().tolist()
    some = runs.table("segments", cycles=-1, columns=["parent", "bin"])
    assert some.parent.tolist() == table.parent[some.index].tolist()
    assert list(some.columns) == ["run", "parent", "bin"]
    graph = runs.lineage.graph("all", attributes=["cycle", "walker", "progress", "bin"])
    for node, data in graph.nodes(data=True):
        assert data["cycle"] == runs.lineage.cycle_of(node)
        assert (data["bin"], data["progress"]) == (table.bin[node], table.progress[node])


def test_computed_numbers_are_attributes_of_nodes(files, tmp_path):
    copy = tmp_path / "copy.h5"
    copy.write_bytes(files["run"].read_bytes())
    with wd.open_run(copy) as run:
        assert run.lineage.n_runs == 1
        run.compute(last_x, name="last", per="segment")
        assert run.lineage.attribute("last").tolist() == run.observable("last").ravel().tolist()


def last_x(frames):
    return frames.xyz[-1, 0, 0]


def test_values_of_frames_and_segments_stay_with_their_segments(runs):
    every = np.random.default_rng(1).permutation(runs.n_segments)
    weight, x = runs.table("segments").weight, runs.observable("progress")
    assert runs.observable("weight", every).tolist() == weight[every].tolist()
    stops = runs.table("segments").frame_stop
    assert (stops.groupby(runs.table("segments").run).diff().dropna() == stops[0]).all()  # as many frames each
    found = runs.observable("order_parameter", every)
    assert found[stops[0] - 1 :: stops[0]].tolist() == x[every].tolist()
    with pytest.raises(wd.SelectionError, match="no observable 'beauty'"):
        runs.observable("beauty", [])
    for wrong in ([-1, 5], [runs.n_segments]):
        with pytest.raises(wd.SelectionError, match="no segment"):
            runs.observable("weight", wrong)
        with pytest.raises(wd.SelectionError, match="no segment"):
            runs.frames(wrong)


def test_runs_that_grow_are_refreshed_together(files, tmp_path):
    running = simulation(tmp_path / "growing.h5", seed=3).run(cycles=5)
    next(running)
    with wd.open_runs([tmp_path / "growing.h5", files["run"]]) as runs:
        before, last = runs.n_segments, runs.segment_id(-1, -1)
        weight = runs.observable("weight", [last]).tolist()
        assert not runs.refresh()
        next(running)
        runs[0].refresh()
        with pytest.raises(wd.SelectionError, match=r"call refresh\(\) of all runs together"):
            runs.observable("weight", [last])
        assert runs.refresh()
        assert runs.n_segments > before
        assert runs.observable("weight", [runs.segment_id(-1, -1)]).tolist() == weight
    drain(running)


def test_a_run_without_cycles_is_no_hindrance(files, tmp_path):
    with wd.open_run(files["run"]) as run:
        header = wd.Header(layout=run.header.layout, static=run.header.static)
        expected = run.lineage.survivors().tolist()
    wd.FileWriter(tmp_path / "empty.h5", header).close()
    for order in ([0, 1], [1, 0]):
        paths = [[files["run"], tmp_path / "empty.h5"][number] for number in order]
        with wd.open_runs(paths) as runs:
            assert runs.lineage.survivors().tolist() == expected
            assert len(runs.lineage.graph()) > 0
            assert len(runs.lineage.trace_all()) == 8
            with pytest.raises(wd.SelectionError, match="has no cycles yet"):
                runs.lineage.segments_of(-1, run=order.index(1))


def test_an_origin_that_is_resumed_says_so(files, tmp_path):
    origin = tmp_path / "run.h5"
    origin.write_bytes(files["middle"].read_bytes())
    with wd.FileWriter.reopen(origin), wd.open_runs([origin, files["end"]]) as runs:
        with pytest.raises(wd.SelectionError, match="is not known while that is resumed"):
            runs.lineage.weight_origin(0)
        with pytest.raises(wd.SelectionError, match="is not known while that is resumed"):
            _ = runs.lineage.continuous


def test_replicas_stay_apart(files, tmp_path):
    drain(simulation(tmp_path / "other.h5", seed=2).run(cycles=3))
    with wd.open_runs([files["run"], tmp_path / "other.h5"]) as runs:
        assert runs.lineage.mrca(runs.segment_id(-1, 0, 0), runs.segment_id(-1, 0, 1)) == -1
        assert set(runs.lineage.run_of(runs.lineage.survivors())) == {0, 1}
        assert runs.observable("weight").sum() == pytest.approx(8 + 3)


def test_a_branch_without_its_origin_has_founders_of_its_own(files):
    with wd.open_runs([files["end"], files["run"]]) as runs:
        assert (runs.lineage.parent[runs.lineage.segments_of(0, -1)] == -1).all()


def test_wrong_sets_of_runs_are_refused(files):
    with pytest.raises(wd.SelectionError, match="comes twice"):
        wd.open_runs([files["run"], files["run"]])
    with pytest.raises(wd.SelectionError, match="no runs"):
        wd.open_runs([])
    with pytest.raises(FileNotFoundError):
        wd.open_runs([files["run"], files["run"].with_name("missing.h5")])
