"""The commands of `wepy-data`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, TypeVar

import click

from wepy_data.cli.exits import HonestGroup
from wepy_data.errors import DamagedRunError, DataError
from wepy_data.version import __version__

if TYPE_CHECKING:
    from wepy_data.query.run import Run

Command = TypeVar("Command", bound=Callable[..., Any])

_HEAD = 20  # rows of a table that are printed

run_argument = click.argument("path", metavar="RUN", type=click.Path(path_type=Path))
cycle_option = click.option("--cycle", type=int, default=-1, show_default=True, help="Cycle; -1 is the last one.")
walker_option = click.option("--walker", type=int, default=0, show_default=True, help="Walker within the cycle.")
overwrite_option = click.option("--overwrite", is_flag=True, help="Replace existing files.")


def _output_option(help: str, *, required: bool = True) -> Callable[[Command], Command]:
    return click.option("-o", "--output", type=click.Path(path_type=Path), required=required, help=help)


@click.group(
    cls=HonestGroup,
    name="wepy-data",
    user_errors=(DataError, OSError),
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="wepy-data")
def main() -> None:
    """Ask weighted-ensemble runs, check them, and take things out of them.

    RUN is a run's HDF5 file: growing, crashed or sealed. It is only read, and its writer is never disturbed.

    \b
    Example:
      wepy-data info run.h5
      wepy-data ancestry run.h5 --cycle 99 --walker 3
    """  # noqa: D301 (click's mark of a paragraph as it stands)


@main.command()
@run_argument
def info(path: Path) -> None:
    """Say what a run is and how far it has come.

    Workers are listed with the segments that they ran, the sum of their seconds and the mean of a segment; more than
    20 are summed up by host and platform.

    \b
    Example:
      wepy-data info run.h5
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from datetime import UTC, datetime

    from wepy_data.cli.output import show_columns, show_fact
    from wepy_data.cli.summary import facts
    from wepy_data.cli.workers import GAP, worker_table

    with _opened(path) as run:
        for name, text in facts(run, path, datetime.now(UTC)):
            show_fact(name, text)
        table = worker_table(run)
    if table.rows:
        click.echo()
        show_columns(table.headings, table.rows, right=table.right, gap=GAP)


@main.command()
@run_argument
@click.option(
    "--level", type=click.Choice(["structure", "values", "invariants"]), default="invariants", show_default=True,
    help="How far to go; each level includes the ones before it.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the problems as a JSON list.")
def check(path: Path, level: str, as_json: bool) -> None:
    """Check a run against the schema.

    Every problem is printed, one a line. The exit code is 0 if there are none, 1 if there are problems, 2 if RUN
    cannot be opened as a run.

    \b
    Example:
      wepy-data check run.h5
      wepy-data check --level structure --json run.h5
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy_data.cli.output import printable
    from wepy_data.cli.waiting import spinning
    from wepy_data.store.check import check as problems_of

    with spinning(f"checking {path}"):
        problems = problems_of(path, level)
    if as_json:
        import json

        click.echo(json.dumps([problem.as_dict() for problem in problems], indent=1))
    else:
        for problem in problems:
            click.echo(printable(str(problem)))
        if not problems:
            click.echo(f"{path}: no problems ({level})")
    if problems:
        click.get_current_context().exit(1)


@main.command()
@run_argument
@cycle_option
@walker_option
@click.option("--format", "style", type=click.Choice(["text", "csv", "json"]), default="text", show_default=True)
@click.option("--full", is_flag=True, help="Show the middle of a long ancestry, too (text).")
def ancestry(path: Path, cycle: int, walker: int, style: str, full: bool) -> None:
    """Print the ancestry of a walker, founder first.

    \b
    Example:
      wepy-data ancestry run.h5 --cycle 99 --walker 3
      wepy-data ancestry run.h5 --format csv > ancestry.csv
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    import shutil

    from wepy_data.cli.output import printable
    from wepy_data.query.ancestry import ancestry_table, ancestry_text

    with _opened(path) as run:
        segment = run.segment_id(cycle, walker)
        if style == "text":
            text = ancestry_text(run, segment, shutil.get_terminal_size((100, 24)).columns, full=full)
            click.echo("\n".join(map(printable, text.split("\n"))))
        elif style == "csv":
            click.echo(ancestry_table(run, segment).to_csv(index=False), nl=False)
        else:
            click.echo(ancestry_table(run, segment).to_json(orient="records", indent=1, double_precision=15))


@main.command()
@run_argument
@click.argument("name")
@_output_option("Where to: .csv or .parquet. Without it, the first rows are printed.", required=False)
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

    with _opened(path) as run:
        if output is not None:
            with spinning(f"writing {output}"):
                click.echo(f"wrote {export_table(run, name, output, overwrite=overwrite)}")
            return
        frame = run.table(name)
    show_frame(frame.head(_HEAD), dates=("began", "ended") if name == "cycles" else ())
    if len(frame) > _HEAD:
        click.echo(f"... and {len(frame) - _HEAD} more rows: -o {name}.csv writes all of them")


@main.command()
@run_argument
@_output_option("The trajectory, NAME.dcd; NAME.pdb and NAME.csv appear beside it.")
@cycle_option
@walker_option
@click.option("--atoms", help="Atoms to keep: numbers from 0 (0-9,15), or a selection (name CA). All by default.")
@overwrite_option
def export(path: Path, output: Path, cycle: int, walker: int, atoms: str | None, overwrite: bool) -> None:
    """Write the ancestry of a walker as a DCD trajectory.

    A topology (PDB) and a table appear beside it; the table (CSV) says what each frame is: its segment, cycle,
    walker, weight, time and order parameter.

    \b
    Example:
      wepy-data export run.h5 -o lineage.dcd --cycle 99 --walker 3
      wepy-data export run.h5 -o backbone.dcd --atoms 'backbone'
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy_data.cli.selection import atom_indices
    from wepy_data.cli.waiting import counting
    from wepy_data.export.dcd import export_dcd

    with _opened(path) as run, counting(f"writing {output}") as progress:
        lineage = run.lineage.trace(run.segment_id(cycle, walker))
        kept = None if atoms is None else atom_indices(run, atoms)
        written = export_dcd(run, lineage, output, overwrite=overwrite, atoms=kept, progress=progress)
    click.echo(f"wrote {written.n_frames} frames to {written.trajectory}, with {written.topology} and {written.table}")


@main.command()
@run_argument
@_output_option("The picture: .png, .svg or .pdf.")
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
    with _opened(path) as run, spinning(f"drawing {output}"):
        segment = None if walker is None else run.segment_id(-1 if cycle is None else cycle, walker)
        shown = None if planar else dimension
        click.echo(f"wrote {plot_lineage(run, output, segment=segment, dimension=shown, overwrite=overwrite)}")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Run]:
    """Yield an open run; what fails because the run is not what it should be is reported as damage."""
    from wepy_data.query.run import open_run

    with open_run(path) as run:
        try:
            yield run
        except (DataError, click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            damage = _damage(path, error)
            if not damage:  # a fault in the program, or in the files that it writes
                raise
            raise DamagedRunError(
                f"{path} is damaged ({damage}): wepy-data check {quote(str(path))} says more"
            ) from error


def _damage(path: Path, error: Exception) -> str:
    """Return what is wrong with a run that a command has failed on; empty if nothing is."""
    from wepy_data.store.check import check as problems_of

    if isinstance(error, OSError):  # HDF5's have no number
        return str(error) if error.errno is None and str(error).startswith("Can't") else ""
    return next((str(problem) for problem in problems_of(path)), "")
