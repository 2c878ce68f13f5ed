"""Pictures of bins."""

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given, settings

import wepy_data as wd
from wepy_data.plot import regions
from wepy_data.plot.bin_place import tree_places
from wepy_data.plot.regions import regions_figure
from wepy_data.query.bin_tree import bin_use
from wepy_data.testing import runs


@pytest.fixture
def run(ensemble_file):
    with wd.open_run(ensemble_file) as run:
        yield run


def circles(axes):
    """Return where the last circles were drawn, and their areas."""
    drawn = axes.collections[-1]
    return np.asarray(drawn.get_offsets()), drawn.get_sizes()


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.fixture(scope="module")
def tree(make_ensemble):
    """Return a record whose bins have centres, two levels of them: the first bin refines into the others."""
    record = make_ensemble(12)
    count = record.rows("bin")
    parent = np.r_[-1, np.zeros(count - 1, int)]
    changed = {
        "/bins/parent": parent,
        "/bins/level": np.minimum(np.arange(count), 1),
        "/bins/centre": np.column_stack([np.linspace(-2, 2, count), np.zeros(count)]),
    }

    class Changed:
        header, n_cycles, sealed, planned = record.header, record.n_cycles, record.sealed, record.planned
        rows, stops = record.rows, record.stops

        @staticmethod
        def read(path, start=0, stop=None):
            return changed[path][start:stop] if path in changed else record.read(path, start, stop)

    return wd.Run(Changed())


def test_picture_has_colours_and_the_size_it_promises(tree, tmp_path):
    image = matplotlib.image.imread(wd.plot_regions(tree, tmp_path / "regions.png", dpi=100))
    assert image.shape[:2] == (600, 1100)
    assert (image[..., :3].max(axis=-1) - image[..., :3].min(axis=-1) > 0.3).mean() > 0.005


def test_every_bin_is_a_circle_at_its_level_and_every_leaf_at_its_centre(tree):
    use = bin_use(tree.reader)
    left, right = regions_figure(tree).axes[:2]
    places, areas = circles(left)
    assert places[:, 0].tolist() == use.level.tolist()
    assert np.corrcoef(areas, use.walkers)[0, 1] > 0.999
    assert circles(right)[0].tolist() == use.centre[use.is_leaf].tolist()
    assert (right.get_xlabel(), right.get_ylabel()) == ("phi (rad)", "psi (rad)")
    assert left.get_xticks().tolist() == [0, 1]


def test_one_dimension_is_drawn_over_the_cycles(tree):
    use = bin_use(tree.reader)
    axes = regions_figure(tree, dimensions=[0]).axes[1]
    assert circles(axes)[0].tolist() == np.column_stack([use.cycle, use.centre[:, 0]])[use.is_leaf].tolist()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("cycle", "phi (rad)")


def test_of_a_cycle_only_bins_in_use_are_drawn(tree):
    figure = regions_figure(tree, cycle=2, colour="cycle")
    in_use = bin_use(tree.reader, 2).occupied()
    made = len(bin_use(tree.reader, 2))
    assert len(circles(figure.axes[0])[0]) == len(in_use) <= made
    assert legend(figure)[0] == f"{len(in_use)} bins in use in cycle 2, of {made} made"
    assert figure.axes[2].get_ylabel() == "cycle in which the bin was made"


def test_of_many_bins_those_in_use_in_the_last_cycle_are_drawn(tree, monkeypatch):
    assert legend(regions_figure(tree))[0] == f"{tree.reader.rows('bin')} bins made in 12 cycles"
    monkeypatch.setattr(regions, "_MOST_BINS", 3)
    assert "in use in cycle 11, of" in legend(regions_figure(tree))[0]


def test_many_walkers_are_a_density(tree, monkeypatch):
    monkeypatch.setattr(regions, "_MOST_POINTS", 10)
    for dimensions in ([0, 1], [1]):
        density = regions_figure(tree, dimensions=dimensions).axes[1].collections[0].get_array()
        assert density.sum() == tree.n_segments


def test_unbounded_bins_have_no_centre_and_are_counted(run):
    count = run.reader.rows("bin")
    assert f"{count} of {count} leaves have no centre here" in legend(regions_figure(run))[0]


@settings(max_examples=40)
@given(runs())
def test_every_run_with_bins_is_drawn(record):
    run = wd.Run(record)
    if record.rows("bin") and bin_use(record).walkers.any():
        use = bin_use(record)
        assert len(circles(regions_figure(run).axes[0])[0]) == len(use)
        depth, place = tree_places(use.parent)
        assert sorted(place[use.is_leaf].tolist()) == list(range(int(use.is_leaf.sum())))
        assert (depth[use.parent >= 0] == depth[use.parent[use.parent >= 0]] + 1).all()


def test_mistakes_say_what_there_is_and_leave_no_file(run, make_ensemble, tmp_path):
    path = tmp_path / "regions.png"
    with pytest.raises(wd.SelectionError, match=r"one or two of this run's: 0 \(phi \(rad\)\), 1"):
        wd.plot_regions(run, path, dimensions=[0, 2])
    with pytest.raises(wd.SelectionError, match="there are weight, cycle"):
        wd.plot_regions(run, path, colour="age")
    with pytest.raises(wd.SelectionError, match="no cycle 99"):
        wd.plot_regions(run, path, cycle=99)
    with pytest.raises(wd.SelectionError, match="no cycles yet"):
        wd.plot_regions(wd.Run(make_ensemble(0)), path)
    with pytest.raises(wd.SelectionError, match=r"\.png, \.svg, \.pdf"):
        wd.plot_regions(run, tmp_path / "regions.gif")
    assert not list(tmp_path.iterdir())


def test_a_run_that_is_being_written_and_one_that_has_crashed_are_drawn(ensemble_record, tmp_path):
    path = tmp_path / "run.h5"
    with wd.FileWriter(path, ensemble_record.header, durable=False) as writer:
        for cycle in ensemble_record.cycles[:3]:
            writer.append(cycle)
        with wd.open_run(path) as run:
            assert wd.plot_regions(run, tmp_path / "growing.png", dpi=50).exists()
            assert set(wd.bin_tree(run)) == set(range(int(ensemble_record.stops("bin")[2])))
    with wd.open_run(path) as run:
        assert not run.sealed
        assert wd.plot_regions(run, tmp_path / "crashed.png", cycle=1, dpi=50).exists()
