"""The commands `wepy init` and `wepy run`."""

from __future__ import annotations

import shlex
import signal
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import click

import wepy_data as wd
from wepy.errors import ConfigurationError, WepyError
from wepy_data.cli.exits import USER_ERROR, HonestGroup

if TYPE_CHECKING:
    from wepy.config import Configuration
    from wepy.simulation import Simulation


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


@main.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.option("--workers", type=click.IntRange(min=1), help="Number of workers; SCOOP's unless --dispatch says else.")
@click.option("--cycles", type=click.IntRange(min=1), help="Number of cycles, instead of the configuration's.")
@click.option("--dispatch", type=click.Choice(["serial", "processes", "scoop"]), help="Who runs the segments.")
@click.option("--seed", type=click.IntRange(min=0), help="Seed, instead of the configuration's.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The run's file, instead of the configuration's.")
@click.option("--overwrite", is_flag=True, help="Replace the run's file if it exists.")
def run(config: Path, output: Path | None, *, overwrite: bool, **choices: Any) -> None:
    """Run the simulation that the TOML file CONFIG describes.

    The configuration, the seed and every step go into one HDF5 file. Segments run on SCOOP workers of this machine
    with --workers, else as the configuration says; the result is the same, bit for bit.

    \b
    Example:
      wepy run alanine-dipeptide.toml --workers 4 --cycles 200 -o long.h5
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy.config import build_simulation, read_configuration
    from wepy.errors import ConfigurationError

    settings = _chosen(read_configuration(config), output, **choices)
    signal.signal(signal.SIGTERM, _terminated)
    try:
        simulation = build_simulation(settings, config.parent, overwrite=overwrite)
    except ConfigurationError as error:
        raise ConfigurationError(f"{config}: {error}") from error
    where = config.parent / settings.run.output
    done = _run(simulation, settings.run.cycles, where)
    click.echo(f"{done} cycles are in {where}. Next: wepy-data info {shlex.quote(str(where))}, or wepy-data --help")


def _chosen(
    settings: Configuration,
    output: Path | None,
    *,
    workers: int | None,
    cycles: int | None,
    dispatch: str | None,
    seed: int | None,
) -> Configuration:
    run = {"cycles": cycles, "seed": seed, "output": None if output is None else output.absolute()}
    given = settings.dispatch
    kind = dispatch or ("scoop" if workers and given.kind == "serial" else given.kind)
    who = {"kind": kind, "workers": None if kind == "serial" else workers or given.workers}
    return settings.model_copy(
        update={
            "run": settings.run.model_copy(update={key: value for key, value in run.items() if value is not None}),
            "dispatch": given.model_copy(update=who),
        }
    )


def _run(simulation: Simulation, cycles: int, where: Path) -> int:
    from wepy.cli.progress import RunProgress

    try:
        with RunProgress(cycles, tuple(simulation.order_parameter.labels)) as progress:
            for cycle in simulation.run(cycles=cycles):
                progress.update(cycle)
    except BaseException:
        if simulation.recorder is not None and where.exists():
            journal = wd.journal_path(where)
            rest = f", what is done of the next one is in {journal}" if journal.exists() else ""
            click.echo(f"stopped: {simulation.record.n_cycles} cycles are safe in {where}{rest}", err=True)
        raise
    return simulation.record.n_cycles


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
