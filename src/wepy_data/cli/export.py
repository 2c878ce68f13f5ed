"""The command `wepy-data export`."""

from __future__ import annotations

from pathlib import Path

import click

from wepy_data.cli.group import cycle_option, main, opened, output_option, overwrite_option, run_argument, walker_option


@main.command()
@run_argument
@output_option("The trajectory, NAME.dcd; NAME.pdb and NAME.csv appear beside it.")
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

    with opened(path) as run, counting(f"writing {output}") as progress:
        lineage = run.lineage.trace(run.segment_id(cycle, walker))
        kept = None if atoms is None else atom_indices(run, atoms)
        written = export_dcd(run, lineage, output, overwrite=overwrite, atoms=kept, progress=progress)
    click.echo(f"wrote {written.n_frames} frames to {written.trajectory}, with {written.topology} and {written.table}")
