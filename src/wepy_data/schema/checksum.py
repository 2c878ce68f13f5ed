"""The checksum of rows."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray


def crc_of(arrays: Iterable[NDArray[Any]]) -> int:
    """Return the CRC-32 of the arrays' bytes, one after the other.

    Examples
    --------
    >>> crc_of([np.arange(2, dtype="<i8"), np.zeros(0)]) == crc_of([np.arange(2, dtype="<i8")])
    True
    """
    crc = 0
    for array in arrays:
        if array.size:
            crc = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data, crc)
    return crc
