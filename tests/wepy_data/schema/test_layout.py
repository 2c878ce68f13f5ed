"""The schema bound to one run."""

import numpy as np
import pytest

from wepy_data.schema.layout import Layout, Named

EDGES = "/particles/trajectory/box/edges"
FRAME_VALUE = "/observables/<name>/value"


def layout(*parts, **named):
    return Layout(sizes={"atom": 5, "feature": 2}, parts=frozenset(parts), named={FRAME_VALUE: tuple(named.values())})


def test_optional_parts_are_left_out_unless_named():
    assert not any(path.startswith("/particles") for path in layout().columns)
    with_particles = layout("/particles").columns
    assert "/particles/trajectory/position/value" in with_particles
    assert "/particles/trajectory/velocity/value" not in with_particles
    assert "/cell_lengths" in layout("/particles", EDGES).columns


def test_shapes_and_types_follow_from_sizes():
    columns = layout("/particles").columns
    assert columns["/particles/trajectory/position/value"].shape == (5, 3)
    assert columns["/segments/progress"].shape == (2,)
    assert columns["/segments/progress"].numpy_dtype == np.dtype("<f8")
    assert columns["/states/label"].numpy_dtype == np.dtype("S64")
    empty = columns["/bins/centre"].empty(3)
    assert empty.shape == (3, 2)
    assert empty.dtype == np.float64


def test_names_fill_wildcards_in_sorted_order_with_the_types_of_the_run():
    columns = layout(b=Named(name="b", dtype="i4", shape=(2,), unit="nm"), a=Named(name="a")).columns
    paths = [path for path in columns if path.startswith("/observables/")]
    assert paths == ["/observables/a/value", "/observables/b/value"]
    column = columns["/observables/b/value"]
    assert (column.dims, column.shape, column.dtype, column.unit) == (("frame", 2), (2,), "i4", "nm")


def test_every_dataset_grows_or_is_static_or_is_planned():
    one = layout("/particles", EDGES, a=Named(name="a"))
    kinds = [set(one.growing), set(one.static), set(one.planned)]
    assert set().union(*kinds) == set(one.columns)
    assert sum(map(len, kinds)) == len(one.columns)
    assert {c.path for columns in one.by_dim.values() for c in columns} == set(one.growing)


@pytest.mark.parametrize(("parts", "count"), [((), 0), (("/particles",), 4), (("/particles", EDGES), 6)])
def test_links_come_with_the_parts_that_they_belong_to(parts, count):
    assert len(dict(layout(*parts).links())) == count


def test_each_observable_is_linked_to_step_and_time():
    assert dict(layout(a=Named(name="a")).links()) == {
        "/observables/a/step": "/frames/index",
        "/observables/a/time": "/frames/total_time",
    }
