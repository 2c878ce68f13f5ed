"""What a run of a WepyHDF5 file becomes: its header, and the cycles that will come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from wepy_data.errors import SelectionError
from wepy_data.importers.conduct import Material
from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import Notes
from wepy_data.importers.wepy.continuation import founder_weights, origin, run_id
from wepy_data.importers.wepy.cycle import Cycles
from wepy_data.importers.wepy.description import components, resampler_values
from wepy_data.importers.wepy.field import POSITIONS, Field, frames_needed
from wepy_data.importers.wepy.reading import Floats, shorter
from wepy_data.importers.wepy.run import FoundRun
from wepy_data.importers.wepy.start import starts
from wepy_data.importers.wepy.target import Target, field_units, observable_name, targets
from wepy_data.importers.wepy.topology import FoundParticles, find_particles
from wepy_data.importers.wepy.unit import Unit
from wepy_data.record.header import Header
from wepy_data.schema.layout import Layout, Named

_PARTICLES = "/particles/trajectory"
_PARTS = {
    f"{_PARTICLES}/position/value": "/particles",
    f"{_PARTICLES}/box/edges/value": f"{_PARTICLES}/box/edges",
    f"{_PARTICLES}/velocity/value": f"{_PARTICLES}/velocity",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What is wanted of a run: arguments of `import_wepy`."""

    timestep: float | None = None
    units: Mapping[str, str] = field(default_factory=dict)
    order_parameter: str = ""
    fields: Sequence[str] | None = None
    last: int | None = None


def material(foreign: Foreign, run: FoundRun, wishes: Wishes, notes: Notes) -> Material:
    """Return what a run becomes.

    Raises
    ------
    DamagedRunError
        If its fields and records do not fit together.
    SelectionError
        If a field that is wanted is not there.
    """
    _refuse_unknown(foreign, run, wishes)
    weight, digest = founder_weights(run), foreign.digest()
    before = origin(foreign, run, weight, digest, notes)
    cycles, particles = _cycles(foreign, run, weight, None if before is None else before.labels, wishes, notes)
    n_segments = int(run.n_walkers.sum())
    return Material(
        source="wepy",
        version="1",
        header=Header(
            layout=_layout(cycles, particles, wishes.units),
            static={**cycles.starts.static, **_static(particles)},
            topology="" if particles is None else particles.topology,
            run_id=run_id(digest, run.number),
            continues=None if before is None else before.continues,
        ),
        n_cycles=run.n_cycles,
        cycles=iter(cycles),
        planned=cycles.planned,
        rows={"cycle": run.n_cycles, "segment": n_segments, "frame": n_segments, "merge": n_segments // 4, "worker": 1},
        components=components(foreign, run, wishes.order_parameter, notes),
    )


def _cycles(
    foreign: Foreign, run: FoundRun, weight: Floats, labels: Sequence[str] | None, wishes: Wishes, notes: Notes
) -> tuple[Cycles, FoundParticles | None]:  # fmt: skip
    """Return the cycles that will come, and the particles of their frames."""
    units = field_units(foreign)
    found, order = targets(run, units, wishes.fields, wishes.units, notes), _field(run, wishes.order_parameter)
    for one in dict.fromkeys([*(target.field for target in found), *([order] if order is not None else [])]):
        _refuse_short(foreign, run, one)
    begin = starts(foreign, run, weight, units, labels, notes)
    particles = _particles(foreign, found, notes)
    scalars = {f"resampler_{name}": values for name, values in resampler_values(foreign, run, notes).items()}
    cycles = Cycles(
        foreign=foreign,
        run=run,
        starts=begin,
        targets=[_in_order(target, particles) for target in found],
        scalars=scalars,
        timestep=_timestep(foreign, run, wishes.timestep, units, notes),
        order_parameter=order,
        n_features=_features(run, order, wishes, notes),
        binned=_binned(run, notes),
        notes=notes,
    )
    return cycles, particles


def _refuse_unknown(foreign: Foreign, run: FoundRun, wishes: Wishes) -> None:
    there = {one.path: one for one in run.fields}
    unknown = [name for name in wishes.fields or () if name not in there]
    dense = [name for name, one in there.items() if not one.sparse]
    if wishes.order_parameter and wishes.order_parameter not in dense:
        unknown.append(wishes.order_parameter)
    if unknown:
        raise SelectionError(
            f"no field {', '.join(unknown)} in run {run.number} of {foreign.path}: there are"
            f" {', '.join(f'{name} (sparse)' if there[name].sparse else name for name in there)};"
            " the order parameter is one that all frames have"
        )


def _refuse_short(foreign: Foreign, run: FoundRun, one: Field) -> None:
    """Open a field; raise `DamagedRunError` unless all frames have it."""
    lengths, needed = run.trajectories.lengths(one), frames_needed(run.n_walkers)
    short = np.flatnonzero(lengths[: len(needed)] < needed)
    if not one.sparse and len(short):
        place = int(short[np.argmin(lengths[short])])
        where, found = f"{run.trajectories.path}/{place}/{one.path}", int(lengths[place])
        raise foreign.damaged(where, f"{found} frames", f"{needed[place]}, as many as weights", shorter(found))


def _field(run: FoundRun, path: str) -> Field | None:
    return next((one for one in run.fields if one.path == path), None)


def _features(run: FoundRun, order: Field | None, wishes: Wishes, notes: Notes) -> int:
    if not wishes.units.get("order_parameter"):
        notes.miss("unit of the order parameter (units={'order_parameter': ...}, or --unit UNIT)")
    if order is not None:
        notes.take(f"field {order.path} as the order parameter")
        return max(1, int(np.prod(order.shape, dtype=np.int64)))
    if run.progress is None:
        notes.miss("the order parameter: there are no progress records, 0 stands in its place (order_parameter=FIELD)")
        return 1
    notes.take(f"the progress records {', '.join(run.progress.names)} as the order parameter")
    return len(run.progress.names)


def _binned(run: FoundRun, notes: Notes) -> bool:
    if not run.resampling.has_regions:
        return False
    if run.sealed:
        notes.take("WExplore's regions as bins")
        return True
    notes.leave(f"WExplore's regions: the last cycle has none (last={run.n_cycles - 2} takes those of the others)")
    return False


def _timestep(foreign: Foreign, run: FoundRun, wished: float | None, units: Mapping[str, Unit], notes: Notes) -> float:
    """Return the time of a cycle in ps."""
    notes.miss("steps of dynamics in a cycle: 1")
    if wished is not None:
        if not (np.isfinite(wished) and wished > 0):
            raise SelectionError(f"timestep: expected the time of a cycle in ps, more than 0, got {wished}")
        return wished
    one, unit = _field(run, "time"), units.get("time")
    start = f"{run.path}/init_walkers/0/time"
    if one is not None and not one.sparse and one.shape in ((), (1,)) and foreign.has(start):
        run.trajectories.lengths(one)
        block = run.trajectories.read_cycle(one, run.n_walkers, 0)
        begin = foreign.read(start, kinds="iuf").astype(np.float64)
        passed = float(block.cycle(one.path, 0, 1).reshape(-1)[0]) - float(begin.sum())
        passed *= unit.factor if unit is not None and unit.factor is not None else 1.0
        if np.isfinite(passed) and passed > 0:
            notes.take(f"the field time, which says that a cycle takes {passed:.6g} ps")
            return passed
    notes.miss("time of a cycle: 1 ps (timestep=..., or --timestep PS)")
    return 1.0


def _particles(foreign: Foreign, found: Sequence[Target], notes: Notes) -> FoundParticles | None:
    positions = next((one.field for one in found if one.field.path == POSITIONS and one.named is None), None)
    return None if positions is None else find_particles(foreign, positions.shape[0], notes)


def _in_order(target: Target, particles: FoundParticles | None) -> Target:
    """Return where a field goes, with atoms in order of their numbers."""
    if particles is None or particles.order is None or target.path not in _PARTS or target.field.shape == (3, 3):
        return target
    return replace(target, atoms=particles.order)


def _layout(cycles: Cycles, particles: FoundParticles | None, units: Mapping[str, str]) -> Layout:
    order = Named(name="order_parameter", shape=(cycles.n_features,), unit=units.get("order_parameter", ""))
    named = [one.named for one in cycles.targets if one.named is not None]
    return Layout(
        sizes={"atom": 0 if particles is None else len(particles.species), "feature": cycles.n_features},
        parts=frozenset(_PARTS[one.path] for one in cycles.targets if one.path in _PARTS)
        | ({f"{_PARTICLES}/id"} if particles is not None and particles.number is not None else set()),
        named={
            "/observables/<name>/value": (order, *named),
            "/states/arrays/<name>": cycles.starts.named,
            "/segments/observables/<name>": tuple(Named(name=observable_name(name)) for name in cycles.scalars),
        },
    )


def _static(particles: FoundParticles | None) -> dict[str, Any]:
    if particles is None:
        return {}
    found = {
        f"{_PARTICLES}/species": particles.species,
        f"{_PARTICLES}/mass": particles.mass,
        f"{_PARTICLES}/charge": np.zeros(len(particles.species)),
    }
    return found if particles.number is None else {**found, f"{_PARTICLES}/id": particles.number}
