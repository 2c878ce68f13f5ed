"""Auxiliary data of WESTPA segments: which there are, and their values iteration by iteration."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError
from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import Notes
from wepy_data.importers.unit import refuse_units
from wepy_data.schema.layout import Named

GROUP = "auxdata"
_TYPES = {"f2": "f4", "f4": "f4", "f8": "f8", "b1": "u1", "u1": "u1", "i1": "i4", "i2": "i4", "u2": "i4", "i4": "i4"}
_TYPES |= {"u4": "i8", "i8": "i8", "u8": "f8"}
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.+-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Auxiliary:
    """One auxiliary dataset of a run.

    Parameters
    ----------
    name, dtype, unit : str
        Its name in the file, type and unit in the run.
    shape : tuple of int
        Of a value.
    per_point : bool
        Whether there is a value for each point of the progress coordinate, not one for each segment.
    """

    name: str
    dtype: str
    unit: str
    shape: tuple[int, ...]
    per_point: bool

    @property
    def named(self) -> Named:
        """The dataset of the run that takes it."""
        return Named(name=self.name, dtype=self.dtype, shape=self.shape, unit=self.unit)

    @property
    def path(self) -> str:
        """Where it is in the run."""
        return f"/observables/{self.name}/value" if self.per_point else f"/segments/observables/{self.name}"


def find_auxiliaries(
    foreign: Foreign, paths: Sequence[str], points: int, units: Mapping[str, str], notes: Notes
) -> list[Auxiliary]:
    """Return the auxiliary datasets of a run, as the first iteration that has each shows it.

    Parameters
    ----------
    foreign : Foreign
        The file.
    paths : sequence of str
        Groups of the iterations.
    points : int
        Points of the progress coordinate of a segment.
    units : mapping of str to str
        Units by name.
    notes : Notes
        Told of what cannot be taken, and of units that are not known.

    Raises
    ------
    SelectionError
        If units are misspelled, or of data that the file does not have.
    """
    found: dict[str, Auxiliary | None] = {}
    for path in paths:
        group = foreign.get(f"{path}/{GROUP}") if foreign.is_linked(f"{path}/{GROUP}") else None
        for name in group if isinstance(group, h5py.Group) else ():
            if name not in found:
                found[name] = _auxiliary(foreign, f"{path}/{GROUP}/{name}", name, points, units, notes)
    refuse_units(units, ["order_parameter", *found])
    return [one for one in found.values() if one is not None]


def _auxiliary(
    foreign: Foreign, path: str, name: str, points: int, units: Mapping[str, str], notes: Notes
) -> Auxiliary | None:
    dataset = foreign.get(path)
    if dataset is None:
        notes.leave(f"auxiliary data `{name}`: the link leads nowhere")
        return None
    dtype = _TYPES.get(dataset.dtype.str[1:], "") if isinstance(dataset, h5py.Dataset) else ""
    if not dtype or not dataset.ndim or not _NAME.fullmatch(name) or name == "order_parameter":
        kind = f"values of {dataset.dtype}" if isinstance(dataset, h5py.Dataset) else "a group"
        notes.leave(f"auxiliary data `{name}`: {kind}, expected numbers for each segment under a plain name")
        return None
    per_point = dataset.ndim > 1 and dataset.shape[1] == points
    unit = units.get(name, "")
    if not unit:
        notes.miss(f"unit of `{name}` (units={{'{name}': ...}}, or --unit {name}=...)")
    notes.take(f"auxiliary data `{name}` as an observable {'of each frame' if per_point else 'of each segment'}")
    shape = tuple(dataset.shape[2 if per_point else 1 :])
    return Auxiliary(name=name, dtype=dtype, unit=unit, shape=shape, per_point=per_point)


def read_auxiliary(
    foreign: Foreign, path: str, one: Auxiliary, number: int, n_segments: int, points: NDArray[np.int64], n_points: int,
    notes: Notes,
) -> NDArray[np.generic]:  # fmt: skip
    """Return the values of an iteration, for each segment or for chosen points of each.

    Parameters
    ----------
    foreign : Foreign
        The file.
    path : str
        The iteration's group.
    one : Auxiliary
        Which data.
    number, n_segments, n_points : int
        Number of the iteration, its segments, and points of each.
    points : (n,) int64
        The points whose values are wanted, if there is one for each.
    notes : Notes
        Told if there are none: NaN, or 0 for whole numbers, stands in their place.
    """
    rows = n_segments * len(points) if one.per_point else n_segments
    shape = (n_segments, n_points, *one.shape) if one.per_point else (n_segments, *one.shape)
    try:
        values = foreign.read(f"{path}/{GROUP}/{one.name}")
    except DamagedRunError:
        values = None
    if values is None or values.shape != shape or values.dtype.kind not in "biuf":
        blank = "NaN" if one.dtype.startswith("f") else "0"
        notes.miss(f"auxiliary data `{one.name}` of iterations {{}}, not there or of another shape: {blank}", number)
        return np.full((rows, *one.shape), np.nan if blank == "NaN" else 0, one.dtype)
    if one.per_point:
        values = values[:, points].reshape(rows, *one.shape)
    return values.astype(one.dtype)
