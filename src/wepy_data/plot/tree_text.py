"""The walker trees of a run as text for a terminal: one line for each walker, cycles from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import SelectionError
from wepy_data.query.feature import ORDER_PARAMETER, features

if TYPE_CHECKING:
    from wepy_data.query.lineage import Genealogy
    from wepy_data.query.run import Run

_LEFT, _RIGHT, _UP, _DOWN = 1, 2, 4, 8
_STROKES = " ╴╶─╵╯╰┴╷╮╭┬│┤├┼"  # by the sum of the sides to which they lead
_FOUNDER, _GAP, _LEAST = "○", 2, 20


def tree_text(run: Run, cycle: int = -1, *, width: int = 100, top: int = 48) -> str:
    """Return the walker trees of the walkers of a cycle as text, an ancestor amid its descendants.

    Parameters
    ----------
    run : Run
        The run.
    cycle : int
        The cycle; negative numbers count from the end.
    width : int
        Characters in a line; at least those of 20 columns of branches and what is said of a walker.
    top : int
        Most walkers that are shown: those with most weight.

    Returns
    -------
    str
        A line for each walker: its lineage from its founder on, its number, weight and order parameter; a scale of
        cycles above; and a line that says what was left out.

    Raises
    ------
    SelectionError
        If there is no such cycle, or nothing is to be shown.
    """
    if top < 1:
        raise SelectionError(f"a tree of {top} walkers: it must have 1 or more")
    segments = run.lineage.segments_of(cycle)
    weight = run.observable("weight", segments)
    chosen = np.sort(np.argsort(-weight, kind="stable")[:top])
    tree = run.lineage.genealogy(segments[chosen])
    drawn = tree.drawing()
    labels = _labels(run, tree.node[drawn.order])
    room = max(_LEAST, width - max(map(len, labels)) - _GAP)
    last = int(run.lineage.cycle_of(segments[0]))
    column = np.round(run.lineage.cycle_of(tree.node) * ((room - 1) / max(last, 1))).astype(int)
    lines = _lines(tree, drawn.place, column, room)
    heading = f"{'cycle 0':<{room - len(str(last))}}{last}{' ' * _GAP}{_heading(run)}".rstrip()
    rows = [heading, *(f"{line}{' ' * _GAP}{label}" for line, label in zip(lines, labels, strict=True))]
    left_out = len(segments) - len(chosen)
    if left_out:
        share = weight[chosen].sum() / weight.sum()
        rows.append(f"... and {left_out} walkers with less weight (those shown have {share:.1%} of it)")
    return "\n".join(rows)


def _lines(tree: Genealogy, place: NDArray[np.float64], column: NDArray[np.int64], width: int) -> list[str]:
    """Return the tree's branches, one line for each tip."""
    row = _rows(tree, place)
    sides = np.zeros((tree.n_tips, width), np.int64)
    for node, above in enumerate(tree.above.tolist()):
        if above >= 0:
            _draw(sides, (row[above], int(column[above])), (row[node], int(column[node])))
    found = [[_STROKES[cell] for cell in line] for line in sides.tolist()]
    for node in np.flatnonzero(tree.above < 0).tolist():
        found[row[node]][column[node]] = _FOUNDER
    return ["".join(line) for line in found]


def _rows(tree: Genealogy, place: NDArray[np.float64]) -> list[int]:
    """Return a line for each node: that of a child of its own that is nearest to its place."""
    children: dict[int, list[int]] = {}
    line_of = np.argsort(np.argsort(place[: tree.n_tips])).tolist()
    row = [0] * len(tree.node)
    for node in np.argsort(-tree.node.astype(np.int64)).tolist():  # children before their parents
        if node < tree.n_tips:
            row[node] = line_of[node]
        else:
            row[node] = min((row[child] for child in children[node]), key=lambda line: (abs(line - place[node]), line))
        children.setdefault(int(tree.above[node]), []).append(node)
    return row


def _draw(sides: NDArray[np.int64], start: tuple[int, int], end: tuple[int, int]) -> None:
    """Draw a branch: down or up from its parent, then to the right."""
    (first, left), (last, right) = start, end
    top, bottom = min(first, last), max(first, last)
    sides[top:bottom, left] |= _DOWN
    sides[top + 1 : bottom + 1, left] |= _UP
    sides[last, left:right] |= _RIGHT
    sides[last, left + 1 : right + 1] |= _LEFT


def _labels(run: Run, segments: NDArray[np.signedinteger]) -> list[str]:
    walker = run.lineage.walker_of(segments)
    weight = run.observable("weight", segments)
    progress = run.observable("progress", segments)[:, 0]
    digits = len(str(int(walker.max(initial=0))))
    return [
        f"{w:>{max(digits, len('walker'))}}  {share:9.3g}  {value:9.4g}"
        for w, share, value in zip(walker.tolist(), weight.tolist(), progress.tolist(), strict=True)
    ]


def _heading(run: Run) -> str:
    names: Sequence[str] = [feature.heading for feature in features(run)] or [ORDER_PARAMETER]
    return f"walker  {'weight':>9}  {names[0]:>9}"
