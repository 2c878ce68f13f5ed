import sys
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from wepy_data.store.pack import Packer


def unpacked(data, dtype, count):
    planes = np.frombuffer(zlib.decompress(data), np.uint8).reshape(np.dtype(dtype).itemsize, count)
    return np.ascontiguousarray(planes.T).view(dtype).ravel()


@pytest.fixture
def hasty():
    """Threads that take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_chunks_packed_in_several_threads_are_their_own(hasty):
    packer, count = Packer(), 1024
    chunks = [np.arange(n * count, (n + 1) * count) * 977 for n in range(400)]
    with ThreadPoolExecutor(4) as pool:
        packed = list(pool.map(packer.pack, chunks))
    for chunk, data in zip(chunks, packed, strict=True):
        np.testing.assert_array_equal(unpacked(data, np.int64, count), chunk)
