"""The header of a run: what its file must hold, known before the first cycle."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

import wepy_data as wd
from wepy.ensemble import stacked
from wepy.protocols import Description, System
from wepy.provenance import start_record

if TYPE_CHECKING:
    from wepy.simulation import Simulation

STATE_UNITS = {"positions": "nm", "velocities": "nm ps-1", "box": "nm"}
_KINDS = {"initial": 0, "source": 1, "target": 2}


def run_header(simulation: Simulation) -> wd.Header:
    """Return the header of a simulation's run."""
    system, states = simulation.system, simulation.states + simulation.sources
    targets = 1 if simulation.recycling is not None else 0
    blank = dict.fromkeys(states[0].arrays)
    arrays = stacked([*(dict(state.arrays) for state in states), *[blank for _ in range(targets)]])
    kinds = ["initial"] * len(simulation.states) + ["source"] * len(simulation.sources) + ["target"] * targets
    labels = [state.label for state in states] + ["target"] * targets
    probability = [state.probability for state in states] + [0.0] * targets
    features = len(simulation.order_parameter.labels)
    layout = wd.Layout(
        sizes={"atom": system.n_atoms, "feature": features},
        parts=_parts(system),
        named={
            "/observables/<name>/value": (
                wd.Named(name="order_parameter", shape=(features,), unit=simulation.order_parameter.unit),
                *(wd.Named(name=name, unit=unit) for name, unit in system.observables.items()),
            ),
            "/states/arrays/<name>": tuple(
                wd.Named(name=name, shape=values.shape[1:], unit=STATE_UNITS.get(name, ""))
                for name, values in arrays.items()
            ),
        },
    )
    return wd.Header(
        layout=layout,
        static={
            "/states/kind": np.array([_KINDS[kind] for kind in kinds], np.uint8),
            "/states/label": np.array([label.encode() for label in labels], "S64"),
            "/states/probability": np.array(probability, np.float64),
            **{f"/states/arrays/{name}": values for name, values in arrays.items()},
            "/particles/trajectory/species": system.species,
            "/particles/trajectory/mass": system.mass,
            "/particles/trajectory/charge": system.charge,
        },
        topology=system.topology,
        config=simulation.config,
        provenance=[
            start_record(seed=simulation.seed, cycle=0, version=wd.__version__, components=_components(simulation))
        ],
        author=simulation.author,
    )


def _parts(system: System) -> frozenset[str]:
    parts = {"/particles"}
    if system.periodic:
        parts.add("/particles/trajectory/box/edges")
    if system.velocities:
        parts.add("/particles/trajectory/velocity")
    return frozenset(parts)


def _components(simulation: Simulation) -> dict[str, Description | None]:
    binner, recycling = simulation.binner, simulation.recycling
    return {
        "engine": simulation.engine.describe(),
        "order_parameter": simulation.order_parameter.describe(),
        "binner": binner.describe() if binner is not None else None,
        "balancer": simulation.balancer.describe(),
        "recycling": recycling.describe() if recycling is not None else None,
        "dispatcher": simulation.dispatcher.describe(),
        "manager": {"steps": simulation.steps, "walkers": simulation.walkers},
    }
