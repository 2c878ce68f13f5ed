"""The command `wepy-data table`."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import main, opened, output_option, overwrite_option, run_argument

_SHOWN = 20  # rows that are printed


@main.command()
@run_argument
@click.argument("name")
@output_option("Where to: .csv or .parquet. Without it, the first rows are printed.", required=False)
@overwrite_option
def table(path: Path, name: str, output: Path | None, overwrite: bool) -> None:
    """Print the head of a table, or write it to a file.

    NAME is one of: segments, cycles, merges, events, bins, states, frames, workers.

    \b
    Example:
      wepy-data table run.h5 segments
      wepy-data table run.h5 segments -o segments.parquet
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy_data.cli.output import show_frame
    from wepy_data.cli.waiting import spinning
    from wepy_data.export.table import export_table

    with opened(path) as run:
        if output is not None:
            with spinning(f"writing {output}"):
                click.echo(f"wrote {export_table(run, name, output, overwrite=overwrite)}")
            return
        frame = run.table(name)
    show_frame(frame.head(_SHOWN), dates=("began", "ended") if name == "cycles" else ())
    if len(frame) > _SHOWN:
        click.echo(f"... and {len(frame) - _SHOWN} more rows: -o {name}.csv writes all of them")
