"""Where bins are drawn: in their tree, and among the walkers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.plot.picture import PERIODS
from wepy_data.query.bin_tree import BinUse
from wepy_data.query.feature import features
from wepy_data.query.rows import row_range

if TYPE_CHECKING:
    from wepy_data.query.run import Run

Array = NDArray[np.float64]
Circle = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Places:
    """The plane that bins and walkers are drawn in.

    Parameters
    ----------
    dimensions : tuple of int
        Dimensions of the order parameter: two, or one, which is drawn over the cycles.
    ends : (n_walkers, 2) float64
        Where the segments of the bins' cycles end.
    xy : (n_bins, 2) float64
        Where the bins' centres are; NaN where they are unbounded.
    labels : (str, str)
        What x and y are, with units.
    circles : (pair or None, pair or None)
        Ends of the period of x and y, for angles that use more than half of it.
    """

    dimensions: tuple[int, ...]
    ends: Array
    xy: Array
    labels: tuple[str, str]
    circles: tuple[Circle | None, Circle | None]


def tree_places(parent: NDArray[np.int64]) -> tuple[Array, Array]:
    """Return where bins are in a drawing of their tree: depth, and place among the leaves, relatives side by side.

    Examples
    --------
    >>> depth, place = tree_places(np.array([-1, 0, -1, 0]))
    >>> depth.tolist(), place.tolist()
    ([0.0, 1.0, 0.0, 1.0], [0.5, 0.0, 2.0, 1.0])
    """
    above = parent.tolist()
    children: dict[int, list[int]] = {}
    depth = [0] * len(above)
    for row, over in enumerate(above):
        children.setdefault(over, []).append(row)
        depth[row] = depth[over] + 1 if over >= 0 else 0
    place, n_leaves = [0.0] * len(above), 0
    waiting = children.get(-1, [])[::-1]
    while waiting:
        row = waiting.pop()
        if row in children:
            waiting += children[row][::-1]
        else:
            place[row], n_leaves = float(n_leaves), n_leaves + 1
    for row in reversed(range(len(above))):  # those that refine a bin come after it
        if row in children:
            place[row] = (place[children[row][0]] + place[children[row][-1]]) / 2
    return np.array(depth, float), np.array(place)


def places_of(run: Run, use: BinUse, dimensions: Sequence[int] | None) -> Places:
    """Return the plane over dimensions of the order parameter, the first two by default.

    Raises
    ------
    SelectionError
        If there are no such dimensions; says what there is.
    """
    known = features(run)
    chosen = tuple(range(min(2, len(known)))) if dimensions is None else tuple(dimensions)
    if len(chosen) not in (1, 2) or not all(0 <= dim < len(known) for dim in chosen):
        names = ", ".join(f"{i} ({feature.heading})" for i, feature in enumerate(known))
        raise SelectionError(f"dimensions {list(chosen)}: expected one or two of this run's: {names}")
    rows = row_range(run.reader, "segment", *use.cycles)
    progress = run.reader.read("/segments/progress", *rows)[:, chosen]
    xy = use.centre[:, chosen]
    values = np.concatenate([progress, xy[np.isfinite(xy).all(axis=1)]])
    circles = [_circle(values[:, i], PERIODS.get(known[dim].unit)) for i, dim in enumerate(chosen)]
    labels = [known[dim].heading for dim in chosen]
    if len(chosen) == 1:
        circles, labels = [None, *circles], ["cycle", *labels]
        xy = np.column_stack([use.cycle, xy])
        progress = np.column_stack([run.reader.read("/segments/cycle", *rows), progress])
    return Places(
        dimensions=chosen, ends=progress.astype(float), xy=xy, labels=(labels[0], labels[1]),
        circles=(circles[0], circles[1]),
    )  # fmt: skip


def _circle(values: Array, period: float | None) -> Circle | None:
    """Return the ends of an angle's period if values are spread over more than half of it."""
    if period is None or np.ptp(values) <= period / 2:
        return None
    for low in (-period / 2, 0.0):
        if low <= values.min() and values.max() <= low + period:
            return low, low + period
    return None
