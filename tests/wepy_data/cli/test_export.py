"""The command `wepy-data export`: which frames, what is done to them, and mistakes in one line."""

import h5py
import mdtraj
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from wepy_data import heaviest, open_run, successful_paths, write_run
from wepy_data.cli import main


@pytest.fixture
def run(ensemble_file):
    with open_run(ensemble_file) as run:
        yield run


@pytest.fixture
def export(ensemble_file):
    """A function that exports in this process; returns the result."""

    def call(*arguments, path=ensemble_file):
        return CliRunner(env={"COLUMNS": "100"}).invoke(main, ["export", str(path), *map(str, arguments)])

    return call


def segments_of(table):
    return list(dict.fromkeys(pd.read_csv(table).segment))


@pytest.mark.parametrize("suffix", [".dcd", ".xtc", ".pdb", ".cif", ".h5", ".h5md", ".npz"])
def test_each_suffix_is_a_format_and_the_lineage_the_default(export, run, tmp_path, suffix):
    result = export("-o", tmp_path / f"l{suffix}", "--cycle", 9, "--walker", 2)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"wrote 20 frames to {tmp_path / f'l{suffix}'}, with ")
    assert segments_of(tmp_path / "l.csv") == run.lineage.trace(run.segment_id(9, 2)).tolist()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--segments", "1-3, 9"], lambda run: [1, 2, 3, 9]),
        (["--walkers-of", 4], lambda run: run.lineage.segments_of(4).tolist()),
        (["--walkers-of", 0], lambda run: run.lineage.segments_of(0).tolist()),
        (["--top", 3], lambda run: heaviest(run, 3).tolist()),
        (["--top", 9, "--bin", 0, "--cycle", 3], lambda run: heaviest(run, 9, bin=0, cycle=3).tolist()),
    ],
)
def test_segments_may_be_chosen_in_other_ways(export, run, tmp_path, arguments, expected):
    result = export("-o", tmp_path / "l.npz", *arguments)
    assert result.exit_code == 0, result.stderr
    assert segments_of(tmp_path / "l.csv") == expected(run)


def test_sets_of_paths_are_files_with_an_index(export, run, tmp_path):
    choices = {
        "--all-final": list(run.lineage.trace_all().T),
        "--successful": successful_paths(run),
        "--branch": [run.lineage.trace(s)[3:] for s in run.lineage.descendants(run.segment_id(3, 1))],
    }
    for choice, paths in choices.items():
        folder = tmp_path / choice[2:]
        folder.mkdir()
        result = export("-o", folder / "set.dcd", choice, "--cycle", 3 if choice == "--branch" else -1, "--walker", 1)
        assert result.exit_code == 0, result.stderr
        assert f"{len(paths)} files, listed in {folder / 'set.csv'}" in result.stdout
        index = pd.read_csv(folder / "set.csv")
        assert index.tip.tolist() == [path[-1] for path in paths]
        for name, path in zip(index.file, paths, strict=True):
            assert segments_of((folder / name).with_suffix(".csv")) == path.tolist()


def test_what_is_done_to_frames(export, run, tmp_path):
    options = ["--stride", 2, "--last", "--atoms", "name CA C", "--align", "0-2", "--scripts", "--cut"]
    result = export("-o", tmp_path / "l.dcd", *options)
    assert result.exit_code == 0, result.stderr
    assert {path.suffix for path in tmp_path.iterdir()} == {".dcd", ".pdb", ".csv", ".tcl", ".pml"}
    again = mdtraj.load(tmp_path / "l.dcd", top=tmp_path / "l.pdb")
    assert [atom.name for atom in again.topology.atoms] == ["CA", "C"]
    table = pd.read_csv(tmp_path / "l.csv")
    assert (np.diff(table.cycle) == 2).all()
    assert len(again) == len(table)


def test_whole_molecules_of_a_periodic_run(export, make_ensemble, tmp_path):
    path = write_run(tmp_path / "run.h5", make_ensemble(4, periodic=True))
    assert export("-o", tmp_path / "l.xtc", "--whole", path=path).exit_code == 0
    again = mdtraj.load(tmp_path / "l.xtc", top=tmp_path / "l.pdb")
    assert (np.abs(np.diff(again.xyz, axis=1)) < 2.01).all()  # half of the box


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "l.trr"], ".dcd, .xtc"),
        (["-o", "l.dcd", "--segments", "4-2"], "no segments 4-2: this run has segments 0 to 195"),
        (["-o", "l.dcd", "--segments", "all"], "numbers and ranges"),
        (["-o", "l.dcd", "--all-final", "--successful"], "--all-final and --successful are different choices"),
        (["-o", "l.dcd", "--bin", "3"], "--bin goes with --top"),
        (["-o", "l.dcd", "--top", "0"], "1 or more"),
        (["-o", "l.dcd", "--top", "1", "--bin", "99"], "bins in use are"),
        (["-o", "l.dcd", "--walkers-of", "99"], "cycles 0 to 11"),
        (["-o", "l.dcd", "--stride", "0"], "1 or more"),
        (["-o", "l.dcd", "--whole"], "no box"),
        (["-o", "l.npz", "--scripts"], "read no .npz"),
        (["-o", "l.h5md", "--walkers-of", "3"], "one lineage"),
        (["-o", "l.dcd", "--align", "name XX"], "no atoms"),
        (["-o", "no/where/l.dcd"], "no folder"),
    ],
)
def test_mistakes_are_one_line_and_code_2(export, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    result = export(*arguments)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert words in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_run_in_which_nobody_arrived_says_so(export, make_ensemble, tmp_path):
    path = write_run(tmp_path / "run.h5", make_ensemble(3, recycle=False))
    result = export("-o", tmp_path / "l.dcd", "--successful", path=path)
    assert result.exit_code == 2
    assert "nobody has reached a target" in result.stderr


def test_the_name_west_h5_is_a_format(export, tmp_path):
    west, again = tmp_path / "west.h5", ("-o", tmp_path / "west.h5", "--overwrite")
    text = export("-o", west).output
    assert text.startswith("wrote ")
    assert "note: bins: none" in text
    with h5py.File(west) as file:
        assert file.attrs["west_file_format_version"] == 10
    assert export("-o", tmp_path / "other.h5", "--format", "westpa").exit_code == 0
    refused = export(*again, "--stride", "2")
    assert refused.exit_code == 2
    assert "--stride: goes with frames" in refused.stderr
    assert "expected LABEL=X" in export(*again, "--point", "left").stderr
    assert "--point goes with --format westpa" in export("-o", tmp_path / "a.dcd", "--point", "left=1").stderr
    assert "no state 'nowhere'" in export(*again, "--point", "nowhere=1").stderr
