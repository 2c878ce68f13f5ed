"""What resampling records do in several steps, against walkers that are cloned and merged one by one."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wepy_data as wd
from wepy_data.importers.wepy.resampling import Step, compose


class Walker:
    """Where a walker's state comes from, and its weight, by the walkers that the cycle began with."""

    def __init__(self, root, shares):
        self.root, self.shares = root, shares

    @property
    def weight(self):
        return sum(self.shares.values())


@st.composite
def steps(draw, n):
    """Draw a step of n walkers: those that are placed take all slots, the others are squashed into kept ones."""
    placed = sorted(draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=n)))
    squashed = [walker for walker in range(n) if walker not in placed]
    kept = draw(st.sets(st.sampled_from(placed), min_size=1)) if squashed else set()
    counts = {walker: 1 if walker in kept else draw(st.integers(1, 3)) for walker in placed}
    slots = iter(draw(st.permutations(range(sum(counts.values())))))
    targets = {walker: [next(slots) for _ in range(count)] for walker, count in counts.items()}
    found = [
        (
            walker,
            "KEEP_MERGE"
            if walker in kept
            else "CLONE"
            if len(own) > 1
            else draw(st.sampled_from(["NOTHING", "CLONE"])),
            own,
        )
        for walker, own in targets.items()
    ]
    found += [(walker, "SQUASH", targets[draw(st.sampled_from(sorted(kept)))]) for walker in squashed]
    return draw(st.permutations(found)), sum(counts.values())


def applied(walkers, step, n_slots):
    """Return the walkers after a step, as wepy's description of the decisions has it."""
    slots = [None] * n_slots
    for walker, decision, targets in step:
        if decision != "SQUASH":
            for target in targets:
                own = walkers[walker]
                assert slots[target] is None
                slots[target] = Walker(own.root, {w: share / len(targets) for w, share in own.shares.items()})
    for walker, decision, targets in step:
        if decision == "SQUASH":
            into = slots[targets[0]].shares
            for giver, share in walkers[walker].shares.items():
                into[giver] = into.get(giver, 0.0) + share
    return slots


@st.composite
def programs(draw):
    """Draw a run: the number of founders, and steps and warps of each cycle."""
    n = draw(st.integers(1, 4))
    first, cycles = n, []
    for _ in range(draw(st.integers(1, 4))):
        warped = sorted(draw(st.sets(st.integers(0, n - 1), max_size=2)))
        of = []
        for _ in range(draw(st.integers(1, 3))):
            step, after = draw(steps(n))
            if after > 12:
                continue
            of.append(step)
            n = after
        if not of:
            of.append([(walker, "NOTHING", [walker]) for walker in range(n)])
        cycles.append((of, [(walker, draw(st.integers(0, 1))) for walker in warped]))
    return first, cycles


def slots_of(step):
    return sum(len(targets) for _, decision, targets in step if decision != "SQUASH")


@settings(max_examples=80, deadline=None)
@given(programs())
def test_steps_compose_to_what_becomes_of_walkers_moved_one_by_one(program):
    n, cycles = program
    weight = np.arange(1, n + 1) / (n * (n + 1) / 2)
    for of, _ in cycles:
        walkers = [Walker(place, {place: one}) for place, one in enumerate(weight.tolist())]
        for step in of:
            walkers = applied(walkers, step, slots_of(step))
        outcome = compose(len(weight), [as_step(step) for step in of])
        assert outcome.parent.tolist() == [walker.root for walker in walkers]
        flows = dict(
            zip(
                zip(*(a.tolist() for a in outcome.merges(weight)[:2]), strict=True),
                outcome.merges(weight)[2],
                strict=True,
            )
        )
        wanted = {(i, g): s for i, w in enumerate(walkers) for g, s in w.shares.items() if g != w.root}
        assert flows == pytest.approx(wanted, rel=1e-14)
        weight = outcome.weights(weight)
        assert weight == pytest.approx([walker.weight for walker in walkers], rel=1e-14)


def as_step(step):
    kinds = ["NOTHING", "CLONE", "SQUASH", "KEEP_MERGE"]
    return Step(
        walker=np.array([walker for walker, *_ in step]),
        kind=np.array([kinds.index(decision) for _, decision, _ in step]),
        counts=np.array([len(targets) for *_, targets in step]),
        targets=np.concatenate([targets for *_, targets in step]),
    )


@settings(max_examples=10, deadline=None)
@given(programs())
def test_records_of_any_steps_become_the_genealogy_of_walkers_moved_one_by_one(write_wepy, program):
    first, cycles = program
    weights, made = [np.arange(1, first + 1) / (first * (first + 1) / 2)], []
    for of, _ in cycles:
        walkers = [Walker(place, {place: weight}) for place, weight in enumerate(weights[-1].tolist())]
        for step in of:
            walkers = applied(walkers, step, slots_of(step))
        made.append(walkers)
        weights.append(np.array([walker.weight for walker in walkers]))
    with tempfile.TemporaryDirectory() as folder:
        path, output = Path(folder) / "wepy.h5", Path(folder) / "run.h5"
        write_wepy(path, {"weights": weights[:-1], "steps": [of for of, _ in cycles], "warps": [w for _, w in cycles]})
        wd.import_wepy(path, output)
        assert wd.check(output) == []
        with wd.open_run(output) as run:
            assert run.sealed
            assert_same(run, weights, made, [dict(warps) for _, warps in cycles])


def assert_same(run, weights, made, warps):
    segments, merges, states = run.table("segments"), run.table("merges"), run.table("states")
    planned, start = run.reader.planned, 0
    sources = {label: row for row, label in enumerate(states.label)}
    for cycle, walkers in enumerate(made):
        n = len(weights[cycle])
        if cycle + 1 < len(made):
            here = segments[segments.cycle == cycle + 1]
            parent, weight, state = here.parent - start, here.weight, here.state
            flows = merges[merges.into.isin(here.index)]
            flows = [(int(i) - start - n, int(f) - start, w) for i, f, w in flows.values.tolist()]
        else:
            parent, weight, state = (planned[f"/next/{name}"] for name in ("parent", "weight", "state"))
            columns = [planned[f"/next/merges/{name}"].tolist() for name in ("into", "from", "weight")]
            parent, flows = parent - start, [(i, f - start, w) for i, f, w in zip(*columns, strict=True)]
        assert list(parent) == [walker.root for walker in walkers]
        assert list(weight) == pytest.approx([walker.weight for walker in walkers], rel=1e-14)
        restarts = [warps[cycle].get(walker.root) for walker in walkers]
        assert list(state) == [-1 if one is None else sources[f"warping target {one}"] for one in restarts]
        wanted = {
            (into, giver): share
            for into, w in enumerate(walkers)
            for giver, share in w.shares.items()
            if giver != w.root
        }
        assert {(i, f) for i, f, _ in flows} == set(wanted)
        assert [w for *_, w in flows] == pytest.approx([wanted[i, f] for i, f, _ in flows], rel=1e-14)
        start += n


def nothing(n):
    return [(walker, "NOTHING", [walker]) for walker in range(n)]


def test_regions_of_wexplore_become_bins_within_bins(write_wepy, tmp_path):
    regions = [[(0, 0), (0, 1)], [(0, 1), (1, 0)]]
    run = {"weights": [[0.5, 0.5]] * 2, "steps": [[nothing(2)]] * 2, "regions": regions}
    wd.import_wepy(write_wepy(tmp_path / "wepy.h5", run), tmp_path / "run.h5")
    assert wd.check(tmp_path / "run.h5") == []
    with wd.open_run(tmp_path / "run.h5") as found:
        bins, segments = found.table("bins"), found.table("segments")
        assert bins[["index", "parent", "level", "cycle"]].values.tolist() == [
            [0, -1, 0, 0], [0, 0, 1, 0], [1, 0, 1, 0], [1, -1, 0, 1], [0, 3, 1, 1]
        ]  # fmt: skip
        assert segments.bin.tolist() == [1, 2, 2, 4]


def test_weights_that_are_rounded_are_those_of_the_records_and_told(write_wepy, tmp_path):
    third = float(np.float32(1 / 3))
    step = [(0, "CLONE", [0, 1, 2]), (1, "SQUASH", [3]), (2, "KEEP_MERGE", [3])]
    run = {"weights": [[0.5, 0.25, 0.25], [third / 2, third / 2, third / 2, 0.5]], "steps": [[step], [nothing(4)]]}
    report = wd.import_wepy(write_wepy(tmp_path / "wepy.h5", run), tmp_path / "run.h5")
    assert wd.check(tmp_path / "run.h5") == []
    with wd.open_run(tmp_path / "run.h5") as found:
        assert found.table("segments", cycles=1).weight.tolist() == [0.5 / 3, 0.5 / 3, 0.5 / 3, 0.5]
    assert any(
        "weights differ from what the resampling records make of them, by up to 3e-08" in line
        for line in report.unknown
    )
