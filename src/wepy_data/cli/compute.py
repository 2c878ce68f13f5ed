"""The command `wepy-data compute`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wepy_data.cli.group import main, opened, run_argument

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from wepy_data.query.function import Function
    from wepy_data.query.run import Run

_BUILT_IN = ("distance", "angle", "dihedral", "rmsd", "rg")


@main.command()
@run_argument
@click.argument("name")
@click.option("--function", metavar="PACKAGE.MODULE:FUNCTION", help="Takes an mdtraj.Trajectory, returns an array.")
@click.option("--distance", metavar="I,J", help="Distance of two atoms, numbered from 0 (nm).")
@click.option("--angle", metavar="I,J,K", help="Angle at the second of three atoms (rad).")
@click.option("--dihedral", metavar="I,J,K,L", help="Dihedral angle of four atoms (rad).")
@click.option("--rmsd", metavar="first|PDB", help="RMSD from the run's first frame, or from a PDB file's (nm).")
@click.option("--rg", is_flag=True, help="Radius of gyration, all atoms alike (nm).")
@click.option("--atoms", help="Atoms for --rmsd, --rg, --function: numbers (0-9,15) or a selection (name CA).")
@click.option(
    "--per", type=click.Choice(["frame", "segment"]), default="frame", show_default=True,
    help="What has a value each; all but --function take the last frame of a segment.",
)  # fmt: skip
@click.option("--survivors", is_flag=True, help="Only for segments that the last cycle's walkers come from.")
@click.option("--units", default="", help="Unit of a function's values: nm, ps, kJ mol-1.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Number of processes.")
@click.option("--overwrite", is_flag=True, help="Replace an observable of this name.")
def compute(
    path: Path, name: str, function: str | None, rg: bool, atoms: str | None, per: str, survivors: bool, units: str,
    workers: int, overwrite: bool, **measured: str | None,
) -> None:  # fmt: skip
    """Compute an observable from a run's frames.

    It is kept with the run, as NAME. Give one of --function, --distance, --angle, --dihedral, --rmsd, --rg. If it is
    stopped, the same command goes on; of a run that has grown, it computes what is new. A sealed run gets the
    observable into its file, by a copy that takes its place; of another run it is kept in RUN.observables.h5.

    \b
    Example:
      wepy-data compute run.h5 ends --distance 0,21
      wepy-data compute run.h5 phi --dihedral 4,6,8,14 --workers 4
      wepy-data compute run.h5 rmsd --rmsd native.pdb --atoms 'name CA'
      wepy-data compute run.h5 contacts --function my_package.contacts:count --per segment --survivors
    """  # noqa: D301 (click's mark of a paragraph as it stands)
    import numpy as np

    from wepy_data.cli.selection import atom_indices
    from wepy_data.cli.waiting import counting
    from wepy_data.query.measure import AtEnd

    given = {**measured, "function": function, "rg": "" if rg else None}
    wanted = _only(given, atoms)
    with opened(path) as run:
        kept = None if atoms is None else np.unique(atom_indices(run, atoms))  # in the order that frames have
        computed = _function(run, wanted, given[wanted] or "", kept)
        if per == "segment" and wanted != "function":
            computed = AtEnd(computed)
        chosen = run.lineage.survivors() if survivors else None
        try:
            with counting(f"computing {name}") as progress:
                run.compute(
                    computed, chosen, name=name, units=units, per=per, atoms=kept, workers=workers,
                    overwrite=overwrite, progress=progress,
                )  # fmt: skip
        except KeyboardInterrupt:
            click.echo(f"{name}: what was finished is kept, the same command goes on", err=True)
            raise
        click.echo(_in_words(run, name))


def _only(given: Mapping[str, str | None], atoms: str | None) -> str:
    """Return the one option that says what is computed."""
    wanted = [option for option, value in given.items() if value is not None]
    if len(wanted) != 1:
        options = ", ".join(f"--{option}" for option in ("function", *_BUILT_IN))
        raise click.UsageError(f"give one of {options}, got {len(wanted) or 'none'}")
    if atoms is not None and wanted[0] in ("distance", "angle", "dihedral"):
        raise click.UsageError(f"--{wanted[0]} numbers the atoms of the run: leave --atoms out")
    return wanted[0]


def _function(run: Run, wanted: str, value: str, atoms: NDArray[np.int64] | None) -> Function:
    """Return what is to be computed."""
    from wepy_data.query.function import function_at
    from wepy_data.query.measure import Angle, Dihedral, Distance, RadiusOfGyration, Rmsd

    if wanted == "function":
        return function_at(value)
    if wanted == "rg":
        return RadiusOfGyration()
    if wanted == "rmsd":
        return Rmsd(_reference(run, value, atoms))
    measures: dict[str, tuple[Any, int]] = {"distance": (Distance, 2), "angle": (Angle, 3), "dihedral": (Dihedral, 4)}
    measure, count = measures[wanted]
    parts = [part.strip() for part in value.split(",")]
    if len(parts) != count or not all(part.isdecimal() for part in parts):
        raise click.BadParameter(f"expected {count} atoms, as in {','.join('0123'[:count])}; got {value!r}")
    numbers, last = [int(part) for part in parts], run.topology.n_atoms - 1
    if max(numbers) > last:
        raise click.BadParameter(f"no atom {max(numbers)}: this run has atoms 0 to {last}")
    return measure(*numbers)  # type: ignore[no-any-return]  # one of the three


def _reference(run: Run, value: str, atoms: NDArray[np.int64] | None) -> Any:
    """Return the positions that an RMSD is measured from, nm, of the atoms that count."""
    from wepy_data.errors import SelectionError
    from wepy_data.query.topology import import_mdtraj

    if value == "first":
        if not run.n_frames:
            raise SelectionError("--rmsd first: this run has no frames yet")
        return run.frames(int(run.reader.read("/frames/segment", 0, 1)[0]), atoms).xyz[0]
    if not Path(value).is_file():
        raise SelectionError(f"--rmsd {value}: no such file; `first` stands for the run's first frame")
    md = import_mdtraj("reading PDB files")
    try:
        positions = md.load_pdb(value, frame=0).xyz[0]
    except Exception as error:  # a PDB file can be wrong in more ways than mdtraj has errors for
        raise SelectionError(f"--rmsd {value}: it cannot be read ({type(error).__name__}: {error})") from error
    if len(positions) != run.topology.n_atoms:
        raise SelectionError(f"--rmsd {value}: it has {len(positions)} atoms, and the run {run.topology.n_atoms}")
    return positions if atoms is None else positions[atoms]


def _in_words(run: Run, name: str) -> str:
    from wepy_data.cli.output import printable

    found = run.computed[name]
    row = "".join(f"[{n}]" for n in found.shape)
    unit = f" in {found.unit}" if found.unit else ""
    kind = f"{found.rows} {found.per}{'s' if found.rows != 1 else ''}"
    return printable(f"{name}{row}{unit}, of {kind}, is in {found.path}")
