"""A picture of a run's bins: their tree, and where they are among the walkers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.plot.bin_place import Places, places_of, tree_places
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
from wepy_data.query.bin_tree import BinUse, bin_use

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wepy_data.query.run import Run

COLOURS = {"weight": "weight, mean of a cycle", "cycle": "cycle in which the bin was made"}
_WHAT = "drawing bins"
_MOST_BINS = 300  # of all cycles: with more, those in use in one cycle are drawn
_MOST_POINTS = 2000  # walkers drawn one by one: more are a density
_SLICES = 60  # of the density, in each direction
_AREA = 300.0  # of the bin with most walkers, in points squared


def plot_regions(
    run: Run,
    path: str | os.PathLike[str],
    *,
    cycle: int | None = None,
    dimensions: Sequence[int] | None = None,
    colour: str = "weight",
    overwrite: bool = False,
    dpi: int = 150,
) -> Path:
    """Draw the tree of a run's bins, and their centres over the order parameter, to a file; return its path.

    On the left, bins are circles, level by level, joined to the bin that they refine; the area of a circle is the
    number of walkers that were in the bin. On the right, the centres of the leaves over two dimensions of the order
    parameter, the ends of the walkers' segments behind them; or, over one dimension, from the cycle in which a leaf was
    made to the last in which it was in use.

    Parameters
    ----------
    run : Run
        The run: growing, crashed or sealed; its file is all that is needed.
    path : path
        The picture: `.png`, `.svg` or `.pdf`.
    cycle : int, optional
        Only bins in use in this cycle and its walkers; negative numbers count from the end. By default all bins that
        the run has made and the walkers of all cycles; of more than 300 bins, those in use in the last cycle.
    dimensions : sequence of int, optional
        Two dimensions of the order parameter, or one, which is drawn over the cycles; the first two by default.
    colour : {"weight", "cycle"}
        What colours say: weight, or the cycle in which a bin was made.
    overwrite : bool
        Whether an existing file is replaced.
    dpi : int
        Dots per inch: the picture is 11 inches wide and 6 high.

    Raises
    ------
    SelectionError
        If the run has no cycles, no bins, no such cycle or dimension, or there is no such colour or format.
    RunExistsError
        If the file exists and `overwrite` is false.
    FileNotFoundError
        If its folder does not exist.
    MissingPackageError
        If matplotlib is not installed.
    """
    require_matplotlib(_WHAT)

    def draw() -> Figure:
        return regions_figure(run, cycle=cycle, dimensions=dimensions, colour=colour)

    return write_picture(path, draw, overwrite=overwrite, dpi=dpi)


def regions_figure(
    run: Run, *, cycle: int | None = None, dimensions: Sequence[int] | None = None, colour: str = "weight"
) -> Figure:
    """Return the picture that `plot_regions` writes, to be changed or embedded."""
    require_matplotlib(_WHAT)
    if colour not in COLOURS:
        raise SelectionError(f"no colour {colour!r}: there are {', '.join(COLOURS)}")
    text, shown = _made_and_shown(run, cycle)
    places = places_of(run, shown, dimensions)
    figure = new_figure()
    paint = _paint(shown, colour)
    left, right = figure.subplots(1, 2, gridspec_kw={"width_ratios": [1, 1.25]})
    _draw_tree(left, shown, paint)
    _draw_walkers(right, shown, places)
    _draw_centres(right, shown, places, paint)
    _finish(right, shown, places)
    _legend(figure, text, shown, places)
    draw_colour_bar(figure, paint.scale)
    return figure


@dataclass(frozen=True, slots=True, kw_only=True)
class _Paint:
    """The colour and area of each bin, and the scale of the colours; bins that are empty have no colour."""

    colour: NDArray[np.float64]
    area: NDArray[np.float64]
    scale: ColourScale


def _made_and_shown(run: Run, cycle: int | None) -> tuple[str, BinUse]:
    """Return the bins to be drawn, and what they are in words."""
    found = bin_use(run.reader, cycle)
    made = len(found)
    whole = cycle is None and made <= _MOST_BINS
    if not whole:
        found = (found if cycle is not None else bin_use(run.reader, -1)).occupied()
    first = found.cycles[0]
    if not found.walkers.any():
        raise SelectionError(f"no bins: nobody was in one in cycle {first}, all walkers were absorbed")
    if whole:
        return f"{made} bin{'s' * (made != 1)} made in {run.n_cycles} cycle{'s' * (run.n_cycles != 1)}", found
    return f"{len(found)} bin{'s' * (len(found) != 1)} in use in cycle {first}, of {made} made", found


def _paint(use: BinUse, colour: str) -> _Paint:
    filled = use.weight > 0
    values = (use.weight if colour == "weight" else use.cycle)[filled]
    scale = colour_scale(values, COLOURS[colour], is_power=colour == "weight")
    painted = np.zeros((len(use), 4))  # transparent
    painted[filled] = scale.of(values)
    area = 10 + (_AREA - 10) * use.walkers / use.walkers.max()
    return _Paint(colour=painted, area=area, scale=scale)


def _draw_tree(axes: Axes, use: BinUse, paint: _Paint) -> None:
    from matplotlib.collections import LineCollection

    x, y = tree_places(use.parent)
    root = (-1.0, float(y[use.parent < 0].mean()))
    starts = [root if above < 0 else (x[above], y[above]) for above in use.parent.tolist()]
    lines = [(start, end) for start, end in zip(starts, zip(x, y, strict=True), strict=True)]
    axes.add_collection(LineCollection(lines, colors=FAINT, linewidths=0.8, zorder=1))
    axes.scatter(*root, s=12, c=INK, linewidths=0, zorder=2)
    _draw_bins(axes, x, y, paint, np.ones(len(use), bool))
    depth = int(x.max())
    axes.set_xlim(-1.2, depth + 0.4)
    axes.set_xticks(range(depth + 1))
    axes.set_yticks([])
    axes.set_xlabel("level")
    plain(axes)
    axes.spines["left"].set_visible(False)


def _draw_walkers(axes: Axes, use: BinUse, places: Places) -> None:
    """Draw the ends of the segments: one by one, or, if there are many, their density."""
    from matplotlib.colors import LogNorm

    x, y = places.ends.T
    if len(x) <= _MOST_POINTS:
        axes.scatter(x, y, s=7, c=FAINT, linewidths=0, zorder=1)
        return
    first, stop = use.cycles
    across = _SLICES if len(places.dimensions) == 2 else min(_SLICES, stop - first)
    limits = [circle or (v.min(), v.max()) for circle, v in zip(places.circles, (x, y), strict=True)]
    density, *edges = np.histogram2d(x, y, bins=[across, _SLICES], range=limits)
    seen = np.ma.masked_equal(density.T, 0)
    # the darkest grey is far beyond the densest place, so that circles stand out
    norm = LogNorm(1, 10 * density.max())
    axes.pcolormesh(*edges, seen, cmap="Greys", norm=norm, zorder=0, rasterized=True)


def _draw_centres(axes: Axes, use: BinUse, places: Places, paint: _Paint) -> None:
    leaf = use.is_leaf & np.isfinite(places.xy).all(axis=1)
    if len(places.dimensions) == 1:
        used = leaf & (use.last >= 0)
        axes.hlines(
            places.xy[used, 1], use.cycle[used], use.last[used], colors=list(paint.colour[used]), lw=1.5, zorder=2
        )
    _draw_bins(axes, places.xy[:, 0], places.xy[:, 1], paint, leaf)


def _draw_bins(
    axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], paint: _Paint, which: NDArray[np.bool_]
) -> None:
    size, colours = paint.area[which], paint.colour[which]
    axes.scatter(x[which], y[which], s=size, c=colours, edgecolors=INK, linewidths=0.6, zorder=3, clip_on=False)


def _finish(axes: Axes, use: BinUse, places: Places) -> None:
    if len(places.dimensions) == 1:
        axes.locator_params(axis="x", integer=True)
        axes.set_xlim(min(use.cycles[0], use.cycle.min()) - 1, use.cycles[1])
    mark_circles(axes, *places.circles)
    axes.set_xlabel(places.labels[0], parse_math=False)
    axes.set_ylabel(places.labels[1], parse_math=False)
    plain(axes)


def _legend(figure: Figure, text: str, use: BinUse, places: Places) -> None:
    from matplotlib.lines import Line2D

    unbounded = int((use.is_leaf & ~np.isfinite(places.xy).all(axis=1)).sum())
    text += f"; {unbounded} of {int(use.is_leaf.sum())} leaves have no centre here" * (unbounded > 0)
    most = int(use.walkers.max())
    handles = [Line2D([], [], ls="", label=text)]
    for count in sorted({most, max(1, most // 10)}, reverse=True):
        size = np.sqrt(10 + (_AREA - 10) * count / most)
        label = f"{count} walker{'s' if count != 1 else ''}"
        handles.append(Line2D([], [], ls="", marker="o", ms=size, mfc="none", mec=INK, mew=0.6, label=label))
    figure_legend(figure, handles)
