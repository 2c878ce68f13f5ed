"""A user's own function as order parameter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.order_parameter.feature import checked_labels, checked_values
from wepy.protocols import Description, Frames


@dataclass(frozen=True, slots=True)
class Function:
    """Any importable function of frames, by its name: workers import it themselves.

    The module is imported, so take a name only from a configuration that you would run as a program.

    Parameters
    ----------
    name : str
        ``package.module:function``; the function takes `Frames` and returns (n_frames, n_labels) numbers.
    labels : sequence of str
        Name of each dimension.
    unit : str
        Unit of all dimensions in H5MD spelling; empty if dimensionless or mixed.

    Raises
    ------
    ConfigurationError
        The name cannot be imported; when called, a result of the wrong shape.

    Examples
    --------
    >>> Function(name="math:sqrt", labels=["root"]).describe()
    {'kind': 'Function', 'name': 'math:sqrt', 'labels': ['root'], 'unit': ''}
    """

    name: str
    labels: Sequence[str]
    unit: str = ""

    def __post_init__(self) -> None:
        labels = (self.labels,) if isinstance(self.labels, str) else tuple(self.labels)
        if not labels:
            raise ConfigurationError(f"Function {self.name}: labels: expected a name for each dimension, found none")
        object.__setattr__(self, "labels", checked_labels(f"Function {self.name}", labels, labels))
        self._function()

    def __call__(self, frames: Frames) -> NDArray[np.float64]:
        """Return what the function returns, checked, (n_frames, n_labels)."""
        return checked_values(f"order parameter {self.name}", self._function()(frames), frames, len(self.labels))

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "Function", "name": self.name, "labels": list(self.labels), "unit": self.unit}

    def _function(self) -> Callable[[Frames], Any]:
        module, colon, path = self.name.partition(":")
        if not colon or not all(part.isidentifier() for part in (*module.split("."), *path.split("."))):
            raise ConfigurationError(f"Function: name: expected package.module:function, found {self.name!r}")
        try:
            found: Any = import_module(module)
            for part in path.split("."):
                found = getattr(found, part)
        except (ImportError, AttributeError) as error:
            advice = "install it, or put its folder on the path: PYTHONPATH=FOLDER wepy run ..."
            raise ConfigurationError(f"Function: name: cannot import {self.name!r}: {error}; {advice}") from error
        if not callable(found):
            raise ConfigurationError(f"Function: name: expected a function, {self.name!r} is a {type(found).__name__}")
        function: Callable[[Frames], Any] = found
        return function
