"""One thing that is done to a valid run's file to make it invalid, and the problem that a check must then find."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.record.build import CRC
from wepy_data.schema.checksum import crc_of
from wepy_data.schema.problem import Problem
from wepy_data.schema.spec import run_spec
from wepy_data.schema.structure import layout_of
from wepy_data.store.tree import FileTree

if TYPE_CHECKING:
    import h5py

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A damage to a valid run.

    Parameters
    ----------
    what : str
        What is done, in words.
    kind : str
        Kind of the problem that a check must find; others may be found too.
    path : str
        Where it must be found, without the row; empty if the place is open.
    damage : callable
        Does it to the run's HDF5 file, open for writing. Checksums are refreshed, unless they are what is tested.
    """

    what: str
    kind: str
    path: str
    damage: Callable[[h5py.File], None]

    def __str__(self) -> str:
        return f"{self.kind} at {self.path or 'any place'}: {self.what}"

    def is_found(self, problems: list[Problem]) -> bool:
        """Whether a check's problems name this damage."""
        return any(p.kind == self.kind and self.path in ("", p.path, p.path.split("[")[0]) for p in problems)


def refresh_crc(file: h5py.File) -> None:
    """Recompute the checksums of all cycles of a run's file, so that only the damage itself is left to be found.

    Parameters
    ----------
    file : h5py.File
        A run whose tables are sound in structure, open for writing.
    """
    spec = run_spec()
    layout = layout_of(spec, FileTree(file).nodes())
    stops = {dim: file[spec.dims[dim].stop][()] if spec.dims[dim].stop else None for dim in layout.by_dim}
    rows = {path: file[path][()] for path in layout.growing if path != CRC}
    checksums = file[CRC]
    for cycle in range(len(checksums)):
        checksums[cycle] = crc_of(array[_slice(stops[layout.growing[path].dim], cycle)] for path, array in rows.items())


def changed(path: str, row: int | tuple[int, ...], value: object) -> Callable[[h5py.File], None]:
    """Return the damage that sets one value of a dataset."""

    def damage(file: h5py.File) -> None:
        values = file[path][()]
        values[row] = value
        file[path][...] = values
        refresh_crc(file)

    return damage


def edited(path: str, edit: Callable[[Array], Array]) -> Callable[[h5py.File], None]:
    """Return the damage that computes a dataset's values anew; their number stays."""

    def damage(file: h5py.File) -> None:
        file[path][...] = edit(file[path][()])
        refresh_crc(file)

    return damage


def inserted(dim: str, cycle: int, values: dict[str, object]) -> Callable[[h5py.File], None]:
    """Return the damage that inserts a row at the end of a cycle's rows of a growing dimension.

    Parameters
    ----------
    dim : str
        `merge`, `event`, `bin` or `worker`.
    cycle : int
        The cycle.
    values : mapping of str to value
        The row; columns that are not named get zeros.
    """

    def damage(file: h5py.File) -> None:
        spec = run_spec()
        columns = layout_of(spec, FileTree(file).nodes()).by_dim[dim]
        stops = file[spec.dims[dim].stop]
        place = int(stops[cycle])
        for column in columns:
            old = file[column.path][()]
            row = np.full((1, *column.shape), values.get(column.path, 0), old.dtype)
            _rewrite(file, column.path, np.concatenate([old[:place], row, old[place:]]))
        stops[cycle:] = stops[cycle:] + 1
        refresh_crc(file)

    return damage


def replaced(path: str, convert: Callable[[Array], Array]) -> Callable[[h5py.File], None]:
    """Return the damage that puts another dataset, of other type or shape, in the place of one."""

    def damage(file: h5py.File) -> None:
        _replace(file, path, convert(file[path][()]))

    return damage


def breaks(rule: str, path: str, what: str, damage: Callable[[h5py.File], None]) -> Mutation:
    """Return the mutation that breaks a rule."""
    return Mutation(what=what, kind=rule, path=path, damage=damage)


def scaled(row: int, factor: float) -> Callable[[Array], Array]:
    """Return the edit that multiplies one row."""
    return lambda values: np.where(np.arange(len(values)) == row, values * factor, values)


def added(row: int, by: float) -> Callable[[Array], Array]:
    """Return the edit that adds to one row."""

    def edit(values: Array) -> Array:
        values[row] += by
        return values

    return edit


def put(row: int, value: float) -> Callable[[Array], Array]:
    """Return the edit that sets one row."""
    return lambda values: np.where(np.arange(len(values)) == row, value, values)


def moved(giver: int, taker: int) -> Callable[[Array], Array]:
    """Return the edit that moves half of what one row has to another."""

    def edit(values: Array) -> Array:
        weight = values[giver] / 2
        values[giver] -= weight
        values[taker] += weight
        return values

    return edit


def _rewrite(file: h5py.File, path: str, values: Array) -> None:
    """Give a dataset other rows, more or fewer."""
    if file[path].chunks is None:  # a sealed file's table without rows
        _replace(file, path, values)
    else:
        file[path].resize(len(values), axis=0)
        file[path][...] = values


def _replace(file: h5py.File, path: str, values: Array) -> None:
    """Put another dataset, with the same attributes, in the place of one."""
    attributes = dict(file[path].attrs)
    del file[path]
    file[path] = values
    for name, value in attributes.items():
        file[path].attrs[name] = value


def _slice(stops: Array | None, cycle: int) -> slice:
    if stops is None:
        return slice(cycle, cycle + 1)
    return slice(int(stops[cycle - 1]) if cycle else 0, int(stops[cycle]))
