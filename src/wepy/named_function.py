"""Functions known by name, `package.module:function`: what a configuration and a worker on another machine can say."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from wepy.errors import ConfigurationError


def function_named(name: str, where: str) -> Callable[..., Any]:
    """Return the function of that name; its module is imported, so take names only from whom you trust.

    Parameters
    ----------
    name : str
        ``package.module:function``.
    where : str
        Names the component that asks, for errors.

    Raises
    ------
    ConfigurationError
        If the name is no such text, cannot be imported, or is not that of a function.

    Examples
    --------
    >>> function_named("math:sqrt", "example")(9.0)
    3.0
    """
    module, colon, path = name.partition(":") if isinstance(name, str) else ("", "", "")
    if not colon or not all(part.isidentifier() for part in (*module.split("."), *path.split("."))):
        raise ConfigurationError(f"{where}: name: expected package.module:function, found {name!r}")
    try:
        found: Any = import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        advice = "install it, or put its folder on the path: PYTHONPATH=FOLDER wepy run ..."
        raise ConfigurationError(f"{where}: name: cannot import {name!r}: {error}; {advice}") from error
    if not callable(found):
        raise ConfigurationError(f"{where}: name: expected a function, {name!r} is a {type(found).__name__}")
    function: Callable[..., Any] = found
    return function
