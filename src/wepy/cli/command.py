"""The command group `wepy`, and `wepy init`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

import wepy_data as wd
from wepy.cli.advise import advise
from wepy.cli.running import branch, resume, run
from wepy.cli.watch import watch
from wepy.cli.worker import worker
from wepy.errors import ConfigurationError, WepyError
from wepy_data.cli.exits import USER_ERROR, HonestGroup

_RUN_FAILED = 1


class _Group(HonestGroup):
    """Commands whose errors may be a list, one line each: code 2 if nothing was started, 1 if a run has failed."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WepyError as error:
            for line in f"wepy: {error}".splitlines():
                click.echo("".join(c if c.isprintable() else repr(c)[1:-1] for c in line), err=True)
            ctx.exit(USER_ERROR if isinstance(error, ConfigurationError) else _RUN_FAILED)


@click.group(
    cls=_Group,
    name="wepy",
    user_errors=(wd.DataError, OSError),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(wd.__version__, prog_name="wepy")
def main() -> None:
    """Run weighted-ensemble simulations.

    \b
    Example:
      wepy init alanine-dipeptide
      wepy run alanine-dipeptide/alanine-dipeptide.toml --workers 2
      wepy-data ancestry alanine-dipeptide/run.h5
    """  # noqa: D301 (click's mark of a paragraph as it stands)


@main.command()
@click.argument("name")
@click.option("-o", "--output", "folder", type=click.Path(path_type=Path), help="Folder to write to; NAME by default.")
def init(name: str, folder: Path | None) -> None:
    """Write an example to start from: double-well, alanine-dipeptide.

    \b
    Example:
      wepy init double-well
      wepy run double-well/double-well.toml
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy.config.example import copy_example

    config = copy_example(name, folder or Path(name))
    click.echo(f"wrote {config}; run it with: wepy run {shlex.quote(str(config))}")


main.add_command(run)
main.add_command(resume)
main.add_command(branch)
main.add_command(watch)
main.add_command(advise)
main.add_command(worker)
