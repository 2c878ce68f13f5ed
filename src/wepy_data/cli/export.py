"""The command `wepy-data export`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wepy_data.cli.group import (
    Command,
    cycle_option,
    main,
    opened,
    output_option,
    overwrite_option,
    run_argument,
    walker_option,
)

if TYPE_CHECKING:
    from wepy_data.query.run import Run

_WEST = "west.h5"
_CHOICES = ("segments", "all_final", "successful", "branch", "walkers_of", "top")


def _choice_options(command: Command) -> Command:
    """Add the options that say which frames: at most one of them, the ancestry of a walker without any."""
    for option in reversed(
        (
            click.option("--all-final", is_flag=True, help="The ancestries of all final walkers, a file each."),
            click.option("--successful", is_flag=True, help="Paths of walkers that reached a target, a file each."),
            click.option("--branch", is_flag=True, help="Paths from that walker to its last descendants, a file each."),
            click.option("--segments", metavar="IDS", help="These segments, in this order: 1-9,12."),
            click.option("--walkers-of", metavar="CYCLE", type=int, help="All walkers of a cycle."),
            click.option("--top", metavar="N", type=int, help="The N heaviest walkers of --cycle, heaviest first."),
            click.option("--bin", type=int, help="With --top: only those of this bin."),
        )
    ):
        command = option(command)
    return command


def _shape_options(command: Command) -> Command:
    """Add the options that say what is done to the frames."""
    atoms = "numbers from 0 (0-9,15), or a selection (name CA)"
    for option in reversed(
        (
            click.option("--stride", type=int, default=1, show_default=True, help="Every how many-th frame is kept."),
            click.option("--last", is_flag=True, help="Only the last frame of each segment."),
            click.option("--cut", is_flag=True, help="Only what follows the last recycling."),
            click.option("--atoms", help=f"Atoms to keep: {atoms}. All by default."),
            click.option("--align", metavar="ATOMS", help="Superpose frames on the first one by these atoms."),
            click.option("--whole", is_flag=True, help="Make molecules whole that the box cuts."),
            click.option("--image", is_flag=True, help="Bring molecules into one box around the largest."),
            click.option("--scripts", is_flag=True, help="Also NAME.tcl (VMD) and NAME.pml (PyMOL)."),
        )
    ):
        command = option(command)
    return command


@main.command()
@run_argument
@output_option("The trajectory: NAME.dcd, .xtc, .pdb, .cif, .h5 (mdtraj), .h5md or .npz; or west.h5.")
@click.option(
    "--format", "kind", type=click.Choice(["frames", "westpa"]),
    help="Trajectories, or the whole run as WESTPA has it; westpa if OUTPUT is called west.h5.",
)  # fmt: skip
@click.option(
    "--point", "points", multiple=True, metavar="LABEL=X[,Y]", help="With westpa: order parameter of a state."
)  # fmt: skip
@cycle_option
@walker_option
@_choice_options
@_shape_options
@overwrite_option
@click.pass_context
def export(
    context: click.Context, /, path: Path, output: Path, kind: str | None, points: tuple[str, ...], cycle: int,
    walker: int, bin: int | None, overwrite: bool, **wishes: Any,
) -> None:  # fmt: skip
    """Write frames as trajectories; or the run as west.h5.

    The default is the ancestry of a walker.

    A topology (NAME.pdb) appears beside it, unless the format has its own, and a table (NAME.csv) that says what each
    frame is: its segment, cycle, walker, weight, time and order parameter. Where there is a file for each path, they
    are called NAME-cCYCLE-wWALKER after their ends, and NAME.csv lists them. A west.h5 holds order parameters and other
    observables, no coordinates; what else it lacks is printed.

    \b
    Example:
      wepy-data export run.h5 -o lineage.dcd --cycle 99 --walker 3
      wepy-data export run.h5 -o backbone.xtc --atoms backbone --align 'name CA' --scripts
      wepy-data export run.h5 -o final.dcd --all-final --stride 10
      wepy-data export run.h5 -o success.h5md --successful
      wepy-data export run.h5 -o heavy.pdb --top 5 --bin 12 --last
      wepy-data export run.h5 -o west.h5 --point bound=0.3
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    from wepy_data.cli.waiting import counting

    if kind == "westpa" or (kind is None and output.name == _WEST):
        _refuse_given(context, {"path", "output", "kind", "points", "overwrite"}, "frames")
        _westpa(path, output, dict(map(_point, points)), overwrite=overwrite)
        return
    if points:
        raise click.UsageError("--point goes with --format westpa")
    chosen = [name for name in _CHOICES if wishes[name] is not None and wishes[name] is not False]  # 0 is a choice
    if len(chosen) > 1:
        raise click.UsageError(f"{' and '.join(_option(name) for name in chosen)} are different choices: take one")
    if bin is not None and chosen != ["top"]:
        raise click.UsageError("--bin goes with --top")
    with opened(path) as run, counting(f"writing {output}") as progress:
        write = _writer(run, chosen[0] if chosen else "", wishes, cycle, walker, bin)
        written = write(output, overwrite=overwrite, progress=progress, **_shape(run, wishes))
    click.echo(written)


def _westpa(path: Path, output: Path, points: dict[str, list[float]], *, overwrite: bool) -> None:
    from wepy_data.cli.output import printable
    from wepy_data.cli.waiting import counting
    from wepy_data.export.westpa import export_westpa

    with opened(path) as run, counting(f"writing {output}") as progress:
        written = export_westpa(run, output, points=points, overwrite=overwrite, progress=progress)
    for line in str(written).splitlines():
        click.echo(printable(line))


def _refuse_given(context: click.Context, allowed: set[str], what: str) -> None:
    """Raise an error if options were given that do not go with an export of this kind."""
    default = click.core.ParameterSource.DEFAULT
    given = [name for name in context.params if context.get_parameter_source(name) is not default]
    strange = [_option(name) for name in given if name not in allowed]
    if strange:
        raise click.UsageError(f"{', '.join(strange)}: goes with {what} (--format frames), not with a west.h5")


def _point(text: str) -> tuple[str, list[float]]:
    label, equals, numbers = text.rpartition("=")
    try:
        found = [float(number) for number in numbers.split(",")]
    except ValueError:
        found = []
    if not equals or not found:
        raise click.UsageError(f"--point {text}: expected LABEL=X, or LABEL=X,Y for several dimensions")
    return label, found


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _writer(
    run: Run, choice: str, wishes: dict[str, Any], cycle: int, walker: int, bin: int | None
) -> Callable[..., str]:
    """Return what writes the chosen frames, and says what it has written."""
    from wepy_data.cli.selection import segment_ids
    from wepy_data.query.path import branch_paths, heaviest, successful_paths

    if choice == "all_final":
        return partial(_paths, run, list(run.lineage.trace_all().T))
    if choice == "successful":
        paths = successful_paths(run)
        if not paths:
            raise click.UsageError("nobody has reached a target in this run: choose other frames than --successful")
        return partial(_paths, run, paths)
    if choice == "branch":
        return partial(_paths, run, branch_paths(run, run.segment_id(cycle, walker)))
    if choice == "segments":
        return partial(_frames, run, segment_ids(run, wishes["segments"]))
    if choice == "walkers_of":
        return partial(_frames, run, run.lineage.segments_of(wishes["walkers_of"]))
    if choice == "top":
        return partial(_frames, run, heaviest(run, wishes["top"], bin=bin, cycle=cycle))
    return partial(_frames, run, run.lineage.trace(run.segment_id(cycle, walker)))


def _shape(run: Run, wishes: dict[str, Any]) -> dict[str, Any]:
    """Return what is done to the frames, as the exports take it."""
    from wepy_data.cli.selection import atom_indices

    atoms = {name: atom_indices(run, wishes[name]) for name in ("atoms", "align") if wishes[name] is not None}
    more = {name: wishes[name] for name in ("stride", "cut", "whole", "image", "scripts")}
    return {**atoms, **more, "which": "last" if wishes["last"] else "all"}


def _frames(run: Run, segments: Any, output: Path, **more: Any) -> str:
    from wepy_data.export.frames import export_frames, files_of

    written = export_frames(run, segments, output, **more)
    *others, last = map(str, files_of(written)[1:])
    beside = f"{', '.join(others)} and {last}" if others else last
    return f"wrote {written.n_frames} frames to {written.trajectory}, with {beside}"


def _paths(run: Run, paths: Any, output: Path, **more: Any) -> str:
    from wepy_data.export.paths import export_paths

    written = export_paths(run, paths, output, **more)
    return f"wrote {written.n_frames} frames to {len(written.files)} files, listed in {written.index}"
