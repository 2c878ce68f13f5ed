"""The heaps that texts of variable length lie in, looked at before HDF5 goes through them: it may never come back.

HDF5 keeps such a text in a heap, and in the text's own place a reference to it. To read one, it goes through the whole
heap from object to object, and does not ask whether it gets on: an object without length, as zeros look like, holds it
for ever (https://github.com/HDFGroup/hdf5/issues/1707, and still in HDF5 2.0). So references are read here as they are
stored, which takes a conversion of types that HDF5 does not have, and each heap is gone through in Python first.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import os

import numpy as np
from h5py import h5a, h5d, h5f, h5s, h5t
from h5py._objects import phil  # h5py's own lock, held by each of its calls
from numpy.typing import NDArray

_REFERENCE = np.dtype([("length", "<u4"), ("address", "<u8"), ("index", "<u4")])
_HEAD = 16  # bytes, of a heap and of each object in it
_WINDOW = 1 << 16  # bytes of a heap read in one go
_ID = ctypes.c_int64  # HDF5's hid_t
_CONVERSION = ctypes.CFUNCTYPE(
    ctypes.c_int, _ID, _ID, ctypes.c_void_p, *[ctypes.c_size_t] * 3, *[ctypes.c_void_p] * 2, _ID
)  # HDF5's H5T_conv_t
_NAME = b"references as stored"
_SOFT = 1  # HDF5's H5T_PERS_SOFT: a conversion between classes of types


class Heaps:
    """The heaps of an open file; those that were found to be sound are not looked at again.

    Parameters
    ----------
    file : h5py.h5f.FileID
        The file. What is open for writing is trusted: it may not be on the disk yet.
    """

    def __init__(self, file: h5f.FileID) -> None:
        self._file = file
        self._trusted = bool(file.get_intent() & h5f.ACC_RDWR)
        self._size = int(file.get_filesize())
        self._sound = {0}  # what stands for the address of a text that was never written

    def refuse_damaged(self, texts: h5a.AttrID | h5d.DatasetID) -> None:
        """Raise ValueError if HDF5 cannot read texts, all of an attribute or the first of a dataset, and come back.

        What is no text of variable length is passed over.
        """
        if self._trusted or not is_variable(texts.get_type()):
            return
        total = 0
        for length, address, _ in _references(texts).tolist():
            total += length
            if address not in self._sound:
                _refuse_endless(self._file.get_vfd_handle(), address, self._size)
                self._sound.add(address)
        if total > self._size:
            raise ValueError(f"it declares texts of {total} bytes, in a file of {self._size}")


def is_variable(kind: h5t.TypeID) -> bool:
    """Whether values of a type are texts of variable length."""
    return bool(kind.get_class() == h5t.STRING and kind.is_variable_str())


def _refuse_endless(file: int, address: int, size: int) -> None:
    """Raise ValueError unless the objects of a heap follow each other up to its end."""
    head = os.pread(file, _HEAD, address) if address < size else b""
    length = int.from_bytes(head[8:], "little")
    if head[:4] != b"GCOL" or not _HEAD <= length <= size - address:
        raise ValueError(f"there is no heap of texts at byte {address}")
    place = first = _HEAD
    window = b""
    while place + _HEAD <= length:  # less than that is left over
        if place + _HEAD > first + len(window):
            first, window = place, os.pread(file, _WINDOW, address + place)
        here = window[place - first : place - first + _HEAD]
        index, stored = int.from_bytes(here[:2], "little"), int.from_bytes(here[8:], "little")
        step = _HEAD + -(-stored // 8) * 8 if index else stored  # number 0 is free space, its own head included
        if not 0 < step <= length - place:
            raise ValueError(f"the heap of texts at byte {address} is damaged {place} bytes behind that")
        place += step


def _references(texts: h5a.AttrID | h5d.DatasetID) -> NDArray[np.void]:
    """Return what is stored in the place of texts: all of an attribute, the first one of a dataset."""
    count = int(texts.get_space().get_select_npoints())
    found = np.zeros(min(count, 1) if isinstance(texts, h5d.DatasetID) else count, _REFERENCE)
    if found.size:
        with phil:
            if isinstance(texts, h5d.DatasetID):
                memory, stored = _first(texts)
                done = _library().H5Dread(texts.id, _numbers().id, memory.id, stored.id, 0, found.ctypes.data)
            else:
                done = _library().H5Aread(texts.id, _numbers().id, found.ctypes.data)
        if done < 0:
            raise ValueError("its texts cannot be found")
    return found


def _first(dataset: h5d.DatasetID) -> tuple[h5s.SpaceID, h5s.SpaceID]:
    """Return the spaces of one value in memory, and of the first one of a dataset."""
    stored = dataset.get_space()
    if stored.get_simple_extent_ndims():
        stored.select_hyperslab((0,) * stored.get_simple_extent_ndims(), (1,) * stored.get_simple_extent_ndims())
    return h5s.create_simple((1,)), stored


@functools.cache
def _numbers() -> h5t.TypeID:
    """Return the type to ask HDF5 for, so that it gives references as numbers: they stay the bytes that they are."""
    library, text, numbers = _library(), h5t.C_S1.copy(), h5t.py_create(_REFERENCE)
    text.set_size(h5t.VARIABLE)
    conversion = _CONVERSION(lambda *_: 0)
    if library.H5Tregister(_SOFT, _NAME, text.id, numbers.id, conversion) < 0:
        raise RuntimeError("HDF5 did not take a conversion of types")
    # HDF5 closes when there is no Python any more
    atexit.register(library.H5Tunregister, _SOFT, _NAME, 0, 0, conversion)
    return numbers


@functools.cache
def _library() -> ctypes.PyDLL:
    """Return the HDF5 library that h5py itself is linked to, with the calls that h5py does not offer."""
    library = ctypes.PyDLL(h5a.__file__)  # finds the names of what it is linked to, and keeps other threads away
    register = (ctypes.c_int, ctypes.c_char_p, _ID, _ID, _CONVERSION)
    library.H5Tregister.argtypes = library.H5Tunregister.argtypes = register
    library.H5Aread.argtypes = (_ID, _ID, ctypes.c_void_p)
    library.H5Dread.argtypes = (*[_ID] * 5, ctypes.c_void_p)
    return library
