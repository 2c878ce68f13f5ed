"""Where walkers start and restart, as configurations say it: to be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wepy.config.engine import OpenMMSettings
from wepy.config.model import Configuration, StateSection


def start_sections(config: Configuration, inputs: Mapping[str, str]) -> dict[str, Any]:
    """Return `[[states]]` and `[[sources]]` of a configuration as JSON values, files by their content.

    Parameters
    ----------
    config : Configuration
        The whole, as the engine's structure is the default.
    inputs : mapping of str to str
        Texts of the files that it names.
    """
    states = config.states
    if not states and isinstance(config.engine, OpenMMSettings):
        states = [StateSection(probability=1.0, pdb=config.engine.pdb)]
    return {**_listed("states", states, config, inputs), **_listed("sources", config.sources, config, inputs)}


def restart_sections(sections: Mapping[str, Any]) -> list[Any]:
    """Return those of `start_sections` that recycled walkers restart from: the sources, or the states if none."""
    sources = [section for key, section in sections.items() if key.startswith("sources")]
    return sources or list(sections.values())


def _listed(
    key: str, sections: Sequence[StateSection], config: Configuration, inputs: Mapping[str, str]
) -> dict[str, Any]:
    minimise = {"minimise": config.engine.minimise} if isinstance(config.engine, OpenMMSettings) else {}
    return {
        f"{key}[{place}]": section.model_dump(mode="json") | {"pdb": _content(section.pdb, inputs)} | minimise
        for place, section in enumerate(sections)
    }


def _content(name: Path | None, inputs: Mapping[str, str]) -> str | None:
    if name is None:
        return None
    text = inputs.get(str(name), "")
    return f"{len(text)} characters, sha256 {hashlib.sha256(text.encode()).hexdigest()[:12]}"
