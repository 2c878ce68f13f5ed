"""A picture of advice: what walkers add where, where they should be, and what that gains."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.plot.picture import (
    FAINT,
    INK,
    new_figure,
    panel_legend,
    require_matplotlib,
    without_frame,
    write_picture,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from wepy_data.analysis.advice import Advice

_WHAT = "drawing advice"
_NOW, _THEN = "#7d8597", "#0b8f7a"


def plot_advice(
    advice: Advice, path: str | os.PathLike[str], *, overwrite: bool = False, dpi: int = 150
) -> Path:  # fmt: skip
    """Draw advice and write the picture to a file; return its path.

    Above, along the cells: the weight of the steady state, the deviation v that a walker adds in one cycle, and their
    product, which is where walkers should be. Below: walkers of each bin, as they were and as advised. Beside them: the
    gains over brute force, paler with what resampling adds.

    Parameters
    ----------
    advice : Advice
        As `advise` returns it.
    path : path
        The picture: `.png`, `.svg` or `.pdf`.
    overwrite : bool
        Whether an existing file is replaced.
    dpi : int
        Dots per inch: the picture is 11 inches wide and 6 high.

    Raises
    ------
    SelectionError
        If there is no such format.
    RunExistsError
        If the file exists and `overwrite` is false.
    FileNotFoundError
        If its folder does not exist.
    MissingPackageError
        If matplotlib is not installed.
    """
    require_matplotlib(_WHAT)
    return write_picture(path, lambda: advice_figure(advice), overwrite=overwrite, dpi=dpi)


def advice_figure(advice: Advice) -> Figure:
    """Return the picture that `plot_advice` writes, to be changed or embedded."""
    require_matplotlib(_WHAT)
    figure = new_figure()
    panels = figure.subplot_mosaic([["cells", "gains"], ["walkers", "gains"]], width_ratios=[2.1, 1])
    _draw_cells(panels["cells"], advice)
    _draw_walkers(panels["walkers"], advice)
    _draw_gains(panels["gains"], advice)
    if advice.dim is not None:
        panels["cells"].sharex(panels["walkers"])
        panels["cells"].tick_params(labelbottom=False)
    for axes in panels.values():
        without_frame(axes)
    return figure


def _draw_cells(axes: Axes, advice: Advice) -> None:
    profile = advice.profile
    x = np.arange(len(profile.cell)) if advice.dim is None else profile.centre
    deviation = np.sqrt(profile.variance)
    product = profile.weight * deviation
    lines = (
        ("weight ω of the cell", profile.weight, _NOW, 1.2),
        ("deviation v that a walker adds in a cycle", deviation, "#c2571a", 1.2),
        ("ω v, normalised: where walkers should be", product / product.sum(), _THEN, 2.2),
    )
    for label, values, colour, width in lines:
        axes.plot(x, np.where(values > 0, values, np.nan), color=colour, lw=width, label=label)
    axes.set_yscale("log")
    panel_legend(axes)
    if advice.dim is None:
        axes.set_xlabel("bins of the run, by row")


def _draw_walkers(axes: Axes, advice: Advice) -> None:
    bins = advice.bins
    x = np.array([one.place if advice.dim is not None else float(i) for i, one in enumerate(bins)])
    width = 0.4 * _spacing(x)
    axes.bar(x - width / 2, [one.walkers for one in bins], width, color=_NOW, label="as they were")
    axes.bar(x + width / 2, [one.advised for one in bins], width, color=_THEN, label="advised, these bins")
    if advice.division is not None:
        edges = np.array(advice.division.edges)
        low, high = min(x.min(), edges[0]) - 2 * width, max(x.max(), edges[-1]) + 2 * width
        axes.stairs(
            advice.division.walkers, [low, *edges, high], color=INK, lw=1.1, label="advised bins and their walkers"
        )
    axes.set_ylabel("walkers")
    axes.set_xlabel(advice.label if advice.dim is not None else "bins of the run, by index", parse_math=False)
    panel_legend(axes)


def _spacing(x: NDArray[np.float64]) -> float:
    steps = np.diff(np.unique(x[np.isfinite(x)]))
    return float(np.median(steps)) if len(steps) else 1.0


def _draw_gains(axes: Axes, advice: Advice) -> None:
    shown = list(reversed(advice.schemes))
    rows = np.arange(len(shown))
    axes.barh(rows, [one.gain for one in shown], color=FAINT, label="resampling free")
    axes.barh(rows, [one.gain_drawn for one in shown], color=_THEN, height=0.5, label="with what resampling adds")
    for row, one in enumerate(shown):
        axes.text(one.gain, row, f" {one.gain_drawn:.3g}", va="center", fontsize=8, color=INK)
    axes.set_yticks(rows, [one.name for one in shown])
    axes.set_xscale("log")
    axes.set_xlim(min(0.8, *(0.8 * one.gain_drawn for one in shown)), 2.5 * max(one.gain for one in shown))
    axes.set_xlabel("gain over brute force")
    panel_legend(axes, loc="lower center", bbox_to_anchor=(0.5, 1.0))
