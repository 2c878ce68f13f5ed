"""A picture of a run's walker trees: where the surviving lineages came from, and what else was explored."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.plot.branch import Tree, tree_of
from wepy_data.plot.colour_scale import ColourScale, colour_scale, draw_colour_bar
from wepy_data.plot.picture import (
    FAINT,
    INK,
    figure_legend,
    mark_circles,
    new_figure,
    plain,
    require_matplotlib,
    write_picture,
)
from wepy_data.query.rows import read_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wepy_data.query.run import Run

_WHAT = "drawing a lineage tree"
_MOST_LINES = 150_000  # of branches that have died out: more are a grey area anyway
_MOST_EVENTS = 3_000
_SLICES = 60  # of the distribution
_EVENT = "#0b8f7a"


def plot_lineage(
    run: Run,
    path: str | os.PathLike[str],
    *,
    segment: int | None = None,
    dimension: int | None = 0,
    overwrite: bool = False,
    dpi: int = 150,
) -> Path:
    """Draw the lineage tree of the final walkers and write it to a file; return its path.

    Surviving lineages are coloured by weight and as wide as they have descendants, one ancestry is highlighted,
    branches that have died out are grey, and recycling is marked. A panel beside them shows the weighted
    distribution of the order parameter over all cycles.

    Parameters
    ----------
    run : Run
        The run.
    path : path
        The picture: `.png`, `.svg` or `.pdf`.
    segment : int, optional
        The segment whose ancestry is highlighted; by default the final walker whose order parameter
        ended farthest from where the run began, in the dimension that is drawn (the first, if none is).
    dimension : int or None
        Dimension of the order parameter to draw over; None for a tree without crossings, survivors only.
    overwrite : bool
        Whether an existing file is replaced.
    dpi : int
        Dots per inch: the picture is 11 inches wide and 6 high.

    Raises
    ------
    SelectionError
        If the run has no cycles, no such segment or dimension, or there is no such format.
    RunExistsError
        If the file exists and `overwrite` is false.
    FileNotFoundError
        If its folder does not exist.
    MissingPackageError
        If matplotlib is not installed.
    """
    require_matplotlib(_WHAT)

    def draw() -> Figure:
        return lineage_figure(run, segment=segment, dimension=dimension)

    return write_picture(path, draw, overwrite=overwrite, dpi=dpi)


def lineage_figure(run: Run, *, segment: int | None = None, dimension: int | None = 0) -> Figure:
    """Return the picture that `plot_lineage` writes, to be changed or embedded."""
    require_matplotlib(_WHAT)
    tree = tree_of(run, dimension)
    chosen = _farthest(run, tree if dimension is not None else tree_of(run, 0)) if segment is None else segment
    ancestry = run.lineage.trace(chosen)
    figure = new_figure()
    scale = colour_scale(tree.weight[tree.tips > 0], "weight", is_power=True)
    paint = _Paint(scale=scale, width=float(np.clip(np.sqrt(150 / run.n_cycles), 0.4, 1.0)))
    ratios = [5.2] if dimension is None else [5.2, 1]
    panels = figure.subplots(1, len(ratios), sharey=True, squeeze=False, gridspec_kw={"width_ratios": ratios})[0]
    _draw_dead(panels[0], tree)
    _draw_alive(panels[0], tree, paint)
    _draw_events(panels[0], run, tree)
    _draw_ancestry(panels[0], tree, ancestry, paint)
    _finish(panels[0], run, tree, dimension)
    _legend(figure, run, tree, ancestry)
    if dimension is not None:
        _draw_distribution(panels[1], tree)
    draw_colour_bar(figure, scale)
    return figure


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paint:
    """Colours of weights, and a factor for all widths of lines."""

    scale: ColourScale
    width: float


def _farthest(run: Run, tree: Tree) -> int:
    """Return the final walker that ends farthest from where the founders' weight is."""
    final, founders = run.lineage.segments_of(-1), run.lineage.segments_of(0)
    place = tree.y if tree.circle is None else np.exp(2j * np.pi * tree.y / (tree.circle[1] - tree.circle[0]))
    return int(final[np.argmax(np.abs(place[final] - np.average(place[founders], weights=tree.weight[founders])))])


def _draw_dead(axes: Axes, tree: Tree) -> None:
    from matplotlib.collections import LineCollection

    lines, _ = tree.branches(_some(np.flatnonzero((tree.tips == 0) & (tree.above >= 0)), _MOST_LINES))
    alpha = float(np.clip(8000 / max(1, len(lines)), 0.15, 0.8))
    axes.add_collection(
        LineCollection(list(lines), colors=FAINT, linewidths=0.5, alpha=alpha, zorder=1, rasterized=True)
    )


def _draw_alive(axes: Axes, tree: Tree, paint: _Paint) -> None:
    from matplotlib.collections import LineCollection

    alive = np.flatnonzero(tree.tips > 0)
    lines, child = tree.branches(alive)
    order = np.argsort(-tree.weight[child], kind="stable")  # light ones on top: they are what the method is for
    lines, child = lines[order], child[order]
    widths = paint.width * (0.8 + 0.55 * np.log2(tree.tips[child]))
    colours = paint.scale.of(tree.weight[child])
    axes.add_collection(LineCollection(list(lines), colors=colours, linewidths=widths, capstyle="round", zorder=3))
    starts = alive[tree.above[alive] < 0]
    axes.scatter(tree.x[starts], tree.y[starts], c=paint.scale.of(tree.weight[starts]), s=9, linewidths=0, zorder=3)


def _draw_events(axes: Axes, run: Run, tree: Tree) -> None:
    shown = _shown_events(run, tree)
    survived = tree.tips[shown] > 0
    for part, alpha in ((~survived, 0.35), (survived, 1.0)):
        mine = shown[part]
        axes.scatter(tree.x[mine], tree.y[mine], marker="D", s=11, c=_EVENT, alpha=alpha, linewidths=0, zorder=4)


def _shown_events(run: Run, tree: Tree) -> NDArray[np.int64]:
    where = _recycled(run)
    return _some(where[np.isfinite(tree.y[where])], _MOST_EVENTS)


def _recycled(run: Run) -> NDArray[np.int64]:
    return np.asarray(run.reader.read("/events/segment")[run.reader.read("/events/kind") == 0])


def _some(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Return at most so many of the rows, evenly spread."""
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _draw_ancestry(axes: Axes, tree: Tree, ancestry: NDArray[np.int64], paint: _Paint) -> None:
    from matplotlib.collections import LineCollection

    lines, child = tree.branches(ancestry)
    layers = (("white", 6.4), (INK, 4.6), (paint.scale.of(tree.weight[child]), 1.9))
    for colours, width in layers:
        axes.add_collection(
            LineCollection(list(lines), colors=colours, linewidths=width * paint.width, capstyle="round", zorder=5)
        )
    end = ancestry[-1:]
    colour = paint.scale.of(tree.weight[end])
    axes.scatter(tree.x[end], tree.y[end], s=46, c=colour, edgecolors=INK, linewidths=1.6, zorder=6, clip_on=False)


def _finish(axes: Axes, run: Run, tree: Tree, dimension: int | None) -> None:
    margin = max(0.15, run.n_cycles * 0.012)
    axes.set_xlim(1 - margin, run.n_cycles + margin)
    axes.autoscale_view(scalex=False)
    mark_circles(axes, None, tree.circle)
    if dimension is None:
        axes.set_yticks([])
    axes.locator_params(axis="x", integer=True)
    duration = _duration(run)
    axes.set_xlabel("cycles" if duration is None else f"cycles of {duration:.4g} ps")
    axes.set_ylabel(tree.label, parse_math=False)
    plain(axes)


def _legend(figure: Figure, run: Run, tree: Tree, ancestry: NDArray[np.int64]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patheffects import Normal, Stroke

    walker, cycle = int(run.lineage.walker_of(ancestry)[-1]), int(run.lineage.cycle_of(ancestry)[-1])
    label = f"ancestry of walker {walker} of cycle {cycle}"
    edge = [Stroke(linewidth=4.6, foreground=INK), Normal()]
    handles = [Line2D([], [], color="#f2a33c", lw=1.9, path_effects=edge, label=label)]
    shown, recycled = len(_shown_events(run, tree)), len(_recycled(run))
    if shown:
        times = f"{shown} of {recycled}" if shown < recycled else f"{recycled}"
        label = f"recycled ({times} time{'s' if recycled != 1 else ''})"
        handles.append(Line2D([], [], color=_EVENT, ls="", marker="D", ms=4, label=label))
    dead = (tree.tips == 0) & np.isfinite(tree.y)
    if dead.any():
        share = 100 * dead.mean()
        handles.append(Line2D([], [], color=FAINT, lw=1.2, label=f"died out ({share:.0f} % of {len(dead)} segments)"))
    figure_legend(figure, handles)


def _duration(run: Run) -> float | None:
    """Return the time of a segment in ps, if all are equally long; None if not, or if there are no frames."""
    stops = run.reader.read("/segments/frame_stop")
    ends = np.concatenate([run.lineage.segments_of(0), run.lineage.segments_of(-1)])
    if (np.diff(stops, prepend=0)[ends] == 0).any():
        return None
    times = read_rows(run.reader, "/frames/time", stops[ends] - 1) / (run.lineage.cycle_of(ends) + 1)
    return float(times[0]) if np.allclose(times, times[0], rtol=1e-6) else None


def _draw_distribution(axes: Axes, tree: Tree) -> None:
    low, high = tree.circle or (float(tree.y.min()), float(tree.y.max()))
    edges = np.linspace(low, high if high > low else low + 1, _SLICES + 1)
    mass, _ = np.histogram(tree.y, edges, weights=tree.weight)
    outline = np.append(mass, mass[-1]) / mass.sum()
    axes.fill_betweenx(edges, outline, step="post", color=FAINT, lw=0)
    axes.step(outline, edges, where="pre", color=INK, lw=1.0)
    axes.set_xscale("log")
    axes.set_xlabel(f"probability\nin {_SLICES} slices")
    axes.tick_params(labelleft=False)
    plain(axes)
