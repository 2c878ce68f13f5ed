"""The commands of `wepy-data` that make a run whole again, or a copy of it for other programs."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import main, overwrite_option, run_argument


@main.command()
@run_argument
def repair(path: Path) -> None:
    """Make a crashed run a file that any program can open.

    Its committed cycles are kept, all else is dropped; the original stays beside it as RUN.before-repair. A run that
    is being written is refused. No repair is needed to read a crashed run with wepy-data, or to resume it.

    \b
    Example:
      wepy-data repair run.h5
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy_data.cli.output import printable
    from wepy_data.cli.waiting import spinning
    from wepy_data.store.repair import repair as repaired

    with spinning(f"repairing {path}"):
        result = repaired(path)
    if result.original is None:
        click.echo(f"{path}: nothing to repair, {_cycles(result.n_cycles)}")
        return
    for problem in result.found:
        click.echo(printable(f"{path}: {problem}"))
    click.echo(f"repaired {path}: {_cycles(result.n_cycles)} kept; the original is {result.original}")


@main.command()
@run_argument
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True, help="The copy, an HDF5 file.")
@overwrite_option
def snapshot(path: Path, output: Path, overwrite: bool) -> None:
    """Copy a run up to its last commit, for other programs.

    While a run is being written, other programs cannot open its file; they can open the copy. The run is not
    disturbed.

    \b
    Example:
      wepy-data snapshot run.h5 -o copy.h5
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy_data.cli.waiting import spinning
    from wepy_data.store.snapshot import snapshot as copied

    with spinning(f"writing {output}"):
        click.echo(f"wrote {copied(path, output, overwrite=overwrite)}")


def _cycles(count: int) -> str:
    return f"{count} committed cycle{'s' if count != 1 else ''}"
