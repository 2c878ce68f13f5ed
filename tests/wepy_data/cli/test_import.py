"""The command `wepy-data import`, and what opening a foreign file says."""

import json

import h5py
import pytest
from click.testing import CliRunner

import wepy_data as wd
from wepy_data.cli import main


@pytest.fixture
def west(peers):
    return peers / "westpa_h5fw" / "west.h5"


def call(*arguments):
    return CliRunner(env={"COLUMNS": "100"}).invoke(main, list(map(str, arguments)))


def test_the_report_is_printed_and_kept(west, tmp_path):
    path = tmp_path / "run.h5"
    result = call("import", west, "-o", path, "--timestep", 2, "--unit", "nm", "--unit", "displacement=nm", "--last", 3)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"imported {west} (WESTPA file format 10) to {path}: 3 cycles, 56 segments")
    with wd.open_run(path) as run:
        assert run.unit("displacement") == run.unit("order_parameter") == "nm"
        assert run.reader.read("/frames/time", 0, 2).tolist() == [2.0, 4.0]
        lines = [line for kind in ("taken", "left_out", "unknown") for line in run.header.provenance[0]["report"][kind]]
    assert [line.split(": ", 1)[1] for line in result.stdout.splitlines()[1:]] == lines


def test_an_existing_file_is_replaced_only_if_asked_to(west, tmp_path):
    (tmp_path / "run.h5").write_bytes(b"old")
    result = call("import", west, "-o", tmp_path / "run.h5")
    assert result.exit_code == 2
    assert "exists: choose another name" in result.stderr
    assert call("import", west, "-o", tmp_path / "run.h5", "--overwrite").exit_code == 0


def test_opening_a_foreign_file_names_the_command(west):
    with pytest.raises(wd.NotARunError, match=r"is a WESTPA file, not a run.*wepy-data import .*west\.h5 -o run\.h5"):
        wd.open_run(west)
    result = call("info", west)
    assert result.exit_code == 2
    assert "wepy-data import" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("names", [("runs", "topology"), ("iterations", "summary")])
def test_both_foreign_formats_are_named(names, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        for name in names:
            file.create_group(name)
    with pytest.raises(wd.NotARunError, match="wepy-data import"):
        wd.open_run(tmp_path / "other.h5")


def test_a_file_of_another_kind_is_refused(tmp_path, rich_run):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["a"] = 1
    assert "is neither" in call("import", tmp_path / "other.h5", "-o", tmp_path / "run.h5").stderr
    wd.write_run(tmp_path / "own.h5", rich_run)
    assert "is a run of this library already" in call("import", tmp_path / "own.h5", "-o", tmp_path / "run.h5").stderr
    (tmp_path / "text").write_text(json.dumps({}))
    assert "is not an HDF5 file" in call("import", tmp_path / "text", "-o", tmp_path / "run.h5").stderr
    assert "no such file" in call("import", tmp_path / "none.h5", "-o", tmp_path / "run.h5").stderr
    assert not (tmp_path / "run.h5").exists()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--timestep", 0], "timestep: expected the time between points in ps, more than 0, got 0.0"),
        (["--unit", "ordr=nm"], "units: there is no `ordr`, only order_parameter, displacement"),
        (["--unit", "kcal/mol"], "`kcal/mol` of order_parameter: expected factors with a space"),
        (["-o", "{tmp}/none/run.h5"], "there is no folder {tmp}/none: make it first"),
        (["-o", "{tmp}", "--overwrite"], "{tmp} is a folder: choose another name, or one in it"),
    ],
)
def test_a_mistake_is_one_line_with_the_way_out(more, words, west, tmp_path):
    result = call("import", west, "-o", tmp_path / "run.h5", *(str(one).format(tmp=tmp_path) for one in more))
    assert result.exit_code == 2
    assert words.format(tmp=tmp_path) in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "run.h5").exists()


def test_a_folder_is_not_imported(tmp_path):
    result = call("import", tmp_path, "-o", tmp_path / "run.h5")
    assert result.exit_code == 2
    assert result.stderr == f"wepy-data: {tmp_path} is a folder: name the file in it\n"
