"""Groups of walkers that are alike, instead of bins: clusters by k-means, made anew in each cycle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wepy.binning.clustering import k_means
from wepy.binning.cycle import next_index
from wepy.binning.misfit import finite_points
from wepy.binning.target import checked_target, target_of
from wepy.binning.value import checked_settings, frozen
from wepy.errors import BinningError, refuse
from wepy.protocols import Bin, Binning, Description, KnownBins
from wepy.whole_number import count_problems, is_count


@dataclass(frozen=True, slots=True)
class KMeansBins:
    """Groups of walkers that are alike: k-means on the order parameter, without any chance in it.

    Groups begin with the walker nearest to the mean of all, then with the one furthest from those chosen so far; of
    equally far ones, the one with the lowest index. There are fewer groups than wanted if there are fewer walkers, or
    fewer different ones.

    Parameters
    ----------
    n_groups : int
        Number of groups.
    dims : sequence of int or None
        Dimensions of the order parameter that count; None for all.
    scale : float, sequence of float or None
        What is taken for a distance of 1 in each of these dimensions, in the order parameter's unit; None for 1.
    target_count : int or None
        Walkers wanted in every group; None leaves it to the balancer.

    Raises
    ------
    ConfigurationError
        Naming every setting that does not fit.

    Examples
    --------
    >>> found = KMeansBins(2).adapt({}, np.array([[0.0], [5.0], [0.2], [5.2]]), np.full(4, 0.25))
    >>> found.index.tolist(), [bin_.centre.tolist() for bin_ in found.made.values()]
    ([1, 0, 1, 0], [[5.1], [0.1]])
    """

    n_groups: int
    dims: Sequence[int] | None = field(default=None, kw_only=True)
    scale: float | Sequence[float] | None = field(default=None, kw_only=True)
    target_count: int | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        problems = list(count_problems("n_groups", self.n_groups, 1))
        given = self.dims if isinstance(self.dims, Iterable) else ()
        dims = None if self.dims is None else tuple(given)
        if dims is not None and (not dims or not all(map(is_count, dims)) or len(set(dims)) < len(dims)):
            problems.append(f"dims: expected different dimensions, whole numbers from 0, got {self.dims!r}")
        scale = None if self.scale is None else np.array(self.scale, np.float64).ravel()
        if scale is not None:
            if not len(scale) or not ((scale > 0) & np.isfinite(scale)).all():
                problems.append(f"scale: expected positive finite numbers, got {self.scale!r}")
            elif dims is not None and len(scale) not in (1, len(dims)):
                problems.append(f"scale: expected 1 or {len(dims)} numbers, one for each of dims, got {len(scale)}")
        refuse(problems)
        object.__setattr__(self, "dims", None if dims is None else tuple(map(int, dims)))
        object.__setattr__(self, "scale", None if scale is None else tuple(scale.tolist()))
        object.__setattr__(self, "target_count", checked_target(self.target_count))

    def adapt(self, known: KnownBins, order_parameter: NDArray[np.float64], weights: NDArray[np.float64]) -> Binning:
        """Return each walker's group, all of them being new, each with the mean of its walkers as centre.

        Parameters
        ----------
        known : mapping of int to Bin
            Every bin made so far; groups are numbered on from it.
        order_parameter : (n_walkers, n_dims) float64
            Order parameter of each walker.
        weights : (n_walkers,) float64
            Not used: heavy walkers count like light ones.

        Raises
        ------
        BinningError
            Naming every walker that is not finite; if dimensions or scales do not fit.
        """
        values = finite_points(order_parameter, None)
        group = k_means(self._features(values), int(self.n_groups))
        start = next_index(known)
        made = {}
        for number in range(int(group.max(initial=-1)) + 1):
            members = values[group == number]
            centre = frozen((members / len(members)).sum(axis=0))
            made[start + number] = Bin(
                label=f"{len(members)} alike", centre=centre, target_count=target_of(self.target_count, number)
            )
        return Binning(index=start + group, made=made)

    def describe(self) -> Description:
        """Return kind and settings as strict JSON values."""
        return {
            "kind": "k-means",
            "n_groups": int(self.n_groups),
            "dims": None if self.dims is None else list(self.dims),
            "scale": None if self.scale is None else list(np.ravel(self.scale).tolist()),
            "target_count": self.target_count,
        }

    @classmethod
    def from_description(cls, description: Mapping[str, Any]) -> Self:
        """Return the binner that `describe` described; `ConfigurationError` if the description does not fit."""
        return cls(
            **checked_settings(description, "k-means", needed=["n_groups"], optional=["dims", "scale", "target_count"])
        )

    def misfits(self, n_dims: int) -> list[str]:
        """Return what of the settings does not fit an order parameter of so many dimensions."""
        problems = []
        if self.dims is not None and max(self.dims) >= n_dims:
            problems.append(f"dims: expected dimensions of the order parameter, 0 to {n_dims - 1}, got {self.dims}")
        chosen = n_dims if self.dims is None else len(self.dims)
        if self.scale is not None and len(np.ravel(self.scale)) not in (1, chosen):
            problems.append(
                f"scale: expected 1 or {chosen} numbers, one for each dimension, got {len(np.ravel(self.scale))}"
            )
        return problems

    def _features(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        problems = self.misfits(values.shape[1])
        if problems:
            raise BinningError("\n".join(problems))
        chosen = values if self.dims is None else values[:, list(self.dims)]
        return np.asarray(chosen / np.ravel(1.0 if self.scale is None else self.scale))
