"""The ancestry of a segment as a table, and as text for people."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wepy_data.query.feature import feature_columns, features
from wepy_data.query.rows import read_rows, refuse_dangling

if TYPE_CHECKING:
    import pandas as pd

    from wepy_data.query.run import Run

_COLUMNS = (
    "cycle", "walker", "segment", "weight", "bin", "clones_of_parent", "merged_weight", "merged_from", "how",
)  # fmt: skip
_SHOWN = 40  # rows of a text before its middle is left out
_KEPT = 15  # rows kept at either end of it


def ancestry_table(run: Run, segment: int) -> pd.DataFrame:
    """Return the ancestry of a segment, one row for each cycle, founder first, the segment itself last.

    Parameters
    ----------
    run : Run
        The run.
    segment : int
        Segment id, as `run.segment_id(cycle, walker)` returns it.

    Returns
    -------
    pandas.DataFrame
        Columns `cycle`, `walker`, `segment` and `weight` as in the table of segments; the order parameter at the
        segment's end, its names followed by its unit (`phi_rad`); `bin`, row in the table of bins;
        `clones_of_parent`, how many children the segment's parent has, this one included: 1 if it just went on, 0 for
        a founder; `merged_weight`, what flowed in from other lineages as the segment began; `merged_from`, from how
        many walkers; and `how` it came to be: "founder from <state>", "continued", "cloned (2 of 3)",
        "gained 0.01 from 2 walkers", "recycled to <state>", or several of these.

    Raises
    ------
    SelectionError
        If there is no such segment.
    """
    import pandas as pd

    path = run.lineage.trace(segment).astype(np.int64)
    origin = _origin(run, path)
    progress = read_rows(run.reader, "/segments/progress", path)
    names = feature_columns(run, _COLUMNS)
    frame = pd.DataFrame(
        {
            "cycle": run.lineage.cycle_of(path),
            "walker": run.lineage.walker_of(path),
            "segment": path,
            "weight": read_rows(run.reader, "/segments/weight", path),
            **dict(zip(names, progress.T, strict=True)),
            "bin": read_rows(run.reader, "/segments/bin", path),
            "clones_of_parent": origin.clones,
            "merged_weight": origin.merged_weight,
            "merged_from": origin.merged_from,
            "how": _how(run, path, origin),
        }
    )
    frame.attrs["units"] = {name: feature.unit for name, feature in zip(names, features(run), strict=True)}
    return frame


def ancestry_text(run: Run, segment: int, width: int = 100, *, full: bool = False) -> str:
    """Return the ancestry of a segment as text for people: aligned columns, units in the heading.

    Parameters
    ----------
    run : Run
        The run.
    segment : int
        Segment id.
    width : int
        Characters in a line. Where they do not suffice, bins, segment ids and dimensions of the order parameter
        beyond the first are left out.
    full : bool
        Whether the middle of a long ancestry is shown, too.

    Raises
    ------
    SelectionError
        If there is no such segment.
    """
    table = ancestry_table(run, segment)
    last = table.iloc[-1]
    title = f"Ancestry of walker {last.walker} of cycle {last.cycle} (segment {last.segment}), weight {last.weight:.4g}"
    head, rows = _lines(run, table, width)
    if len(rows) > _SHOWN and not full:
        left_out = table.iloc[_KEPT:-_KEPT]
        note = f"... {_count(len(left_out), 'cycle')} left out{_events(left_out, ': ')} (--full shows them) ..."
        rows = [*rows[:_KEPT], note, *rows[-_KEPT:]]
    summary = f"{_count(len(table), 'cycle')}{_events(table, ': ')}"
    return "\n".join([title, "", head, *rows, "", summary])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Origin:
    """For each segment of a path: its parent's clones and its number among them, and what merged into it."""

    clones: NDArray[np.int64]
    number: NDArray[np.int64]
    merged_weight: NDArray[np.float64]
    merged_from: NDArray[np.int64]


def _origin(run: Run, path: NDArray[np.int64]) -> _Origin:
    on_path = np.zeros(run.n_segments + 1, bool)  # the last slot answers for -1, "no parent"
    on_path[path[:-1]] = True
    kin = np.flatnonzero(on_path[run.lineage.parent])  # sorted: siblings side by side, in order of the path
    family = np.searchsorted(path, run.lineage.parent[kin])
    clones = np.concatenate([np.zeros(1, np.int64), np.bincount(family, minlength=len(path))[:-1]])
    before = np.cumsum(clones) - clones
    on_path[path[-1]] = True
    into = run.reader.read("/merges/into")
    refuse_dangling(run.reader, "/merges/into", into, run.n_segments)
    flows = np.flatnonzero(on_path[into])
    receiver = np.searchsorted(path, into[flows])
    weight = read_rows(run.reader, "/merges/weight", flows)
    return _Origin(
        clones=clones,
        number=np.searchsorted(kin, path) - before + 1,
        merged_weight=np.bincount(receiver, weight, minlength=len(path)).astype(float),
        merged_from=np.bincount(receiver, minlength=len(path)),
    )


def _how(run: Run, path: NDArray[np.int64], origin: _Origin) -> list[str]:
    labels = [text.decode("utf-8", "replace") for text in run.header.static["/states/label"].tolist()]
    states = read_rows(run.reader, "/segments/state", path)
    refuse_dangling(run.reader, "/segments/state", states[:1], len(labels))
    refuse_dangling(run.reader, "/segments/state", states[1:], len(labels), none=True)
    found = []
    for row, state in enumerate(states.tolist()):
        words = []
        if row == 0:
            words.append(f"founder from {labels[state]}")
        elif state >= 0:
            words.append(f"recycled to {labels[state]}")
        if origin.clones[row] > 1:
            words.append(f"cloned ({origin.number[row]} of {origin.clones[row]})")
        if origin.merged_from[row]:
            words.append(f"gained {origin.merged_weight[row]:.2g} from {_count(origin.merged_from[row], 'walker')}")
        found.append(", ".join(words) or "continued")
    return found


def _lines(run: Run, table: pd.DataFrame, width: int) -> tuple[str, list[str]]:
    """Return heading and rows; columns of least interest are left out until they fit."""
    columns: dict[str, tuple[str, pd.Series[str]]] = {
        "cycle": ("cycle", table.cycle.astype(str)),
        "walker": ("walker", table.walker.astype(str)),
        "segment": ("segment", table.segment.astype(str)),
        "weight": ("weight", table.weight.map("{:.3e}".format)),
    }
    names = feature_columns(run, _COLUMNS)
    for name, feature in zip(names, features(run), strict=True):
        columns[name] = (feature.heading, _decimals(table[name].to_numpy()))
    if (table.bin >= 0).all():
        columns["bin"] = ("bin", table.bin.astype(str))
    widths = {name: max(len(head), *map(len, cells)) for name, (head, cells) in columns.items()}
    how = max(len("what happened"), *map(len, table.how))
    for least in ("bin", "segment", *reversed(names[1:])):  # cycle and walker name a segment, too
        if sum(widths.values()) + 2 * len(widths) + how > width:
            widths.pop(least, None)
    head = "  ".join(columns[name][0].rjust(size) for name, size in widths.items())
    cells = zip(*(columns[name][1].str.rjust(size) for name, size in widths.items()), strict=True)
    room = max(len("what happened"), width - len(head) - 2)
    return f"{head}  what happened", [
        f"{'  '.join(row)}  {_cut(words, room)}" for row, words in zip(cells, table.how, strict=True)
    ]


def _decimals(values: NDArray[np.float64]) -> pd.Series[str]:
    """Return numbers as texts with as many decimals as four digits of the largest one need."""
    import pandas as pd

    largest = float(np.abs(values).max())
    if largest >= 1e7 or 0 < largest < 1e-3:
        return pd.Series([f"{value:.3e}" for value in values])
    decimals = 3 - (math.floor(math.log10(largest)) if largest else 0)
    return pd.Series([f"{value:.{min(max(decimals, 0), 6)}f}" for value in values])


def _cut(words: str, room: int) -> str:
    return words if len(words) <= room else words[: room - 1] + "…"


def _events(table: pd.DataFrame, before: str) -> str:
    counts = [
        ("cloned", int((table.clones_of_parent > 1).sum())),
        ("gained weight", int((table.merged_from > 0).sum())),
        ("recycled", int(table.how.str.startswith("recycled").sum())),
    ]
    words = [f"{word} {'once' if number == 1 else f'{number} times'}" for word, number in counts if number]
    return before + ", ".join(words) if words else ""


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
