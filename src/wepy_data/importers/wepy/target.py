"""Where the fields of a WepyHDF5 run go: coordinates, observables, and what is left out."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.foreign import Foreign, text
from wepy_data.importers.report import Notes
from wepy_data.importers.unit import refuse_units
from wepy_data.importers.wepy.field import BOX, POSITIONS, VELOCITIES, Field
from wepy_data.importers.wepy.reading import Ints
from wepy_data.importers.wepy.run import FoundRun
from wepy_data.importers.wepy.unit import Unit, unit_of
from wepy_data.schema.layout import Named

UNITS = "/units/units"
_COORDINATES = {
    POSITIONS: ("/particles/trajectory/position/value", "nm"),
    BOX: ("/particles/trajectory/box/edges/value", "nm"),
    VELOCITIES: ("/particles/trajectory/velocity/value", "nm ps-1"),
}
_STATE_NAMES = {BOX: "box"}
_TYPES = {"f2": "f4", "f4": "f4", "f8": "f8", "b1": "u1", "u1": "u1", "i1": "i4", "i2": "i4", "u2": "i4", "i4": "i4"}
_TYPES |= {"u4": "i8", "i8": "i8", "u8": "f8"}
_MOST = 1 << 30  # bytes that a sparse field may become
_GROUPS = ("observables/",)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Target:
    """Where a field goes.

    Parameters
    ----------
    field : Field
        The field.
    path : str
        The run's dataset.
    named : Named or None
        What fills the wildcard, for an observable.
    factor : float
        What values are multiplied with.
    atoms : (n,) int64 or None
        The atoms in order of their numbers, if they are stored in another.
    """

    field: Field
    path: str
    named: Named | None = None
    factor: float = 1.0
    atoms: Ints | None = None

    def values(self, found: NDArray[np.generic]) -> NDArray[np.generic]:
        """Return what is stored, of the values of frames."""
        if self.atoms is not None:
            found = found[:, self.atoms]
        if self.factor != 1.0:
            found = found * np.float64(self.factor)  # type: ignore[operator]  # they are numbers
        if self.named is not None:
            return found.reshape(len(found), *self.named.shape)
        if found.shape[-1] < 3:  # a walker in one or two dimensions
            found = np.concatenate([found, np.zeros((*found.shape[:-1], 3 - found.shape[-1]), found.dtype)], axis=-1)
        return found


def field_units(foreign: Foreign) -> dict[str, Unit]:
    """Return the units of fields, by path, as far as the file says."""
    group, found = foreign.get(UNITS), {}
    for name in group if isinstance(group, h5py.Group) else ():
        item = foreign.get(f"{UNITS}/{name}")
        if isinstance(item, h5py.Dataset) and item.shape == ():
            found[name.removesuffix("_unit")] = unit_of(text(foreign.read(str(item.name)).item()))
    return found


def targets(
    run: FoundRun, units: Mapping[str, Unit], wanted: Collection[str] | None, named_units: Mapping[str, str],
    notes: Notes,
) -> list[Target]:  # fmt: skip
    """Return where the fields of a run go.

    Parameters
    ----------
    run : FoundRun
        The run.
    units : mapping of str to Unit
        Units of the file.
    wanted : collection of str or None
        Paths of the fields that are wanted; None for all.
    named_units : mapping of str to str
        Units of observables by name, for those that the file does not say.
    notes : Notes
        Told of what is taken, and left out.

    Raises
    ------
    SelectionError
        If units are misspelled, or of what does not become an observable.
    """
    found, names = list[Target](), {"order_parameter"}
    total = int(run.n_walkers.sum())
    whole = {f.path for f in run.fields if not f.sparse and f.dtype[1] == "f" and _is_coordinate(f)}
    for field in run.fields:
        if wanted is not None and field.path not in wanted:
            notes.leave(f"field {field.path}: it was not wanted")
        elif field.path in whole and (field.path == POSITIONS or POSITIONS in whole):
            found.append(_coordinates(field, units, notes))
        elif field.dtype[1:] not in _TYPES:
            notes.leave(f"field {field.path}: numbers of type {field.dtype}")
        elif wanted is None and field.sparse and total * field.row_bytes > _MOST:
            notes.leave(
                f"field {field.path}: only some frames have it, and with blanks for the others it would be"
                f" {total * field.row_bytes / 2**30:.3g} GiB (fields=['{field.path}', ...] takes it all the same)"
            )
        else:
            found.append(_observable(field, units, named_units, names, notes))
    taken = {one.field.path for one in found if one.named is None}
    left = [observable_name(field.path) for field in run.fields if field.path not in taken]
    refuse_units(named_units, ["order_parameter", *sorted(names - {"order_parameter"}), *left])
    return found


def state_name(path: str) -> str:
    """Return the name of the array of states that a field becomes."""
    return _STATE_NAMES.get(path, observable_name(path))


def observable_name(path: str) -> str:
    """Return the name of the observable that a field becomes.

    Examples
    --------
    >>> observable_name("observables/rmsd"), observable_name("alt_reps/all_atoms")
    ('rmsd', 'alt_reps_all_atoms')
    """
    for group in _GROUPS:
        path = path.removeprefix(group)
    found = re.sub(r"[^A-Za-z0-9_.+-]", "_", path)
    return found if re.match(r"[A-Za-z_]", found) else f"_{found}"


def factor_of(path: str, units: Mapping[str, Unit]) -> float:
    """Return what values of a field are multiplied with to be in nm and ps."""
    length = path.startswith("alt_reps/") or path in _COORDINATES
    unit = units.get(POSITIONS if path.startswith("alt_reps/") else path)
    return unit.factor if length and unit is not None and unit.factor is not None else 1.0


def unit_name(path: str, units: Mapping[str, Unit]) -> str:
    """Return the unit of a field in the run; empty if the file does not say."""
    if path.startswith("alt_reps/"):
        return "nm"
    if path in _COORDINATES:
        return _COORDINATES[path][1]
    unit = units.get(path) or units.get(path.rpartition("/")[2])
    return unit.name if unit is not None else ""


def _is_coordinate(field: Field) -> bool:
    if field.path == BOX:
        return field.shape == (3, 3)
    return field.path in _COORDINATES and len(field.shape) == 2 and 1 <= field.shape[1] <= 3


def _coordinates(field: Field, units: Mapping[str, Unit], notes: Notes) -> Target:
    path, unit = _COORDINATES[field.path]
    known = units.get(field.path)
    if known is None:
        notes.miss(f"unit of {field.path}: {unit} is taken")
    elif known.factor is None:
        notes.miss(f"what the unit of {field.path} is ({known.name or 'none'}): {unit} is taken")
    elif known.factor != 1.0:
        notes.take(f"{field.path}, converted from {known.name} to {unit}")
    if field.dtype[1:] == "f8":
        notes.take(f"{field.path} in single precision")
    if field.path != BOX and field.shape[1] < 3:
        notes.take(f"{field.path} of {field.shape[1]} dimension{'s'[: field.shape[1] - 1]}, as the first of three")
    return Target(field=field, path=path, factor=factor_of(field.path, units))


def _observable(
    field: Field, units: Mapping[str, Unit], named_units: Mapping[str, str], names: set[str], notes: Notes
) -> Target:
    name = observable_name(field.path)
    while name in names:
        name += "_"
    names.add(name)
    unit = named_units.get(name) or unit_name(field.path, units)
    shape = () if math.prod(field.shape) == 1 else field.shape
    blanks = ", NaN in frames that do not have it" if field.sparse else ""
    notes.take(f"field {field.path} as the observable `{name}`{blanks}")
    return Target(
        field=field,
        path=f"/observables/{name}/value",
        named=Named(name=name, dtype=_TYPES[field.dtype[1:]], shape=shape, unit=unit),
        factor=factor_of(field.path, units),
    )
