"""The command `wepy-data tree`."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import cycle_option, main, opened, run_argument


@main.command()
@run_argument
@cycle_option
@click.option("--top", type=int, default=48, show_default=True, help="Most walkers shown: those with most weight.")
@click.option("--width", type=int, help="Characters in a line; the terminal's by default, 100 without one.")
def tree(path: Path, cycle: int, top: int, width: int | None) -> None:
    """Draw the walker trees of a cycle's walkers in the terminal.

    A line for each walker, cycles from left to right: where lines part, a walker was cloned; a circle is a founder.

    \b
    Example:
      wepy-data tree run.h5
      wepy-data tree run.h5 --cycle 50 --top 20
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    import shutil

    from wepy_data.cli.output import printable
    from wepy_data.plot.tree_text import tree_text

    with opened(path) as run:
        text = tree_text(run, cycle, width=width or shutil.get_terminal_size((100, 24)).columns, top=top)
    click.echo("\n".join(map(printable, text.split("\n"))))
