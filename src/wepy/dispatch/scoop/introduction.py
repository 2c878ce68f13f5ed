"""The introduction of a worker: what it says of itself when it joins, and why it may have to leave again."""

from __future__ import annotations

import functools
import hashlib
import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path

import wepy_data as wd
from wepy.dispatch.identity import Identity, worker_identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduction:
    """What a worker says of itself.

    Parameters
    ----------
    host, pid : str and int
        Which process.
    name : str
        What its manager calls it if it has started it; empty otherwise.
    run : str
        The run that it has worked for; empty if it has not yet.
    version, code : str
        Of wepy, and of its source: workers and manager exchange objects.
    python : str
        Version of Python, for people.
    visit : int
        How many times it has connected: what it was given at an earlier visit may have been lost on the way.
    """

    host: str
    pid: int
    name: str = ""
    run: str = ""
    version: str = ""
    code: str = ""
    python: str = ""
    visit: int = 0

    @property
    def identity(self) -> Identity:
        """Who the worker is in the record."""
        return Identity(host=self.host, pid=self.pid)

    def packed(self) -> bytes:
        """Return the introduction as it is sent."""
        return json.dumps(asdict(self)).encode()

    @staticmethod
    def unpacked(data: bytes) -> Introduction:
        """Return what was sent; raise `ValueError` or `TypeError` if it is no introduction."""
        fields = json.loads(data)
        if not isinstance(fields, dict):
            raise ValueError("not an introduction")
        kinds = Introduction.__annotations__
        said = {name: value for name, value in fields.items() if name in kinds}
        if any(type(value).__name__ != kinds[name] for name, value in said.items()):
            raise ValueError("not an introduction")
        return Introduction(**said)


def introduce(*, name: str, run: str, visit: int) -> Introduction:
    """Return this process's introduction."""
    who = worker_identity()
    return Introduction(
        host=who.host,
        pid=who.pid,
        name=name,
        run=run,
        version=wd.__version__,
        code=code_digest(),
        python=platform.python_version(),
        visit=visit,
    )


def objection(worker: Introduction, run: str) -> str:
    """Return why a worker cannot work for a run, or nothing if it can."""
    if worker.run not in ("", run):
        return f"it works for run {worker.run}, and this is run {run}: start a worker for this one"
    if worker.version != wd.__version__:
        return f"it has wepy {worker.version or '(unknown)'}, the manager {wd.__version__}: install the same on both"
    if worker.code != code_digest():
        return (
            f"its wepy {worker.version} is not the same code as the manager's: install the same on both "
            f"(digests {worker.code[:8] or 'none'} and {code_digest()[:8]})"
        )
    return ""


@functools.cache
def code_digest() -> str:
    """Return a digest of the source of this package: workers and manager must have the same."""
    package = Path(__file__).parents[2]
    found = hashlib.blake2b(digest_size=16)
    for file in sorted(package.rglob("*.py"), key=lambda path: path.relative_to(package).as_posix()):
        found.update(file.relative_to(package).as_posix().encode() + b"\0")
        found.update(file.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return found.hexdigest()
