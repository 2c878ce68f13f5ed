"""The examples that come with the package: configurations that run in minutes."""

from __future__ import annotations

import shutil
from pathlib import Path

from wepy.errors import ConfigurationError


def examples_folder() -> Path:
    """Return the folder of the examples: inside an installed package, or beside the sources of a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_examples", package.parent.parent / "examples"):
        if (folder / "double_well").is_dir():
            return folder
    raise ConfigurationError(
        f"the examples are missing from the installation at {package}: install wepy-ensemble again"
    )


def example_names() -> tuple[str, ...]:
    """Return the names of the examples."""
    return tuple(sorted(folder.name.replace("_", "-") for folder in examples_folder().iterdir() if folder.is_dir()))


def copy_example(name: str, folder: Path) -> Path:
    """Copy an example into a folder, made if it is not there; return its configuration.

    Raises
    ------
    ConfigurationError
        If there is no such example, or one of its files is there already.
    """
    if name not in example_names():
        raise ConfigurationError(f"no example {name!r}: there are {', '.join(example_names())}")
    files = sorted(path for path in (examples_folder() / name.replace("-", "_")).iterdir() if path.is_file())
    there = [str(folder / path.name) for path in files if (folder / path.name).exists()]
    if there:
        raise ConfigurationError(f"{', '.join(there)}: exists already; choose another folder with -o")
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        shutil.copyfile(path, folder / path.name)
    return folder / f"{name}.toml"
