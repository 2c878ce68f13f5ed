"""What the peer scripts share: arguments, clocks, the one-line JSON answer, the double well and a walker forest.

Needs numpy only, and nothing of this repository, so that it runs in the peers' own environment.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

STEPS = 5
"""Steps of dynamics in one cycle (tau)."""
NOISE = math.sqrt(2e-3)
"""Standard deviation of one step's noise: sqrt(2 D dt), D = 1, dt = 1e-3."""
SEED = 20240517


def arguments(summary: str | None, *, walkers: int, cycles: int) -> argparse.ArgumentParser:
    """Return a parser with the options that every peer script has."""
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--walkers", type=int, default=walkers, help="walkers per cycle (default: %(default)s)")
    parser.add_argument("--cycles", type=int, default=cycles, help="cycles, or iterations (default: %(default)s)")
    parser.add_argument("--work", type=Path, required=True, help="directory for files; made if it is missing")
    return parser


def answer(**values: Any) -> None:
    """Print the script's answer: one JSON object on one line, the last of standard output."""
    print(json.dumps(values), flush=True)


@dataclass(slots=True)
class Clock:
    """CPU (this process and its finished children) and wall time of a `with` block, seconds."""

    cpu: float = math.nan
    wall: float = math.nan
    _cpu_began: float = math.nan
    _wall_began: float = math.nan

    def __enter__(self) -> Clock:
        self._wall_began, self._cpu_began = time.perf_counter(), _cpu()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = _cpu() - self._cpu_began, time.perf_counter() - self._wall_began


def timed(task: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Return the smallest CPU time of `repeats` runs of `task`, and what it returned."""
    best, result = math.inf, None
    for _ in range(repeats):
        with Clock() as clock:
            result = task()
        best = min(best, clock.cpu)
    return best, result


def advance(x: float, rng: np.random.Generator) -> float:
    """Advance one walker in the double well U = 9 (x^2 - 1)^2 kT by one cycle (Euler-Maruyama, dt = 1e-3)."""
    for noise in rng.standard_normal(STEPS).tolist():
        x += -0.036 * x * (x * x - 1.0) + NOISE * noise
    return x


def dynamics_cpu(segments: int) -> float:
    """Return the CPU seconds of `segments` bare calls of `advance`, without any manager."""
    rng = np.random.default_rng(SEED)
    with Clock() as clock:
        x = -1.0
        for _ in range(segments):
            x = advance(x, rng)
    return clock.cpu


class Exchange(NamedTuple):
    """One walker is cloned into the slot of another, whose weight a third one takes over."""

    cloned: int
    squashed: int
    keeper: int


@dataclass(frozen=True, slots=True)
class Forest:
    """A walker forest of known shape: what both peers' read benchmarks store and trace.

    Parameters
    ----------
    exchanges : sequence of sequence of Exchange
        For every cycle but the last, who was cloned and squashed after it.
    parent : (n_cycles, n_walkers) int64
        Index in the previous cycle of the walker that this one continues; cycle 0: its own index.
    weight : (n_cycles, n_walkers) float64
        Weights before resampling; each row sums to one.
    """

    exchanges: Sequence[Sequence[Exchange]]
    parent: NDArray[np.int64]
    weight: NDArray[np.float64]

    def checksum(self) -> int:
        """Return the sum of the walker indices on the lineages of all final walkers."""
        line = np.arange(self.parent.shape[1])
        total = int(line.sum())
        for row in self.parent[:0:-1]:
            line = row[line]
            total += int(line.sum())
        return total


def forest(walkers: int, cycles: int) -> Forest:
    """Return a forest in which one walker in ten is cloned, and one squashed, after every cycle."""
    rng = np.random.default_rng(SEED)
    pairs = max(1, walkers // 10)
    parent = np.tile(np.arange(walkers), (cycles, 1))
    weight = np.full((cycles, walkers), 1.0 / walkers)
    exchanges = []
    for cycle in range(1, cycles):
        chosen = rng.permutation(walkers)[: 3 * pairs].reshape(3, pairs)
        cloned, squashed, keeper = chosen
        weight[cycle] = weight[cycle - 1]
        weight[cycle, keeper] += weight[cycle - 1, squashed]
        weight[cycle, cloned] = weight[cycle, squashed] = weight[cycle - 1, cloned] / 2
        parent[cycle, squashed] = cloned
        exchanges.append([Exchange(*map(int, three)) for three in chosen.T])
    return Forest(exchanges, parent, weight)


def insist(expected: int, got: int, what: str) -> None:
    """Stop if a peer's answer is not the known one: a time for a wrong answer is worth nothing."""
    if expected != got:
        raise SystemExit(f"{what}: expected {expected}, got {got}")


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime
