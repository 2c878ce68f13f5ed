"""What all pictures share: the file and the package, the figure, plain axes, axes of angles, legends."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wepy_data.errors import MissingPackageError, SelectionError
from wepy_data.store.path import appearing

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".svg", ".pdf")
PERIODS = {"rad": 2 * np.pi, "deg": 360.0}
INK, FAINT = "#1b1e26", "#c3c8d1"


def write_picture(path: str | os.PathLike[str], draw: Callable[[], Figure], *, overwrite: bool, dpi: int) -> Path:
    """Write what a function draws to a file that appears whole or not at all; return its path.

    Raises
    ------
    SelectionError
        If there is no such format.
    RunExistsError
        If the file exists and `overwrite` is false.
    FileNotFoundError
        If its folder does not exist.
    """
    target = Path(path)
    if target.suffix not in SUFFIXES:
        raise SelectionError(f"{target}: pictures are written as {', '.join(SUFFIXES)}: choose a name that ends so")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target}: there is no folder {target.parent}: make it first")
    with appearing(target, overwrite=overwrite) as temporary:
        draw().savefig(temporary, format=target.suffix[1:], dpi=dpi)
    return target


def require_matplotlib(what: str) -> None:
    """Raise `MissingPackageError`, naming what needs matplotlib, if it is not installed."""
    try:
        import matplotlib  # noqa: F401 (asked for where it is used)
    except ImportError as error:
        raise MissingPackageError(what, "matplotlib", "plot") from error


def new_figure() -> Figure:
    """Return an empty figure, 11 inches wide and 6 high, that belongs to no window."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def without_frame(axes: Axes) -> None:
    """Leave axes the spines that carry ticks."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def plain(axes: Axes) -> None:
    """Leave axes the spines that carry ticks, in ink."""
    without_frame(axes)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(INK)
    axes.tick_params(colors=INK, labelcolor=INK)


def mark_circles(axes: Axes, across: tuple[float, float] | None, up: tuple[float, float] | None) -> None:
    """Let x and y, where they are angles, go over the whole period, with ticks at its quarters."""
    if across is not None:
        axes.set_xlim(*across)
        axes.set_xticks(np.linspace(*across, 5), _circle_ticks(across))
    if up is not None:
        axes.set_ylim(*up)
        axes.set_yticks(np.linspace(*up, 5), _circle_ticks(up))


def figure_legend(figure: Figure, handles: Sequence[Artist]) -> None:
    """Say above all axes of a figure what is what."""
    figure.legend(handles=list(handles), loc="outside upper left", ncols=3, frameon=False, fontsize=9)


def panel_legend(axes: Axes, **place: Any) -> None:
    """Say within axes, or where `place` says in matplotlib's words, what their labelled parts are."""
    axes.legend(frameon=False, fontsize=8, **place)


def _circle_ticks(circle: tuple[float, float]) -> list[str]:
    """Return names of five ticks from one end of an angle's period to the other."""
    if circle[1] - circle[0] > 7:  # degrees
        return [f"{value:g}" for value in np.linspace(*circle, 5)]
    return ["−π", "−π/2", "0", "π/2", "π"] if circle[0] < 0 else ["0", "π/2", "π", "3π/2", "2π"]
