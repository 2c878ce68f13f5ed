"""Trees of bins that runs leave in their files, beside the binners that made them."""

import numpy as np
import pytest

import wepy
import wepy_data as wd

REGIONS = wepy.RegionTree([2.0, 0.8], [4, 5], wepy.Periodic(7.0))


def replayed(binner, run):
    """Return the bins that a binner makes of a run's walkers, by index, and the cycle in which it made each."""
    known, cycle_of = {}, {}
    for cycle in range(run.n_cycles):
        segments = run.table("segments", cycle)
        found = binner.adapt(known, segments.filter(like="progress").to_numpy(float), segments.weight.to_numpy())
        known |= found.made
        cycle_of |= dict.fromkeys(found.made, cycle)
    return known, cycle_of


@pytest.fixture(scope="module")
def wexplore(tmp_path_factory):
    path = tmp_path_factory.mktemp("wexplore") / "run.h5"
    simulation = wepy.Simulation(
        engine=wepy.RandomWalk(dimensions=2),
        order_parameter=wepy.Coordinates(indices=(0, 1), labels=("a", "b")),
        binner=REGIONS, balancer=wepy.WExplore(pmax=0.5),
        states=[wepy.StartState(label="origin", arrays={"x": np.zeros(2)})],
        walkers=16, steps=3, seed=2, store=path,
    )  # fmt: skip
    for _ in simulation.run(cycles=30):
        pass
    return path


def test_the_tree_in_the_file_is_that_of_the_regions(wexplore):
    with wd.open_run(wexplore) as run:
        known, cycle_of = replayed(REGIONS, run)
        tree = wd.bin_tree(run)
    index = {row: node["index"] for row, node in tree.nodes.items()}
    assert list(index.values()) == list(known)
    assert {index[row]: index[above] for above, row in tree.edges} == {
        one: bin_.parent for one, bin_ in known.items() if bin_.parent >= 0
    }
    for node in tree.nodes.values():
        bin_ = known[node["index"]]
        assert (node["level"], node["cycle"]) == (bin_.level, cycle_of[node["index"]])
        assert node["centre"] == tuple(bin_.centre)
    levels = [node["level"] for node in tree.nodes.values()]
    assert levels.count(0) > 2
    assert levels.count(1) > 2 * levels.count(0)


@pytest.mark.parametrize("cycles", [None, 0, -1])
def test_regions_have_the_walkers_of_those_within(wexplore, cycles):
    with wd.open_run(wexplore) as run:
        tree = wd.bin_tree(run, cycles)
        assert sum(tree.nodes[row]["walkers"] for row in tree if not tree.pred[row]) == len(
            run.table("segments", cycles)
        )
    for row in tree:
        if tree.succ[row]:
            for name in ("walkers", "weight"):
                total = sum(tree.nodes[inner][name] for inner in tree.succ[row])
                assert tree.nodes[row][name] == pytest.approx(total)


def test_bins_inside_bins_and_bins_of_every_cycle_are_drawn(tmp_path, double_well):
    grid = wepy.Rectilinear([[-np.inf, -0.8, 0.0, np.inf]])
    binner = wepy.Recursive(grid, {1: wepy.MAB(nbins=[3], direction=[0])})
    list(double_well(store=tmp_path / "run.h5", binner=binner).run(cycles=20))
    with wd.open_run(tmp_path / "run.h5") as run:
        tree = wd.bin_tree(run, -1, occupied=True)
        assert {tree.nodes[row]["level"] for row in tree} == {0, 1}
        assert {tree.nodes[row]["cycle"] for row in tree if tree.nodes[row]["level"] == 1} == {19}
        assert wd.plot_regions(run, tmp_path / "regions.svg", cycle=-1).stat().st_size > 1000


def test_a_run_whose_balancer_looks_at_no_bins_has_none(tmp_path, double_well):
    list(double_well(store=tmp_path / "run.h5", binner=None, balancer=wepy.REVO(0.2, pmax=0.5)).run(cycles=2))
    with wd.open_run(tmp_path / "run.h5") as run, pytest.raises(wd.SelectionError, match="looks at none"):
        wd.plot_regions(run, tmp_path / "regions.png")
