"""The command `wepy-data plot`."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import main, opened, output_option, overwrite_option, run_argument


@main.command()
@run_argument
@output_option("The picture: .png, .svg or .pdf.")
@click.option(
    "--kind", type=click.Choice(["tree", "regions"]), default="tree", show_default=True,
    help="The walker trees; or the bins, their tree and their centres.",
)  # fmt: skip
@click.option(
    "--dimension", "dimensions", type=int, multiple=True,
    help="Dimension of the order parameter, 0 by default; of regions two, 0 and 1 by default: give the option twice, or"
    " once for centres over the cycles.",
)  # fmt: skip
@click.option("--planar", is_flag=True, help="Draw a tree without crossings instead, survivors only.")
@click.option(
    "--cycle", type=int,
    help="Cycle of the walker whose ancestry is highlighted, the last one by default; or cycle of which the bins in use"
    " are drawn, all by default, unless there are more than 300.",
)  # fmt: skip
@click.option(
    "--walker", type=int, help="That walker; by default the final one that ended farthest from where the run began."
)
@click.option(
    "--colour", type=click.Choice(["weight", "cycle"]),
    help="What colours of regions say: weight, by default, or the cycle in which they were made.",
)  # fmt: skip
@overwrite_option
def plot(
    path: Path, output: Path, kind: str, dimensions: tuple[int, ...], planar: bool, cycle: int | None,
    walker: int | None, colour: str | None, overwrite: bool,
) -> None:  # fmt: skip
    """Draw the walker trees, or the tree of bins.

    Trees are drawn over the order parameter, final walkers' lineages coloured by weight; bins as circles, level by
    level, and at their centres over the order parameter.

    \b
    Example:
      wepy-data plot run.h5 -o tree.png --dimension 0
      wepy-data plot run.h5 --kind regions -o regions.png
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy_data.cli.waiting import spinning
    from wepy_data.plot.lineage_tree import plot_lineage
    from wepy_data.plot.regions import plot_regions

    if kind == "regions":
        if planar or walker is not None:
            raise click.UsageError("--planar and --walker are for --kind tree")
        with opened(path) as run, spinning(f"drawing {output}"):
            written = plot_regions(
                run, output, cycle=cycle, dimensions=dimensions or None, colour=colour or "weight", overwrite=overwrite
            )
    else:
        if colour is not None or len(dimensions) > 1:
            raise click.UsageError("--colour, and more than one --dimension, are for --kind regions")
        if cycle is not None and walker is None:
            raise click.UsageError("--cycle needs --walker: whose ancestry is highlighted?")
        with opened(path) as run, spinning(f"drawing {output}"):
            segment = None if walker is None else run.segment_id(-1 if cycle is None else cycle, walker)
            shown = None if planar else next(iter(dimensions), 0)
            written = plot_lineage(run, output, segment=segment, dimension=shown, overwrite=overwrite)
    click.echo(f"wrote {written}")
