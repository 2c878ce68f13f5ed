"""Where OpenMM computes: the engine's platform, or the one that a worker's environment names."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wepy.engine.openmm.source import load_openmm
from wepy.errors import ConfigurationError

PLATFORM, PROPERTIES = "WEPY_OPENMM_PLATFORM", "WEPY_OPENMM_PROPERTIES"
"""Variables of a process's environment that override an engine's platform and properties in that process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A platform with its properties, and the variables of the environment that had a say in it."""

    platform: str
    properties: Mapping[str, str]
    variables: tuple[str, ...] = ()


def choice(platform: str, properties: Mapping[str, str], environment: Mapping[str, str]) -> Choice:
    """Return the platform and properties of an engine, as an environment overrides them.

    Properties in the environment are put over the engine's own, one by one; the engine's own are left out if the
    environment names another platform, which would not know them. An empty variable counts as none.

    Parameters
    ----------
    platform, properties : str, mapping of str to str
        The engine's.
    environment : mapping of str to str
        Has `WEPY_OPENMM_PLATFORM` (``CUDA``) and `WEPY_OPENMM_PROPERTIES` (``Precision=mixed,DeviceIndex=1``), or not.

    Raises
    ------
    ConfigurationError
        If the text of the properties is malformed.

    Examples
    --------
    >>> choice("CPU", {"Threads": "1"}, {"WEPY_OPENMM_PLATFORM": "CUDA"}).properties
    {}
    """
    named, text = environment.get(PLATFORM, "").strip(), environment.get(PROPERTIES, "").strip()
    own = {} if named and named != platform else properties
    return Choice(
        platform=named or platform,
        properties={**own, **_parsed(text)},
        variables=tuple(name for name, value in ((PLATFORM, named), (PROPERTIES, text)) if value),
    )


def make_context(system: Any, integrator: Any, platform: str, properties: Mapping[str, str]) -> Any:
    """Return the `openmm.Context` of a system and integrator; the environment has the last word on its platform.

    Raises
    ------
    ConfigurationError
        The platform is not there or does not know the properties; names what there is, and the variables of the
        environment that had a say, with process and host.
    """
    openmm = load_openmm()
    chosen = choice(platform, properties, os.environ)
    name = chosen.platform
    who = f"OpenMM: {_blamed(chosen.variables)}"
    there = [openmm.Platform.getPlatform(index).getName() for index in range(openmm.Platform.getNumPlatforms())]
    if name not in there:
        raise ConfigurationError(f"{who}platform {name!r} is not available here; there are {', '.join(there)}")
    found = openmm.Platform.getPlatformByName(name)
    try:
        return openmm.Context(system, integrator, found, dict(chosen.properties))
    except openmm.OpenMMException as error:
        known = ", ".join(found.getPropertyNames()) or "none"
        raise ConfigurationError(
            f"{who}platform {name} with properties {dict(chosen.properties)}: {error}; the properties of {name} are: "
            f"{known}"
        ) from error


def platform_of(context: Any) -> str:
    """Return what a context computes on: the platform's name, and its precision if it has several."""
    platform = context.getPlatform()
    words = [platform.getName()]
    if "Precision" in platform.getPropertyNames():
        words.append(platform.getPropertyValue(context, "Precision"))
    return " ".join(words)


def _parsed(text: str) -> dict[str, str]:
    properties: dict[str, str] = {}
    for part in text.split(",") if text else ():
        name, equals, value = (word.strip() for word in part.partition("="))
        if not (name and equals and value):
            raise ConfigurationError(
                f"OpenMM: {_blamed((PROPERTIES,))}expected Name=value,Name=value, found {part!r} in {text!r}"
            )
        if name in properties:
            raise ConfigurationError(f"OpenMM: {_blamed((PROPERTIES,))}expected each name once, found {name!r} twice")
        properties[name] = value
    return properties


def _blamed(variables: tuple[str, ...]) -> str:
    if not variables:
        return ""
    return f"{' and '.join(variables)} of process {os.getpid()} on {socket.gethostname()}: "
