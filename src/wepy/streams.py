"""Streams of random numbers, one for each (seed, purpose, cycle, walker): the only source of chance in a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.random import Generator, Philox


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
    >>> b = Stream(seed=1, purpose=Purpose.DYNAMICS, cycle=0, walker=4)
    >>> float(a.generator().random()) == float(b.generator().random())
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


def generators(streams: Sequence[Stream]) -> Iterator[Generator]:
    """Yield a generator at the start of each stream in turn; valid until the next one is asked for.

    The numbers are those of `Stream.generator()`, bit for bit. One Philox generator is moved from stream to stream:
    0.8 us each, where building a generator takes 11 us.
    """
    bits = Philox(key=[0, 0])
    generator = Generator(bits)
    words = {"counter": [0, 0, 0, 0], "key": [0, 0]}
    # an exhausted buffer (position 4) makes the generator take its next words at the counter that was set; numpy's
    # types ask for arrays here, its code takes lists in less than half the time
    start: Any = {
        "bit_generator": "Philox",
        "state": words,
        "buffer": [0, 0, 0, 0],
        "buffer_pos": 4,
        "has_uint32": 0,
        "uinteger": 0,
    }
    for stream in streams:
        words["key"] = [stream.seed, int(stream.purpose)]
        words["counter"] = [0, 0, stream.walker, stream.cycle]
        bits.state = start
        yield generator
