"""What resampling did with each segment: went on, cloned, merged, merged away or absorbed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.query.rows import cycle_range, damaged, row_range
from wepy_data.record.protocols import RunReader

DECISIONS = {
    "nothing": "one child, and no weight flowed in or out",
    "clone": "its weight was divided among several: children, or also walkers that it merged into",
    "merge": "weight of other walkers flowed into its child or children",
    "merged": "no child: all of its weight flowed into children of others",
    "absorbed": "no child: it was absorbed, and its weight left the run",
}
"""The words of the column `decision`, and what they mean."""

COLUMNS = {
    "decision": ("category", "What was done with the walker at the segment's end."),
    "n_children": ("int64", "Number of segments of the next cycle that continue this one."),
    "merged_into": ("int64", "Segment of the next cycle that received most of the weight that flowed out; -1 if none."),
    "weight_out": ("float64", "Weight that flowed into children of other segments."),
    "weight_in": ("float64", "Weight of other segments that flowed into the children of this one."),
}
"""The columns of decisions: their types, and what they mean."""

NOTHING, CLONE, MERGE, MERGED, ABSORBED = range(5)
_ABSORBED_EVENT = "absorbed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Successors:
    """The walkers that follow on some cycles: parents by segment id, weights, and the flows of weight into them."""

    first: int
    parent: NDArray[np.int64]
    child_weight: NDArray[np.float64]
    into: NDArray[np.int64]
    source: NDArray[np.int64]
    weight: NDArray[np.float64]


def decided_cycles(run: RunReader) -> int:
    """Return of how many cycles the successors are known: all of a sealed run, all but the last of another one."""
    return run.n_cycles if run.planned is not None else max(0, run.n_cycles - 1)


def decisions(run: RunReader, start: int, stop: int) -> dict[str, NDArray[Any]]:
    """Return the resampling decisions of segments [start, stop), which are those of whole cycles.

    Parameters
    ----------
    run : RunReader
        The run.
    start, stop : int
        Range of segment ids; the successors of all of them are known.

    Returns
    -------
    dict of str to array
        `COLUMNS` by name; the decision as a number, the position of its word in `DECISIONS`. The successors of the
        last cycle of a sealed run are the planned walkers, with the ids that they will have if it goes on.

    Raises
    ------
    DamagedRunError
        If parents or merges name segments that are not in the cycle before.
    """
    first, last = np.searchsorted(run.stops("segment"), [start, stop - 1], side="right") if stop > start else (0, -1)
    n = stop - start
    next_ = successors(run, int(first), int(last))
    parent = _within(run, "/segments/parent", next_.parent, start, n)
    source = _within(run, "/merges/from", next_.source, start, n)
    into = _within(run, "/merges/into", next_.into, next_.first, len(parent))
    n_children = np.bincount(parent, minlength=n)
    weight_out = np.bincount(source, next_.weight, n).astype(np.float64)
    weight_in = np.bincount(parent[into], next_.weight, n).astype(np.float64)
    gained = np.bincount(parent[into], minlength=n) > 0
    flows = np.bincount(source, minlength=n)
    decision = np.select(
        [_absorbed(run, int(first), int(last), start, n), n_children == 0, gained, n_children + flows > 1],
        [ABSORBED, MERGED, MERGE, CLONE],
        NOTHING,
    )
    merged_into = _heaviest(source, next_.into, next_.weight, n)
    return {
        "decision": decision, "n_children": n_children.astype(np.int64), "merged_into": merged_into,
        "weight_out": weight_out, "weight_in": weight_in,
    }  # fmt: skip


def successors(run: RunReader, first: int, last: int) -> Successors:
    """Return the walkers that follow on cycles `first` to `last`, planned ones included."""
    cycles = cycle_range((first + 1, last + 2), run.n_cycles)
    rows, merges = row_range(run, "segment", *cycles), row_range(run, "merge", *cycles)
    parts = [
        (
            run.read("/segments/parent", *rows), run.read("/segments/weight", *rows), run.read("/merges/into", *merges),
            run.read("/merges/from", *merges), run.read("/merges/weight", *merges),
        )
    ]  # fmt: skip
    planned: Any = run.planned
    if planned is not None and last == run.n_cycles - 1 and last >= first:
        into = planned["/next/merges/into"] + run.rows("segment")
        names = ("/next/merges/from", "/next/merges/weight")
        parts.append((planned["/next/parent"], planned["/next/weight"], into, *(planned[name] for name in names)))
    parent, child_weight, into, source, weight = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    return Successors(first=rows[0], parent=parent, child_weight=child_weight, into=into, source=source, weight=weight)


def _within(run: RunReader, path: str, ids: NDArray[np.int64], first: int, count: int) -> NDArray[np.int64]:
    """Return ids of segments as positions in a range of `count`, which all of them must be in."""
    place = ids - first
    wrong = ids[(place < 0) | (place >= count)]
    if len(wrong):
        raise damaged(run, f"{path}: found {wrong[0]}, expected a segment from {first} to {first + count - 1}")
    return place


def _absorbed(run: RunReader, first: int, last: int, start: int, n: int) -> NDArray[np.bool_]:
    """Return which of `n` segments from `start` on were absorbed."""
    rows = row_range(run, "event", first, last + 1)
    code = run.header.layout.columns["/events/kind"].spec.enum[_ABSORBED_EVENT]
    segment = run.read("/events/segment", *rows)[run.read("/events/kind", *rows) == code]
    found = np.zeros(n, bool)
    found[_within(run, "/events/segment", segment, start, n)] = True
    return found


def _heaviest(
    source: NDArray[np.int64], into: NDArray[np.int64], weight: NDArray[np.float64], n: int
) -> NDArray[np.int64]:
    """Return for each of `n` sources where most of its weight flowed, the first of equals; -1 if nowhere."""
    found = np.full(n, -1, np.int64)
    order = np.lexsort((-into, weight))  # the heaviest last; of equals, the first one
    found[source[order]] = into[order]
    return found
