"""What the commands print: text from files made harmless, tables in columns."""

from __future__ import annotations

import itertools
import shutil
import sys
import textwrap
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

_GAP = 3  # characters between columns
_LINE, _NAME = 100, 16  # characters of a fact's line, and of its name
_UNLIMITED = 100_000  # width of a table that is fitted already


def printable(text: str) -> str:
    """Return a text that came from a file without characters that would drive the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def show_fact(name: str, text: str) -> None:
    """Print a name and what there is to say of it, on further lines what does not fit one."""
    room = min(_LINE, shutil.get_terminal_size((_LINE, 24)).columns)
    lines = textwrap.wrap(printable(text), max(room - _NAME - 1, _NAME), break_long_words=False, break_on_hyphens=False)
    for label, line in itertools.zip_longest([printable(name)], lines or [""], fillvalue=""):
        sys.stdout.write(f"{label:<{_NAME}} {line}\n")


def show_columns(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = (), gap: int = _GAP
) -> None:
    """Print rows in columns `gap` characters apart, those of the positions `right` aligned to the right."""
    from rich import box
    from rich.table import Table

    padding = (0, gap // 2, 0, gap - 1 - gap // 2)  # one more character divides the columns
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=padding)
    for position, heading in enumerate(headings):
        table.add_column(printable(heading), justify="right" if position in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(printable, row))
    _show(table)


def show_frame(frame: pd.DataFrame, *, dates: Sequence[str] = ()) -> None:
    """Print a table, its index first, numbers aligned to the right, units in the heading.

    The last columns are left out and named if they do not fit the terminal, or 80 characters (the environment's
    COLUMNS) where there is none. Columns named in `dates` are seconds since 1970 and shown as dates.
    """
    units = {**frame.attrs.get("units", {}), **dict.fromkeys(dates, "UTC")}
    frame = frame.assign(**{name: _dates(frame[name]) for name in dates})
    plain = frame.reset_index()
    headings = [f"{name} ({units[name]})" if units.get(name) else str(name) for name in plain.columns]
    columns = [_cells(plain[name]) for name in plain.columns]
    right = [position for position, name in enumerate(plain.columns) if plain[name].dtype.kind in "iuf"]
    widths = [max(map(len, [heading, *cells])) + _GAP for heading, cells in zip(headings, columns, strict=True)]
    room = shutil.get_terminal_size((80, 24)).columns
    fitting = max(1, sum(total <= room + _GAP for total in itertools.accumulate(widths)))
    rows = list(zip(*columns[:fitting], strict=True))
    show_columns(headings[:fitting], rows, right=[position for position in right if position < fitting])
    if fitting < len(headings):
        rest = f"... and the columns {', '.join(map(printable, headings[fitting:]))}"
        sys.stdout.write(textwrap.fill(rest, room, break_long_words=False, break_on_hyphens=False) + "\n")


def _dates(seconds: pd.Series[Any]) -> pd.Series[Any]:
    import pandas as pd

    stamps = pd.to_datetime(seconds, unit="s", errors="coerce")
    return stamps.dt.strftime("%Y-%m-%d %H:%M:%S").fillna("")


def _cells(column: pd.Series[Any]) -> list[str]:
    if column.dtype.kind == "f":
        return [f"{value:.6g}" for value in column]
    return [str(value) for value in column]


def _show(table: Table) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not sys.stdout.isatty():
        console.width = _UNLIMITED
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    sys.stdout.write("\n".join(lines) + "\n")
