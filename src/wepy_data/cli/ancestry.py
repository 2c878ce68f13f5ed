"""The command `wepy-data ancestry`."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import cycle_option, main, opened, run_argument, walker_option


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

    with opened(path) as run:
        segment = run.segment_id(cycle, walker)
        if style == "text":
            text = ancestry_text(run, segment, shutil.get_terminal_size((100, 24)).columns, full=full)
            click.echo("\n".join(map(printable, text.split("\n"))))
        elif style == "csv":
            click.echo(ancestry_table(run, segment).to_csv(index=False), nl=False)
        else:
            click.echo(ancestry_table(run, segment).to_json(orient="records", indent=1, double_precision=15))
