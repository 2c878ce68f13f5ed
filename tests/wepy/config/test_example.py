"""The examples that come with the package."""

import pytest

from wepy.config import read_configuration
from wepy.config.example import copy_example, example_names, examples_folder
from wepy.errors import ConfigurationError


def test_there_are_a_toy_and_a_molecule():
    assert {"double-well", "alanine-dipeptide"} <= set(example_names())


@pytest.mark.parametrize("name", example_names())
def test_a_copied_example_is_complete_and_parses(tmp_path, name):
    config = copy_example(name, tmp_path / "new" / "folder")
    assert config == tmp_path / "new" / "folder" / f"{name}.toml"
    assert read_configuration(config).run.seed == 1
    original = {path.name for path in (examples_folder() / name.replace("-", "_")).iterdir()}
    assert {path.name for path in config.parent.iterdir()} == original


def test_an_unknown_example_says_which_there_are(tmp_path):
    with pytest.raises(
        ConfigurationError, match=r"no example 'triple-well': there are alanine-dipeptide, alanine-wexplore, double"
    ):
        copy_example("triple-well", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "double-well.toml").write_text("mine")
    with pytest.raises(ConfigurationError, match=r"double-well\.toml: exists already"):
        copy_example("double-well", tmp_path)
    assert (tmp_path / "double-well.toml").read_text() == "mine"
