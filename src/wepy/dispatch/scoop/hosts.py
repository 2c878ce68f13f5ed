"""Hosts that workers are started on over ssh, as a command line or a host file names them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wepy.errors import ConfigurationError, refuse

_NAME = re.compile(r"(?!-)[A-Za-z0-9._@-]+")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host, reached by ssh without a password.

    Parameters
    ----------
    name : str
        As ssh knows it: a host name, `user@host`, or an alias of its configuration.
    workers : int
        Number of workers there.
    python : str
        Python there that has wepy installed.
    environment : mapping of str to str
        Environment variables of its workers.
    """

    name: str
    workers: int = 1
    python: str = "python3"
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigurationError(
                f"host {self.name!r}: expected a name as ssh takes it: host, user@host or an alias"
            )
        if isinstance(self.workers, bool) or not isinstance(self.workers, int) or self.workers < 1:
            raise ConfigurationError(f"host {self.name}: expected a number of workers from 1 up, got {self.workers!r}")
        if not self.python or self.python.startswith("~"):
            raise ConfigurationError(f"host {self.name}: expected the whole path of a Python, got {self.python!r}")
        wrong = [name for name in self.environment if not _VARIABLE.fullmatch(name)]
        if wrong:
            raise ConfigurationError(f"host {self.name}: not the name of an environment variable: {wrong[0]!r}")


def hosts_of(text: str) -> list[Host]:
    """Return the hosts that a line names: `alpha:4,user@beta`, the number of workers after a colon.

    Raises
    ------
    ConfigurationError
        If it names none, or a number is none.

    Examples
    --------
    >>> [(host.name, host.workers) for host in hosts_of("alpha:4, user@beta")]
    [('alpha', 4), ('user@beta', 1)]
    """
    found = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, colon, count = entry.rpartition(":")
        found.append(Host(name=name, workers=_count(count, entry)) if colon else Host(name=entry))
    if not found:
        raise ConfigurationError(f"expected hosts as name:workers,name:workers, got {text!r}")
    return found


def read_hosts(path: Path) -> list[Host]:
    """Return the hosts of a host file.

    A line for each: `name [workers] [python=PATH] [VARIABLE=value ...]`; `#` begins a comment, quotes are a shell's.

    Raises
    ------
    ConfigurationError
        Names every wrong line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {getattr(error, 'strerror', None) or 'not a text'}") from error
    found, problems = [], []
    for number, line in enumerate(lines, 1):
        try:
            words = shlex.split(line, comments=True)
            if words:
                found.append(_host(words))
        except (ValueError, ConfigurationError) as error:
            problems.append(f"{path}, line {number}: {error}")
    refuse(problems)
    if not found:
        raise ConfigurationError(f"{path}: no host in it; expected lines like `alpha 4 python=/opt/wepy/bin/python`")
    return found


def _host(words: Sequence[str]) -> Host:
    name, *rest = words
    workers = _count(rest.pop(0), name) if rest and "=" not in rest[0] else 1
    settings = {}
    for word in rest:
        key, equals, value = word.partition("=")
        if not equals:
            raise ConfigurationError(f"expected python=PATH or VARIABLE=value, got {word!r}")
        settings[key] = value
    python = settings.pop("python", "python3")
    return Host(name=name, workers=workers, python=python, environment=settings)


def _count(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) < 100_000):
        raise ConfigurationError(f"{where}: expected a number of workers from 1 up, got {text!r}")
    return int(text)
