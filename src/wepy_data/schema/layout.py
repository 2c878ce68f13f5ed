"""A schema bound to one run: which optional parts it has, what fills its wildcards, how large its dimensions are."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property

import numpy as np

from wepy_data.schema.spec import ANY_SHAPE, WILDCARD, DatasetSpec, Spec, run_spec

ORDER_PARAMETER = "/observables/order_parameter/value"
PLANNED_ARRAYS = "/next/arrays/<name>"


@cache
def _little_endian(code: str) -> np.dtype[np.generic]:
    return np.dtype(code if code.startswith("S") else "<" + code)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One concrete dataset of a run.

    Parameters
    ----------
    path : str
        HDF5 path.
    dims : tuple of str or int
        Named dimensions and lengths; the first one is the row dimension.
    shape : tuple of int
        Shape of one row.
    dtype : str
        numpy type code, without byte order.
    """

    path: str
    dims: tuple[str | int, ...]
    shape: tuple[int, ...]
    dtype: str
    unit: str
    spec: DatasetSpec = field(repr=False)

    @property
    def dim(self) -> str:
        """Name of the row dimension."""
        return str(self.dims[0])

    @property
    def numpy_dtype(self) -> np.dtype[np.generic]:
        """Little-endian numpy type of the values."""
        return _little_endian(self.dtype)

    @property
    def row_bytes(self) -> int:
        """Size of a row; 0 if it has no values."""
        return self.numpy_dtype.itemsize * math.prod(self.shape)

    def empty(self, rows: int = 0) -> np.ndarray:
        """Return zeros of this column's type and shape."""
        return np.zeros((rows, *self.shape), self.numpy_dtype)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A dataset that a run puts in the place of a wildcard: its name, type, row shape and unit."""

    name: str
    dtype: str = "f8"
    shape: tuple[int, ...] = ()
    unit: str = ""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What the datasets of one run are.

    Parameters
    ----------
    sizes : mapping of str to int
        Lengths of the dimensions that are not counted in rows (`atom`, `feature`).
    parts : frozenset of str
        Optional groups and datasets that are present (`/particles`, `/particles/trajectory/velocity`, ...).
    named : mapping of str to tuple of Named
        For each path with a wildcard, what fills it.
    dtypes : mapping of str to str
        Types of datasets without a wildcard that may have several, by path; the schema's first one by default.
    spec : Spec
        The schema.
    """

    sizes: Mapping[str, int]
    parts: frozenset[str] = frozenset()
    named: Mapping[str, tuple[Named, ...]] = field(default_factory=dict)
    dtypes: Mapping[str, str] = field(default_factory=dict)
    spec: Spec = field(default_factory=run_spec, repr=False)

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """All datasets of the run by path, in the schema's order, wildcard names sorted."""
        return {column.path: column for column in self._columns()}

    @cached_property
    def growing(self) -> Mapping[str, Column]:
        """The datasets that grow with each cycle."""
        dims = self.spec.dims
        return {path: c for path, c in self.columns.items() if c.dim in dims and dims[c.dim].grows}

    @cached_property
    def static(self) -> Mapping[str, Column]:
        """The datasets that are written once, before the first cycle; /next comes at the seal and is not here."""
        return {p: c for p, c in self.columns.items() if p not in self.growing and not p.startswith("/next/")}

    @cached_property
    def planned(self) -> Mapping[str, Column]:
        """The datasets of /next, written when the run is sealed."""
        return {p: c for p, c in self.columns.items() if p.startswith("/next/")}

    @cached_property
    def by_dim(self) -> Mapping[str, tuple[Column, ...]]:
        """The growing datasets of each growing dimension."""
        return {
            name: tuple(c for c in self.growing.values() if c.dim == name)
            for name, dim in self.spec.dims.items()
            if dim.grows
        }

    def with_planned(self, shapes: Mapping[str, tuple[int, ...]]) -> Layout:
        """Return this layout with the arrays of planned walkers' states, given the shape of one walker's by name."""
        units = {named.name: named.unit for named in self.named.get("/states/arrays/<name>", ())}
        arrays = tuple(Named(name=name, shape=shape, unit=units.get(name, "")) for name, shape in shapes.items())
        return replace(self, named={**self.named, PLANNED_ARRAYS: arrays})

    def has(self, part: str) -> bool:
        """Whether an optional group or dataset is present; /next always counts as present."""
        return not part or part in self.parts or part == "/next"

    def links(self) -> Iterator[tuple[str, str]]:
        """Yield path and target of every hard link of the run."""
        names = [named.name for named in self.named.get(ORDER_PARAMETER.replace("order_parameter", WILDCARD), ())]
        for path, link in self.spec.links.items():
            if WILDCARD in path:
                yield from ((path.replace(WILDCARD, name), link.to) for name in sorted(names))
            elif self.has(link.present_with):
                yield path, link.to

    def _columns(self) -> Iterator[Column]:
        for path, spec in self.spec.datasets.items():
            if spec.wildcard:
                for named in sorted(self.named.get(path, ()), key=lambda n: n.name):
                    dims = (*spec.dims[:-1], *named.shape)
                    yield Column(
                        path=path.replace(WILDCARD, named.name), dims=dims, shape=named.shape, dtype=named.dtype,
                        unit=named.unit, spec=spec,
                    )  # fmt: skip
            elif self.has(spec.present_with) and (spec.required or path in self.parts):
                shape = tuple(d if isinstance(d, int) else self.sizes[d] for d in spec.dims[1:] if d != ANY_SHAPE)
                dtype, unit = self._dtype(spec), self._unit(spec)
                yield Column(path=path, dims=spec.dims, shape=shape, dtype=dtype, unit=unit, spec=spec)

    def _dtype(self, spec: DatasetSpec) -> str:
        return self.dtypes.get(spec.path, spec.dtype[0])

    def _unit(self, spec: DatasetSpec) -> str:
        measure = self.spec.datasets[spec.unit_of] if spec.unit_of else spec
        return measure.unit_for(self._dtype(measure))
