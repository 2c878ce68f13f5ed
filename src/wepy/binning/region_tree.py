"""Regions within regions that grow where walkers go (the bins of WExplore)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from wepy.binning.region import Places, Regions
from wepy.binning.value import checked_settings
from wepy.errors import refuse
from wepy.metric import Euclidean, finite_rows, metric_from_description
from wepy.protocols import Binning, Description, KnownBins, Metric
from wepy.whole_number import is_count

Order = Literal["two-pass", "sequential"]


@dataclass(frozen=True, slots=True)
class RegionTree:
    """Regions around images, each of which holds smaller ones (Dickson and Brooks, J. Phys. Chem. B 118, 3532, 2014).

    A walker belongs to the region of level 0 whose image is nearest; within it, to the one of level 1 whose image is
    nearest, and so on. A walker that is further from its region's image than the region may be large becomes the
    image of a new region beside it, at the first level where this is so and where there is room, with one region at
    each level below. At most one region, with those inside it, is made for a walker.

    The first walker of a run is the image of the first region. All bins are regions, those that hold others
    included; walkers are in bins of the last level. The centre of a bin is its image.

    Parameters
    ----------
    max_region_sizes : sequence of float
        Greatest distance of a walker from the image of its region, for each level; decreasing, in the metric's unit.
    max_n_regions : sequence of int
        Most regions within a region of the level above, for each level.
    metric : Metric
        How far walkers are apart.
    order : {"two-pass", "sequential"}
        "two-pass": regions are made walker by walker, then all walkers are assigned to the regions there are.
        "sequential": each walker stays where it was assigned before later walkers made regions, as in wepy 1.2.

    Raises
    ------
    ConfigurationError
        Naming every setting that does not fit.

    Examples
    --------
    >>> tree = RegionTree([1.0, 0.2], [10, 10])
    >>> found = tree.adapt({}, np.array([[0.0], [0.3], [2.0]]), np.array([0.5, 0.25, 0.25]))
    >>> found.index.tolist(), [found.made[index].label for index in found.index.tolist()]
    ([1, 2, 4], ['0/0', '0/1', '1/0'])
    """

    max_region_sizes: Sequence[float]
    max_n_regions: Sequence[int] = (10, 10, 10, 10)
    metric: Metric = Euclidean()  # noqa: RUF009 (a frozen value)
    order: Order = "two-pass"

    def __post_init__(self) -> None:
        problems = []
        sizes, counts = self.max_region_sizes, self.max_n_regions
        if not _are_sizes(sizes):
            problems.append(f"max_region_sizes: expected decreasing positive numbers, one for each level, got {sizes}")
        if not all(is_count(n, 1) for n in counts):
            problems.append(f"max_n_regions: expected whole numbers, 1 or more, one for each level, got {counts}")
        if len(sizes) != len(counts):
            problems.append(
                "max_region_sizes, max_n_regions: expected one of each for every level,"
                f" got {len(sizes)} and {len(counts)}"
            )
        if self.order not in ("two-pass", "sequential"):
            problems.append(f'order: expected "two-pass" or "sequential", got {self.order!r}')
        refuse(problems)
        object.__setattr__(self, "max_region_sizes", tuple(float(size) for size in sizes))
        object.__setattr__(self, "max_n_regions", tuple(int(n) for n in counts))

    @property
    def n_levels(self) -> int:
        """Levels of regions."""
        return len(self.max_n_regions)

    def adapt(self, known: KnownBins, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> Binning:
        """Return each walker's region of the last level, and all regions that are new.

        Parameters
        ----------
        known : mapping of int to Bin
            Regions made so far.
        order_parameter : (n_walkers, n_dims) float64
            Order parameter of each walker.
        weights : (n_walkers,) float64
            Not used.

        Raises
        ------
        BinningError
            Naming every walker that is not finite.
        ConfigurationError
            If `known` are no regions of as many levels.
        """
        points = finite_rows(order_parameter)
        regions = Regions(known, self.metric, self.n_levels)
        if not known:
            regions.add(points[0], level=0, beside=-1)
        places = Places(regions, self.metric.images(points))
        self._make_regions(regions, places, points)
        return Binning(index=regions.index_of(places.row[:, -1]), made=regions.made)

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {
            "kind": "region-tree",
            "max_region_sizes": list(self.max_region_sizes),
            "max_n_regions": list(self.max_n_regions),
            "metric": self.metric.describe(),
            "order": self.order,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the binner that `describe` described; the metric must be one of `wepy.metric`.

        Raises
        ------
        ConfigurationError
            If the description is of another kind, has missing or unknown keys, or values that do not fit.
        """
        needed = ["max_region_sizes", "max_n_regions", "metric", "order"]
        settings = checked_settings(description, "region-tree", needed=needed, optional=[])
        return cls(**{**settings, "metric": metric_from_description(settings["metric"])})

    def _make_regions(self, regions: Regions, places: Places, points: NDArray[np.float64]) -> None:
        """Make the regions that walkers call for, one walker after another."""
        sizes = np.array(self.max_region_sizes)
        outside = places.distance > sizes
        for walker in range(len(points)):
            levels = np.flatnonzero(outside[walker]).tolist() if outside[walker].any() else ()
            for level in levels:
                row = int(places.row[walker, level])
                if regions.n_siblings(row) < self.max_n_regions[level]:
                    made = regions.add(points[walker], level=level, beside=row)
                    first = walker if self.order == "sequential" else 0
                    moved = places.move(made, level, first=first)
                    outside[moved] = places.distance[moved] > sizes
                    break


def _are_sizes(sizes: Sequence[float]) -> bool:
    numbers = np.array(sizes, np.float64)
    if numbers.ndim != 1 or len(numbers) == 0:
        return False
    return bool((numbers > 0).all() and np.isfinite(numbers).all() and (np.diff(numbers) < 0).all())
