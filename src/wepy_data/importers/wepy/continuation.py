"""Runs of a WepyHDF5 file that continue each other: their ids, and which segments a run's founders continue.

The id of an imported run is made from the contents of its file and its number there. So runs that are imported one by
one find each other, and the same run is recognised if it is imported again.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import numpy as np

from wepy_data.errors import DamagedRunError
from wepy_data.importers.foreign import Foreign
from wepy_data.importers.report import Notes
from wepy_data.importers.wepy.field import Block
from wepy_data.importers.wepy.reading import Floats
from wepy_data.importers.wepy.run import FoundRun, continuations, find_run
from wepy_data.record.header import Continues

_ROUNDED = 1e-6
_SPACE = uuid.UUID("1f5a3c1e-6c0b-5d5e-9a55-0f6a3d1f0c77")


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a run goes on from.

    Parameters
    ----------
    continues : Continues
        The run and cycle.
    labels : tuple of str
        Run and segment that each founder continues.
    """

    continues: Continues
    labels: tuple[str, ...]


def run_id(digest: str, number: int) -> str:
    """Return the id of a run, of a file with this sha256."""
    return str(uuid.uuid5(_SPACE, f"{digest}/{number}"))


def origin(foreign: Foreign, run: FoundRun, weight: Floats, digest: str, notes: Notes) -> Origin | None:
    """Return where a run goes on from; None if it begins anew, or the file does not say who continues whom.

    Parameters
    ----------
    foreign : Foreign
        The file.
    run : FoundRun
        The run.
    weight : (n_founders,) float64
        Weights of its founders.
    digest : str
        sha256 of the file.
    notes : Notes
        Told of what is found.
    """
    known = continuations(foreign)
    before = known.get(run.number)
    if before is None:
        return None
    try:
        earlier = find_run(foreign, before, Notes())
        labels = _labels(earlier, weight, run_id(digest, before))
    except DamagedRunError as error:
        notes.miss(f"which segments of run {before} the founders continue: {error}")
        return None
    if labels is None:
        notes.miss(
            f"which segments of run {before} the founders continue: what was planned after its last cycle is not"
            " stored, or others than these"
        )
        return None
    notes.take(f"run {run.number} continues run {before}: import that too, and open both together")
    cycles_before, seen = earlier.n_cycles, {run.number, before}
    while (before := known.get(before, -1)) >= 0 and before not in seen:
        seen.add(before)
        cycles_before += find_run(foreign, before, Notes()).n_cycles
    continues = Continues(
        run_id=run_id(digest, earlier.number), cycle=earlier.n_cycles - 1, cycles_before=cycles_before
    )  # fmt: skip
    return Origin(continues=continues, labels=labels)


def _labels(earlier: FoundRun, weight: Floats, earlier_id: str) -> tuple[str, ...] | None:
    """Return run and segment that each founder continues; None if the earlier run has not planned these."""
    if not earlier.sealed:
        return None
    last = earlier.n_cycles - 1
    n = int(earlier.n_walkers[last])
    outcome = earlier.resampling.outcome(last, n)
    planned = outcome.weights(_last_weights(earlier))
    if planned.shape != weight.shape or not (np.abs(weight / planned - 1) <= _ROUNDED).all():
        return None
    first = int(earlier.n_walkers[:last].sum())
    return tuple(f"{earlier_id}:{first + walker}" for walker in outcome.parent.tolist())


def _last_weights(run: FoundRun) -> Floats:
    return _weights(run, run.n_cycles - 1)


def founder_weights(run: FoundRun) -> Floats:
    """Return the weights of a run's founders, (n_founders,)."""
    return _weights(run, 0)


def _weights(run: FoundRun, cycle: int) -> Floats:
    block: Block = run.trajectories.read_cycle(run.weights, run.n_walkers, cycle)
    n = int(run.n_walkers[cycle])
    return block.cycle(run.weights.path, cycle, n).reshape(n).astype(np.float64)
