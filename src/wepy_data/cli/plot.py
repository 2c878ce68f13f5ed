"""The command `wepy-data plot`."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import main, opened, output_option, overwrite_option, run_argument


@main.command()
@run_argument
@output_option("The picture: .png, .svg or .pdf.")
@click.option("--dimension", type=int, default=0, show_default=True, help="Dimension of the order parameter.")
@click.option("--planar", is_flag=True, help="Draw a tree without crossings instead, survivors only.")
@click.option("--cycle", type=int, help="Cycle of the walker whose ancestry is highlighted; the last one by default.")
@click.option(
    "--walker", type=int, help="That walker; by default the final one that ended farthest from where the run began."
)
@overwrite_option
def plot(
    path: Path, output: Path, dimension: int, planar: bool, cycle: int | None, walker: int | None, overwrite: bool
) -> None:
    """Draw the walker trees over the order parameter.

    \b
    Example:
      wepy-data plot run.h5 -o tree.png --dimension 0
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy_data.cli.waiting import spinning
    from wepy_data.plot.lineage_tree import plot_lineage

    if cycle is not None and walker is None:
        raise click.UsageError("--cycle needs --walker: whose ancestry is highlighted?")
    with opened(path) as run, spinning(f"drawing {output}"):
        segment = None if walker is None else run.segment_id(-1 if cycle is None else cycle, walker)
        shown = None if planar else dimension
        click.echo(f"wrote {plot_lineage(run, output, segment=segment, dimension=shown, overwrite=overwrite)}")
