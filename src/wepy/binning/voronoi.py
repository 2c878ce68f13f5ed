"""Voronoi bins: the nearest of given centres."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wepy.binning.misfit import finite_points
from wepy.binning.target import TargetCounts, checked_targets, target_of, targets_to_json
from wepy.binning.value import checked_bin, checked_settings, frozen
from wepy.errors import BinningError, ConfigurationError, refuse
from wepy.metric import Euclidean, metric_from_description
from wepy.protocols import Bin, Description, Metric


@dataclass(frozen=True, slots=True)
class Voronoi:
    """Bins around centres: a walker is in the bin of the nearest centre, the first of those that are equally near.

    Parameters
    ----------
    centres : sequence of sequences of float
        A point for each bin, in the order parameter's unit; no two at distance 0.
    metric : Metric
        What is near.
    target_counts : int, mapping of int to int, or None
        Walkers wanted in every bin, or in the named bins; None leaves it to the balancer.

    Raises
    ------
    ConfigurationError
        Naming every problem of the centres; if the metric does not fit them.

    Examples
    --------
    >>> binner = Voronoi([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    >>> binner.assign(np.array([[0.2, 0.1], [1.9, 1.0], [1.0, 0.0]]), np.full(3, 1 / 3)).tolist()
    [0, 1, 0]
    >>> binner.bin(1).label
    'around (2, 0)'
    """

    centres: Sequence[Sequence[float]]
    metric: Metric = field(default_factory=Euclidean)
    target_counts: TargetCounts = field(default=None, kw_only=True, hash=False)
    _points: NDArray[np.float64] = field(init=False, repr=False, compare=False)
    _images: NDArray[np.float64] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        points = _checked_centres(self.centres)
        object.__setattr__(self, "centres", tuple(map(tuple, points.tolist())))
        object.__setattr__(self, "_points", frozen(points))
        object.__setattr__(self, "_images", self.metric.images(points))
        object.__setattr__(self, "target_counts", checked_targets(self.target_counts, self.n_bins))
        self._check_apart()

    @property
    def n_dims(self) -> int:
        """Dimension of the order parameter that is binned."""
        return int(self._points.shape[1])

    @property
    def n_bins(self) -> int:
        """Number of bins."""
        return len(self._points)

    def assign(self, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return each walker's bin.

        Parameters
        ----------
        order_parameter : (n_walkers, n_dims) float64
            Order parameter of each walker.
        weights : (n_walkers,) float64
            Not used: these bins do not depend on the ensemble.

        Raises
        ------
        BinningError
            Naming every walker that is not finite, or whose distance from the centres is not.
        """
        values = finite_points(order_parameter, self.n_dims)
        if len(values) == 0:
            return np.zeros(0, np.int64)
        distance = self.metric.between(self.metric.images(values), self._images)
        far = np.flatnonzero(~np.isfinite(distance).any(axis=1))
        if len(far):
            raise BinningError(
                f"walkers {far.tolist()}: no finite distance from any centre; look at the metric's scale"
            )
        return np.asarray(np.nanargmin(distance, axis=1), np.int64)

    def bin(self, index: int) -> Bin:
        """Return label, centre and target count of a bin; `BinningError` if there is none."""
        centre = self._points[checked_bin(index, self.n_bins)]
        inner = ", ".join(format(value, "g") for value in centre.tolist())
        return Bin(label=f"around ({inner})", centre=centre, target_count=target_of(self.target_counts, index))

    def describe(self) -> Description:
        """Return kind, centres, the metric and target counts as strict JSON values."""
        return {
            "kind": "voronoi",
            "centres": self._points.tolist(),
            "metric": self.metric.describe(),
            "target_counts": targets_to_json(self.target_counts),
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the binner that `describe` described; `ConfigurationError` if the description does not fit."""
        checked_settings(description, "voronoi", needed=["centres"], optional=["metric", "target_counts"])
        metric = metric_from_description(description["metric"]) if "metric" in description else Euclidean()
        return cls(description["centres"], metric, target_counts=description.get("target_counts"))

    def _check_apart(self) -> None:
        """Raise `ConfigurationError` unless every centre is in its own bin."""
        found = self.assign(self._points, np.zeros(self.n_bins)).tolist()
        problems = [
            f"centres[{bin_}]: expected centres apart from each other, got the same place as centres[{nearest}]"
            for bin_, nearest in enumerate(found)
            if bin_ != nearest
        ]
        refuse(problems)


def _checked_centres(centres: object) -> NDArray[np.float64]:
    wanted = "centres: expected one list of numbers for each centre, all of the same length, such as [[0.0, 1.0], ...]"
    try:
        points = np.array(centres, np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{wanted}, got {centres!r}") from error
    if points.ndim != 2 or 0 in points.shape:
        raise ConfigurationError(f"{wanted}, got {centres!r}")
    problems = [
        f"centres[{bin_}]: expected finite numbers, got {points[bin_].tolist()}"
        for bin_ in np.flatnonzero(~np.isfinite(points).all(axis=1)).tolist()
    ]
    refuse(problems)
    return points
