"""Rows that are read piece by piece are the rows, and no read touches many chunks."""

import math

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy_data.store import piece
from wepy_data.store.piece import piece_of, read_pieces
from wepy_data.store.tree import FileTree


class Recorded:
    """A dataset in memory that counts the chunks of each read."""

    def __init__(self, values, chunks):
        self.values, self.shape, self.dtype, self.chunks, self.touched = values, values.shape, values.dtype, chunks, []

    def __getitem__(self, place):
        place = place if isinstance(place, tuple) else (place,)
        spans = [range(n)[s] for n, s in zip(self.shape, (*place, *[slice(None)] * 9), strict=False)]
        self.touched.append(
            math.prod(r[-1] // c - r[0] // c + 1 if r else 0 for r, c in zip(spans, self.chunks, strict=True))
        )
        return self.values[place]


@given(data=st.data())
def test_pieces_are_the_rows_and_touch_few_chunks(data):
    shape = data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=3))
    chunks = data.draw(st.tuples(*[st.integers(1, 4) for _ in shape]))
    start = data.draw(st.integers(0, shape[0]))
    stop = data.draw(st.integers(start, shape[0] + 3))
    most = data.draw(st.sampled_from([1, 2, 7, 100]))
    dataset = Recorded(np.arange(math.prod(shape)).reshape(shape), chunks)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(piece, "_CHUNKS", most)
        found = read_pieces(dataset, start, stop, piece_of(dataset))
    assert found.shape == dataset.values[start:stop].shape
    assert np.array_equal(found, dataset.values[start:stop])
    assert max(dataset.touched, default=0) <= most * (2 if start % chunks[0] else 1)


def test_what_is_not_chunked_is_read_at_once():
    values = np.arange(6).reshape(3, 2)
    dataset = Recorded(values, (1, 1))
    assert np.array_equal(read_pieces(dataset, 1, 9, None), values[1:])
    assert len(dataset.touched) == 1


def test_a_file_of_many_chunks_is_read_in_pieces(tmp_path, monkeypatch):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        file.create_dataset("numbers", data=np.arange(40).reshape(10, 4), chunks=(1, 2), maxshape=(None, 4))
    monkeypatch.setattr(piece, "_CHUNKS", 3)
    with h5py.File(tmp_path / "any.h5") as file:
        assert FileTree(file).read("/numbers").tolist() == np.arange(40).reshape(10, 4).tolist()
        assert FileTree(file).read("/numbers", 3, 5).tolist() == np.arange(12, 20).reshape(2, 4).tolist()
