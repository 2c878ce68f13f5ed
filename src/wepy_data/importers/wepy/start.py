"""Where the walkers of a WepyHDF5 run start: initial walkers, the starts that warping puts them to, the boundary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import Notes
from wepy_data.importers.wepy.field import WEIGHTS
from wepy_data.importers.wepy.reading import Floats, Ints
from wepy_data.importers.wepy.run import FoundRun
from wepy_data.importers.wepy.target import factor_of, state_name, unit_name
from wepy_data.importers.wepy.unit import Unit
from wepy_data.schema.layout import Named

_INITIAL, _SOURCE, _TARGET = 0, 1, 2
_LONGEST = 64  # bytes of a label
_ROOT = "/states"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Starts:
    """The states of a run.

    Parameters
    ----------
    static : mapping of str to array
        Their datasets by path.
    named : tuple of Named
        Their arrays.
    founder : (n_founders,) int64
        State that each founder starts from.
    source : mapping of int to int
        State that each target of warping is.
    boundary : int
        State that stands for the boundary; -1 if nobody reached it.
    """

    static: Mapping[str, NDArray[np.generic]]
    named: tuple[Named, ...]
    founder: Ints
    source: Mapping[int, int]
    boundary: int


def starts(
    foreign: Foreign, run: FoundRun, weight: Floats, units: Mapping[str, Unit], labels: Sequence[str] | None,
    notes: Notes,
) -> Starts:  # fmt: skip
    """Return the states of a run.

    Parameters
    ----------
    foreign : Foreign
        The file.
    run : FoundRun
        The run.
    weight : (n_founders,) float64
        Weights of the founders.
    units : mapping of str to Unit
        Units of the file's fields.
    labels : sequence of str or None
        The segments of another run that the founders continue; None if they continue none.
    notes : Notes
        Told of what is not known.
    """
    arrays, founder = _initial(foreign, run, len(weight), labels is not None, notes)
    share = np.bincount(founder, weight, int(founder.max()) + 1)
    names = list(labels) if labels else [f"initial {number}" for number in range(len(share))]
    kinds, probability = [_INITIAL] * len(share), (share / share.sum()).tolist()
    met = sorted(set(run.warping.target.tolist())) if run.warping is not None else []
    source = {target: len(kinds) + place for place, target in enumerate(met)}
    if met:
        kinds += [_SOURCE] * len(met) + [_TARGET]
        names = [*names, *(f"warping target {target}" for target in met), "warping boundary"]
        probability += [1.0 / len(met)] * len(met) + [0.0]
        notes.miss("what the starts are that warping puts walkers to: the source states have no arrays")
        if len(met) > 1:
            notes.miss("how probable each of these starts is: all are taken to be alike")
    static: dict[str, NDArray[np.generic]] = {
        f"{_ROOT}/kind": np.array(kinds, np.uint8),
        f"{_ROOT}/label": np.array([name.encode()[:_LONGEST] for name in names], "S64"),
        f"{_ROOT}/probability": np.array(probability, np.float64),
    }
    named = []
    for path, values in arrays.items():
        blank = np.full((len(kinds) - len(share), *values.shape[1:]), np.nan)
        name = state_name(path)
        if f"{_ROOT}/arrays/{name}" in static:
            notes.leave(f"init_walkers/{path}: another field has the name {name} in the run")
            continue
        static[f"{_ROOT}/arrays/{name}"] = np.concatenate([values * factor_of(path, units), blank])
        named.append(Named(name=name, shape=values.shape[1:], unit=unit_name(path, units)))
    boundary = len(kinds) - 1 if met else -1
    return Starts(static=static, named=tuple(named), founder=founder, source=source, boundary=boundary)


def _initial(
    foreign: Foreign, run: FoundRun, n_walkers: int, each: bool, notes: Notes
) -> tuple[dict[str, Floats], Ints]:  # fmt: skip
    """Return the arrays of the initial states, and which of them each founder starts from.

    Walkers that start from the same are one state, unless each is to have its own.
    """
    path = f"{run.path}/init_walkers"
    group = foreign.get(path)
    there = {name for name in group if name.isdecimal()} if isinstance(group, h5py.Group) else set()
    own = np.arange(n_walkers) if each else np.zeros(n_walkers, np.int64)
    if not {str(place) for place in range(n_walkers)} <= there:
        notes.miss("where the first walkers started (init_walkers): their states have no arrays")
        return {}, own
    names, shapes = _fields(foreign, path, notes)
    founder, found = np.zeros(n_walkers, np.int64), dict[bytes, int]()
    rows: dict[str, list[Floats]] = {name: [] for name in names}
    for place in range(n_walkers):
        values = {name: _value(foreign, f"{path}/{place}/{name}", shapes[name]) for name in names}
        key = b"%d" % place if each else b"".join(value.tobytes() for value in values.values())
        founder[place] = found.setdefault(key, len(found))
        if founder[place] == len(found) - 1 and len(rows[names[0]] if names else found) < len(found):
            for name, value in values.items():
                rows[name].append(value)
    return {name: np.array(values) for name, values in rows.items()}, founder


def _fields(foreign: Foreign, path: str, notes: Notes) -> tuple[list[str], dict[str, tuple[int, ...]]]:
    """Return the fields of the initial walkers that are numbers, and the shapes of their values."""
    found: dict[str, tuple[int, ...]] = {}
    group = foreign.get(f"{path}/0")
    for name in sorted(group) if isinstance(group, h5py.Group) else ():
        inner = foreign.get(f"{path}/0/{name}")
        names = [f"{name}/{one}" for one in sorted(inner)] if isinstance(inner, h5py.Group) else [name]
        for one in names:
            item = foreign.get(f"{path}/0/{one}")
            if isinstance(item, h5py.Dataset) and item.ndim and len(item) == 1 and item.dtype.kind in "biuf":
                found[one] = () if item.size == 1 else tuple(item.shape[1:])
            else:
                notes.leave(f"init_walkers/{one}: no numbers")
    found.pop(WEIGHTS, None)
    return list(found), found


def _value(foreign: Foreign, path: str, shape: tuple[int, ...]) -> Floats:
    value = foreign.read(path, kinds="biuf")
    if value.size != np.prod(shape, dtype=np.int64):
        raise foreign.damaged(path, f"values of shape {list(value.shape)}", f"[1, {', '.join(map(str, shape))}]")
    return value.astype(np.float64).reshape(shape)
