"""The files that a configuration names: kept in the run's file, so that it can be resumed from it alone."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from wepy.config.engine import OpenMMSection
from wepy.config.model import Configuration
from wepy.errors import ConfigurationError

Model = TypeVar("Model", bound=BaseModel)


def read_inputs(config: Configuration, folder: Path) -> dict[str, str]:
    """Return the texts of the files that a configuration names, by the names it uses; `folder` is where these start.

    Raises
    ------
    ConfigurationError
        If a file is not a text.
    """
    found: dict[str, str] = {}

    def read(name: str) -> str:
        with contextlib.suppress(OSError):  # who needs the file says what is wrong with it
            try:
                found[name] = (folder / name).read_text(encoding="utf-8")
            except UnicodeDecodeError as error:
                raise ConfigurationError(f"{folder / name}: expected a text") from error
        return name

    _renamed(config, read)
    return found


@contextlib.contextmanager
def unpacked(config: Configuration, inputs: Mapping[str, str]) -> Iterator[tuple[Configuration, Path]]:
    """Yield a configuration and the folder that its files, kept in a run, are unpacked to for the while.

    Raises
    ------
    ConfigurationError
        If there is no room for them.
    """
    if not inputs:  # nothing to write: no disk is needed
        yield config, Path(os.devnull)
        return
    with _temporary_folder() as temporary:
        folder = Path(temporary)
        last = Counter(Path(name).name for name in inputs)
        names = {
            name: Path(name).name if last[Path(name).name] == 1 else f"{index}-{Path(name).name}"
            for index, name in enumerate(inputs)
        }
        for name, place in names.items():
            (folder / place).write_text(inputs[name], encoding="utf-8")
        yield _renamed(config, lambda name: names.get(name, name)), folder


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="wepy-")
    except OSError as error:
        raise ConfigurationError(
            f"the input files that the run keeps cannot be unpacked: {error.strerror}; make room in one of these, or "
            "set TMPDIR to a folder that has some"
        ) from error


def _renamed(config: Configuration, rename: Callable[[str], str]) -> Configuration:
    """Return a configuration with the names of its input files changed."""
    engine = _paths_renamed(config.engine, rename)
    if isinstance(engine, OpenMMSection):
        engine = engine.model_copy(update={"force_field": [rename(name) for name in engine.force_field]})
    return config.model_copy(
        update={
            "engine": engine,
            "order_parameter": _paths_renamed(config.order_parameter, rename),
            "states": [_paths_renamed(state, rename) for state in config.states],
            "sources": [_paths_renamed(state, rename) for state in config.sources],
        }
    )


def _paths_renamed(section: Model, rename: Callable[[str], str]) -> Model:
    changed: dict[str, object] = {}
    for name, value in section:
        if isinstance(value, Path):
            changed[name] = Path(rename(str(value)))
        elif isinstance(value, list) and any(isinstance(one, BaseModel) for one in value):
            changed[name] = [_paths_renamed(one, rename) for one in value]
    return section.model_copy(update=changed)
