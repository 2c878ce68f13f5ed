"""Targets by bin, and by a function of the user's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy.errors import BinningError, ConfigurationError
from wepy.named_function import function_named
from wepy.protocols import Binner, Description


@dataclass(frozen=True, slots=True)
class InBins:
    """Walkers in certain bins of a binner, which need not be the run's own.

    Parameters
    ----------
    binner : Binner
        Fixed bins.
    bins : sequence of int
        Indices of the bins that are the target.
    """

    binner: Binner
    bins: Sequence[int]

    def __post_init__(self) -> None:
        bins = tuple(int(index) for index in self.bins)
        if not bins:
            raise ConfigurationError("target: bins: expected the index of at least one bin")
        for index in bins:
            try:
                self.binner.bin(index)
            except BinningError as error:
                raise ConfigurationError(f"target: bins: {error}") from error
        object.__setattr__(self, "bins", bins)

    def reached(self, order_parameter: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return which walkers are in the bins, (n_walkers,)."""
        found = self.binner.assign(order_parameter, np.full(len(order_parameter), 1.0 / max(1, len(order_parameter))))
        return np.isin(found, np.array(self.bins))

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "bins", "binner": self.binner.describe(), "bins": list(self.bins)}


@dataclass(frozen=True, slots=True)
class FunctionTarget:
    """Walkers that an importable function says have arrived.

    The module is imported, so take a name only from a configuration that you would run as a program.

    Parameters
    ----------
    name : str
        ``package.module:function``; it takes an order parameter, (n_walkers, n_dims), and returns n_walkers truth
        values.

    Raises
    ------
    ConfigurationError
        The name cannot be imported; when asked, a result of the wrong shape or kind.
    """

    name: str

    def __post_init__(self) -> None:
        function_named(self.name, "target")

    def reached(self, order_parameter: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return what the function returns, checked, (n_walkers,)."""
        function = function_named(self.name, "target")
        try:
            found = np.asarray(function(order_parameter))
        except Exception as error:
            raise ConfigurationError(f"target {self.name}: it failed: {type(error).__name__}: {error}") from error
        if found.dtype != np.bool_ or found.shape != (len(order_parameter),):
            raise ConfigurationError(
                f"target {self.name}: expected {len(order_parameter)} truth values, one for each walker, found "
                f"{found.dtype} of shape {found.shape}"
            )
        return found

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "function", "name": self.name}
