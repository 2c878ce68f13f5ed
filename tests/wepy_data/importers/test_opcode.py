import json
import os
import pickle
import random

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wepy_data.importers.westpa.mapper import _mapper, read_mapper
from wepy_data.importers.westpa.opcode import Made, Named, Table, array_of, plain, read_pickle

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def unfolded(value):
    """Dictionaries as this reader returns them."""
    if isinstance(value, Table):
        return {key: unfolded(held) for key, held in value.items}
    return type(value)(map(unfolded, value)) if isinstance(value, list | tuple) else value


@given(PLAIN, st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_values_are_read_as_pickle_reads_them(value, protocol):
    found = read_pickle(pickle.dumps(value, protocol))
    if protocol > 2:  # before, bytes are text that a function turns into bytes
        assert unfolded(found) == value


@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("dtype", ["f4", "f8", "i8", "u2", ">f8", "b1"])
def test_arrays_are_read(dtype, protocol):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    data = pickle.dumps([array, array[0, 1]], protocol)
    found = read_pickle(data)
    if protocol > 2:
        np.testing.assert_array_equal(array_of(found[0]), array)
        np.testing.assert_array_equal(array_of(found[1]), array[0, 1])


class Shell:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_in_a_pickle_is_executed(protocol, tmp_path):
    evil = pickle.dumps([Shell(tmp_path / "mark"), {"boundaries": Shell(tmp_path / "mark")}], protocol)
    found = read_pickle(evil)
    assert isinstance(found[0], Made)
    assert "system" in str(found[0].maker)
    plain(found)
    assert read_mapper(evil, "hash", 1).mapper is None
    assert not (tmp_path / "mark").exists()
    pickle.loads(evil)  # it would have been
    assert (tmp_path / "mark").exists()


def test_a_mapper_that_would_run_code_is_described(tmp_path):
    found = read_mapper(pickle.dumps(Shell(tmp_path / "mark")), "1f", 1)
    assert found.mapper is None
    assert found.description["kind"] == "opaque"
    assert found.description["hash"] == "1f"
    assert found.description["class"].endswith("system")


@pytest.mark.parametrize(
    "data", [b"", b"\x80", b"\x80\x04", b"\x80\x04]", b"0.", b"e.", b"(.", b"t.", b"h\x05.", b"I1\nb."]
)
def test_malformed_pickles_are_refused(data):
    with pytest.raises(ValueError, match="pickle"):
        read_pickle(data)


def test_other_opcodes_are_refused():
    with pytest.raises(ValueError, match="BINPERSID"):
        read_pickle(b"\x80\x04K\x01Q.")


@given(st.binary(max_size=60), st.integers(0, 2**32))
def test_any_bytes_are_read_or_refused(data, seed):
    sound = bytearray(pickle.dumps({"a": [np.arange(3.0), (1, "b")]}))
    rng = random.Random(seed)
    for _ in range(3):
        sound[rng.randrange(len(sound))] = rng.randrange(256)
    for one in (data, bytes(sound)):
        try:
            plain(read_pickle(one))
        except ValueError:
            continue


def test_values_that_contain_themselves_are_cut_off():
    endless = []
    endless.append(endless)
    assert "..." in str(plain(read_pickle(pickle.dumps(endless))))


def test_doublings_are_cut_off():
    nested = []
    for _ in range(60):
        nested = [nested, nested]
    assert len(str(plain(read_pickle(pickle.dumps(nested))))) < 1_000_000


def test_numbers_that_are_too_long_to_be_written_are_named():
    assert plain(read_pickle(b"\x80\x04\x8b\x10\x27\x00\x00" + b"\x7f" * 10_000 + b".")) == "a number of 79999 bits"
    assert plain(read_pickle(pickle.dumps([1 << 62, -5]))) == [1 << 62, -5]


def of(name, **state):
    """Return what a pickle of a mapper says, made by hand: the mapper's class is not there."""
    return Made(Named("westpa.core.binning.assign", name), (), Table(list(state.items())))


@pytest.mark.parametrize("edges", [[200_000] * 2, [1 << 19], [100] * 10])
def test_mappers_of_too_many_bins_are_not_rebuilt(edges):
    grid = [
        Made(Named("numpy", "_frombuffer"), (np.arange(n, dtype="<f4").tobytes(), code(), (n,), "C")) for n in edges
    ]
    with pytest.raises(ValueError, match="more bins than the"):
        _mapper(of("RectilinearBinMapper", _boundaries=grid), [1 << 18])


def test_a_mapper_that_holds_another_one_many_times_is_not_rebuilt():
    edges = Made(Named("numpy", "_frombuffer"), (np.arange(5, dtype="<f4").tobytes(), code(), (5,), "C"))
    grid = mapper = of("RectilinearBinMapper", _boundaries=[edges])
    for _ in range(18):
        inner = Table([(place, mapper) for place in range(4)])
        mapper = of("RecursiveBinMapper", base_mapper=grid, _recursion_targets=inner)
    with pytest.raises(ValueError, match="more bins than the"):
        _mapper(mapper, [1 << 14])


def code():
    return Made(Named("numpy", "dtype"), ("f4", False, True))


@pytest.mark.parametrize("name", ["odld_ss", "odld_recursive"])
def test_mappers_with_random_damage_are_rebuilt_or_described(name, peers):
    with h5py.File(peers / f"westpa_{name}.h5") as west:
        sound = west["bin_topologies/pickles"][0].tobytes()
    assert read_mapper(sound, "hash", 1).mapper is not None
    rng, found = random.Random(1), set()
    for _ in range(1000):
        one = bytearray(sound)
        for _ in range(rng.randrange(1, 4)):
            one[rng.randrange(len(one))] = rng.randrange(256)
        said = read_mapper(bytes(one), "hash", 1)
        json.dumps(said.description)
        found.add(said.mapper is None)
    assert found == {True, False}
