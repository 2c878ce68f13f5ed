"""What the strategy of valid runs covers."""

import time
from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from wepy_data.testing import runs

DRAWS = 400
EDGES, VELOCITY = "/particles/trajectory/box/edges", "/particles/trajectory/velocity"
AT_LEAST = {
    "no cycles": 10,
    "one cycle": 10,
    "several cycles": 40,
    "a single walker": 10,
    "walkers vary": 40,
    "clones": 20,
    "merges": 20,
    "a walker in several groups": 15,
    "recycled": 20,
    "recycled without sources": 10,
    "absorbed": 20,
    "all absorbed": 5,
    "failed": 20,
    "particles": 40,
    "no particles": 40,
    "box": 20,
    "velocities": 20,
    "topology": 20,
    "picometres": 20,
    "chosen atoms": 20,
    "states at ends": 10,
    "several features": 40,
    "no frames": 20,
    "several frames": 40,
    "frames vary": 20,
    "binned": 40,
    "not binned": 40,
    "recursive bins": 5,
    "several workers": 20,
    "a process on two platforms": 10,
    "workers that say no platform": 20,
    "unknown workers": 4,
    "values per frame": 40,
    "values per segment": 40,
    "numbers that are none": 10,
    "unicode labels": 40,
    "unicode names": 20,
    "labels of 64 bytes": 1,
    "no states": 1,
    "sealed": 40,
    "not sealed": 40,
    "merges into planned walkers": 8,
    "arrays of planned walkers": 20,
    "sealed without cycles": 3,
    "continued": 40,
    "tiny weights": 5,
    "single precision order parameter": 20,
} | {f"a value of type {dtype}": 10 for dtype in ("f4", "f8", "i4", "i8", "u1")}


def features(run):
    """Yield the names of what a run has."""
    layout, n_cycles = run.header.layout, run.n_cycles
    counts = np.diff(run.stops("segment"), prepend=0)
    parent, kind, state = run.read("/segments/parent"), run.read("/events/kind"), run.header.static["/states/kind"]
    frames = np.diff(run.read("/segments/frame_stop"), prepend=0)
    families = np.bincount(parent[parent >= 0]) if (parent >= 0).any() else np.zeros(1)
    given = [
        named for path in ("/observables/<name>/value", "/segments/observables/<name>") for named in layout.named[path]
    ]
    own = [named for named in given if named.name != "order_parameter"]
    observed = [path for path in layout.growing if "observables" in path]
    labels = run.header.static["/states/label"].tolist()
    into, source, planned = run.read("/merges/into"), run.read("/merges/from"), run.planned
    last, absorbed = (
        np.arange(run.rows("segment"))[-counts[-1] :] if n_cycles else [],
        run.read("/events/segment")[kind == 1],
    )
    has = {
        "no cycles": n_cycles == 0,
        "one cycle": n_cycles == 1,
        "several cycles": n_cycles > 1,
        "a single walker": (counts == 1).any(),
        "walkers vary": len(set(counts.tolist())) > 1,
        "clones": families.max() > 1,
        "merges": len(into) > 0,
        "a walker in several groups": len(source) > len(np.unique(source)) or np.isin(source, parent).any(),
        "recycled": (kind == 0).any(),
        "recycled without sources": (kind == 0).any() and not (state == 1).any(),
        "absorbed": (kind == 1).any(),
        "all absorbed": n_cycles and np.isin(last, absorbed).all(),
        "failed": (kind == 2).any(),
        "particles": "/particles" in layout.parts,
        "no particles": "/particles" not in layout.parts,
        "box": EDGES in layout.parts,
        "velocities": VELOCITY in layout.parts,
        "topology": bool(run.header.topology),
        "picometres": "i4" in layout.dtypes.values(),
        "chosen atoms": "/particles/trajectory/id" in layout.parts,
        "states at ends": len(layout.named["/segments/arrays/<name>"]) > 0,
        "several features": layout.sizes["feature"] > 1,
        "no frames": n_cycles and not frames.any(),
        "several frames": len(frames) and frames.max() > 1,
        "frames vary": len(set(frames.tolist())) > 1,
        "binned": run.rows("bin") > 0,
        "not binned": n_cycles and run.rows("bin") == 0,
        "recursive bins": (run.read("/bins/parent") >= 0).any(),
        "several workers": run.rows("worker") > 1,
        "a process on two platforms": len(set(run.read("/workers/pid").tolist())) < run.rows("worker"),
        "workers that say no platform": (run.read("/workers/platform") == b"").any(),
        "unknown workers": (run.read("/segments/worker") < 0).any(),
        "values per frame": any(named.name != "order_parameter" for named in layout.named["/observables/<name>/value"]),
        "values per segment": len(layout.named["/segments/observables/<name>"]) > 0,
        "numbers that are none": any(np.isnan(run.read(path)).any() for path in observed),
        "unicode labels": any(max(label) > 127 for label in labels if label),
        "unicode names": any(not named.name.isascii() for named in own),
        "labels of 64 bytes": any(len(label) > 60 for label in labels),
        "no states": len(state) == 0,
        "sealed": run.sealed,
        "not sealed": not run.sealed,
        "merges into planned walkers": planned and len(planned["/next/merges/into"]) > 0,
        "arrays of planned walkers": any("/next/arrays/" in path and len(planned[path]) for path in planned or ()),
        "sealed without cycles": run.sealed and n_cycles == 0,
        "continued": run.header.continues is not None,
        "tiny weights": n_cycles and run.read("/segments/weight").min() < 1e-12,
        "single precision order parameter": any(n.name == "order_parameter" and n.dtype == "f4" for n in given),
    }  # fmt: skip
    yield from (name for name, there in has.items() if there)
    yield from {f"a value of type {named.dtype}" for named in own}


@pytest.fixture(scope="module")
def covered():
    found, times = Counter(), []

    @settings(max_examples=DRAWS, phases=[Phase.generate])
    @given(data=st.data())
    def count(data):
        began = time.process_time()
        run = data.draw(runs())
        times.append(time.process_time() - began)
        found.update(features(run))

    count()
    return found, times


@pytest.mark.xdist_group("strategy")  # one process draws the runs
@pytest.mark.parametrize("feature", AT_LEAST)
def test_the_strategy_covers(feature, covered):
    assert covered[0][feature] >= AT_LEAST[feature]


@pytest.mark.xdist_group("strategy")
def test_a_draw_is_quick(covered):
    assert np.median(covered[1]) < 0.05  # seconds; 0.01 on a quiet machine


@given(run=runs(min_cycles=3, max_cycles=3, max_walkers=4, merging=False, recycling=False, absorption=False,
                particles=False, bins=False, sealed=True, continued=False))  # fmt: skip
def test_what_is_asked_for_is_kept(run):
    assert run.n_cycles == 3
    assert np.diff(run.stops("segment"), prepend=0).max() <= 4
    assert run.rows("merge") == 0
    assert not np.isin(run.read("/events/kind"), [0, 1]).any()
    assert "/particles" not in run.header.layout.parts
    assert run.rows("bin") == 0
    assert run.sealed
    assert run.header.continues is None


@pytest.mark.slow
def test_a_failing_small_run_shrinks_to_what_matters():
    plain = {"particles": False, "bins": False, "recycling": False, "absorption": False}
    small = runs(
        max_cycles=2, max_walkers=2, **plain
    )  # it may still have observables, sources, arrays, a planned cycle
    shrunk = find(small, lambda run: run.rows("merge") > 0, random=Random(0))
    assert shrunk.n_cycles == 2
    assert shrunk.rows("segment") <= 3  # of 4
    assert shrunk.rows("merge") == 1
    assert shrunk.header.layout.parts == frozenset()


@pytest.mark.slow
def test_a_failing_run_shrinks_to_what_matters():
    shrunk = find(runs(max_cycles=3, max_walkers=4), lambda run: run.rows("merge") > 0)
    assert shrunk.n_cycles == 2
    assert shrunk.rows("segment") <= 7  # of 12; 3 to 7, as luck has it
    assert shrunk.rows("merge") <= 2
    assert shrunk.header.layout.parts == frozenset()
