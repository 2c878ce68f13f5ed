"""Pictures of walker trees."""

import sys

import matplotlib.image
import numpy as np
import pytest

from wepy_data import MissingPackageError, Run, RunExistsError, SelectionError, plot_lineage
from wepy_data.plot.lineage_tree import lineage_figure


@pytest.fixture(scope="module")
def run(ensemble_record):
    return Run(ensemble_record)


@pytest.mark.parametrize("dimension", [0, 1, None])
def test_picture_has_colours_and_the_size_it_promises(run, tmp_path, dimension):
    image = matplotlib.image.imread(plot_lineage(run, tmp_path / "tree.png", dimension=dimension, dpi=100))
    assert image.shape[:2] == (600, 1100)
    coloured = image[..., :3].max(axis=-1) - image[..., :3].min(axis=-1) > 0.3
    assert coloured.mean() > 0.005


def test_highlighted_ancestry_is_named(run):
    figure = lineage_figure(run, segment=run.segment_id(5, 2))
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts[0] == "ancestry of walker 2 of cycle 5"
    assert texts[1] == "recycled (20 times)"


def test_planar_tree_counts_the_recycling_that_it_shows(run):
    segments = run.lineage.trace_all()
    recycled = run.table("events").segment
    shown = int(np.isin(recycled, segments).sum())
    texts = [text.get_text() for text in lineage_figure(run, dimension=None).legends[0].get_texts()]
    assert 0 < shown < len(recycled)
    assert texts[1] == f"recycled ({shown} of {len(recycled)} times)"


@pytest.mark.parametrize("dimension", [0, 1])
def test_highlighted_walker_ended_farthest_from_where_the_run_began(run, dimension):
    progress, weight = run.observable("progress")[:, dimension], run.observable("weight")
    founders, final = run.lineage.segments_of(0), run.lineage.segments_of(-1)
    circle = np.exp(1j * progress)
    away = np.abs(circle[final] - np.average(circle[founders], weights=weight[founders]))
    walker = int(run.lineage.walker_of(final[np.argmax(away)]))
    label = lineage_figure(run, dimension=dimension).legends[0].get_texts()[0].get_text()
    assert label == f"ancestry of walker {walker} of cycle 11"


def test_axes_carry_units_and_the_length_of_a_cycle(run):
    axes = lineage_figure(run).axes[0]
    assert axes.get_ylabel() == "phi (rad)"
    assert axes.get_xlabel() == "cycles of 0.04 ps"


@pytest.mark.parametrize("cycles", [1, 2])
def test_shortest_runs_are_drawn(make_ensemble, tmp_path, cycles):
    assert plot_lineage(Run(make_ensemble(cycles)), tmp_path / "tree.png", dpi=50).exists()


def test_run_without_resampling_and_without_names_is_drawn(make_ensemble, tmp_path):
    record = make_ensemble(4, recycle=False, bins=1, particles=False)
    record.header.provenance[0]["components"]["order_parameter"]["labels"] = ["$broken", "_"]
    assert plot_lineage(Run(record), tmp_path / "tree.svg").read_text().count("<svg") == 1


def test_run_without_cycles_says_so_and_leaves_no_file(make_ensemble, tmp_path):
    with pytest.raises(SelectionError, match="no cycles yet"):
        plot_lineage(Run(make_ensemble(0)), tmp_path / "tree.png")
    assert not list(tmp_path.iterdir())


def test_existing_picture_is_kept_unless_told_otherwise(run, tmp_path):
    (tmp_path / "tree.png").write_text("mine")
    with pytest.raises(RunExistsError):
        plot_lineage(run, tmp_path / "tree.png")
    assert (tmp_path / "tree.png").read_text() == "mine"


def test_other_suffix_names_the_formats(run, tmp_path):
    with pytest.raises(SelectionError, match=r"\.png, \.svg, \.pdf"):
        plot_lineage(run, tmp_path / "tree.gif")


def test_missing_matplotlib_says_how_to_get_it(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingPackageError, match=r"wepy-ensemble\[plot\]"):
        plot_lineage(run, tmp_path / "tree.png")
