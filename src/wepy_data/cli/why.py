"""The command `wepy-data why`."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import cycle_option, main, opened, run_argument, walker_option


@main.command()
@run_argument
@cycle_option
@walker_option
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
def why(path: Path, cycle: int, walker: int, style: str) -> None:
    """Explain what resampling did with a walker, and why.

    \b
    Example:
      wepy-data why run.h5 --cycle 42 --walker 3
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    import json
    from dataclasses import asdict

    from wepy_data.query.why import why as explained

    with opened(path) as run:
        found = explained(run, run.segment_id(cycle, walker))
        click.echo(found.text if style == "text" else json.dumps(asdict(found), indent=1))
