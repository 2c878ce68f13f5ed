"""The command `wepy-data graph`."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import main, opened_all, output_option, overwrite_option, runs_argument


@main.command()
@runs_argument
@output_option("Where to: .gexf, .graphml, .json, .dot, .nwk (Newick) or .trees (tskit).")
@click.option(
    "--kind", type=click.Choice(["compressed", "survivors", "all"]), default="compressed", show_default=True,
    help="Tips, branchings and founders of the final walkers' lineages; all their ancestors; or all segments.",
)  # fmt: skip
@click.option("--flow", is_flag=True, help="The flow of weight: to children, and by merges; else the walker trees.")
@click.option("--cycles", help="Only these cycles: a range without its end (10:20, 10:, :-5).")
@click.option("--attributes", help="What nodes carry besides cycle and walker. By default: weight,bin.")
@click.option("--max-nodes", type=int, default=200_000, show_default=True, help="Larger graphs are refused.")
@overwrite_option
def graph(
    paths: tuple[Path, ...], output: Path, kind: str, flow: bool, cycles: str | None, attributes: str | None,
    max_nodes: int, overwrite: bool,
) -> None:  # fmt: skip
    """Write the walker trees or the flow of weight as a graph.

    Several RUNs are joined where they continue each other.

    \b
    Example:
      wepy-data graph run.h5 -o tree.gexf
      wepy-data graph run.h5 -o flow.graphml --flow --kind all --cycles 10:20 --attributes weight,bin
      wepy-data graph run.h5 branch.h5 -o tree.nwk
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy_data.cli.selection import cycle_selection, names
    from wepy_data.cli.waiting import spinning
    from wepy_data.export.graph import export_graph

    window = None if cycles is None else cycle_selection(cycles)
    kept = None if attributes is None else names(attributes)
    with opened_all(paths) as run, spinning(f"writing {output}"):
        written = export_graph(
            run, output, kind, flow=flow, cycles=window, attributes=kept, max_nodes=max_nodes, overwrite=overwrite
        )
    click.echo(f"wrote {written}")
