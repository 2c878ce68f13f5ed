"""An H5MD 1.1 file of one continuous trajectory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.store.create import PROGRAM
from wepy_data.version import __version__

_CHUNK = 1 << 19  # bytes
_UNITS = {"position": "nm", "velocity": "nm ps-1", "box/edges": "nm"}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class H5mdHeader:
    """What an H5MD file is, known before its first frame.

    Parameters
    ----------
    n_atoms : int
        Number of particles.
    author : str
        Whose simulation it is.
    static : mapping of str to (n_atoms,) array
        Properties of the particles that do not change, by their H5MD names: species, mass, charge, id.
    units : mapping of str to str
        Units of these and of observables, in H5MD spelling, by name; those without one left out.
    periodic : bool
        Whether frames come with boxes.
    """

    n_atoms: int
    author: str
    periodic: bool
    static: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)


class H5mdFile:
    """An H5MD file that is being written: one group of particles, `trajectory`, with explicit steps and times.

    Parameters
    ----------
    path : path
        The file; replaced.
    header : H5mdHeader
        What does not change.
    """

    def __init__(self, path: Path, header: H5mdHeader) -> None:
        self._file, self._header = h5py.File(path, "w", libver=("earliest", "v110")), header
        self._elements: dict[str, h5py.Dataset] = {}
        self._last = -1
        _describe(self._file, header)
        group = self._file.create_group("particles/trajectory")
        box = group.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs.create("boundary", ["periodic" if header.periodic else "none"] * 3, dtype=h5py.string_dtype())
        for name, values in header.static.items():
            self._described(group.create_dataset(name, data=values), header.units.get(name, ""))
        self._step = self._growing("particles/trajectory/position/step", np.dtype("<i8"), ())
        self._time = self._growing("particles/trajectory/position/time", np.dtype("<f8"), (), "ps")

    def append(
        self, step: NDArray[np.int64], time: NDArray[np.float64], particles: Mapping[str, NDArray[Any]],
        observables: Mapping[str, NDArray[Any]],
    ) -> None:  # fmt: skip
        """Append frames.

        Parameters
        ----------
        step : (n,) int64
            Increasing, also from call to call.
        time : (n,) float64
            ps.
        particles : mapping of str to (n, ...) array
            `position` and perhaps `velocity` (nm, nm/ps) and `box/edges` (nm, vectors as rows); the same in each call.
        observables : mapping of str to (n, ...) array
            Others, a value for each frame.

        Raises
        ------
        ValueError
            If the steps do not increase: H5MD has no file of such frames.
        """
        if (np.diff(step, prepend=self._last) <= 0).any():
            raise ValueError("steps do not increase")
        self._last = int(step[-1]) if len(step) else self._last
        _append(self._step, step)
        _append(self._time, time)
        for name, values in particles.items():
            self._element(f"particles/trajectory/{name}", values, _UNITS[name])
        for name, values in observables.items():
            self._element(f"observables/{name}", values, self._header.units.get(name, ""))

    def close(self) -> None:
        """End the file."""
        self._file.close()

    def _element(self, path: str, values: NDArray[Any], unit: str) -> None:
        """Append to a time-dependent element, which shares steps and times with positions."""
        if path not in self._elements:
            self._elements[path] = self._growing(f"{path}/value", values.dtype, values.shape[1:], unit)
            group = self._file[path]
            for name, shared in (("step", self._step), ("time", self._time)):
                if name not in group:
                    group[name] = shared
        _append(self._elements[path], values)

    def _growing(self, path: str, dtype: np.dtype[Any], shape: tuple[int, ...], unit: str = "") -> h5py.Dataset:
        row = max(1, dtype.itemsize * int(np.prod(shape, dtype=np.int64)))
        chunk = (max(1, min(_CHUNK // row, 1 << 12)), *(max(1, n) for n in shape))
        dataset = self._file.create_dataset(
            path, (0, *shape), dtype, chunks=chunk, maxshape=(None, *(n or None for n in shape))
        )
        return self._described(dataset, unit)

    def _described(self, dataset: h5py.Dataset, unit: str) -> h5py.Dataset:
        if unit:
            dataset.attrs["unit"] = unit
        return dataset


def _describe(file: h5py.File, header: H5mdHeader) -> None:
    """Write the groups that make a file H5MD."""
    root = file.create_group("h5md")
    root.attrs["version"] = np.array([1, 1], "<i4")
    root.create_group("author").attrs["name"] = header.author
    creator = root.create_group("creator")
    creator.attrs["name"], creator.attrs["version"] = PROGRAM, __version__
    units = root.create_group("modules/units")
    units.attrs["version"], units.attrs["system"] = np.array([1, 0], "<i4"), "SI"


def _append(dataset: h5py.Dataset, values: NDArray[Any]) -> None:
    start = len(dataset)
    dataset.resize(start + len(values), axis=0)
    dataset[start:] = values
