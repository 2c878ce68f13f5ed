"""The command `wepy-data import`."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import main, output_option, overwrite_option


@main.command(name="import")
@click.argument("path", metavar="FILE", type=click.Path(path_type=Path))
@output_option("The run to write.")
@click.option("--timestep", type=float, metavar="PS", help="Time between two stored points, in ps.")
@click.option(
    "--unit", "units", multiple=True, metavar="[NAME=]UNIT", help="Unit of the order parameter, or of NAME."
)  # fmt: skip
@click.option("--last", type=int, metavar="N", help="Last iteration or cycle to import; all by default.")
@click.option("--run", type=int, metavar="N", help="Which run of a file of wepy 1.x that holds several.")
@overwrite_option
def import_(
    path: Path, output: Path, timestep: float | None, units: tuple[str, ...], last: int | None, run: int | None,
    overwrite: bool,
) -> None:  # fmt: skip
    """Import a run of another program: WESTPA or wepy 1.x.

    FILE is WESTPA's west.h5, or a WepyHDF5 file.
    With {run} in the name of the output, each run of a file of wepy 1.x gets a file of its own.

    Prints what was taken, what was not and why, and what is unknown; the same is kept in the new run's provenance.
    Nothing in the file is executed. The new run appears when it is complete.

    \b
    Example:
      wepy-data import west.h5 -o run.h5 --timestep 2 --unit nm
      wepy-data import west.h5 -o run.h5 --unit displacement=nm
      wepy-data import wepy.h5 -o run.h5 --run 1
      wepy-data import wepy.h5 -o 'run-{run}.h5'
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy_data.cli.output import printable
    from wepy_data.cli.waiting import counting
    from wepy_data.importers.run import import_run, import_runs

    wishes = {"timestep": timestep, "units": dict(map(_named_unit, units)), "last": last, "run": run}
    settings = {name: value for name, value in wishes.items() if value not in (None, {})}
    with counting(f"importing {path}") as progress:
        if "{run}" in str(output):
            reports = import_runs(path, str(output), overwrite=overwrite, progress=progress, **settings)
        else:
            reports = [import_run(path, output, overwrite=overwrite, progress=progress, **settings)]
    for report in reports:
        for line in str(report).splitlines():
            click.echo(printable(line))


def _named_unit(text: str) -> tuple[str, str]:
    name, _, unit = text.rpartition("=")
    return name or "order_parameter", unit
