"""The command `wepy advise`: what a run says about the next one."""

from __future__ import annotations

import json
import math
from pathlib import Path
from shlex import quote
from typing import Any

import click

import wepy_data as wd
from wepy_data.cli.waiting import spinning

_PLAIN_WIDTH = 100


def _lags(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
    """Return whole numbers between commas."""
    if value is None:
        return None
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: expected whole numbers between commas, such as 1,2,4") from error


def _cells(ctx: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    """Return a number, or the word bins."""
    if value is None or value == "bins":
        return value
    try:
        return int(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r}: expected a number of cells, or bins") from error


@click.command()
@click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--burn-in", type=int, help="Cycles to leave out; until the flux has settled by default.")
@click.option(
    "--dim", type=int, help="Dimension of the order parameter to divide into cells; the first if it is alone."
)
@click.option(
    "--cells",
    metavar="N|bins",
    callback=_cells,
    help="Cells along it; fine ones by default. `bins` takes the run's own bins.",
)
@click.option(
    "--lags",
    callback=_lags,
    metavar="N,N,...",
    help="Multiples of the cycle to predict gains of; 1,2,4,8 by default.",
)
@click.option(
    "--error", type=click.FloatRange(min=0, min_open=True), default=0.1, show_default=True,
    help="Relative standard error of the flux that is wanted.",
)  # fmt: skip
@click.option(
    "--cycles", type=click.IntRange(min=1), help="Cycles after the burn-in to get it in; the run's by default."
)
@click.option(
    "--walkers", type=click.IntRange(min=1), help="Walkers to share among bins; as many as the run's by default."
)
@click.option("--bins", type=click.IntRange(min=2), help="Number of bins to advise.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="Write bins and balancer for a configuration (.toml)."
)
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="Draw it: .png, .svg or .pdf.")
@click.option("--overwrite", is_flag=True, help="Replace existing files.")
def advise(
    path: Path,
    *,
    burn_in: int | None,
    dim: int | None,
    cells: Any,  # a number, or "bins"
    lags: tuple[int, ...] | None,
    error: float,
    cycles: int | None,
    walkers: int | None,
    bins: int | None,
    as_json: bool,
    output: Path | None,
    picture: Path | None,
    overwrite: bool,
) -> None:
    """Say what the run in the file RUN predicts: gains over brute force, better bins, walkers and steps of a cycle.

    RUN recycles what arrives in its target; it may still be growing. Nothing is changed in it.

    \b
    Example:
      wepy advise run.h5
      wepy advise run.h5 --error 0.05 -o advice.toml --plot advice.png
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy.cli.advice_text import sentences, tables
    from wepy.cli.advice_toml import toml

    for target in (output, picture):
        if target is not None:
            wd.refuse_existing(target, overwrite=overwrite)
    with wd.open_run(path) as run, spinning("counting transitions"):
        found = wd.advise(run, burn_in=burn_in, dim=dim, cells=cells, lags=lags, n_walkers=walkers, n_bins=bins)
        n_dims = len(run.features)
    cycles = cycles or found.n_cycles - found.burn_in
    if as_json:
        needed = {one.name: found.walkers_for(error, cycles, one.name) for one in found.schemes}
        wanted = {name: count if math.isfinite(count) else None for name, count in needed.items()}
        click.echo(json.dumps({**found.values(), "error": error, "cycles": cycles, "walkers_for": wanted}))
    else:
        _print(tables(found, error, cycles), sentences(found))
    if output is not None:
        output.write_text(toml(found, path.name, n_dims), encoding="utf-8")
        click.echo(f"wrote {output}: its tables replace those of a configuration", err=as_json)
    if picture is not None:
        wd.plot_advice(found, picture, overwrite=overwrite)
        click.echo(f"wrote {quote(str(picture))}", err=as_json)


def _print(parts: list[Any], lines: list[str]) -> None:
    from rich.console import Console

    console = Console(highlight=False, emoji=False, markup=False)
    if not console.is_terminal:
        console.width = _PLAIN_WIDTH
    with console.capture() as captured:
        for part in parts:
            console.print(part)
        for line in lines:
            console.print(line)
    click.echo("\n".join(line.rstrip() for line in captured.get().strip().splitlines()))
