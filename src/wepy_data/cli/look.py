"""The commands of `wepy-data` that say what a run is, and whether it is as it should be."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import main, opened, run_argument


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

    with opened(path) as run:
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
