"""Analytic potentials for toy dynamics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from wepy.engine.setting import check_positive
from wepy.errors import ConfigurationError
from wepy.protocols import Description

Array = NDArray[np.float64]


class Potential(Protocol):
    """A potential in units of kT. Must pickle.

    `force` and `energy` of a walker may depend on no other walker and not on how many there are, to the last bit.
    Elementwise ``+ - * /`` and `numpy.sqrt` are safe; `numpy.exp`, `numpy.power` and sums along an axis may differ in
    the last bit between the body and the remainder of a vectorised loop.
    """

    @property
    def dimensions(self) -> int:
        """Number of coordinates."""
        ...

    def energy(self, x: Array) -> Array:
        """Return the energy of each walker, kT, (n,), at coordinates `x`, (n, d)."""
        ...

    def force(self, x: Array) -> Array:
        """Return minus the energy's gradient, kT per unit of length, (n, d), at coordinates `x`, (n, d)."""
        ...

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        ...


@dataclass(frozen=True, slots=True)
class DoubleWell:
    """Two wells in one dimension: U(x) = height (x^2 - 1)^2, minima at -1 and 1, a barrier at 0.

    Parameters
    ----------
    height : float
        Height of the barrier, kT; positive.
    """

    height: float = 9.0

    def __post_init__(self) -> None:
        check_positive("DoubleWell: height", self.height)

    @property
    def dimensions(self) -> int:
        """One."""
        return 1

    def energy(self, x: Array) -> Array:
        """Return the energy, kT, (n,)."""
        well = x[:, 0] * x[:, 0] - 1.0
        return self.height * (well * well)

    def force(self, x: Array) -> Array:
        """Return the force, kT per unit of length, (n, 1)."""
        return (-4.0 * self.height) * (x * (x * x - 1.0))

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "DoubleWell", "height": self.height}


@dataclass(frozen=True, slots=True)
class Harmonic:
    """A spring of the same stiffness in every dimension: U(x) = stiffness |x - centre|^2 / 2.

    Parameters
    ----------
    stiffness : float
        Stiffness, kT per unit of length squared; positive.
    centre : sequence of float
        Where the spring is at rest; its length is the number of dimensions.
    """

    stiffness: float = 1.0
    centre: Sequence[float] = (0.0,)

    def __post_init__(self) -> None:
        check_positive("Harmonic: stiffness", self.stiffness)
        centre = tuple(float(value) for value in self.centre)
        if not centre or not all(math.isfinite(value) for value in centre):
            raise ConfigurationError(f"Harmonic: centre: expected one finite number or more, found {self.centre!r}")
        object.__setattr__(self, "centre", centre)

    @property
    def dimensions(self) -> int:
        """Number of coordinates of the centre."""
        return len(self.centre)

    def energy(self, x: Array) -> Array:
        """Return the energy, kT, (n,)."""
        energy = np.zeros(len(x))
        for column, rest in zip(x.T, self.centre, strict=True):  # an order of summation that no batch changes
            away = column - rest
            energy += (0.5 * self.stiffness) * (away * away)
        return energy

    def force(self, x: Array) -> Array:
        """Return the force, kT per unit of length, (n, d)."""
        force: Array = self.stiffness * (np.array(self.centre) - x)
        return force

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "Harmonic", "stiffness": self.stiffness, "centre": list(self.centre)}


_MUELLER_BROWN = (  # amplitude, a, b, c, x0, y0 of the four terms
    (-200.0, -1.0, 0.0, -10.0, 1.0, 0.0),
    (-100.0, -1.0, 0.0, -10.0, 0.0, 0.5),
    (-170.0, -6.5, 11.0, -6.5, -0.5, 1.5),
    (15.0, 0.7, 0.6, 0.7, -1.0, 1.0),
)


@dataclass(frozen=True, slots=True)
class MuellerBrown:
    """Three wells in a crooked valley of two dimensions (Mueller and Brown, Theor. Chim. Acta 53:75, 1979).

    Parameters
    ----------
    temperature : float
        kT in the potential's own units of energy; positive. Its barriers are some 100 of them high.
    """

    temperature: float = 12.0

    def __post_init__(self) -> None:
        check_positive("MuellerBrown: temperature", self.temperature)

    @property
    def dimensions(self) -> int:
        """Two."""
        return 2

    def energy(self, x: Array) -> Array:
        """Return the energy, kT, (n,)."""
        energy = np.zeros(len(x))
        for term, _, _ in self._terms(x):
            energy += term
        return energy

    def force(self, x: Array) -> Array:
        """Return the force, kT per unit of length, (n, 2)."""
        force = np.zeros_like(x)
        for term, slope_x, slope_y in self._terms(x):
            force[:, 0] -= term * slope_x
            force[:, 1] -= term * slope_y
        return force

    def _terms(self, x: Array) -> list[tuple[Array, Array, Array]]:
        """Return each term and the slopes of its exponent along both axes."""
        terms = []
        for amplitude, a, b, c, x0, y0 in _MUELLER_BROWN:
            dx, dy = x[:, 0] - x0, x[:, 1] - y0
            value = (amplitude / self.temperature) * _exp(a * (dx * dx) + b * (dx * dy) + c * (dy * dy))
            terms.append((value, 2.0 * a * dx + b * dy, b * dx + 2.0 * c * dy))
        return terms

    def describe(self) -> Description:
        """Return kind and settings as JSON values."""
        return {"kind": "MuellerBrown", "temperature": self.temperature}


@dataclass(frozen=True, slots=True)
class Odld:
    """Wells that deepen towards a wall at 0: U(x) = -5 cos(pi (x - 1)) / (exp(x / 2) - 1) kT, for x > 0.

    The example of WESTPA (Zwier et al., J. Chem. Theory Comput. 11:800, 2015), there with steps of variance 0.001
    and a mirror at 10: `OverdampedLangevin(Odld(), timestep=5e-4, mirror=10.0)`.
    """

    @property
    def dimensions(self) -> int:
        """One."""
        return 1

    def energy(self, x: Array) -> Array:
        """Return the energy, kT, (n,)."""
        return np.array([-5.0 * math.cos(math.pi * (v - 1.0)) / math.expm1(0.5 * v) for v in x[:, 0].tolist()])

    def force(self, x: Array) -> Array:
        """Return the force, kT per unit of length, (n, 1); by the scalar functions: see `Potential`."""
        return np.array([[self._force(value)] for value in x[:, 0].tolist()], np.float64).reshape(len(x), 1)

    def _force(self, x: float) -> float:
        if not 0.0 < x < 700.0:
            return math.inf if x <= 0.0 else 0.0
        grown, angle = math.expm1(0.5 * x), math.pi * (x - 1.0)
        return -5.0 / grown * (math.pi * math.sin(angle) + 0.5 * (grown + 1.0) / grown * math.cos(angle))

    def describe(self) -> Description:
        """Return the kind; there is nothing to set."""
        return {"kind": "Odld"}


def _exp(exponent: Array) -> Array:
    """Return e to each exponent by the scalar function, the same bits in whatever batch (see `Potential`)."""
    return np.array([math.exp(value) if value < 700.0 else math.inf for value in exponent.tolist()])
