"""`wepy run`: the examples in short form, mistakes, and being stopped."""

import signal

import pytest

import wepy_data as wd
from wepy.config import parse_configuration


def complaint(done, code=2):
    assert done.returncode == code, done
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize("name", ["double-well", "alanine-dipeptide"])
def test_an_example_runs_in_short_form(wepy, example, name):
    done = wepy("run", example(name).name, "--cycles", 3, "--dispatch", "serial")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("3 cycles are in run.h5. Next: wepy-data info run.h5")
    assert "3 of 3 cycles: " in done.stderr
    assert wd.check(wepy.folder / "run.h5") == []
    assert sorted(path.suffix for path in wepy.folder.iterdir() if path.suffix != ".pdb") == [".h5", ".toml"]


def test_alanine_on_two_scoop_workers_is_the_serial_run(wepy, example):
    config = example("alanine-dipeptide").name
    assert wepy("run", config, "--cycles", 3, "--workers", 2, "-o", "two.h5").returncode == 0
    assert wepy("run", config, "--cycles", 3, "--dispatch", "serial", "-o", "one.h5").returncode == 0
    with wd.FileRun(wepy.folder / "one.h5") as one, wd.FileRun(wepy.folder / "two.h5") as two:
        assert wd.compare(one, two) is None
        assert two.rows("worker") == 2
        dispatch = two.header.config["dispatch"]
        assert (dispatch["kind"], dispatch["workers"]) == ("scoop", 2)


def test_the_output_is_beside_the_configuration_and_options_count_from_here(wepy, example):
    config = example("double-well")
    (wepy.folder / "sub").mkdir()
    config.rename(wepy.folder / "sub" / "c.toml")
    assert wepy("run", "sub/c.toml", "--cycles", 1).returncode == 0
    assert (wepy.folder / "sub" / "run.h5").exists()
    assert wepy("run", "sub/c.toml", "--cycles", 1, "-o", "mine.h5", "--seed", 5).returncode == 0
    with wd.FileRun(wepy.folder / "mine.h5") as run:
        assert run.header.provenance[0]["seed"] == 5
        assert run.header.config["run"]["seed"] == 5


def test_an_existing_run_is_refused_and_replaced_only_on_demand(wepy, example):
    config = example("double-well").name
    (wepy.folder / "run.h5").write_bytes(b"precious")
    assert "run.h5 exists" in complaint(wepy("run", config, "--cycles", 1))
    assert (wepy.folder / "run.h5").read_bytes() == b"precious"
    assert wepy("run", config, "--cycles", 1, "--overwrite").returncode == 0
    assert wd.check(wepy.folder / "run.h5") == []


def test_the_configuration_in_the_file_can_be_read_again_whatever_the_options(wepy, example):
    config = example("double-well")
    config.write_text(config.read_text().replace('kind = "serial"', 'kind = "scoop"\nworkers = 2'))
    options = ("--cycles", 1, "--dispatch", "serial", "--seed", 2**64 - 1)
    assert wepy("run", config.name, *options).returncode == 0
    with wd.FileRun(wepy.folder / "run.h5") as run:
        again = parse_configuration(run.header.config)
    assert (again.run.seed, again.dispatch.kind, again.dispatch.workers) == (2**64 - 1, "serial", None)


@pytest.mark.parametrize(
    ("option", "word"),
    [
        (["--cycles", "0"], "--cycles"),
        (["--cycles", "many"], "--cycles"),
        (["--workers", "0"], "--workers"),
        (["--dispatch", "mpi"], "--dispatch"),
        (["--seed", "-1"], "--seed"),
        (["--seed", str(2**64)], "seed: expected 0 <= seed"),
        (["--nix"], "--nix"),
        (["-o", "no/run.h5"], "its folder is missing"),
    ],
)
def test_bad_options_are_named(wepy, example, option, word):
    config = example("double-well").name
    assert word in complaint(wepy("run", config, *option))
    assert [path.name for path in wepy.folder.iterdir()] == [config]


def test_a_missing_configuration_is_named(wepy):
    assert complaint(wepy("run", "no.toml")).startswith("wepy: no.toml: ")


def test_a_folder_is_no_configuration(wepy):
    assert "is a folder" in complaint(wepy("run", "."))


def test_what_is_not_toml_is_no_configuration(wepy):
    (wepy.folder / "c.toml").write_text("a = [")
    assert complaint(wepy("run", "c.toml")).startswith("wepy: c.toml is not TOML: ")


def test_every_mistake_has_a_line_and_nothing_unprintable(wepy):
    (wepy.folder / "c.toml").write_text('[run]\nsteps = "a"\n"\\u001b[31m" = 3\n')
    lines = complaint(wepy("run", "c.toml")).splitlines()
    assert lines[0] == "wepy: c.toml: 5 mistakes"
    assert "  run.steps: expected a whole number, found 'a'" in lines
    assert all(line.isprintable() for line in lines)


def test_a_run_that_fails_ends_with_1_and_says_where(wepy, example):
    config = example("double-well")
    config.write_text(config.read_text().replace("start = -1.0, stop = 1.0, bins = 20", "start = -1.01, stop = 1.0, bins = 9, open = false"))  # fmt: skip # noqa: E501
    text = complaint(wepy("run", config.name), code=1)
    assert "walkers that fit no bin" in text
    assert not (wepy.folder / "run.h5").exists()  # nothing was computed: no file is in the way of the next try


@pytest.mark.parametrize(
    ("number", "whole_group", "code"),
    [(signal.SIGINT, True, 130), (signal.SIGINT, False, 130), (signal.SIGTERM, False, 143)],
    ids=["Ctrl-C", "interrupt", "terminate"],
)
@pytest.mark.parametrize("dispatch", ["serial", "processes", "scoop"])
def test_a_stopped_run_keeps_its_cycles_and_leaves_no_process(
    wepy, example, interrupted, dispatch, number, whole_group, code
):
    config = example("alanine-dipeptide").name
    process = wepy.start("run", config, "--dispatch", dispatch, "--workers", 2, "--cycles", 100000)
    returned, _, text, left = interrupted(process, number, whole_group=whole_group)
    assert (returned, left) == (code, []), text
    assert "cycles are safe in run.h5" in text
    assert "Traceback" not in text
    safe = int(text.split("stopped: ")[1].split()[0])
    with wd.FileRun(wepy.folder / "run.h5") as run:
        assert run.n_cycles == safe >= 1
        assert run.sealed != wd.journal_path(wepy.folder / "run.h5").exists()
    assert wd.check(wepy.folder / "run.h5") == []
