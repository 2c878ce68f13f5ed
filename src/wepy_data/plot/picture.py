"""What all pictures share: the file they are written to, the package that draws them, plain axes, ticks of a circle."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from wepy_data.errors import MissingPackageError, SelectionError
from wepy_data.store.path import appearing

if TYPE_CHECKING:
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


def require_matplotlib(what: str) -> ModuleType:
    """Return matplotlib; raise `MissingPackageError`, naming what needs it, if it is not installed."""
    try:
        import matplotlib
    except ImportError as error:
        raise MissingPackageError(what, "matplotlib", "plot") from error
    module: ModuleType = matplotlib
    return module


def plain(axes: Axes) -> None:
    """Leave axes the spines that carry ticks."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(INK)
    axes.tick_params(colors=INK, labelcolor=INK)


def circle_ticks(circle: tuple[float, float]) -> list[str]:
    """Return names of five ticks from one end of an angle's period to the other."""
    if circle[1] - circle[0] > 7:  # degrees
        return [f"{value:g}" for value in np.linspace(*circle, 5)]
    return ["−π", "−π/2", "0", "π/2", "π"] if circle[0] < 0 else ["0", "π/2", "π", "3π/2", "2π"]
