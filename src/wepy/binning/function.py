"""A user's own function as bins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wepy.binning.misfit import MisfitError, weighted_points
from wepy.binning.target import TargetCounts, checked_targets, target_of, targets_to_json
from wepy.binning.value import checked_bin, checked_settings, frozen
from wepy.errors import BinningError, ConfigurationError, refuse
from wepy.named_function import function_named
from wepy.protocols import Bin, Description
from wepy.whole_number import count_problems


@dataclass(frozen=True, slots=True)
class FunctionBins:
    """Any importable function of order parameters and weights, by its name.

    The module is imported, so take a name only from a configuration that you would run as a program. The file keeps
    the name, not the function: a run is resumed with the bins that the function makes then.

    Parameters
    ----------
    name : str
        ``package.module:function``; the function takes the order parameters (n_walkers, n_dims) and the weights
        (n_walkers,) and returns the bin of each walker, whole numbers (n_walkers,) from 0 to n_bins - 1. It should
        bin each walker alike whoever else is there; bins that follow the ensemble need an `AdaptiveBinner`.
    n_bins : int
        Number of bins.
    n_dims : int
        Dimension of the order parameter.
    labels : sequence of str
        Text for each bin; empty for numbers.
    target_counts : int, mapping of int to int, or None
        Walkers wanted in every bin, or in the named bins; None leaves it to the balancer.

    Raises
    ------
    ConfigurationError
        The name cannot be imported; numbers, labels or target counts do not fit.

    Examples
    --------
    >>> FunctionBins("numpy:lexsort", n_bins=2, labels=["unbound", "bound"]).bin(1).label
    'bound'
    """

    name: str
    n_bins: int
    n_dims: int = field(default=1, kw_only=True)
    labels: Sequence[str] = field(default=(), kw_only=True)
    target_counts: TargetCounts = field(default=None, kw_only=True, hash=False)

    def __post_init__(self) -> None:
        counts = (("n_bins", self.n_bins), ("n_dims", self.n_dims))
        refuse(problem for key, value in counts for problem in count_problems(f"{self._where}: {key}", value, 1))
        labels = (self.labels,) if isinstance(self.labels, str) else tuple(self.labels)
        if labels and len(labels) != self.n_bins:
            raise ConfigurationError(f"{self._where}: labels: expected {self.n_bins}, one for each bin, got {labels}")
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "target_counts", checked_targets(self.target_counts, self.n_bins))
        function_named(self.name, "FunctionBins")

    def assign(self, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return each walker's bin.

        Parameters
        ----------
        order_parameter : (n_walkers, n_dims) float64
            Order parameter of each walker.
        weights : (n_walkers,) float64
            Weight of each walker.

        Raises
        ------
        BinningError
            Naming every walker that is not finite; if the function fails; if it returns something else than whole
            numbers, one for each walker, or naming every walker whose number is that of no bin.
        """
        values, weights = weighted_points(order_parameter, weights, self.n_dims)
        if len(values) == 0:
            return np.zeros(0, np.int64)
        function = function_named(self.name, "FunctionBins")
        try:
            found = np.asarray(function(values.copy(), weights.copy()))
        except Exception as error:
            raise BinningError(f"{self._where}: the function failed: {type(error).__name__}: {error}") from error
        return self._checked(found, len(values))

    def bin(self, index: int) -> Bin:
        """Return label and target count of a bin, its centre being unknown (NaN); `BinningError` if there is none."""
        checked_bin(index, self.n_bins)
        return Bin(
            label=self.labels[index] if self.labels else f"bin {index}",
            centre=frozen(np.full(self.n_dims, np.nan)),
            target_count=target_of(self.target_counts, index),
        )

    def describe(self) -> Description:
        """Return kind and settings as strict JSON values."""
        return {
            "kind": "function",
            "name": self.name,
            "n_bins": int(self.n_bins),
            "n_dims": int(self.n_dims),
            "labels": list(self.labels),
            "target_counts": targets_to_json(self.target_counts),
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the binner that `describe` described; `ConfigurationError` if the description does not fit."""
        return cls(
            **checked_settings(
                description, "function", needed=["name", "n_bins"], optional=["n_dims", "labels", "target_counts"]
            )
        )

    @property
    def _where(self) -> str:
        return f"FunctionBins {self.name}"

    def _checked(self, found: NDArray[Any], n_walkers: int) -> NDArray[np.int64]:
        if found.shape != (n_walkers,):
            raise BinningError(
                f"{self._where}: expected shape ({n_walkers},), one bin for each walker, got {found.shape}"
            )
        if found.dtype.kind not in "biuf":
            raise BinningError(f"{self._where}: expected whole numbers, got an array of {found.dtype}")
        fits = (found >= 0) & (found < self.n_bins) & (found == np.floor(found))
        if not fits.all():
            wanted = f"{self.name}: expected a whole number from 0 to {self.n_bins - 1}, got"
            raise MisfitError(
                [(walker, f"{wanted} {found[walker]!s}") for walker in np.flatnonzero(~fits).tolist()],
                [f"mend the function {self.name}, or say how many bins it has: n_bins"],
            )
        return found.astype(np.int64)
