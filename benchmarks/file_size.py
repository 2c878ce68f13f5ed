"""Bytes on disk beside the bytes of the numbers in them: while a run grows, and sealed in each way.

Argon at its boiling point by real Langevin dynamics, through the whole manager:

python benchmarks/file_size.py                       # 100 atoms, 48 walkers, 200 cycles, 2 frames a segment
python benchmarks/file_size.py --atoms 1000 --cycles 20
"""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

import wepy
import wepy_data as wd


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    atoms: int
    walkers: int
    cycles: int
    frames: int


class Memory:
    """A run in a file, with another choice of packing."""

    def __init__(self, run: Any, compression: str) -> None:
        self._run = run
        self.header = replace(run.header, compression=compression)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._run, name)


def argon(atoms: int) -> tuple[wepy.OpenMM, wepy.StartState]:
    import openmm

    system = openmm.System()
    force = openmm.NonbondedForce()
    force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
    for _ in range(atoms):
        system.addParticle(39.948)
        force.addParticle(0.0, 0.34, 0.996)
    system.addForce(force)
    side = (atoms / 21.0) ** (1 / 3)  # nm; liquid density
    system.setDefaultPeriodicBoxVectors((side, 0, 0), (0, side, 0), (0, 0, side))
    force.setCutoffDistance(min(0.85, 0.49 * side))
    per_side = int(np.ceil(atoms ** (1 / 3)))
    grid = np.stack(np.meshgrid(*[np.arange(per_side)] * 3), -1).reshape(-1, 3)[:atoms] * side / per_side
    engine = wepy.OpenMM(
        system_xml=openmm.XmlSerializer.serialize(system),
        integrator_xml=openmm.XmlSerializer.serialize(openmm.LangevinMiddleIntegrator(87.3, 1.0, 0.002)),
        stride=5,
    )
    return engine, wepy.StartState(label="grid", arrays={"positions": grid})


def simulate(case: Case, store: Path, storage: wepy.Storage) -> int:
    """Run, and return the size of the file just before it was sealed."""
    engine, start = argon(case.atoms)
    simulation = wepy.Simulation(
        engine=engine, order_parameter=wepy.Distance([(0, 1)]), binner=wepy.Rectilinear([[0.0, 0.4, 0.5, 0.7, np.inf]]),
        balancer=wepy.HuberKim(case.walkers // 4), states=[start], walkers=case.walkers, steps=5 * case.frames, seed=1,
        storage=storage, store=store,
    )  # fmt: skip
    size = 0
    for _ in simulation.run(cycles=case.cycles):
        size = store.stat().st_size
    return size


def payload(run: Any) -> int:
    return sum(run.rows(c.dim) * c.row_bytes for c in run.header.layout.growing.values())


def measure(case: Case, folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for precision in ("single", "pm"):
        path = folder / f"{precision}.h5"
        growing = simulate(case, path, wepy.Storage(precision=precision))
        with wd.FileRun(path) as run:
            raw = wd.write_run(folder / f"{precision}-none.h5", Memory(run, "none"))
            total = payload(run)
        sizes = {"growing": growing, "sealed none": raw.stat().st_size, "sealed gzip": path.stat().st_size}
        found[precision] = {"payload": total} | {name: [size, round(size / total, 3)] for name, size in sizes.items()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("atoms", 100), ("walkers", 48), ("cycles", 200), ("frames", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    case = Case(**vars(parser.parse_args()))
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps({"case": str(case)} | measure(case, Path(folder)), indent=1))


if __name__ == "__main__":
    main()
