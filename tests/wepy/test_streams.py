"""Streams of random numbers."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wepy.streams import Purpose, Stream, generators

words = st.integers(0, 2**64 - 1)
streams = st.builds(Stream, seed=words, purpose=st.sampled_from(Purpose), cycle=words, walker=words)


@given(st.lists(streams, max_size=5), st.integers(0, 9))
def test_moved_generator_gives_the_numbers_of_each_stream(streams, count):
    for stream, generator in zip(streams, generators(streams), strict=True):
        own = stream.generator()
        assert generator.standard_normal(count).tobytes() == own.standard_normal(count).tobytes()
        assert generator.random(count).tobytes() == own.random(count).tobytes()
        assert generator.integers(2**31) == own.integers(2**31)


def test_half_used_words_do_not_leak_into_the_next_stream():
    some = [Stream(seed=1, purpose=Purpose.DYNAMICS, walker=walker) for walker in range(4)]
    for stream, generator in zip(some, generators(some), strict=True):
        assert generator.integers(2**32, dtype=np.uint32) == stream.generator().integers(2**32, dtype=np.uint32)
