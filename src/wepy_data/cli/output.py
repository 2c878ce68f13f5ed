"""What the commands print: text from files made harmless, tables in columns."""

from __future__ import annotations

import itertools
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

_GAP = 3  # characters between columns
_UNLIMITED = 100_000  # width of what is not read on a terminal: lines are never broken


def printable(text: str) -> str:
    """Return a text that came from a file without characters that would drive the terminal."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def show_columns(headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Sequence[int] = ()) -> None:
    """Print rows in columns, those of the positions `right` aligned to the right."""
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for position, heading in enumerate(headings):
        table.add_column(printable(heading), justify="right" if position in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(printable, row))
    _show(table)


def show_frame(frame: pd.DataFrame) -> None:
    """Print a table, its index first, numbers aligned to the right, units in the heading.

    On a terminal that is too narrow, the last columns are left out and named.
    """
    units = frame.attrs.get("units", {})
    plain = frame.reset_index()
    headings = [f"{name} ({units[name]})" if units.get(name) else str(name) for name in plain.columns]
    columns = [_cells(plain[name]) for name in plain.columns]
    right = [position for position, name in enumerate(plain.columns) if plain[name].dtype.kind in "iuf"]
    widths = [max(map(len, [heading, *cells])) + _GAP for heading, cells in zip(headings, columns, strict=True)]
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else _UNLIMITED
    fitting = max(1, sum(total <= room + _GAP for total in itertools.accumulate(widths)))
    rows = list(zip(*columns[:fitting], strict=True))
    show_columns(headings[:fitting], rows, right=[position for position in right if position < fitting])
    if fitting < len(headings):
        sys.stdout.write(f"... and the columns {', '.join(map(printable, headings[fitting:]))}\n")


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
