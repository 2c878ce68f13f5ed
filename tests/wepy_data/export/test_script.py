"""Scripts for VMD and PyMOL, run with stand-ins for the two programs."""

import math
import shutil
import subprocess
import sys
import types

import pandas as pd
import pytest

from wepy_data import Run, export_frames

STAND_INS = """
proc mol {args} { puts "mol $args"; if {[lindex $args 0] == "new"} { return 7 } }
proc animate {args} { puts "animate $args" }
proc all {args} { if {[lindex $args 0] != "delete"} { puts $args } }
proc atomselect {args} { return all }
"""


@pytest.fixture
def exported(ensemble_record, tmp_path):
    run = Run(ensemble_record)
    return export_frames(run, run.lineage.trace(run.segment_id(-1, 3)), tmp_path / "a [lineage].dcd", scripts=True)


def tcl(path):
    """Run a script of Tcl, VMD's commands only printed."""
    program = f"{STAND_INS}\nsource {{{path}}}\n"
    if shutil.which("tclsh"):
        done = subprocess.run(["tclsh"], input=program, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()
    tkinter = pytest.importorskip("tkinter")
    interpreter, said = tkinter.Tcl(), []
    interpreter.createcommand("puts", lambda *words: said.append(words[-1]))
    interpreter.eval(program)
    return said


def test_vmd_loads_both_files_and_colours_each_frame_by_its_weight(exported):
    said = tcl(exported.scripts[0])
    weights = pd.read_csv(exported.table).weight
    folder = str(exported.trajectory.parent)
    assert said[0] in (
        f"mol new {{{folder}/a [lineage].pdb}} waitfor all", f"mol new {folder}/a\\ \\[lineage\\].pdb waitfor all",
    )  # fmt: skip
    assert "animate delete all 7" in said
    assert any("addfile" in line and "lineage].dcd" in line.replace("\\", "") and "type dcd" in line for line in said)
    users = [float(line.split()[2]) for line in said if line.startswith("set user")]
    assert users == pytest.approx([math.log10(weight) for weight in weights])
    assert [int(line.split()[1]) for line in said if line.startswith("frame")] == list(range(len(weights)))
    assert said[-2:] == ["mol modcolor 0 7 User", "mol colupdate 0 7 on"]


def test_pymol_loads_both_files_and_colours_each_frame_by_its_weight(exported, monkeypatch):
    said = []

    class Commands:
        def __getattr__(self, name):
            return lambda *words, **more: said.append((name, *words)) or (words[0] if words else None)

    pymol = types.ModuleType("pymol")
    pymol.cmd = Commands()
    monkeypatch.setitem(sys.modules, "pymol", pymol)
    text = exported.scripts[1].read_text()
    body = text.partition("\npython\n")[2].partition("python end")[0]
    exec(body, {"__script__": str(exported.scripts[1])})
    n = exported.n_frames
    assert [words[0] for words in said] == ["get_legal_name", "load", "load_traj", "mset"] + ["mdo"] * n
    assert said[1][1] == str(exported.topology)
    assert said[2][1] == str(exported.trajectory)
    colours = [words[2].split()[1].rstrip(",") for words in said if words[0] == "mdo"]
    weights = pd.read_csv(exported.table).weight
    assert colours[int(weights.argmax())] == "0xff0000"
    assert colours[int(weights.argmin())] == "0x0000ff"
