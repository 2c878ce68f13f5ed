"""A scale of colours for numbers or for powers of ten, and the bar that explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.colors import Colormap, Normalize
    from matplotlib.figure import Figure

_MOST_TICKS = 12  # of powers of ten


@dataclass(frozen=True, slots=True, kw_only=True)
class ColourScale:
    """Which colour stands for which value.

    Parameters
    ----------
    label : str
        What the values are.
    colours : Colormap
        The colours, from low to high.
    norm : Normalize
        The values of the lowest and the highest colour; their logarithms if `is_power`.
    is_power : bool
        Whether colours go by the logarithm to base ten.
    """

    label: str
    colours: Colormap
    norm: Normalize
    is_power: bool

    def of(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Return the colours of values, (n, 4): red, green, blue, opacity; powers must be positive."""
        return np.array(self.colours(self.norm(np.log10(values) if self.is_power else values)), float)


def colour_scale(values: NDArray[Any], label: str, *, is_power: bool) -> ColourScale:
    """Return a scale from the lowest to the highest of values, if they are powers from whole ten to whole ten."""
    import matplotlib
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    shades = matplotlib.colormaps["plasma"](np.linspace(0.0, 0.9, 256))  # its brightest end is lost on white
    colours = LinearSegmentedColormap.from_list(label, shades)
    shown = np.log10(values) if is_power else np.asarray(values, float)
    low, high = shown.min(), shown.max()
    if is_power:
        low, high = np.floor(low), np.ceil(high)
    return ColourScale(label=label, colours=colours, norm=Normalize(low, max(high, low + 1)), is_power=is_power)


def draw_colour_bar(figure: Figure, scale: ColourScale) -> None:
    """Draw a scale at the right of all axes of a figure."""
    from matplotlib.cm import ScalarMappable

    norm = scale.norm
    bar = figure.colorbar(ScalarMappable(norm, scale.colours), ax=figure.axes, pad=0.015, aspect=32, fraction=0.04)
    bar.set_label(scale.label)
    bar.outline.set_visible(False)
    if scale.is_power:
        ticks = np.arange(norm.vmin or 0, (norm.vmax or 0) + 1)
        ticks = ticks[:: -(-len(ticks) // _MOST_TICKS)]
        bar.set_ticks(list(ticks), labels=[f"$10^{{{int(tick)}}}$" for tick in ticks])
