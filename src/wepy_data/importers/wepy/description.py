"""What a WepyHDF5 file says of how it was made, for the provenance; and values of its resampler for each cycle."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from wepy_data.importers.foreign import Foreign, text
from wepy_data.importers.report import Notes
from wepy_data.importers.wepy.reading import Floats, read_rows
from wepy_data.importers.wepy.record import CYCLES, sporadic
from wepy_data.importers.wepy.run import FoundRun
from wepy_data.importers.wepy.target import UNITS

_SETTINGS = "/_settings"
_ROOT = {"runs", "topology", "units", "_settings"}
_RUN = {
    "trajectories", "init_walkers", "decision", "resampling", "resampler", "warping", "progress", "boundary_conditions",
}  # fmt: skip
_MANY = 1000  # records or numbers


def components(foreign: Foreign, run: FoundRun, order_parameter: str, notes: Notes) -> dict[str, dict[str, Any] | None]:
    """Return what the parts of the simulation were, as JSON values."""
    for path, known in (("/", _ROOT), (f"{run.path}/", _RUN)):
        for name in sorted(set(foreign.get(path) or ()) - known):
            notes.leave(f"{path}{name}: nothing that wepy 1.x has there")
    measured = [f"progress/{name}" for name in run.progress.names] if run.progress is not None else []
    return {
        "engine": None,
        "order_parameter": {"kind": "wepy 1 fields", "fields": [order_parameter] if order_parameter else measured},
        "binner": {"kind": "wepy 1 regions"} if run.resampling.has_regions else None,
        "balancer": {"kind": "wepy 1 resampler", "decisions": dict(run.resampling.ids)},
        "recycling": _boundary(foreign, run, notes),
        "storage": {"kind": "WepyHDF5", "run": run.number, "units": _texts(foreign, UNITS), **_settings(foreign)},
    }


def resampler_values(foreign: Foreign, run: FoundRun, notes: Notes) -> dict[str, Floats]:
    """Return the values that the resampler has noted once in each cycle, by name, (n_cycles,) each."""
    path = f"{run.path}/resampler"
    group, found = foreign.get(path), dict[str, Floats]()
    names = sorted(set(group) - {CYCLES}) if isinstance(group, h5py.Group) else []
    where = sporadic(foreign, path, names, notes) if names and foreign.has(f"{path}/{CYCLES}") else None
    regular = where is not None and bool((where.counts(run.n_cycles) == 1).all())
    for name in names:
        dataset = foreign.dataset(f"{path}/{name}")
        scalar = dataset.shape[1:] in ((), (1,)) and dataset.dtype.kind in "iuf"
        if regular and scalar:
            found[name] = read_rows(foreign, dataset, 0, run.n_cycles).reshape(-1).astype(np.float64)
        elif len(dataset):
            notes.leave(f"resampler/{name}: {'not one record' if scalar else 'more than a number'} in each cycle")
    return found


def _boundary(foreign: Foreign, run: FoundRun, notes: Notes) -> dict[str, Any] | None:
    path = f"{run.path}/boundary_conditions"
    group = foreign.get(path)
    if not isinstance(group, h5py.Group):
        return None
    records: dict[str, Any] = {}
    for name in sorted(group):
        item = foreign.get(f"{path}/{name}")
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf" and item.size <= _MANY:
            records[name] = _finite(foreign.read(str(item.name)).tolist())
        else:
            notes.leave(f"boundary_conditions/{name}: no numbers, or more than {_MANY}")
    return {"kind": "wepy 1 boundary conditions", "records": records}


def _settings(foreign: Foreign) -> dict[str, Any]:
    found: dict[str, Any] = {"alternate representations": {}}
    for name in ("sparse_fields", "n_atoms", "n_dims", "main_rep_idxs"):
        found[name.replace("_", " ")] = _value(foreign, f"{_SETTINGS}/{name}")
    group = foreign.get(f"{_SETTINGS}/alt_reps_idxs")
    for name in group if isinstance(group, h5py.Group) else ():
        found["alternate representations"][name] = _value(foreign, f"{_SETTINGS}/alt_reps_idxs/{name}")
    return found


def _texts(foreign: Foreign, path: str) -> Mapping[str, Any]:
    group = foreign.get(path)
    return {name: _value(foreign, f"{path}/{name}") for name in group} if isinstance(group, h5py.Group) else {}


def _value(foreign: Foreign, path: str) -> Any:  # a JSON value
    item = foreign.get(path)
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "OSiuf":
        return None
    if item.size > _MANY:
        return f"{item.size} values"
    return _finite(foreign.read(str(item.name)).tolist())


def _finite(value: Any) -> Any:
    """Return a value as JSON has it: texts, and no NaN."""
    if isinstance(value, list):
        return [_finite(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, int) else text(value)
