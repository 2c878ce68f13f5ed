"""What a function of frames is called, what its values depend on, and whether other processes can run it."""

from __future__ import annotations

import functools
import hashlib
import importlib
import inspect
import json
import platform
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from multiprocessing.reduction import ForkingPickler
from typing import Any

from wepy_data.errors import FunctionError
from wepy_data.version import __version__

Function = Callable[[Any], Any]
"""Takes an mdtraj.Trajectory and returns an array."""

_LONG = 1000  # characters
_WAY = "define it at the top of a module that can be imported, or compute with workers=1"
_PACKAGES = ("numpy", "mdtraj")


def short_name(function: Function) -> str:
    """Return what an observable of this function is called if nobody says."""
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__.lower()))


def qualified_name(function: Function) -> str:
    """Return module and name of a function, or of the type of an object that is called.

    Examples
    --------
    >>> qualified_name(short_name)
    'wepy_data.query.function:short_name'
    """
    while isinstance(function, functools.partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}:{named.__qualname__}"


def description(function: Function) -> dict[str, Any]:
    """Return as JSON values what a function's values depend on: its name, its source, its arguments.

    Objects that are called may say it themselves, by a method `describe`.
    """
    found: dict[str, Any] = {"function": qualified_name(function), "source_sha256": _source_digest(function)}
    if isinstance(function, functools.partial):
        found["arguments"] = _shortened(f"{function.args!r} {sorted(function.keywords.items())!r}")
    elif hasattr(function, "describe"):
        found["settings"] = function.describe()
    elif not hasattr(function, "__qualname__"):
        found["settings"] = _shortened(repr(function))
    return found


def digest(values: Mapping[str, Any]) -> str:
    """Return the sha256 of JSON values, whatever the order of their names."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def origin(function: Function) -> dict[str, Any]:
    """Return as JSON values who computes a function, and when: versions of packages, time."""
    packages = {*_PACKAGES, qualified_name(function).split(".")[0].split(":")[0]}
    software = {"wepy": __version__, "python": platform.python_version()}
    for package in sorted(packages - {"wepy_data"}):
        try:
            software[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return {"time": datetime.now(UTC).astimezone().isoformat(timespec="seconds"), "software": software}


def function_at(address: str) -> Function:
    """Return the function that a text names, `package.module:function`; the working directory is looked into, too.

    Raises
    ------
    FunctionError
        If there is none.
    """
    module, colon, name = address.partition(":")
    if not colon or not module or not name:
        raise FunctionError(f"no function {address!r}: expected package.module:function")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: Any = functools.reduce(getattr, name.split("."), importlib.import_module(module))
    except Exception as error:  # a module may raise what it likes
        raise FunctionError(f"no function {address!r}: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise FunctionError(f"{address} is {type(found).__name__}, not a function")
    return found  # type: ignore[no-any-return]  # what it takes and returns is seen when it is called


def packed(function: Function, values: Any) -> bytes:
    """Return values that hold a function, as they are sent to other processes.

    Raises
    ------
    FunctionError
        If other processes cannot run it.
    """
    name = qualified_name(function)
    if name.startswith("__main__:") and not hasattr(sys.modules["__main__"], "__file__"):
        raise FunctionError(f"{name} is known to this session only, and other processes cannot import it: {_WAY}")
    try:
        return bytes(ForkingPickler.dumps(values))
    except Exception as error:  # whatever the parts of an object raise
        raise FunctionError(f"{name} cannot be sent to other processes ({error}): {_WAY}") from error


def unpacked(data: bytes, name: str) -> Any:
    """Return what `packed` has made, in another process.

    Raises
    ------
    FunctionError
        If the function cannot be imported here.
    """
    try:
        return ForkingPickler.loads(data)
    except Exception as error:  # importing a module may raise what it likes
        raise FunctionError(
            f"{name} cannot be imported by other processes ({type(error).__name__}: {error}): {_WAY}"
        ) from error


def _shortened(text: str) -> str:
    """Return a text, or of a long one its beginning and its sha256."""
    return text if len(text) < _LONG else f"{text[:_LONG]}... sha256 {hashlib.sha256(text.encode()).hexdigest()}"


def _source_digest(function: Function) -> str:
    while isinstance(function, functools.partial):
        function = function.func
    if qualified_name(function).startswith("wepy_data."):  # what ours compute does not change with their text
        return ""
    try:
        source = inspect.getsource(function if hasattr(function, "__qualname__") else type(function))
    except (OSError, TypeError):  # built in, or typed by hand
        return ""
    return hashlib.sha256(source.encode()).hexdigest()
