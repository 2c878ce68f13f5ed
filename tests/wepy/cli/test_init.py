"""`wepy init`."""

import pytest


@pytest.mark.parametrize("name", ["double-well", "alanine-dipeptide", "alanine-wexplore"])
def test_an_example_is_written_and_the_next_command_named(wepy, name):
    done = wepy("init", name)
    assert done.returncode == 0
    assert done.stdout == f"wrote {name}/{name}.toml; run it with: wepy run {name}/{name}.toml\n"
    assert (wepy.folder / name / f"{name}.toml").exists()


def test_an_example_goes_where_it_is_told(wepy):
    assert wepy("init", "double-well", "-o", "a/b").returncode == 0
    assert (wepy.folder / "a" / "b" / "double-well.toml").exists()


@pytest.mark.parametrize("arguments", [["triple-well"], [], ["double-well", "extra"], ["double-well", "--nix"]])
def test_mistakes_end_with_2_and_no_traceback(wepy, arguments):
    done = wepy("init", *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("wepy")
    assert "Traceback" not in done.stderr
    assert list(wepy.folder.iterdir()) == []


def test_an_unknown_example_says_which_there_are(wepy):
    assert wepy("init", "triple-well").stderr == (
        "wepy: no example 'triple-well': there are alanine-dipeptide, alanine-wexplore, double-well, lj-pair\n"
    )


def test_what_is_there_is_not_overwritten(wepy):
    (wepy.folder / "double-well").mkdir()
    (wepy.folder / "double-well" / "double-well.toml").write_text("mine")
    done = wepy("init", "double-well")
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert (wepy.folder / "double-well" / "double-well.toml").read_text() == "mine"


@pytest.mark.parametrize("command", [[], ["init"], ["run"]])
def test_help_has_an_example(wepy, command):
    done = wepy(*command, "--help")
    assert done.returncode == 0
    assert "Example:\n" in done.stdout
    assert "wepy run" in done.stdout


def test_the_version_is_told(wepy):
    done = wepy("--version")
    assert (done.returncode, done.stdout.split(",")[0]) == (0, "wepy")
