"""The command `wepy watch`: a live view of a run in the terminal."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from shlex import quote

import click

import wepy_data as wd

_PLAIN_WIDTH = 92


@click.command()
@click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--once", is_flag=True, help="Print one view and end; so it is where there is no terminal, too.")
@click.option(
    "--interval", type=click.FloatRange(min=0.05), default=1.0, show_default=True, help="Seconds between two looks."
)
def watch(path: Path, *, once: bool, interval: float) -> None:
    """Watch the run in the file RUN while it grows.

    The view ends by itself when the run is sealed, or with Ctrl-C. The run is only read: it neither waits nor knows.

    \b
    Example:
      wepy watch run.h5
      wepy watch run.h5 --once
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from rich.console import Console
    from rich.live import Live

    from wepy.cli.glance import Observer
    from wepy.cli.picture import picture

    terminal = sys.stdout.isatty()
    console = Console(highlight=False, emoji=False, width=None if terminal else _PLAIN_WIDTH)
    with wd.open_run(path) as run:
        observer = Observer(run, path)
        glance = observer.look()
        if once or not terminal:
            console.print(picture(glance, console.width))
            return
        with Live(picture(glance, console.width), console=console, auto_refresh=False) as live:
            while glance.state != "sealed":
                time.sleep(interval)
                glance = observer.look()
                live.update(picture(glance, console.width), refresh=True)
    click.echo(f"{path} is sealed. Next: wepy-data info {quote(str(path))}")
