"""Scripts that load a trajectory into VMD and PyMOL and colour its frames by the weight of their walkers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from wepy_data.errors import SelectionError

if TYPE_CHECKING:
    from wepy_data.export.frames import Exported

_VMD_READERS = {".dcd": "dcd", ".xtc": "xtc", ".pdb": "pdb", ".cif": "pdbx"}

_TCL = """\
# VMD: vmd -e {script}
# Loads the trajectory and colours its frames by log10 of their walkers' weights (trajectory field "user").
set here [file dirname [file normalize [info script]]]
set mol [mol new [file join $here {topology}] waitfor all]
animate delete all $mol
mol addfile [file join $here {trajectory}] type {reader} waitfor all molid $mol
set all [atomselect $mol all]
set table [open [file join $here {table}] r]
gets $table heading
while {{[gets $table line] >= 0}} {{
  set row [split $line ,]
  $all frame [lindex $row 0]
  $all set user [expr {{log10([lindex $row 4])}}]
}}
close $table
$all delete
mol modcolor 0 $mol User
mol colupdate 0 $mol on
"""

_PML = """\
# PyMOL: pymol {script}
# Loads the trajectory and colours its frames by log10 of their walkers' weights, from blue (light) to red (heavy).
python
import csv, math, os
from pymol import cmd

here = os.path.dirname(os.path.abspath(__script__)) if "__script__" in globals() else os.getcwd()
name, topology, trajectory, table = {names}
name = cmd.get_legal_name(name)
cmd.load(os.path.join(here, topology), name)
if trajectory != topology:
    cmd.load_traj(os.path.join(here, trajectory), name, state=1)
with open(os.path.join(here, table), newline="") as file:
    weights = [math.log10(float(row["weight"])) for row in csv.DictReader(file)]
low, high = min(weights), max(weights)
cmd.mset("1 -%d" % len(weights))
for number, weight in enumerate(weights, start=1):
    share = (weight - low) / (high - low) if high > low else 0.5
    cmd.mdo(number, "color 0x%02x00%02x, %s" % (round(255 * share), round(255 * (1 - share)), name))
python end
"""


def refuse_unseen(target: Path) -> None:
    """Raise `SelectionError` if viewers do not read the format of a trajectory."""
    if target.suffix not in _VMD_READERS:
        known = ", ".join(_VMD_READERS)
        raise SelectionError(f"{target}: VMD and PyMOL read no {target.suffix}: leave scripts out, or choose {known}")


def write_scripts(planned: Exported, paths: Sequence[Path]) -> None:
    """Write a script for VMD and one for PyMOL, which find the other files beside them.

    Parameters
    ----------
    planned : Exported
        The files that they load, and their own names.
    paths : sequence of path
        Where the two are written for now.
    """
    for path, script in zip(paths, planned.scripts, strict=True):
        path.write_text((_tcl if script.suffix == ".tcl" else _pml)(planned, script.name), encoding="utf-8")


def _tcl(planned: Exported, script: str) -> str:
    return _TCL.format(
        script=script,
        topology=_braced(planned.topology.name),
        trajectory=_braced(planned.trajectory.name),
        table=_braced(planned.table.name),
        reader=_VMD_READERS[planned.trajectory.suffix],
    )


def _pml(planned: Exported, script: str) -> str:
    names = [planned.trajectory.stem, planned.topology.name, planned.trajectory.name, planned.table.name]
    return _PML.format(script=script, names=json.dumps(names, ensure_ascii=False))


def _braced(name: str) -> str:
    """Return a name as a word of Tcl, whatever characters it has."""
    return "".join(c if c.isalnum() or c in "._-" else f"\\{c}" for c in name)
