"""The forecast of a run's size on disk, made before its first cycle."""

from __future__ import annotations

import math
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import wepy_data as wd
from wepy.balancing import EqualWeights, HuberKim, OptimalAllocation
from wepy.binning import Rectilinear
from wepy.heading import run_header

if TYPE_CHECKING:
    from wepy.simulation import Simulation

_METADATA = 200_000  # bytes: texts, headers, indices of chunks
_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB")


def forecast_line(simulation: Simulation, cycles: int, store: str | os.PathLike[str]) -> str:
    """Return how large the run's file will be, of what, and whether the disk has room for it, in one line.

    The file is largest while it grows; when it is sealed, a packed copy takes its place, so that for a moment the disk
    must hold both.

    Parameters
    ----------
    simulation : Simulation
        Not started yet.
    cycles : int
        Number of cycles that it is to run.
    store : path
        The run's file; its folder must exist.
    """
    header = run_header(simulation)
    layout = header.layout
    walkers, frames = _walkers(simulation), _frames(simulation)
    segments = cycles * walkers
    rows = {"cycle": cycles, "segment": segments, "frame": segments * frames, "merge": segments}
    fixed = sum(np.asarray(values).nbytes for values in header.static.values()) + len(header.topology)
    size = _METADATA + fixed + wd.growing_bytes(layout, {dim: rows.get(dim, 0) for dim in layout.by_dim})
    free = shutil.disk_usage(Path(store).parent).free
    atoms = layout.sizes["atom"]
    made_of = " x ".join(
        f"{count:,} {thing}{'' if count == 1 else 's'}"
        for count, thing in ((cycles, "cycle"), (walkers, "walker"), (frames, "frame"), (atoms, "atom"))
    )
    text = f"{Path(store).name} will hold up to {_bytes(size)}: {made_of}; {_bytes(free)} free"
    if free < 2 * size:
        text += f"; WARNING: the disk needs room for {_bytes(2 * size)}, as a packed copy is made at the end"
    return text


def _frames(simulation: Simulation) -> int:
    stride = simulation.system.stride
    reported = 1 if stride is None else math.ceil(simulation.steps / stride)
    return math.ceil(reported / simulation.storage.stride)


def _walkers(simulation: Simulation) -> int:
    """Return how many walkers there are once all bins are full, if that is known; else as many as at the start."""
    binner: Any = simulation.binner
    balancer: Any = simulation.balancer
    if isinstance(balancer, OptimalAllocation):
        return max(simulation.walkers, balancer.n_walkers)
    if isinstance(binner, Rectilinear) and isinstance(balancer, HuberKim | EqualWeights):
        chosen = balancer.target_counts or {}
        return max(simulation.walkers, sum(chosen.get(index, balancer.target_count) for index in range(binner.n_bins)))
    return simulation.walkers


def _bytes(size: float) -> str:
    power = 0 if size < 1 else min(int(math.log10(size) // 3), len(_UNITS) - 1)
    return f"{size / 1000**power:.{1 if power else 0}f} {_UNITS[power]}"
