"""The commands of wepy-data, in this process and as real ones."""

import io
import json
import shutil
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from wepy_data import Entry, FileWriter, Journal, ancestry_table, ancestry_text, journal_path, open_run, tree_text
from wepy_data.cli import main
from wepy_data.testing.corpus import corpus_paths, load_case, write_case

COMMANDS = (
    "info", "check", "ancestry", "table", "compute", "export", "graph", "plot", "tree", "why", "repair", "snapshot",
)  # fmt: skip


@pytest.fixture
def wepy_data():
    """A function that runs a command line in this process."""

    def run(*arguments):
        return CliRunner(env={"COLUMNS": "100"}).invoke(main, list(map(str, arguments)))

    return run


def real(*arguments, **settings):
    """Run a command line as a process of its own."""
    line = [sys.executable, "-m", "wepy_data", *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, timeout=20, check=False, **settings)


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def changed(**attributes):
    def change(path):
        with h5py.File(path, "r+", locking=False) as file:
            file.attrs.update(attributes)

    return change


def foreign(path):
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(3)


BROKEN = {
    "truncated": truncated,
    "text": lambda path: path.write_text("time weight\n0 1\n"),
    "empty": lambda path: path.write_bytes(b""),
    "missing": lambda path: path.unlink(),
    "foreign": foreign,
    "too new": changed(schema_version="99.0.0", min_reader="99.0.0"),
    "too old": changed(schema_version="0.9.0", min_reader="0.9.0"),
}
BROKEN_WORDS = {"missing": "no such file", "too new": "upgrade", "too old": "later", "foreign": "another kind"}


@pytest.mark.parametrize("kind", BROKEN)
def test_file_that_is_no_readable_run_is_one_line_and_code_2(ensemble_file, tmp_path, kind):
    path = shutil.copy(ensemble_file, tmp_path / "run.h5")
    BROKEN[kind](path)
    result = real("check", path)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert result.stderr.startswith("wepy-data: ")
    assert str(path) in result.stderr
    assert BROKEN_WORDS.get(kind, "") in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("kind", ["text", "missing", "foreign", "too new", "too old"])
def test_every_command_refuses_what_is_no_run(wepy_data, ensemble_file, tmp_path, command, kind):
    path = shutil.copy(ensemble_file, tmp_path / "run.h5")
    BROKEN[kind](path)
    more = {"table": ["segments"], "export": ["-o", tmp_path / "l.dcd"], "plot": ["-o", tmp_path / "t.png"]}
    more |= {"snapshot": ["-o", tmp_path / "copy.h5"], "compute": ["rg", "--rg"]}
    result = wepy_data(command, path, *more.get(command, []))
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(wepy_data, command):
    result = wepy_data(command, "--help")
    assert result.exit_code == 0
    assert f"Example:\n    wepy-data {command} run.h5" in result.stdout
    assert result.stdout.index("Example:") < result.stdout.index("Options:")
    assert wepy_data(command, "-h").stdout == result.stdout


def test_summaries_of_the_commands_are_whole(wepy_data):
    shown = wepy_data("-h").stdout
    assert shown == wepy_data("--help").stdout
    summaries = shown.partition("Commands:")[2]
    assert all(command in summaries for command in COMMANDS)
    assert "..." not in summaries


def test_help_imports_nothing_heavy():
    program = "import sys, wepy_data.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not {"pandas", "networkx", "matplotlib", "mdtraj", "rich.console"} & set(loaded)


def test_info_says_what_a_run_is(wepy_data, ensemble_file):
    result = wepy_data("info", ensemble_file)
    assert result.exit_code == 0
    for words in (
        "sealed: ended in order", "12", "196 in", "phi (rad), psi (rad)", "folded (initial, 1)", "away (target)",
        "20 recycled", "seed 1; wepy 0.1.0", "total 1 ", "4 atoms, no box",
    ):  # fmt: skip
        assert words in result.stdout
    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["node1", "41", "CPU", "98", "24.50", "0.2500", "49.00", "0.5000"] in lines
    assert ["node2", "42", "CUDA", "mixed", "98", "24.50", "0.2500", "49.00", "0.5000"] in lines


def test_info_says_whether_a_run_grows_or_has_stopped_and_how_old_its_last_cycle_is(
    wepy_data, ensemble_record, tmp_path
):
    path = tmp_path / "run.h5"

    def info():
        return " ".join(wepy_data("info", path).stdout.split())

    journal = Journal(journal_path(path), durable=False)
    with FileWriter(path, ensemble_record.header, durable=False) as writer:
        assert "growing: a manager is writing it; no cycle is committed yet" in info()
        for cycle in ensemble_record.cycles[:3]:
            writer.append(cycle)
        journal.append(
            Entry(step="plan", facts={"cycle": 3}, arrays={"weight": np.ones(5)}),
            Entry(step="segments", arrays={"walker": np.array([4, 1])}),
        )
        assert "growing: a manager is writing it; the last cycle was committed" in info()
        journal.close()
        assert "stopped: it has not ended in order, and nobody writes it; wepy resume" in info()
        assert "of cycle 3, 2 of 5 segments are done" in info()
        assert wepy_data("check", path).exit_code == 0


def test_check_of_a_conforming_run_is_0(wepy_data, ensemble_file):
    result = wepy_data("check", ensemble_file)
    assert (result.exit_code, result.stdout) == (0, f"{ensemble_file}: no problems (invariants)\n")
    assert json.loads(wepy_data("check", "--json", ensemble_file).stdout) == []


def test_check_prints_every_problem_on_a_line_and_is_1(wepy_data, ensemble_file, tmp_path):
    path = shutil.copy(ensemble_file, tmp_path / "run.h5")
    with h5py.File(path, "r+") as file:
        file["/segments/weight"][5] = -1.0
    result = wepy_data("check", path)
    assert result.exit_code == 1
    assert any(line.startswith("/segments/weight") for line in result.stdout.splitlines())
    found = wepy_data("check", "--json", path)
    assert found.exit_code == 1
    assert len(json.loads(found.stdout)) == len(result.stdout.splitlines())
    assert wepy_data("check", "--level", "structure", path).exit_code == 0


def test_ancestry_is_the_library_s(wepy_data, ensemble_file):
    with open_run(ensemble_file) as run:
        segment = run.segment_id(7, 2)
        expected, text = ancestry_table(run, segment), ancestry_text(run, segment, 100)
    chosen = (ensemble_file, "--cycle", 7, "--walker", 2)
    assert wepy_data("ancestry", *chosen).stdout == text + "\n"
    table = pd.read_csv(io.StringIO(wepy_data("ancestry", *chosen, "--format", "csv").stdout))
    pd.testing.assert_frame_equal(table, expected, rtol=1e-14)
    rows = json.loads(wepy_data("ancestry", *chosen, "--format", "json").stdout)
    assert [row["segment"] for row in rows] == expected.segment.tolist()
    assert [row["weight"] for row in rows] == pytest.approx(expected.weight.tolist(), rel=1e-14)


def test_ancestry_of_a_missing_walker_says_which_exist(wepy_data, ensemble_file):
    result = wepy_data("ancestry", ensemble_file, "--cycle", 0, "--walker", 9)
    assert (result.exit_code, result.stderr) == (2, "wepy-data: no walker 9: cycle 0 has walkers 0 to 3\n")


def test_table_of_chosen_cycles_and_columns(wepy_data, ensemble_file, tmp_path):
    chosen = ("--cycles", "3:5", "--columns", "cycle, walker,progress")
    target = tmp_path / "t.parquet"
    assert wepy_data("table", ensemble_file, "segments", *chosen, "-o", target).exit_code == 0
    with open_run(ensemble_file) as run:
        expected = run.table("segments", (3, 5), ["cycle", "walker", "progress"])
    pd.testing.assert_frame_equal(pd.read_parquet(target), expected)
    shown = wepy_data("table", ensemble_file, "decisions", "--cycles", "-1", "--columns", "decision,n_children").stdout
    assert shown.split()[:3] == ["segment", "decision", "n_children"]
    assert "began" not in wepy_data("table", ensemble_file, "cycles", "--columns", "index").stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--cycles", "a:b"], "no cycles 'a:b': expected one"),
        (["--cycles", "99"], "no cycle 99: this run has cycles 0 to 11"),
        (["--columns", "mass"], "no column 'mass' in the table segments: there are cycle, walker"),
    ],
)
def test_table_refuses_what_there_is_not(wepy_data, ensemble_file, options, says):
    done = wepy_data("table", ensemble_file, "segments", *options)
    assert done.exit_code == 2
    assert says in done.stderr
    assert done.stderr.count("\n") == 1


def test_table_is_printed_or_written(wepy_data, ensemble_file, tmp_path):
    shown = wepy_data("table", ensemble_file, "segments").stdout
    assert "cpu_time (s)" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert "... and 176 more rows: -o segments.csv writes all of them" in shown
    assert wepy_data("table", ensemble_file, "states", "-o", tmp_path / "s.csv").exit_code == 0
    assert pd.read_csv(tmp_path / "s.csv").label.tolist() == ["folded", "entfaltet β", "away"]
    again = wepy_data("table", ensemble_file, "states", "-o", tmp_path / "s.csv")
    assert again.exit_code == 2
    assert "--overwrite" in again.stderr
    assert wepy_data("table", ensemble_file, "states", "-o", tmp_path / "s.csv", "--overwrite").exit_code == 0


@pytest.mark.parametrize(("atoms", "count"), [("0-2", 3), ("3,0", 2), ("name CA", 1), (None, 4)])
def test_export_writes_three_files(wepy_data, ensemble_file, tmp_path, atoms, count):
    chosen = [] if atoms is None else ["--atoms", atoms]
    result = wepy_data("export", ensemble_file, "-o", tmp_path / "l.dcd", "--walker", 3, *chosen)
    assert result.exit_code == 0
    assert "wrote 24 frames" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"l.dcd", "l.pdb", "l.csv"}
    assert (tmp_path / "l.pdb").read_text().count("ATOM") == count


@pytest.mark.parametrize("atoms", ["4", "2-1", "0-9", "name CA and", "name XX", "__import__('os')"])
def test_atoms_that_do_not_exist_are_one_line_and_code_2(wepy_data, ensemble_file, tmp_path, atoms):
    result = wepy_data("export", ensemble_file, "-o", tmp_path / "l.dcd", "--atoms", atoms)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "no atoms" in result.stderr


def test_plot_writes_a_picture(wepy_data, ensemble_file, tmp_path):
    assert wepy_data("plot", ensemble_file, "-o", tmp_path / "a.png", "--dimension", 1, "--walker", 2).exit_code == 0
    assert wepy_data("plot", ensemble_file, "-o", tmp_path / "b.png", "--planar").exit_code == 0
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    assert wepy_data("plot", ensemble_file, "-o", tmp_path / "c.png", "--cycle", 2).exit_code == 2


@pytest.mark.parametrize("more", [[], ["--cycle", 3, "--colour", "cycle"], ["--dimension", 1, "--dimension", 0]])
def test_plot_of_regions_writes_a_picture(wepy_data, ensemble_file, tmp_path, more):
    result = wepy_data("plot", ensemble_file, "--kind", "regions", "-o", tmp_path / "a.png", *more)
    assert result.stdout == f"wrote {tmp_path / 'a.png'}\n"
    assert (tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    "options",
    [["--kind", "regions", "--planar"], ["--kind", "regions", "--walker", 1], ["--colour", "cycle"],
     ["--dimension", 0, "--dimension", 1]],
)  # fmt: skip
def test_plot_refuses_options_of_the_other_kind(wepy_data, ensemble_file, tmp_path, options):
    result = wepy_data("plot", ensemble_file, "-o", tmp_path / "a.png", *options)
    assert result.exit_code == 2
    assert "--kind" in result.stderr
    assert not list(tmp_path.iterdir())


def test_damage_met_on_the_way_is_one_line_and_code_2(wepy_data, ensemble_file, tmp_path):
    path = shutil.copy(ensemble_file, tmp_path / "run.h5")
    with h5py.File(path, "r") as file:
        chunk = file["/particles/trajectory/position/value"].id.get_chunk_info(0)
    with path.open("r+b") as raw:
        raw.seek(chunk.byte_offset)
        raw.write(bytes(chunk.size))
    result = wepy_data("export", path, "-o", tmp_path / "l.dcd")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "is damaged" in result.stderr


@pytest.fixture(scope="module")
def invalid(tmp_path_factory):
    """Files of invalid runs, some of each family; no command that reads changes them."""
    families = ("dim-size", "finite", "json", "kind", "missing", "provenance", "rank", "ref")
    folder = tmp_path_factory.mktemp("invalid")
    cases = [load_case(path) for path in corpus_paths("invalid") if path.name.startswith(families)]
    return [write_case(case, folder / f"{case.name}.h5") for case in cases]


@pytest.mark.xdist_group("invalid")  # one process writes the runs
@pytest.mark.parametrize("command", [["info"], ["ancestry"], ["table", "segments"]], ids=lambda command: command[0])
def test_no_invalid_run_makes_a_command_end_with_a_traceback(wepy_data, invalid, command):
    for path in invalid:
        result = wepy_data(command[0], path, *command[1:])
        assert result.exit_code in (0, 2), (path.stem, result.exception)
        assert len(result.stderr.splitlines()) == (result.exit_code == 2), path.stem


def test_a_fault_in_the_program_keeps_its_traceback(wepy_data, ensemble_file, monkeypatch):
    monkeypatch.setattr("wepy_data.query.ancestry.ancestry_text", lambda *_, **__: 1 / 0)
    assert isinstance(wepy_data("ancestry", ensemble_file).exception, ZeroDivisionError)


def test_reader_that_leaves_early_is_no_error(ensemble_file):
    line = f"{sys.executable} -m wepy_data table {ensemble_file} segments | head -n 1"
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=20, check=True)
    assert result.stderr == ""
    assert result.stdout.startswith("segment")


def test_interrupted_command_is_130(tmp_path):
    program = (
        "import time, click; from wepy_data.cli import main\n"
        "@main.command()\ndef wait():\n print('ready', flush=True); time.sleep(20)\nmain(['wait'])"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert b"Traceback" not in process.stderr.read()


def test_graphs_and_trees_from_the_command_line(wepy_data, ensemble_file, tmp_path):
    written = wepy_data("graph", ensemble_file, "-o", tmp_path / "g.gexf", "--cycles", "3:", "--attributes", "weight")
    assert (written.exit_code, written.output) == (0, f"wrote {tmp_path / 'g.gexf'}\n")
    flow = wepy_data("graph", ensemble_file, "-o", tmp_path / "f.json", "--flow", "--kind", "all")
    assert flow.exit_code == 0
    with open_run(ensemble_file) as run:
        assert len(json.loads((tmp_path / "f.json").read_text())["nodes"]) == run.n_segments
        assert wepy_data("tree", ensemble_file, "--top", 5).output == tree_text(run, width=100, top=5) + "\n"
    for wrong, says in (
        (("graph", ensemble_file, "-o", tmp_path / "g.gexf"), "exists"),
        (("graph", ensemble_file, "-o", tmp_path / "g.txt"), "graphs are written as"),
        (("graph", ensemble_file, "-o", tmp_path / "x.gexf", "--cycles", "90:95"), "this run has cycles 0 to 11"),
        (("graph", ensemble_file, ensemble_file, "-o", tmp_path / "x.gexf"), "comes twice"),
        (("tree", ensemble_file, "--cycle", "12"), "no cycle 12"),
    ):
        answer = wepy_data(*wrong)
        assert answer.exit_code == 2
        assert says in answer.output
        assert answer.output.count("\n") == 1
