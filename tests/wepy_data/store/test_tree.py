"""An HDF5 file seen object by object."""

import h5py
import numpy as np
import pytest

from wepy_data.schema.tree import Foreign
from wepy_data.store.superblock import lookup3
from wepy_data.store.tree import FileTree


def test_objects_are_seen_as_what_they_are(tmp_path):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        file["/group/numbers"] = np.zeros((2, 3), ">f4")
        file["/text"] = "words"
        file["/fixed"] = np.array([b"ab"], "S8")
        file["/type"] = np.dtype("i4")
        file["/soft"] = h5py.SoftLink("/group")
        file["/away"] = h5py.ExternalLink("/etc/passwd", "/")
        file["/again"] = file["/group/numbers"]
        nodes = FileTree(file).nodes()
    assert {path: node.kind for path, node in nodes.items()} == {
        "/": "group", "/group": "group", "/group/numbers": "dataset", "/text": "dataset", "/fixed": "dataset",
        "/type": "type", "/soft": "soft link", "/away": "external link", "/again": "dataset",
    }  # fmt: skip
    assert (nodes["/group/numbers"].dtype, nodes["/group/numbers"].shape) == (">f4", (2, 3))
    assert (nodes["/text"].dtype, nodes["/fixed"].dtype) == ("text", "S8")
    assert nodes["/again"].identity == nodes["/group/numbers"].identity != nodes["/group"].identity


def test_attributes_are_plain_values_and_anything_else_is_foreign(tmp_path):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        file.attrs["text"] = "α"
        file.attrs["number"] = 3
        file.attrs["numbers"] = [1, 2]
        file.attrs["texts"] = np.array(["a", "b"], h5py.string_dtype())
        file.attrs["fraction"] = 0.5
        file.attrs["nothing"] = h5py.Empty("f8")
        attributes = dict(FileTree(file).nodes()["/"].attributes)
    assert isinstance(attributes.pop("fraction"), Foreign)
    assert isinstance(attributes.pop("nothing"), Foreign)
    assert attributes == {"text": "α", "number": 3, "numbers": [1, 2], "texts": ["a", "b"]}


def test_a_group_that_holds_itself_is_not_walked_for_ever(tmp_path):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        file.create_group("inner")["outer"] = file["/"]
        assert set(FileTree(file).nodes()) == {"/", "/inner", "/inner/outer"}


def test_attributes_that_are_not_utf8_or_cannot_be_read_are_damaged(tmp_path):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        for name, text in {"text": b"\xff\xfe", "texts": [b"a", b"\xff"]}.items():
            file.attrs.create(name, text, dtype=h5py.string_dtype())
        attributes = dict(FileTree(file).nodes()["/"].attributes)
    assert all(found.damaged and "can't decode byte 0xff" in found.text for found in attributes.values())


def test_attributes_that_lead_elsewhere_are_told_by_their_type_and_not_read(tmp_path):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        file.attrs["reference"] = file.ref
        file.attrs["region"] = file.create_dataset("any", (3,), "f8").regionref[:2]
        file.attrs["compound"] = np.zeros(1, [("a", "f8")])
        attributes = dict(FileTree(file).nodes()["/"].attributes)
    assert all(found == Foreign(found.text) and "a value of type" in found.text for found in attributes.values())


def test_a_dataset_of_other_things_than_texts_holds_no_text(tmp_path):
    with h5py.File(tmp_path / "any.h5", "w") as file:
        file.create_dataset("sequence", (), h5py.vlen_dtype("i8"))
        with pytest.raises(ValueError, match="/sequence holds no text"):
            FileTree(file).read_text("/sequence")


def test_an_object_without_a_name_is_damaged(tmp_path):
    path = tmp_path / "any.h5"
    with h5py.File(path, "w", libver="v110") as file:
        file.create_group("abcdefgh")
        file.create_group("group")
        root = h5py.h5o.get_info(file.id).addr
    data = bytearray(path.read_bytes().replace(b"abcdefgh", b"\0bcdefgh"))
    flags = data[root + 5]
    start = root + 6 + bool(flags & 32) * 16 + bool(flags & 16) * 4
    width = 1 << (flags & 3)
    stop = start + width + int.from_bytes(data[start : start + width], "little")
    data[stop : stop + 4] = lookup3(bytes(data[root:stop])).to_bytes(4, "little")
    path.write_bytes(data)
    with h5py.File(path) as file:
        nodes = FileTree(file).nodes()
    assert {name: node.kind for name, node in nodes.items()} == {
        "/": "group", "/(no name)": "damaged object", "/group": "group",
    }  # fmt: skip
