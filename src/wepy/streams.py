"""Streams of random numbers, one for each (seed, purpose, cycle, walker): the only source of chance in a run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.random import Generator, Philox

_ENGINE_SEEDS = 2**31 - 1


class Purpose(IntEnum):
    """What a stream is drawn for. Numbers are part of a run's reproducibility: never reuse or renumber them."""

    FOUNDERS = 0
    DYNAMICS = 1
    RECYCLING = 2
    BALANCING = 3
    PREPARATION = 4


@dataclass(frozen=True, slots=True)
class Stream:
    """The name of one sequence of random numbers; cheap to send, so workers make the numbers themselves.

    The four fields are the key and the upper half of the counter of a Philox4x64 generator (Salmon et al.,
    SC'11, 2011), so that two different streams never overlap, and nothing is hashed or drawn to make one.

    Parameters
    ----------
    seed : int
        The run's seed, 0 <= seed < 2**64.
    purpose : Purpose
        What the numbers are for.
    cycle, walker : int
        Whose numbers they are; 0 where a purpose has no cycle or no walker.

    Examples
    --------
    >>> a = Stream(seed=1, purpose=Purpose.DYNAMICS, cycle=0, walker=3)
    >>> float(a.generator().random()) == float(a.generator().random())
    True
    >>> a.engine_seed() == Stream(seed=1, purpose=Purpose.DYNAMICS, cycle=0, walker=4).engine_seed()
    False
    """

    seed: int
    purpose: Purpose
    cycle: int = 0
    walker: int = 0

    def generator(self) -> Generator:
        """Return a new generator at the start of this stream."""
        return Generator(
            Philox(
                key=np.array([self.seed, self.purpose], np.uint64),
                counter=np.array([0, 0, self.walker, self.cycle], np.uint64),
            )
        )

    def engine_seed(self) -> int:
        """Return a seed in [1, 2**31 - 1] for engines that take a 32-bit seed and read 0 as "choose one"."""
        return 1 + int(self.generator().integers(_ENGINE_SEEDS))
