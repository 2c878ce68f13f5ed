"""The states of a run as WESTPA's basis states, initial states and targets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wepy_data.errors import SelectionError
from wepy_data.record.header import Header
from wepy_data.store.west import BasisStates, InitialStates

_INITIAL, _SOURCE, _TARGET = 0, 1, 2
_KNOWN = ("order_parameter", "progress", "pcoord")  # arrays of states that may be the order parameter
_POSITIONS = ("positions", "x")  # arrays of states whose numbers an order parameter of coordinates counts
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class States:
    """The states, and the initial states that walkers have used.

    Initial states are the basis states of the first iteration, and of all others if there are no source states; sources
    are the basis states from the second iteration on, so that each set has its own probabilities.

    Parameters
    ----------
    header : Header
        The run.
    points : mapping of str to (n_dims,) array
        Order parameter of states by label.

    Raises
    ------
    SelectionError
        If there is no such state, or a point has other dimensions.
    """

    def __init__(self, header: Header, points: Mapping[str, ArrayLike]) -> None:
        static, self._n_dims = header.static, header.layout.sizes["feature"]
        self._kind = np.asarray(static["/states/kind"]).astype(np.int64)
        self._labels = [bytes(one).decode("utf-8", "replace") for one in static["/states/label"]]
        self._probability = np.asarray(static["/states/probability"], np.float64)
        self._points = self._known_points(header)
        self._give(points)
        self._place = np.full(len(self._kind) + 1, -1, np.int64)  # within its set; the last one stands for none
        for kind in (_INITIAL, _SOURCE, _TARGET):
            mine = np.flatnonzero(self._kind == kind)
            self._place[mine] = np.arange(len(mine))
        self._split = bool((self._kind == _SOURCE).any())
        self._used: list[list[tuple[Ints, Ints, Ints]]] = [[] for _ in range(1 + self._split)]
        self._n_used = [0] * len(self._used)

    def points(self, states: Ints) -> Floats:
        """Return where states are, (n, n_dims); NaN if that is not known."""
        return self._points[states]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Labels of initial and source states whose order parameter is not known."""
        missing = np.isnan(self._points[:-1]).any(axis=1) & (self._kind != _TARGET)
        return tuple(self._labels[state] for state in np.flatnonzero(missing))

    def use(self, states: Ints, *, made: int, used: int) -> Ints:
        """Return WESTPA's numbers of new initial states, one for each walker that starts from a state."""
        number = int(self._split and used > 1)
        basis = np.maximum(self._place[states], 0)
        self._used[number].append((np.full(len(basis), made), np.full(len(basis), used), basis))
        self._n_used[number] += len(basis)
        return np.arange(self._n_used[number] - len(basis), self._n_used[number])

    def initial(self) -> list[InitialStates]:
        """Return the initial states of each set."""
        none = np.zeros(0, np.int64)
        found = []
        for parts in self._used:
            created, used, basis = (np.concatenate([none, *column]) for column in zip(*parts, strict=True)) if parts else (none,) * 3  # fmt: skip # noqa: E501
            found.append(InitialStates(created=created, used=used, basis=basis))
        return found

    def basis(self) -> list[BasisStates]:
        """Return the sets of basis states."""
        kinds = (_INITIAL, _SOURCE)[: 1 + self._split]
        return [self._basis(kind, first) for first, kind in enumerate(kinds, start=1)]

    def targets(self, states: Ints) -> Ints:
        """Return WESTPA's numbers of targets; -1 for none."""
        return self._place[states]

    @property
    def target_labels(self) -> list[str]:
        """Labels of the targets."""
        return [self._labels[state] for state in np.flatnonzero(self._kind == _TARGET)]

    @property
    def target_points(self) -> Floats:
        """Where the targets are, (n_targets, n_dims); NaN if that is not known."""
        found: Floats = self._points[:-1][self._kind == _TARGET]
        return found

    def _basis(self, kind: int, first: int) -> BasisStates:
        mine = np.flatnonzero(self._kind == kind)
        return BasisStates(
            first=first,
            labels=tuple(self._labels[state] for state in mine),
            auxref=tuple(f"/states#{state}" for state in mine),
            probability=self._probability[mine],
            points=self._points[mine],
        )

    def _known_points(self, header: Header) -> Floats:
        shape = (len(self._kind), self._n_dims)
        found = np.full((shape[0] + 1, shape[1]), np.nan)
        for name in _KNOWN:
            values = header.static.get(f"/states/arrays/{name}")
            if values is not None and np.shape(values) == shape:
                found[:-1] = values
                return found
        chosen = _chosen_coordinates(header)
        for name in _POSITIONS if len(chosen) == self._n_dims else ():
            flat = np.reshape(header.static.get(f"/states/arrays/{name}", ()), (shape[0], -1))
            if flat.shape[1] > max(chosen):
                found[:-1] = flat[:, chosen]
                return found
        return found

    def _give(self, points: Mapping[str, ArrayLike]) -> None:
        unknown = [label for label in points if label not in self._labels]
        if unknown:
            known = ", ".join(map(repr, self._labels)) or "none"
            raise SelectionError(f"no state {', '.join(map(repr, unknown))}: this run has {known}")
        for label, given in points.items():
            point = np.atleast_1d(np.asarray(given, np.float64))
            if point.shape != (self._n_dims,):
                raise SelectionError(
                    f"point of state {label!r}: found {point.size} numbers, expected {self._n_dims}, as the order "
                    "parameter has"
                )
            for state in (number for number, one in enumerate(self._labels) if one == label):
                self._points[state] = point


def _chosen_coordinates(header: Header) -> list[int]:
    """Return the coordinates that are the order parameter, as its description in the provenance says; none if other."""
    for start in reversed(header.provenance):
        components = start.get("components")
        described = components.get("order_parameter") if isinstance(components, Mapping) else None
        if isinstance(described, Mapping):
            chosen = described.get("indices")
            if described.get("kind") == "Coordinates" and isinstance(chosen, list):
                return [one for one in chosen if isinstance(one, int) and one >= 0]
    return []
