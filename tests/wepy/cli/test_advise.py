"""The command `wepy advise`: tables, sentences, and tables of a configuration."""

import json
import tomllib

import pytest
from click.testing import CliRunner

import wepy_data as wd
from wepy.cli import main
from wepy.config.balancer import OptimalAllocationSection, balancer_of
from wepy.config.binner import RectilinearSection, binner_of


@pytest.fixture(scope="module")
def path(double_well, tmp_path_factory):
    """A run of 80 cycles that recycles often."""
    path = tmp_path_factory.mktemp("advise") / "run.h5"
    for _ in double_well(store=path).run(cycles=80):
        pass
    return path


def invoke(*arguments):
    return CliRunner().invoke(main, ["advise", *map(str, arguments)])


def test_it_says_what_the_run_predicts(path):
    found = invoke(path, "--error", 0.2, "--cycles", 500)
    assert found.exit_code == 0, found.output
    for words in (
        "walkers for a standard error of 0.2", "as this run was", "advised bins, optimal", "longer cycles",
        "bins of this run", "Flux:", "independent arrivals", "Burn-in:", "10 now.", "Bins along x, open at both ends:",
    ):  # fmt: skip
        assert words in found.output
    assert all(line == line.rstrip() and len(line) <= 100 for line in found.output.splitlines())


def test_its_json_is_the_advice(path):
    found = json.loads(invoke(path, "--json", "--lags", "1,2").output)
    with wd.open_run(path) as run:
        advice = wd.advise(run, lags=(1, 2))
    assert {name: found[name] for name in advice.values()} == json.loads(json.dumps(advice.values()))
    assert found["walkers_for"]["uniform"] == pytest.approx(advice.walkers_for(0.1, found["cycles"], "uniform"))


def test_its_tables_go_into_a_configuration(path, tmp_path):
    written = invoke(path, "-o", tmp_path / "advice.toml", "--bins", 4, "--walkers", 30)
    assert written.exit_code == 0, written.output
    tables = tomllib.loads((tmp_path / "advice.toml").read_text())
    binner = binner_of(RectilinearSection.model_validate(tables["binner"]))
    assert binner.n_bins == 4
    balancer = tables["balancer"]
    assert balancer_of(OptimalAllocationSection.model_validate(balancer)).n_walkers == 30
    assert (balancer["kind"], balancer["n_walkers"], balancer["least"]) == ("optimal-allocation", 30, 2)
    along = balancer["variance_along"]
    assert len(along["points"]) == len(along["values"]) > 4
    assert all(isinstance(value, float) for value in (*along["points"], *along["values"]))
    assert invoke(path, "-o", tmp_path / "advice.toml").exit_code == 2
    invoke(path, "-o", tmp_path / "advice.toml", "--overwrite", "--cells", "bins")
    tables = tomllib.loads((tmp_path / "advice.toml").read_text())
    assert "binner" not in tables
    assert set(map(int, tables["balancer"]["variance"])) <= set(range(9))
    assert balancer_of(OptimalAllocationSection.model_validate(tables["balancer"])).least == 2


def test_it_draws(path, tmp_path):
    assert "wrote" in invoke(path, "--plot", tmp_path / "advice.png").output
    assert (tmp_path / "advice.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--lags", "1,x"], "expected whole numbers between commas"),
        (["--cells", "many"], "expected a number of cells, or bins"),
        (["--dim", "4"], "no dimension 4"),
        (["--burn-in", "100"], "burn-in of 100 cycles: expected 0 to 78"),
    ],
)
def test_mistakes_are_one_line(path, options, words):
    found = invoke(path, *options)
    assert found.exit_code == 2
    assert words in found.output
    assert len(found.output.splitlines()) == 1
