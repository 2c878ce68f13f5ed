"""A user's own function as order parameter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.errors import ConfigurationError
from wepy.named_function import function_named
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
        function_named(self.name, "Function")

    def __call__(self, frames: Frames) -> NDArray[np.float64]:
        """Return what the function returns, checked, (n_frames, n_labels)."""
        return checked_values(
            f"order parameter {self.name}", function_named(self.name, "Function")(frames), frames, len(self.labels)
        )

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "Function", "name": self.name, "labels": list(self.labels), "unit": self.unit}
