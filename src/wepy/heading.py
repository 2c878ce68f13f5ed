"""The header of a run: what its file must hold, known before the first cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import wepy_data as wd
from wepy.bins import bins_to_json
from wepy.ensemble import stacked
from wepy.protocols import AdaptiveBinner, Description, System
from wepy.provenance import start_record
from wepy.storage import Kept, Particles

if TYPE_CHECKING:
    from wepy.simulation import Simulation
    from wepy.standing import Standing

STATE_UNITS = {"positions": "nm", "velocities": "nm ps-1", "box": "nm"}
_KINDS = {"initial": 0, "source": 1, "target": 2}


def run_header(simulation: Simulation, cycles: int | None = None) -> wd.Header:
    """Return the header of a simulation's run; `cycles` is how many it is to have, None if that is not said."""
    system, states = simulation.system, simulation.states + simulation.sources
    targets = [boundary.label for boundary in simulation.boundaries]
    blank = dict.fromkeys(states[0].arrays)
    arrays = stacked([*(dict(state.arrays) for state in states), *[blank for _ in targets]])
    kinds = ["initial"] * len(simulation.states) + ["source"] * len(simulation.sources) + ["target"] * len(targets)
    labels = [state.label for state in states] + targets
    probability = [state.probability for state in states] + [0.0] * len(targets)
    stored = simulation.kept.particles(system)
    return wd.Header(
        layout=_layout(simulation, stored, {name: values.shape[1:] for name, values in arrays.items()}),
        static={
            "/states/kind": np.array([_KINDS[kind] for kind in kinds], np.uint8),
            "/states/label": np.array([label.encode() for label in labels], "S64"),
            "/states/probability": np.array(probability, np.float64),
            **{f"/states/arrays/{name}": values for name, values in arrays.items()},
            "/particles/trajectory/species": stored.species,
            "/particles/trajectory/mass": stored.mass,
            "/particles/trajectory/charge": stored.charge,
            **({} if stored.number is None else {"/particles/trajectory/id": stored.number}),
        },
        topology=stored.topology,
        config=simulation.config,
        inputs=simulation.inputs,
        provenance=[_first_record(simulation, cycles)],
        author=simulation.author,
        compression=simulation.storage.compression,
        continues=None if simulation.origin is None else simulation.origin.continues,
    )


def resume_record(
    simulation: Simulation, standing: Standing, changes: Sequence[str], cycles: int | None
) -> dict[str, Any]:
    """Return the provenance record of a resume: what was found, what has changed, how many cycles it is to have."""
    found = {"cycles": standing.n_cycles, "sealed": standing.sealed}
    if standing.cycle == standing.n_cycles:
        found["segments"] = len(standing.finished)
    return _record(simulation, "resume", standing.n_cycles, cycles=cycles, found=found, changes=list(changes))


def _first_record(simulation: Simulation, cycles: int | None) -> dict[str, Any]:
    origin, binner = simulation.origin, simulation.binner
    if origin is None:
        return _record(simulation, "start", 0, cycles=cycles)
    goes_on = isinstance(binner, AdaptiveBinner) and binner.describe() == origin.binner
    more: dict[str, Any] = {"bins": bins_to_json(origin.bins)} if goes_on and origin.bins else {}
    if origin.weight.tolist() != [state.probability for state in origin.states]:  # some weight was absorbed
        more["weights"] = origin.weight.tolist()
    return _record(simulation, "branch", 0, cycles=cycles, **more)


def _record(simulation: Simulation, kind: str, cycle: int, **more: Any) -> dict[str, Any]:
    components = _components(simulation)
    return start_record(
        kind=kind, seed=simulation.seed, cycle=cycle, version=wd.__version__, components=components, **more
    )


def _layout(simulation: Simulation, stored: Particles, start: Mapping[str, tuple[int, ...]]) -> wd.Layout:
    """Return which datasets the run has; `start` gives the shapes of the start states' arrays."""
    system, storage = simulation.system, simulation.storage
    features = len(simulation.order_parameter.labels)
    return wd.Layout(
        sizes={"atom": len(stored.species), "feature": features},
        parts=_parts(system, simulation.kept),
        named={
            "/observables/<name>/value": (
                wd.Named(name="order_parameter", shape=(features,), unit=simulation.order_parameter.unit),
                *(wd.Named(name=name, unit=unit) for name, unit in system.observables.items()),
            ),
            "/states/arrays/<name>": _arrays(start),
            "/segments/arrays/<name>": _arrays(system.state or start) if storage.states == "all" else (),
        },
        dtypes={"/particles/trajectory/position/value": "i4"} if storage.precision == "pm" else {},
    )


def _arrays(shapes: Mapping[str, tuple[int, ...]]) -> tuple[wd.Named, ...]:
    return tuple(wd.Named(name=name, shape=shape, unit=STATE_UNITS.get(name, "")) for name, shape in shapes.items())


def _parts(system: System, kept: Kept) -> frozenset[str]:
    parts = {"/particles"}
    if kept.atoms is not None:
        parts.add("/particles/trajectory/id")
    if system.periodic:
        parts.add("/particles/trajectory/box/edges")
    if kept.velocities:
        parts.add("/particles/trajectory/velocity")
    return frozenset(parts)


def _components(simulation: Simulation) -> dict[str, Description | None]:
    binner, met = simulation.binner, [boundary.describe() for boundary in simulation.boundaries]
    return {
        "engine": simulation.engine.describe(),
        "order_parameter": simulation.order_parameter.describe(),
        "binner": binner.describe() if binner is not None else None,
        "balancer": simulation.balancer.describe(),
        "recycling": _together(met),
        "dispatcher": simulation.dispatcher.describe(),
        "storage": simulation.storage.describe(),
        "manager": {"steps": simulation.steps, "walkers": simulation.walkers},
    }


def _together(boundaries: list[Description]) -> Description | None:
    if len(boundaries) < 2:
        return boundaries[0] if boundaries else None
    return {"kind": "boundaries", "boundaries": boundaries}
