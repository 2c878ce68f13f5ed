"""Imported WESTPA runs give the numbers that WESTPA's own tools give."""

import itertools
import json
from dataclasses import dataclass

import h5py
import numpy as np
import pytest

import wepy_data as wd

NAMES = ("odld_eq", "odld_ss", "odld_recursive", "odld_states", "h5fw")
TRACED = ("odld_eq", "odld_ss", "odld_recursive")
SINGLE = 2.0**-24
"""Relative precision of a float32, in which WESTPA stores progress coordinates."""


@dataclass(frozen=True)
class Peer:
    """An imported run, its file, and what is expected of it."""

    path: object
    west: object
    report: object
    numbers: dict
    arrays: dict


@dataclass(frozen=True)
class Followed:
    """What `follow` finds: of each point, (n_segments, n_points + 1); of each cycle, from state to state, by bin."""

    bins: object
    label: object
    arrivals: object
    flux: object
    population: object


@pytest.fixture(scope="session")
def imported(peers, tmp_path_factory):
    found = {}

    def get(name):
        if name not in found:
            west = peers / ("westpa_h5fw/west.h5" if name == "h5fw" else f"westpa_{name}.h5")
            path = tmp_path_factory.mktemp("imported") / f"{name}.h5"
            report = wd.import_run(west, path)
            numbers = json.loads((peers / f"westpa_{name}.expected.json").read_text())
            npz = peers / f"westpa_{name}.expected.npz"
            arrays = dict(np.load(npz)) if npz.exists() else {}
            found[name] = Peer(path, west, report, numbers, arrays)
        return found[name]

    return get


@pytest.fixture(params=NAMES)
def peer(request, imported):
    return imported(request.param)


@pytest.fixture(params=TRACED)
def traced(request, imported):
    return imported(request.param)


@pytest.fixture
def run(peer):
    with wd.open_run(peer.path) as run:
        yield run


@pytest.fixture
def traced_run(traced):
    with wd.open_run(traced.path) as run:
        yield run


def counts(peer):
    found = peer.numbers["n_segments_per_iteration"]
    return found if isinstance(found, list) else [count for number, count in found.items() if int(number) > 0]


def all_points(run):
    """Progress coordinates of all segments with their starts, (n_segments, n_points + 1), from the run alone."""
    parent, state = run.observable("parent"), run.observable("state")
    progress = run.observable("progress")[:, 0]
    basis = run.reader.header.static["/states/arrays/pcoord"][:, 0]
    start = np.where(state >= 0, basis[state], progress[parent])
    ends = run.observable("order_parameter").reshape(len(parent), -1)
    return np.concatenate([start[:, None], ends], axis=1)


def by_cycle(run, values):
    return np.split(values, run.table("cycles")["segment_stop"][:-1])


def test_an_import_conforms(peer):
    assert wd.check(peer.path) == []
    assert "recycling of some walkers" not in str(peer.report)
    assert peer.report.sealed


def test_segments_and_planned_walkers_are_as_many(peer, run):
    *done, planned = counts(peer)
    assert np.diff(run.table("cycles")["segment_stop"], prepend=0).tolist() == done
    assert len(run.reader.planned["/next/weight"]) == planned


def test_the_file_is_the_one_that_the_answers_are_for(peer, run):
    numbers, (record,) = peer.numbers, run.header.provenance
    assert peer.west.name == numbers["file"].rpartition("/")[2]
    assert record["software"]["westpa"] == numbers.get("westpa_version", "2022.16")
    assert record["source"]["version"] == str(numbers.get("file_format_version", 10))
    assert record["source"]["sha256"] == numbers.get("sha256", record["source"]["sha256"])  # cut files have others


def test_iterations_points_and_dimensions_are_as_many(peer, run):
    numbers = peer.numbers
    assert run.n_cycles == len(counts(peer)) - 1
    assert run.n_cycles + 1 == numbers.get("west_current_iteration", run.n_cycles + 1)
    assert run.n_cycles == numbers.get("n_complete_iterations", run.n_cycles)
    assert list(numbers.get("current_status_counts", {"1": counts(peer)[-1]}).values()) == [counts(peer)[-1]]
    values = run.observable("order_parameter", [0])
    assert len(values) + 1 == numbers.get("pcoord_len", 6)
    assert run.observable("progress", [0]).shape[1] == numbers.get("pcoord_ndim", 1)


def test_what_the_analysis_of_westpa_counts_is_the_same(traced, traced_run):
    if "analysis" not in traced.numbers:
        pytest.skip("counts of all iterations do not hold for the cut run")
    run, theirs = traced_run, traced.numbers["analysis"]
    assert (run.n_cycles, run.n_segments, len(run.table("events"))) == (
        theirs["num_iterations"], theirs["num_walkers"], theirs["recycled"]
    )  # fmt: skip
    assert len(run.table("events")) == traced.numbers["w_succ_count"]
    assert int((run.observable("continuous") == 0).sum()) == theirs["initial"]
    for one, children in theirs["children_of"].items():
        iteration, walker = map(int, one.split(":"))
        found = np.flatnonzero(run.observable("parent") == run.segment_id(iteration - 1, walker))
        found = found[run.observable("continuous", found) == 1]
        assert run.observable("walker", found).tolist() == children


def test_the_mapper_is_described_as_it_is(traced, traced_run):
    theirs, first = traced.numbers["mapper"], traced_run.header.provenance[0]["components"]["binner"]["mappers"][0]
    assert first["class"].rpartition(".")[2] == theirs["type"]
    bins = leaves(first)
    assert len(bins) == theirs["nbins"]
    found = [(float(low), float(high)) for low, high in bins[: len(theirs["labels_first"])]]
    labels = [one.strip("[]()").split(", ") for one in theirs["labels_first"]]
    np.testing.assert_allclose(found, [(float(low), float(high)) for low, high in labels], rtol=SINGLE)


def leaves(mapper):
    """Return the intervals of a described mapper's bins, those that are refined last."""
    (edges,), inner = mapper["boundaries"], mapper.get("inner", {})
    own = list(itertools.pairwise(edges))
    return [one for place, one in enumerate(own) if str(place) not in inner] + [
        one for held in inner.values() for one in leaves(held)
    ]


def test_targets_have_their_names_and_places(traced, traced_run):
    theirs, states = traced.numbers.get("target_states", []), traced_run.table("states")
    assert states.loc[states["kind"] == "target", "label"].tolist() == [label for label, _ in theirs]
    sets = (traced_run.header.provenance[0]["components"]["recycling"] or {"sets": [{"targets": {}}]})["sets"]
    assert sets[0]["targets"] == dict(theirs)


def test_weights_parents_and_times_are_those_of_the_file(peer, run):
    with h5py.File(peer.west) as west:
        for cycle, (_, rows) in enumerate(run.table("segments").groupby("cycle")):
            group = west[f"iterations/iter_{cycle + 1:08d}"]
            index = group["seg_index"][()]
            assert rows["weight"].tolist() == index["weight"].tolist()
            assert rows["wall_time"].tolist() == index["walltime"].tolist()
            assert rows["cpu_time"].tolist() == index["cputime"].tolist()
            assert rows["progress"].tolist() == group["pcoord"][:, -1, 0].tolist()
            mine, theirs = rows["parent"].to_numpy(), index["parent_id"]
            if cycle:
                np.testing.assert_array_equal((mine - run.segment_id(cycle - 1, 0))[theirs >= 0], theirs[theirs >= 0])
            np.testing.assert_array_equal(rows["continuous"] == "continuous", theirs >= 0)


def test_merged_parents_are_those_of_the_weight_graph(peer, run):
    merges = run.table("merges").groupby("into")["from"].apply(set).to_dict()
    with h5py.File(peer.west) as west:
        for cycle in range(1, run.n_cycles):
            group, first = west[f"iterations/iter_{cycle + 1:08d}"], run.segment_id(cycle, 0)
            before, parent = run.segment_id(cycle - 1, 0), run.observable("parent")
            graph = group["wtgraph"][()]
            for walker, row in enumerate(group["seg_index"][()]):
                theirs = set(graph[row["wtg_offset"] :][: row["wtg_n_parents"]].tolist())
                mine = {n - before for n in merges.get(first + walker, set()) | {parent[first + walker]}}
                assert mine == theirs


def test_the_example_of_merged_parents(traced, traced_run):
    example = traced.numbers.get("wtgraph_example")
    if example is None:
        pytest.skip("it lies in an iteration that was cut away")
    segment, before = traced_run.segment_id(example["n_iter"] - 1, example["seg_id"]), example["n_iter"] - 2
    merges, first = traced_run.table("merges"), traced_run.segment_id(before, 0)
    parent = int(traced_run.observable("parent", [segment])[0])
    assert parent - first == example["parent_id"]
    found = {parent, *merges.loc[merges["into"] == segment, "from"]}
    assert sorted(n - first for n in found) == example["wtg_parents"]


def points_of(peer, end):
    """Return the progress coordinates of w_trace's answer, the start first."""
    return peer.arrays[f"w_trace_pcoord_{end.replace(':', '_')}"]


def test_traces_have_the_same_segments_weights_and_coordinates(traced, traced_run):
    run, states = traced_run, traced_run.table("states")
    assert traced.numbers["w_trace"]
    for end, trace in traced.numbers["w_trace"].items():
        iteration, walker = map(int, end.split(":"))
        path = run.lineage.trace(run.segment_id(iteration - 1, walker))
        path = path[len(path) - len(trace["n_iter"]) :]  # theirs begins where the walker was recycled last
        assert (run.observable("cycle", path) + 1).tolist() == trace["n_iter"]
        assert run.observable("walker", path).tolist() == trace["seg_id"]
        assert run.observable("weight", path).tolist() == trace["weight"]
        assert run.observable("progress", path)[:, 0].tolist() == trace["final_pcoord"]
        first = int(run.observable("state", path[:1])[0])
        start = run.reader.header.static["/states/arrays/pcoord"][first]
        assert start.tolist() == trace["initial_pcoord"] == points_of(traced, end)[0].tolist()
        assert states.loc[first, "label"] == traced.numbers["basis_states"][trace["basis_state_id"]][0]
        points = points_of(traced, end)
        np.testing.assert_array_equal(run.observable("order_parameter", path), points[1:])
        weights = traced.arrays[f"w_trace_weights_{end.replace(':', '_')}"]
        np.testing.assert_array_equal(np.repeat(run.observable("weight", path), 5), weights[1:])


def test_weights_sum_to_the_same(traced, traced_run):
    total = traced_run.table("cycles")["total_weight"]
    np.testing.assert_allclose(total, traced.arrays["weight_sum"][:-1], rtol=1e-14)


def test_recycled_weights_are_the_same(traced, traced_run):
    events = traced_run.table("events")
    cycle = traced_run.observable("cycle")[events["segment"]]
    found = np.bincount(cycle, events["weight"], traced_run.n_cycles)
    np.testing.assert_allclose(found, traced.arrays["recycled_weight"], rtol=1e-14)
    assert np.bincount(cycle, minlength=traced_run.n_cycles).tolist() == traced.arrays["endpoint_counts"][:, 3].tolist()
    if "mean_recycled_flux_all_iterations" in traced.numbers:
        assert found.mean() == pytest.approx(traced.numbers["mean_recycled_flux_all_iterations"], rel=1e-14)
        assert len(events) == traced.numbers["n_recycled_total"]
        assert traced_run.lineage.segments_of(-1)[-1] + 1 == traced.numbers["n_segments_complete"]
    if "w_fluxanl_flux" in traced.arrays:
        at = traced.arrays["w_fluxanl_n_iter"].astype(int) - 1
        np.testing.assert_allclose(found[at], traced.arrays["w_fluxanl_flux"], rtol=1e-14)
        mean = traced.numbers.get("w_fluxanl_mean", found[at].mean())  # of these iterations only
        assert found[at].mean() == pytest.approx(mean, rel=1e-14)


def test_successes_are_the_recycled_segments(traced, traced_run):
    events = traced_run.table("events")
    segments = traced_run.table("segments").loc[events["segment"]]
    found = {(c + 1, w): weight for c, w, weight in zip(segments["cycle"], segments["walker"], segments["weight"], strict=True)}  # fmt: skip # noqa: E501
    for iteration, walker, weight in traced.numbers["w_succ_lines"]:
        assert found[int(iteration), int(walker)] == pytest.approx(float(weight), rel=1e-13)


def test_segments_without_children_are_those_that_were_merged(traced, traced_run):
    run = traced_run
    parents, events = set(run.observable("parent").tolist()), set(run.table("events")["segment"])
    planned = set(run.reader.planned["/next/parent"].tolist())
    ended = np.array([s not in parents and s not in planned for s in range(len(run.observable("parent")))])
    gone = np.array([s in events for s in range(len(ended))])
    with h5py.File(traced.west) as west:
        theirs = [west[f"iterations/iter_{n:08d}/seg_index"]["endpoint_type"] for n in range(1, run.n_cycles + 1)]
    theirs = np.concatenate(theirs)
    assert (theirs[ended & ~gone] == 2).all()  # 2 is also one of several children that was merged away
    assert ((theirs == 3) == gone).all()


def test_histograms_are_the_same(traced, traced_run):
    points = by_cycle(traced_run, all_points(traced_run))
    points[1:] = [one[:, 1:] for one in points[1:]]  # w_pdist counts starts in the first iteration only
    weight = by_cycle(traced_run, traced_run.observable("weight"))
    edges = traced.arrays["w_pdist_edges"].astype(float)
    middle = (edges[1:] + edges[:-1]) / 2
    np.testing.assert_allclose(traced.arrays.get("w_pdist_midpoints", middle), middle, rtol=4 * SINGLE)
    for mine, w, theirs in zip(points, weight, traced.arrays["w_pdist_histograms"], strict=True):
        heights, _ = np.histogram(mine.ravel(), edges, weights=np.repeat(w, mine.shape[1]))
        np.testing.assert_allclose(heights / (heights * np.diff(edges)).sum(), theirs, rtol=1e-6, atol=1e-15)


@pytest.fixture(scope="session")
def followed(imported):
    """Return a function: bin and last state of each point, and who arrives where, of a traced run."""
    found = {}

    def get(peer):
        if peer.path not in found:
            with wd.open_run(peer.path) as run:
                found[peer.path] = follow(run)
        return found[peer.path]

    return get


def follow(run):
    """Follow each lineage point by point: its bin, the state that it was in last (2: none yet), arrivals and fluxes."""
    points = all_points(run)
    bins = np.digitize(points, np.array([1.3, 3.5], np.float32))
    here = np.where(bins == 0, 1, np.where(points >= 3.5, 0, 2))  # bound, unbound, neither
    parent, jumped = run.observable("parent"), run.observable("continuous") == 0
    weight, cycle = run.observable("weight"), run.observable("cycle")
    label = np.full(points.shape, 2)
    arrivals, flux = np.zeros((run.n_cycles, 2, 2)), np.zeros((run.n_cycles, 2, 2))
    for segment in range(len(parent)):
        last = 2 if jumped[segment] else label[parent[segment], -1]
        for place, now in enumerate(here[segment].tolist()):
            if place and now < 2 and last < 2 and now != last:
                arrivals[cycle[segment], last, now] += 1
                flux[cycle[segment], last, now] += weight[segment]
            last = now if now < 2 else last
            label[segment, place] = last
    population = np.zeros((run.n_cycles, 3, 3))
    np.add.at(population, (cycle[:, None], label, bins), weight[:, None] / points.shape[1])
    return Followed(bins, label, arrivals, flux, population)


def test_populations_are_the_same(traced, followed):
    theirs = traced.arrays["w_assign_labeled_populations"]
    np.testing.assert_allclose(followed(traced).population, theirs[:, :, :-1], rtol=1e-12, atol=1e-17)
    assert not theirs[:, :, -1].any()  # no point is beyond all bins


def test_arrivals_and_fluxes_are_the_same(traced, followed):
    """The state that each lineage was in last, point by point: w_direct counts who arrives in the other one."""
    mine = followed(traced)
    np.testing.assert_array_equal(mine.arrivals.sum(axis=1), traced.arrays["w_direct_arrivals"])
    np.testing.assert_allclose(mine.flux.sum(axis=1), traced.arrays["w_direct_total_fluxes"], rtol=1e-12)


def test_arrivals_and_fluxes_by_origin_are_the_same(traced, followed):
    if "w_direct_conditional_arrivals" not in traced.arrays:
        pytest.skip("w_direct's answers by origin were not kept for the cut run")
    mine = followed(traced)
    np.testing.assert_array_equal(mine.arrivals, traced.arrays["w_direct_conditional_arrivals"])
    np.testing.assert_allclose(mine.flux, traced.arrays["w_direct_conditional_fluxes"], rtol=1e-12)


def test_bins_and_last_states_of_the_last_points_are_the_same(traced, traced_run, followed):
    if "w_assign_trajlabels_last" not in traced.arrays:
        pytest.skip("the last iteration was cut away")
    mine, last = followed(traced), traced_run.lineage.segments_of(-1)
    np.testing.assert_array_equal(mine.bins[last], traced.arrays["w_assign_assignments_last"])
    np.testing.assert_array_equal(mine.label[last], traced.arrays["w_assign_trajlabels_last"])


def test_rates_and_mean_populations_are_the_same(traced, followed):
    if "w_direct" not in traced.numbers:
        pytest.skip("means over all iterations do not hold for the cut run")
    mine, theirs = followed(traced), traced.numbers["w_direct"]
    flux, label = mine.flux.mean(axis=0), mine.population.sum(axis=2).mean(axis=0)
    states = mine.population.sum(axis=1).mean(axis=0)[[2, 0]]
    found = {
        "avg_total_fluxes": flux.sum(axis=0), "avg_conditional_fluxes": flux, "avg_color_probs": label[:2],
        "avg_rates": flux / label[:2, None], "avg_state_probs": states,
    }  # fmt: skip
    assert theirs["state_labels"] == ["unbound", "bound"]
    for name, values in found.items():
        np.testing.assert_allclose(values, theirs[name], rtol=1e-12, err_msg=name)


def test_bins_are_those_of_the_mapper(traced, traced_run):
    run = traced_run
    name = next((name for name in traced.arrays if name.startswith("mapper_assign_final_")), None)
    if name is None:
        pytest.skip("they are of an iteration that was cut away")
    segments = run.lineage.segments_of(int(name.rsplit("_", 1)[1]) - 1)
    bins, rows = run.table("bins"), run.observable("bin", segments)
    recycled = np.isin(segments, run.table("events")["segment"])
    index = bins.loc[rows, "index"].to_numpy()
    np.testing.assert_array_equal(index[~recycled], traced.arrays[name][~recycled])
    assert (traced.arrays[name][recycled] == 0).all()  # the target's bin; ours is where they were balanced
    assert not (bins.loc[rows, "centre"].to_numpy()[recycled] < 3.9).any()


def test_no_walker_is_balanced_with_those_of_another_bin(peer, run):
    bins = run.observable("bin")
    merges = run.table("merges")
    of_child = bins[run.observable("parent")[merges["into"]]]
    np.testing.assert_array_equal(bins[merges["from"]], of_child)


def test_bins_hold_as_many_walkers_as_they_should(peer, run):
    bins, next_parent = run.table("bins"), run.reader.planned["/next/parent"]
    parent = np.append(run.observable("parent")[run.segment_id(1, 0) :], next_parent)
    rows = run.observable("bin")[parent]
    cycle = np.append(run.observable("cycle")[run.segment_id(1, 0) :], np.full(len(next_parent), run.n_cycles))
    for one in range(1, run.n_cycles + 1):
        used, count = np.unique(rows[cycle == one], return_counts=True)
        np.testing.assert_array_equal(count, bins.loc[used, "target_count"])


def test_refined_bins_are_named(imported):
    with wd.open_run(imported("odld_recursive").path) as run:
        bins = run.table("bins")
    refined = bins[bins["index"] >= 19]
    assert len(refined) == 2
    assert (refined["level"] == 0).all()
    assert (refined["target_count"] == -1).all()
    inner = bins[bins["parent"] >= 0]
    assert (inner["level"] == 1).all()
    assert set(inner["parent"]) == set(refined.index)
    assert len(inner) == len(bins) - 2 - (bins["level"] == 0).sum() + 2


def test_targets_that_came_later_have_events_of_their_own(imported):
    peer = imported("odld_states")
    with wd.open_run(peer.path) as run:
        events, states = run.table("events"), run.table("states")
        cycle = run.observable("cycle")[events["segment"]]
    labels = states.loc[events["target"], "label"].to_numpy()
    targets = states.loc[states["kind"] == "target", "label"].tolist()
    assert targets == peer.numbers["target_labels"]["60" if "60" in peer.numbers["target_labels"] else "31"]
    assert (labels[cycle < 30] == "bound").all()
    assert (labels[cycle >= 30] == "bound2").any()
    for place, (count, weight) in peer.numbers.get("recycled_by_target", {}).items():
        here = labels == targets[int(place)]
        assert here.sum() == count
        assert events["weight"][here].sum() == pytest.approx(weight, rel=1e-13)


def test_basis_states_keep_their_names_and_probabilities(traced, traced_run):
    states = traced_run.table("states")
    found = states.loc[states["kind"] == "initial", ["label", "probability"]].to_numpy().tolist()
    assert found == [[label, probability] for label, probability, _ in traced.numbers["basis_states"]]


def test_traced_frames_are_those_of_the_framework(imported):
    peer = imported("h5fw")
    trace = peer.numbers["trace" if "trace" in peer.numbers else "trace_8_0"]
    with wd.open_run(peer.path) as run:
        iteration, walker = trace["walkers"][-1]
        path = run.lineage.trace(run.segment_id(iteration - 1, walker))
        path = path[len(path) - len(trace["walkers"]) :]
        assert run.observable("walker", path).tolist() == [walker for _, walker in trace["walkers"]]
        frames = run.frames(path)
        assert np.allclose(np.diff(run.observable("order_parameter", path)[:, 0]), np.diff(frames.xyz[:, 1, 0]), atol=1)
    theirs = np.array(trace["atom1_x"][1:], np.float32).reshape(len(path), 6)[:, 1:]
    np.testing.assert_array_equal(frames.xyz[:, 1, 0], theirs.reshape(-1))
    np.testing.assert_array_equal(frames.time, np.arange(1, len(frames) + 1))
    assert [atom.name for atom in frames.topology.atoms] == ["NA", "CL", "X"]


def test_the_fourth_iteration_has_the_frames_of_its_trajectory_file(imported):
    peer = imported("h5fw")
    theirs = peer.numbers.get("iter4_file")
    if theirs is None:
        pytest.skip("what is in the files was not counted for the cut run")
    with wd.open_run(peer.path) as run:
        segments = run.lineage.segments_of(3)
        frames = run.frames(segments)
        n_frames, n_atoms, _ = theirs["coordinates"][0]
        assert len(frames) + len(segments) == n_frames == theirs["pointer"][0][0]  # theirs have the starts, too
        assert frames.xyz.shape[1:] == (n_atoms, 3)
        assert len(segments) == peer.numbers["iter4_restart_nodes"] == peer.numbers["iter4_log_nodes"]
    assert "restart files and logs" in str(peer.report)  # that they are left out is said


def test_auxiliary_data_become_observables(imported):
    peer = imported("h5fw")
    with wd.open_run(peer.path) as run, h5py.File(peer.west) as west:
        for cycle in range(run.n_cycles):
            found = run.observable("displacement", run.lineage.segments_of(cycle))
            theirs = west[f"iterations/iter_{cycle + 1:08d}/auxdata/displacement"][()]
            np.testing.assert_array_equal(found, theirs[:, 1:].reshape(-1))
