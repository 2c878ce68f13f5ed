"""The command `wepy-data table`."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import main, opened, output_option, overwrite_option, run_argument

_SHOWN = 20  # rows that are printed
_DATES = ("began", "ended")


@main.command()
@run_argument
@click.argument("name")
@click.option("--cycles", help="Rows of these cycles only: one (7, or -1 for the last), or a range (10:20, 10:, :-5).")
@click.option("--columns", help="These columns only, in this order: cycle,walker,weight.")
@output_option("Where to: .csv or .parquet. Without it, the first rows are printed.", required=False)
@overwrite_option
def table(path: Path, name: str, cycles: str | None, columns: str | None, output: Path | None, overwrite: bool) -> None:
    """Print the head of a table, or write it to a file.

    NAME is one of: segments, cycles, merges, events, bins, states, frames, workers, decisions. Only the cycles and
    columns asked for are read; ids count through the whole run.

    \b
    Example:
      wepy-data table run.h5 segments
      wepy-data table run.h5 decisions --cycles -2
      wepy-data table run.h5 segments --cycles 10:20 --columns cycle,walker,weight,progress
      wepy-data table run.h5 segments -o segments.parquet
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy_data.cli.output import show_frame
    from wepy_data.cli.selection import cycle_selection, names
    from wepy_data.cli.waiting import spinning
    from wepy_data.export.table import export_table

    some = None if cycles is None else cycle_selection(cycles)
    kept = None if columns is None else names(columns)
    with opened(path) as run:
        if output is not None:
            with spinning(f"writing {output}"):
                written = export_table(run, name, output, cycles=some, columns=kept, overwrite=overwrite)
            click.echo(f"wrote {written}")
            return
        frame = run.table(name, some, kept)
    dates = [column for column in _DATES if name == "cycles" and column in frame]
    show_frame(frame.head(_SHOWN), dates=dates)
    if len(frame) > _SHOWN:
        click.echo(f"... and {len(frame) - _SHOWN} more rows: -o {name}.csv writes all of them")
