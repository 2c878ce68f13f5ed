"""The checker of files against the conformance corpus."""

import json
import struct
import zlib

import pytest

from wepy_data.errors import DamagedRunError, NotARunError, VersionTooNewError, VersionTooOldError
from wepy_data.schema.problem import KINDS, LEVELS
from wepy_data.schema.spec import run_spec
from wepy_data.store.check import check
from wepy_data.testing.corpus import Case, corpus_paths, dump_case, load_case, read_case, write_case

VALID = corpus_paths("valid")
INVALID = corpus_paths("invalid")
REFUSALS = {
    "not-a-run": NotARunError,
    "damaged": DamagedRunError,
    "too-old": VersionTooOldError,
    "too-new": VersionTooNewError,
}
FORMATS = {"f4": "f", "f8": "d", "i4": "i", "i8": "q", "u1": "B", "u4": "I", "u8": "Q", "S64": "64s"}


def named(paths):
    return pytest.mark.parametrize("path", paths, ids=[path.stem for path in paths])


def test_corpus_is_not_empty():
    assert len(VALID) >= 10
    assert len(INVALID) >= 60


def test_every_kind_of_problem_occurs():
    expected = {problem.kind for path in INVALID for problem in load_case(path).expect}
    assert expected == {*KINDS, *run_spec().rules}


def test_every_refusal_occurs():
    assert {load_case(path).refused for path in INVALID} == {"", *REFUSALS}


def test_files_are_small():
    assert max(path.stat().st_size for path in VALID + INVALID) < 40_000


@named(VALID)
def test_valid_case_has_no_problems(path, tmp_path):
    file = write_case(load_case(path), tmp_path / "run.h5")
    assert [check(file, level) for level in LEVELS] == [[], [], []]


@named(INVALID)
def test_invalid_case_has_the_expected_problems_and_no_others(path, tmp_path):
    case = load_case(path)
    file = write_case(case, tmp_path / "run.h5")
    if case.refused:
        with pytest.raises(REFUSALS[case.refused]) as caught:
            check(file)
        assert type(caught.value) is REFUSALS[case.refused]
        return
    found = check(file)
    assert {problem.kind for problem in found} == {problem.kind for problem in case.expect}
    for expected in case.expect:
        assert any(p.kind == expected.kind and p.path.startswith(expected.path) for p in found), expected


@named(INVALID)
def test_invalid_case_says_what_it_shows(path):
    raw = json.loads(path.read_text(encoding="utf-8"))
    assert raw["doc"].endswith(".")
    assert ("expect" in raw) != ("refused" in raw)
    assert raw.get("expect") != []


@named(VALID)
def test_checksums_follow_from_the_json_alone(path):
    objects = load_case(path).objects
    stored = objects["/cycles/crc"]["values"]
    stops = {d: objects[dim.stop]["values"] for d, dim in run_spec().dims.items() if dim.stop}
    for cycle in range(len(objects["/cycles/index"]["values"]) if path.stem != "uncommitted-tail" else 2):
        crc = 0
        for dataset in growing_datasets(objects):
            item = objects[dataset]
            dim = item["attributes"]["dims"].split()[0]
            stop = [*range(1, cycle + 2)] if dim == "cycle" else stops[dim]
            rows = item["values"][stop[cycle - 1] if cycle else 0 : stop[cycle]]
            for value in flat(rows):
                crc = zlib.crc32(packed(value, item["dtype"]), crc)
        assert crc == stored[cycle]


@named(VALID)
def test_header_checksum_follows_from_the_json_alone(path):
    objects = load_case(path).objects
    content = b"".join(name.encode() + b"\0" + value for name, value in header_items(objects))
    assert zlib.crc32(content) == objects["/"]["attributes"]["header_crc"]


def header_items(objects):
    """What does not grow, in the order of the schema's text: names and bytes."""
    spec = run_spec()

    def attributes(path, specs):
        found = objects[path].get("attributes", {}) if path in objects else {}
        for name in (attribute.name for attribute in specs if attribute.name in found):
            values = found[name] if isinstance(found[name], list) else [found[name]]
            if name != "header_crc":
                yield f"{path}@{name}", b"".join(map(attribute_bytes, values))

    yield from attributes("/", spec.attributes.values())
    for path, group in spec.groups.items():
        yield from attributes(path, group.attributes)
    for path in (path for path in spec.texts if path in objects):
        yield from attributes(path, spec.texts[path].attributes)
        item = objects[path]
        yield path, attribute_bytes(item["text"] if item["kind"] == "text" else item["values"][0])
    for path, dataset in spec.datasets.items():
        before, _, after = path.partition("<name>")
        wild = sorted(
            p
            for p in objects
            if p.startswith(before) and p.endswith(after) and "/" not in p[len(before) : len(p) - len(after)]
        )
        for one in wild if dataset.wildcard else [path] * (path in objects):
            item = objects[one]
            if item["kind"] != "dataset":
                continue
            if "unit" in item["attributes"]:
                yield f"{one}@unit", attribute_bytes(item["attributes"]["unit"])
            dim = spec.dims.get(dataset.dims[0])
            if not (dim and dim.grows):
                yield one, b"".join(packed(value, item["dtype"]) for value in flat(item["values"]))


def attribute_bytes(value):
    return value.encode() + b"\0" if isinstance(value, str) else struct.pack("<q", value)


def growing_datasets(objects):
    """Paths in the order of the schema's text, wildcard names sorted."""
    spec = run_spec()
    for path, dataset in spec.datasets.items():
        if dataset.dims[0] in spec.dims and spec.dims[dataset.dims[0]].grows and path != "/cycles/crc":
            before, _, after = path.partition("<name>")
            wild = [p for p in objects if p.startswith(before) and p.endswith(after) and dataset.wildcard]
            yield from sorted(wild) if dataset.wildcard else [path] * (path in objects)


def flat(values):
    if not isinstance(values, list):
        yield values
    else:
        for value in values:
            yield from flat(value)


def packed(value, dtype):
    if dtype == "S64":
        return struct.pack("<64s", value.encode())
    return struct.pack("<" + FORMATS[dtype], float(value) if isinstance(value, str) else value)


@named(VALID)
def test_case_survives_the_way_through_a_file(path, tmp_path):
    case = load_case(path)
    again = read_case(write_case(case, tmp_path / f"{path.stem}.h5"), case.doc)
    kept = {p: item for p, item in case.objects.items() if not p.startswith("/extra/")}
    attributes = {p: {**item, "attributes": attributes_of(item)} for p, item in kept.items()}
    assert {p: {**item, "attributes": attributes_of(item)} for p, item in again.objects.items()} == attributes
    if path.stem != "extra":
        dumped = tmp_path / path.name
        dumped.write_text(dump_case(again), encoding="utf-8")
        assert load_case(dumped).objects == again.objects


def attributes_of(item):
    return {name: v for name, v in item.get("attributes", {}).items() if name not in ("description", "factor")}


def test_change_that_does_not_apply_is_an_error(tmp_path):
    (tmp_path / "valid").mkdir()
    (tmp_path / "invalid").mkdir()
    (tmp_path / "valid" / "minimal.json").write_text((VALID[0].parent / "minimal.json").read_text())
    raw = {"doc": ".", "base": "valid/minimal.json", "change": [{"op": "retype", "path": "/nowhere", "dtype": "f4"}]}
    (tmp_path / "invalid" / "broken.json").write_text(json.dumps({**raw, "expect": []}))
    with pytest.raises(ValueError, match=r"broken\.json.*retype.*nowhere"):
        load_case(tmp_path / "invalid" / "broken.json")


def test_object_of_unknown_kind_is_an_error(tmp_path):
    case = Case(name="x", doc=".", objects={"/thing": {"kind": "thing"}})
    with pytest.raises(ValueError, match="no kind of object 'thing'"):
        write_case(case, tmp_path / "x.h5")
