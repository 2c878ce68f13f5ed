"""The states of an imported run: WESTPA's basis states, initial states that were made from them, and targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError
from wepy_data.importers.foreign import Foreign, text
from wepy_data.importers.report import Notes

_INITIAL, _TARGET = 0, 2
_BASIS = 1  # type of an initial state that is a basis state as it is
_COLUMNS = ("istate_type", "basis_state_id", "iter_used", "istate_status")
_MOST = 1 << 20  # rows that are read one by one
_READY = 1  # status of an initial state that has coordinates
_WORDS = {2: "made of", 3: "restart of", 4: "start"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BasisSet:
    """The basis and initial states that are valid from an iteration on.

    Parameters
    ----------
    first : int
        That iteration.
    labels, auxref : tuple of str
        Names of the basis states, and what they point to.
    probability : (n_basis,) float64
        Their probabilities.
    points : (n_basis, n_dims)
        Their progress coordinates.
    kind, basis : (n_initial,) int64
        Types of the initial states, and the basis states that they come from.
    used : (n_initial,) bool
        Whether a walker may have been put to each: WESTPA frees states of recycled walkers that are merged into others.
    initial_points : (n_initial, n_dims)
        Their progress coordinates.
    """

    first: int
    labels: tuple[str, ...]
    auxref: tuple[str, ...]
    probability: NDArray[np.float64]
    points: NDArray[np.float64]
    kind: NDArray[np.int64]
    basis: NDArray[np.int64]
    used: NDArray[np.bool_]
    initial_points: NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TargetSet:
    """The targets that are valid from an iteration on: labels, and progress coordinates, (n_targets, n_dims)."""

    first: int
    labels: tuple[str, ...]
    points: NDArray[np.float64]


def read_basis_sets(foreign: Foreign, n_dims: int, notes: Notes) -> list[BasisSet]:
    """Return the sets of basis and initial states, in order of the iteration from which they are valid."""
    return [
        _basis_set(foreign, place, first, n_dims, notes) for place, first in enumerate(_firsts(foreign, "ibstates"))
    ]


def read_target_sets(foreign: Foreign, n_dims: int) -> list[TargetSet]:
    """Return the sets of targets, in order of the iteration from which they are valid."""
    return [_target_set(foreign, place, first, n_dims) for place, first in enumerate(_firsts(foreign, "tstates"))]


def _firsts(foreign: Foreign, name: str) -> list[int]:
    if not foreign.has(f"/{name}/index"):
        return []
    return [int(one) for one in foreign.fields(f"/{name}/index", ["iter_valid"])["iter_valid"]]


def _basis_set(foreign: Foreign, place: int, first: int, n_dims: int, notes: Notes) -> BasisSet:
    where = f"/ibstates/{place}"
    basis = foreign.fields(f"{where}/bstate_index", ["label", "probability", "auxref"])
    n = len(basis["label"])
    kind = of_basis = np.zeros(0, np.int64)
    used = np.zeros(0, bool)
    made = np.zeros((0, n_dims))
    if foreign.has(f"{where}/istate_index"):
        index = _initial_index(foreign, f"{where}/istate_index", notes)
        kind, of_basis = index["istate_type"].astype(np.int64), index["basis_state_id"].astype(np.int64)
        used = (index["iter_used"] > 0) | (index["istate_status"] == _READY)
        made = _points(foreign, f"{where}/istate_pcoord", len(kind), n_dims)
    return BasisSet(
        first=first,
        labels=tuple(map(text, basis["label"])),
        auxref=tuple(map(text, basis["auxref"])),
        probability=basis["probability"].astype(np.float64),
        points=_points(foreign, f"{where}/bstate_pcoord", n, n_dims),
        kind=kind,
        basis=of_basis,
        used=used,
        initial_points=made,
    )


def _initial_index(foreign: Foreign, path: str, notes: Notes) -> Mapping[str, NDArray[np.integer]]:
    """Return the table of initial states; rows that cannot be read are of no basis state.

    Their texts lie elsewhere in the file: those of the last states are not there if WESTPA was killed.
    """
    try:
        return foreign.fields(path, _COLUMNS)
    except DamagedRunError:
        table = foreign.dataset(path, ndim=1)
        if len(table) > _MOST or not set(_COLUMNS) <= set(table.dtype.names or ()):
            raise
    found = {name: np.zeros(len(table), np.int64) for name in _COLUMNS}
    found["basis_state_id"][:], found["istate_status"][:] = -1, _READY
    for place in range(len(table)):
        try:
            row = table[place]
        except (OSError, RuntimeError):
            notes.miss("basis states of the initial states {}, which cannot be read", place)
            continue
        for name in _COLUMNS:
            found[name][place] = row[name]
    return found


def _target_set(foreign: Foreign, place: int, first: int, n_dims: int) -> TargetSet:
    where = f"/tstates/{place}"
    if not foreign.has(f"{where}/index"):  # all targets were taken away
        return TargetSet(first, (), np.zeros((0, n_dims)))
    labels = tuple(map(text, foreign.fields(f"{where}/index", ["label"])["label"]))
    return TargetSet(first, labels, _points(foreign, f"{where}/pcoord", len(labels), n_dims))


def _points(foreign: Foreign, path: str, count: int, n_dims: int) -> NDArray[np.float64]:
    found = foreign.read(path, kinds="iuf").astype(np.float64)
    if found.shape != (count, n_dims):
        raise foreign.damaged(path, f"{list(found.shape)}", f"{[count, n_dims]}")
    return found


class StateTable:
    """The rows of /states: basis states, initial states in use that are not basis states as they are, then targets.

    Parameters
    ----------
    basis : list of BasisSet
        The sets of basis and initial states.
    targets : list of TargetSet
        The sets of targets.
    n_dims : int
        Dimensions of the progress coordinate.
    """

    def __init__(self, basis: list[BasisSet], targets: list[TargetSet], n_dims: int) -> None:
        self._basis, self._targets = basis, targets
        self._labels: list[str] = []
        self._kinds: list[int] = []
        self._shares: list[float] = []
        self._points: list[NDArray[np.float64]] = []
        self._known: dict[tuple[object, ...], int] = {}
        self._initial = [self._basis_rows(number, one) for number, one in enumerate(basis)]
        if not self._labels:
            self._row(("unknown",), "unknown", _INITIAL, np.full(n_dims, np.nan))
        self._target = [
            [
                self._row(("target", label, *point.tolist()), label, _TARGET, point)
                for label, point in zip(one.labels, one.points, strict=True)
            ]
            for one in targets
        ]

    @property
    def has_basis(self) -> bool:
        """Whether the file holds basis states; else there is one state that is called `unknown`."""
        return bool(self._basis)

    @property
    def labels(self) -> list[str]:
        """Names of the states."""
        return self._labels

    @property
    def n_targets(self) -> int:
        """Number of targets."""
        return self._kinds.count(_TARGET)

    def initial_rows(self, iteration: int, states: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of initial states that are valid in an iteration; -1 for none, 0 for unknown ones.

        Where the set that is valid does not have them, they are of an earlier one: states may be replaced when the
        walkers of an iteration are planned already.
        """
        found, place = np.where(states < 0, -1, 0), _set_of(self._basis, iteration) if self._basis else -1
        left = states >= 0
        while left.any() and place >= 0:
            rows = self._initial[place]
            known = left & (states < len(rows))
            found[known] = rows[states[known]]
            left, place = left & ~known, place - 1
        return found

    def target_rows(self, iteration: int, targets: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the rows of targets that are valid in an iteration; -1 for those that are not known."""
        rows = self._target[_set_of(self._targets, iteration)] if self._target else []
        return np.array([rows[one] if 0 <= one < len(rows) else -1 for one in targets.tolist()], np.int64)

    def only_target(self, iteration: int) -> int:
        """Return the row of the target that is valid in an iteration; -1 if there is none, or more than one."""
        rows = self._target[_set_of(self._targets, iteration)] if self._target else []
        return rows[0] if len(rows) == 1 else -1

    def start_points(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the progress coordinates of states, (n, n_dims)."""
        return np.array(self._points, np.float64)[rows]

    def static(self) -> dict[str, NDArray[np.generic]]:
        """Return the datasets of /states by path; targets are no states of an engine and have no coordinates."""
        kinds, points = np.array(self._kinds, np.uint8), np.array(self._points, np.float64)
        points[kinds == _TARGET] = np.nan
        share = np.where(kinds == _INITIAL, np.maximum(np.array(self._shares, np.float64), 0), 0)
        if not share.sum() > 0:
            share = np.where(kinds == _INITIAL, 1.0, 0.0)
        return {
            "/states/kind": kinds,
            "/states/label": np.array([_cut(label) for label in self._labels], "S64"),
            "/states/probability": share / share.sum(),
            "/states/arrays/pcoord": points,
        }

    def _basis_rows(self, number: int, one: BasisSet) -> NDArray[np.int64]:
        """Return the row of each initial state of a set."""
        own = np.zeros(len(one.labels) + 1, np.int64)
        for place, label in enumerate(one.labels):
            key = (label, one.auxref[place], float(one.probability[place]), *one.points[place].tolist())
            own[place] = self._row(key, label, _INITIAL, one.points[place])
            self._shares[own[place]] += one.probability[place]
        known = (one.basis >= 0) & (one.basis < len(one.labels))
        rows = own[np.where(known, one.basis, 0)]
        for state in np.flatnonzero(one.used & ~((one.kind == _BASIS) & known)).tolist():
            label = one.labels[one.basis[state]] if known[state] else ""
            name = f"{_WORDS.get(int(one.kind[state]), 'state of')} {label}".strip() + f" #{state}"
            rows[state] = self._row((number, state), name, _INITIAL, one.initial_points[state])
        return rows

    def _row(self, key: tuple[object, ...], label: str, kind: int, point: NDArray[np.float64]) -> int:
        if key not in self._known:
            self._known[key] = len(self._labels)
            self._labels.append(label)
            self._kinds.append(kind)
            self._shares.append(0.0)
            self._points.append(point)
        return self._known[key]


def _set_of(sets: Sequence[BasisSet | TargetSet], iteration: int) -> int:
    """Return the position of the set that is valid in an iteration; the first one before all."""
    valid = [place for place, one in enumerate(sets) if one.first <= iteration]
    return valid[-1] if valid else 0


def _cut(label: str) -> bytes:
    return label.encode("utf-8", "replace")[:64].decode("utf-8", "ignore").encode()
