"""The branches of a walker tree as lines in a plane, cut where an angle passes its period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.plot.picture import PERIODS
from wepy_data.query.feature import features

if TYPE_CHECKING:
    from wepy_data.query.run import Run

Lines = NDArray[np.float64]
"""Straight pieces, (n, 2, 2): start and end, each x and y."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tree:
    """A run's segments as points, and what joins them.

    Parameters
    ----------
    x : (n_segments,) float64
        Number of cycles that a segment's lineage has done at its end.
    y : (n_segments,) float64
        Where the segment ends; NaN if it is not drawn.
    weight : (n_segments,) float64
        Its weight.
    above : (n_segments,) int64
        The segment that its line comes from; -1 for a founder, and for a recycled walker, which starts elsewhere.
    tips : (n_segments,) int64
        How many of the final walkers descend from it.
    label : str
        What y is, with its unit.
    circle : (float, float) or None
        Ends of y's period, if it is an angle that passes them.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    weight: NDArray[np.float64]
    above: NDArray[np.int64]
    tips: NDArray[np.int64]
    label: str
    circle: tuple[float, float] | None = None

    def branches(self, segments: NDArray[np.int64]) -> tuple[Lines, NDArray[np.int64]]:
        """Return the lines that lead to the ends of segments, and the segment of each; starts of trees have none."""
        child = segments[self.above[segments] >= 0]
        ends = np.stack([self.above[child], child], axis=1)
        lines = np.stack([self.x[ends], self.y[ends]], axis=2)
        drawn = np.isfinite(lines).all(axis=(1, 2))
        lines, child = lines[drawn], child[drawn]
        return (lines, child) if self.circle is None else _cut(lines, child, self.circle)


def tree_of(run: Run, dimension: int | None) -> Tree:
    """Return the tree over a dimension of the order parameter, or, for None, laid out so that no branches cross.

    Raises
    ------
    SelectionError
        If the run has no cycles yet, or no such dimension; says what there is.
    """
    if not run.n_cycles:
        raise SelectionError("nothing to plot: this run has no cycles yet")
    lineage = run.lineage
    above, label, circle = lineage.parent, "final walkers, relatives side by side", None
    if dimension is None:
        y = lineage.planar_order()
    else:
        known = features(run)
        if not 0 <= dimension < len(known):
            names = ", ".join(f"{i} ({feature.heading})" for i, feature in enumerate(known))
            raise SelectionError(f"no dimension {dimension} of the order parameter: this run has {names}")
        y = np.asarray(run.reader.read("/segments/progress")[:, dimension], float)
        label = known[dimension].heading
        above = np.where(run.reader.read("/segments/continuous") == 1, above, -1)
        period = PERIODS.get(known[dimension].unit)
        circle = None if period is None else _circle(y, above, period)
    return Tree(
        x=np.asarray(lineage.cycle_of(np.arange(lineage.n_segments)) + 1, np.float64),
        y=y,
        weight=run.reader.read("/segments/weight"),
        above=above,
        tips=_tips(run),
        label=label,
        circle=circle,
    )


def _circle(y: NDArray[np.float64], above: NDArray[np.int64], period: float) -> tuple[float, float] | None:
    """Return the period's ends if a step is longer than half of it, so that the angle must have passed them."""
    child = np.flatnonzero(above >= 0)
    if not len(child) or np.abs(y[child] - y[above[child]]).max() <= period / 2:
        return None
    for low in (-period / 2, 0.0):
        if low <= y.min() and y.max() <= low + period:
            return low, low + period
    return None


def _tips(run: Run) -> NDArray[np.int64]:
    lineage = run.lineage
    tips = np.zeros(lineage.n_segments, np.int64)
    tips[lineage.segments_of(-1)] = 1
    for cycle in range(lineage.n_cycles - 1, 0, -1):
        here = lineage.segments_of(cycle)
        np.add.at(tips, lineage.parent[here], tips[here])
    return tips


def _cut(lines: Lines, child: NDArray[np.int64], circle: tuple[float, float]) -> tuple[Lines, NDArray[np.int64]]:
    """Replace each line that is longer than half the period by two that leave on one side and enter on the other."""
    low, high = circle
    period = high - low
    step = lines[:, 1, 1] - lines[:, 0, 1]
    passing = np.abs(step) > period / 2
    down = step[passing] > 0  # a long way up is a short way down, through `low`
    start, end = lines[passing, 0], lines[passing, 1]
    leaves, enters = np.where(down, low, high), np.where(down, high, low)
    beyond = end[:, 1] + np.where(down, -period, period)  # where the line would end if it went on
    part = (leaves - start[:, 1]) / (beyond - start[:, 1])
    middle = start[:, 0] + part * (end[:, 0] - start[:, 0])
    first = np.stack([start, np.stack([middle, leaves], axis=1)], axis=1)
    second = np.stack([np.stack([middle, enters], axis=1), end], axis=1)
    rest = ~passing
    return np.concatenate([lines[rest], first, second]), np.concatenate([child[rest], child[passing], child[passing]])
