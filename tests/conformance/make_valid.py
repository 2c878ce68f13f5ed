"""The valid cases of the conformance corpus, made anew: run it after a change of the schema, then read the diff.

The committed JSON files are normative, not this script. From the checkout's folder::

    python tests/conformance/make_valid.py schema/conformance/valid
"""
# ruff: noqa: E501 (the stories are tables)

from __future__ import annotations

import copy
import hashlib
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from wepy_data.record.build import build_cycle
from wepy_data.record.cycle import Cycle
from wepy_data.record.header import Continues, Header
from wepy_data.record.run_record import RunRecord
from wepy_data.schema.layout import Layout, Named
from wepy_data.store.writer import write_run
from wepy_data.testing.corpus import Case, dump_case, read_case, write_case

SCHEMA_TEXT = 'schema: wepy-run\nversion: "1.0.0"\n'  # stands for the schema's text, which readers do not need
PARTICLES, VELOCITY, EDGES = "/particles", "/particles/trajectory/velocity", "/particles/trajectory/box/edges"
FRAME, SEGMENT = "/observables/<name>/value", "/segments/observables/<name>"
IDS, POSITIONS = "/particles/trajectory/id", "/particles/trajectory/position/value"
SEGMENT_STATE = "/segments/arrays/<name>"
STATE, NEXT = "/states/arrays/<name>", "/next/arrays/<name>"
STEPS, STEP_TIME = 10, 0.002  # of a segment; in ps
RECYCLED, ABSORBED, FAILED = 0, 1, 2
FOUNDER = -1


@dataclass(kw_only=True)
class Walker:
    """One walker of a cycle; `parent` is a position in the cycle before, `x` its order parameter at each frame."""

    weight: float
    parent: int = FOUNDER
    state: int = -1
    x: Sequence[Any] = (0.5,)
    end: Any = None  # order parameter at the end, for a segment without frames
    bin: int = -1
    worker: int = 0


@dataclass(kw_only=True)
class Round:
    """One cycle: walkers, merges (into, from, weight), events (walker, kind, source, target).

    New bins are given as (index, parent, level, target count, centre), new workers as (host, pid, platform).
    """

    walkers: list[Walker]
    merges: list[tuple[int, int, float]] = field(default_factory=list)
    events: list[tuple[int, int, int, int]] = field(default_factory=list)
    bins: list[tuple[int, int, int, int, list[float]]] = field(default_factory=list)
    workers: list[tuple[str, int, str]] = field(default_factory=list)


@dataclass(kw_only=True)
class Story:
    """A run to be told: its states, cycles and planned walkers."""

    rounds: list[Round]
    planned: Round | None = None
    states: list[tuple[int, str, float, float]] = field(default_factory=lambda: [(0, "start", 1.0, 0.5)])
    parts: frozenset[str] = frozenset()
    n_atoms: int = 0
    n_features: int = 1
    frame_observables: Mapping[str, tuple[Named, Callable[[np.ndarray], np.ndarray]]] = field(default_factory=dict)
    segment_observables: Mapping[str, tuple[Named, Callable[[np.ndarray], np.ndarray]]] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)
    unit: str = "nm"
    picometres: bool = False
    end_states: bool = False


def layout_of_story(story: Story) -> Layout:
    """Return which datasets the run has."""
    array = (Named(name="positions", shape=(max(1, story.n_atoms), 3), unit="nm"),)
    progress = Named(name="order_parameter", shape=(story.n_features,), unit=story.unit)
    return Layout(
        sizes={"atom": story.n_atoms, "feature": story.n_features},
        parts=story.parts,
        named={
            FRAME: (progress, *(named for named, _ in story.frame_observables.values())),
            SEGMENT: tuple(named for named, _ in story.segment_observables.values()),
            STATE: array,
            NEXT: array,
            SEGMENT_STATE: array if story.end_states else (),
        },
        dtypes={POSITIONS: "i4"} if story.picometres else {},
    )


def tell(story: Story) -> RunRecord:
    """Return the story as a record."""
    layout = layout_of_story(story)
    record = RunRecord(_header(story, layout))
    clock: dict[str, Any] = {"steps": np.zeros(0, int), "total": 0.0}
    previous: Cycle | None = None
    for number, entry in enumerate(story.rounds):
        facts, counts = _facts(story, layout, entry, previous, number, clock)
        previous = build_cycle(layout, previous, facts, counts)
        record.append(previous)
    if story.planned is not None:
        record.seal(_planned(story, layout, story.planned, previous))
    return record


def _header(story: Story, layout: Layout) -> Header:
    kinds, labels, probabilities, places = zip(*story.states, strict=True) if story.states else ((), (), (), ())
    n = max(1, story.n_atoms)
    positions = [np.full((n, 3), place) + np.arange(n)[:, None] * 0.25 for place in places]
    static = {
        "/states/kind": np.array(kinds, "u1"),
        "/states/label": np.array([label.encode() for label in labels], "S64"),
        "/states/probability": np.array(probabilities, "f8"),
        "/states/arrays/positions": np.array(positions, "f8").reshape(-1, n, 3),
    }
    if PARTICLES in story.parts:
        static["/particles/trajectory/species"] = np.array([8, 1, 1, 0][: story.n_atoms], "i4")
        static["/particles/trajectory/mass"] = np.array([15.999, 1.008, 1.008, 0.0][: story.n_atoms])
        static["/particles/trajectory/charge"] = np.array([-0.834, 0.417, 0.417, 0.0][: story.n_atoms])
    if IDS in story.parts:
        static[IDS] = np.array([0, 4, 5, 9][: story.n_atoms])
    values = {
        "config": {"steps": STEPS},
        "provenance": [
            {
                "kind": "start", "time": "2026-01-01T00:00:00+00:00", "software": {"wepy": "0.1.0", "python": "3.12.1"},
                "host": {"name": "node1"}, "seed": 1,
            }
        ],
        "author": "A. Author",
        "run_id": "00000000-0000-4000-8000-000000000001",
        "created": "2026-01-01T00:00:00+00:00",
    } | dict(story.header)  # fmt: skip
    return Header(layout=layout, static=static, **values)


def _facts(
    story: Story, layout: Layout, entry: Round, previous: Cycle | None, number: int, clock: dict[str, Any]
) -> tuple[dict[str, Any], list[int]]:
    walkers, n = entry.walkers, len(entry.walkers)
    own = 0 if previous is None else previous.stop("segment")
    before = 0 if previous is None else own - previous.n_walkers
    frame = 0 if previous is None else previous.stop("frame")
    counts = [len(w.x) for w in walkers]
    stops = frame + np.cumsum(counts)
    begin = [0 if w.parent < 0 else clock["steps"][w.parent] for w in walkers]
    steps = np.concatenate(
        [np.zeros(0, int), *(b + STEPS * (np.arange(c) + 1) // max(c, 1) for b, c in zip(begin, counts, strict=True))]
    )
    clock["steps"] = np.array([b + STEPS for b in begin])
    total = clock["total"] + STEPS * STEP_TIME * np.concatenate(
        [np.zeros(0), *(i + (np.arange(c) + 1) / c for i, c in enumerate(counts) if c)]
    )
    clock["total"] += n * STEPS * STEP_TIME
    x = np.array([np.broadcast_to(value, story.n_features) for w in walkers for value in w.x], "f8").reshape(
        -1, story.n_features
    )
    end = np.array([np.broadcast_to(w.x[-1] if len(w.x) else w.end, story.n_features) for w in walkers], "f8")
    facts: dict[str, Any] = {
        "/segments/weight": [w.weight for w in walkers],
        "/segments/parent": [w.parent if w.parent < 0 else before + w.parent for w in walkers],
        "/segments/state": [w.state for w in walkers],
        "/segments/continuous": np.array([w.state < 0 for w in walkers], "u1"),
        "/segments/progress": end,
        "/segments/bin": [w.bin for w in walkers],
        "/segments/cpu_time": np.full(n, 0.25),
        "/segments/wall_time": np.full(n, 0.5),
        "/segments/worker": [w.worker for w in walkers],
        "/frames/md_step": steps,
        "/frames/time": np.round(steps * STEP_TIME, 12),
        "/frames/total_time": np.round(total, 12),
        "/observables/order_parameter/value": x,
        "/cycles/began": [1767225600.0 + number],
        "/cycles/ended": [1767225600.5 + number],
        "/merges/into": [own + into for into, _, _ in entry.merges],
        "/merges/from": [before + source for _, source, _ in entry.merges],
        "/merges/weight": np.array([weight for _, _, weight in entry.merges], "f8"),
        "/events/segment": [own + walker for walker, *_ in entry.events],
        "/events/frame": [stops[walker] - 1 if counts[walker] else -1 for walker, *_ in entry.events],
        "/events/kind": np.array([kind for _, kind, _, _ in entry.events], "u1"),
        "/events/source_state": [source for *_, source, _ in entry.events],
        "/events/target": [target for *_, target in entry.events],
        "/events/weight": np.array([walkers[walker].weight for walker, *_ in entry.events], "f8"),
        "/bins/index": [b[0] for b in entry.bins],
        "/bins/parent": [b[1] for b in entry.bins],
        "/bins/level": [b[2] for b in entry.bins],
        "/bins/target_count": [b[3] for b in entry.bins],
        "/bins/centre": np.array([b[4] for b in entry.bins], "f8").reshape(-1, story.n_features),
        "/workers/host": np.array([host.encode() for host, _, _ in entry.workers], "S64"),
        "/workers/pid": [pid for _, pid, _ in entry.workers],
        "/workers/platform": np.array([platform.encode() for _, _, platform in entry.workers], "S64"),
    }
    n_frames, atoms = len(x), np.arange(story.n_atoms)
    if PARTICLES in story.parts:
        facts[POSITIONS] = x[:, :1, None] + atoms[None, :, None] * 0.25 + np.zeros((n_frames, story.n_atoms, 3))
    if story.picometres:
        facts[POSITIONS] = np.rint(facts[POSITIONS] * 1000).astype("i4")
    if VELOCITY in story.parts:
        facts["/particles/trajectory/velocity/value"] = np.full((n_frames, story.n_atoms, 3), -0.125)
    if EDGES in story.parts:
        edge = 2500.0 if story.picometres else 2.5
        facts["/particles/trajectory/box/edges/value"] = np.broadcast_to(np.eye(3) * edge, (n_frames, 3, 3))
        facts["/cell_lengths"] = np.full((n_frames, 3), 2.5)
        facts["/cell_angles"] = np.full((n_frames, 3), 90.0)
    if story.end_states:
        places = np.arange(max(1, story.n_atoms))[None, :, None] * 0.25
        facts["/segments/arrays/positions"] = end[:, :1, None] + places + np.zeros((n, places.size, 3))
    for name, (_, values) in story.frame_observables.items():
        facts[f"/observables/{name}/value"] = values(np.arange(frame, frame + n_frames))
    for name, (_, values) in story.segment_observables.items():
        facts[f"/segments/observables/{name}"] = values(np.arange(own, own + n))
    return {path: rows for path, rows in facts.items() if path in layout.growing}, counts


def _planned(story: Story, layout: Layout, entry: Round, previous: Cycle | None) -> dict[str, Any]:
    last = 0 if previous is None else previous.stop("segment") - previous.n_walkers
    walkers, n = entry.walkers, max(1, story.n_atoms)
    values: dict[str, Any] = {
        "/next/weight": [w.weight for w in walkers],
        "/next/parent": [last + w.parent for w in walkers],
        "/next/state": [w.state for w in walkers],
        "/next/continuous": [w.state < 0 for w in walkers],
        "/next/arrays/positions": [np.full((n, 3), 0.1) + 0.25 * np.arange(n)[:, None] for w in walkers],
        "/next/merges/into": [into for into, _, _ in entry.merges],
        "/next/merges/from": [last + source for _, source, _ in entry.merges],
        "/next/merges/weight": [weight for _, _, weight in entry.merges],
    }
    return {p: np.array(values[p], c.numpy_dtype).reshape(-1, *c.shape) for p, c in layout.planned.items()}


def w(weight: float, parent: int = FOUNDER, x: Any = 0.5, *, state: int | None = None, **more: Any) -> Walker:
    """Return a walker with one frame, or with one for each item of a list."""
    frames = x if isinstance(x, list) else [x]
    return Walker(
        weight=weight, parent=parent, x=frames, state=(0 if parent < 0 else -1) if state is None else state, **more
    )


HOST = [("node1", 4711, "")]
ONE = Round(walkers=[w(1.0)], workers=HOST)
KEEP = Round(walkers=[w(1.0, 0)])


def two_cycles() -> list[Round]:
    """Return two cycles of two walkers that just go on."""
    return [
        Round(walkers=[w(0.5, x=0.25), w(0.5, x=0.75)], workers=HOST),
        Round(walkers=[w(0.5, 0, 0.375), w(0.5, 1, 0.625)]),
    ]


def rich() -> Story:
    """Return a small run that has everything at once; most invalid cases change this one."""
    states = [
        (0, "left", 0.75, 0.5),
        (0, "right", 0.25, 0.75),
        (1, "source", 1.0, 0.25),
        (2, "bound", 0.0, np.nan),
        (2, "lost", 0.0, np.nan),
    ]
    nan = float("nan")
    return Story(
        states=states,
        parts=frozenset({PARTICLES, VELOCITY, EDGES, "/topology"}),
        n_atoms=3,
        n_features=2,
        header={"topology": topology(), "continues": continues(), "inputs": {"start.pdb": "END\n"}},
        frame_observables={"energy": (Named(name="energy", dtype="f8", unit="kJ mol-1"), lambda i: -1.5 * (i + 1))},
        segment_observables={"work": (Named(name="work", dtype="f4", unit="kJ mol-1"), lambda i: 0.1 * i)},
        rounds=[
            Round(
                walkers=[w(0.5, x=[0.5, 0.25], bin=0), w(0.25, x=[0.5, 0.75], state=1, bin=1), w(0.25, x=[0.5, 0.625], state=1, bin=1)],
                bins=[(0, -1, 0, 2, [0.25, nan]), (1, -1, 0, 2, [0.75, 0.75])],
                workers=[("node1", 4711, "CPU"), ("node2", 815, "CUDA mixed")],
                events=[(2, RECYCLED, 2, 3)],
            ),
            Round(  # the first is cloned, the second goes on, the third is recycled
                walkers=[
                    w(0.25, 0, [0.25, 0.125], bin=0, worker=1), w(0.25, 0, [0.25, 0.375], bin=2),
                    w(0.25, 1, [0.75, 0.875], bin=1), w(0.25, 2, [0.25, 0.5], state=2, bin=2, worker=1),
                ],
                bins=[(0, 0, 1, -1, [0.375, 0.375])],
                events=[(2, ABSORBED, -1, 4)],
            ),
            Round(  # the third was absorbed; the second merges into the first one's child
                walkers=[w(0.5, 0, [0.125, 0.1], bin=0), w(0.25, 3, [0.5, 0.3], bin=2)],
                merges=[(0, 1, 0.25)],
                events=[(1, FAILED, -1, -1)],
            ),
        ],
        planned=Round(walkers=[w(0.5, 0)], merges=[]),
    )  # fmt: skip


def continues() -> Continues:
    """Return where a run goes on from."""
    return Continues(
        run_id="00000000-0000-4000-8000-000000000000", cycle=7, file="before.h5", cycles_before=8,
        digest="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    )  # fmt: skip


def topology() -> str:
    """Return one water molecule in mdtraj's layout."""
    atoms = '{"index": 0, "name": "O", "element": "O"}, {"index": 1, "name": "H1", "element": "H"}, {"index": 2, "name": "H2", "element": "H"}'
    residue = f'{{"index": 0, "name": "HOH", "resSeq": 1, "segmentID": "", "atoms": [{atoms}]}}'
    return f'{{"chains": [{{"index": 0, "residues": [{residue}]}}], "bonds": [[0, 1], [0, 2]]}}'


def stories() -> dict[str, tuple[str, Story]]:
    """Return the stories by name, each with what it shows."""
    made = rich()
    made.rounds[-1].walkers[1].weight = 0.25
    made.planned = Round(walkers=[w(0.25, 0), w(0.5, 0)], merges=[(1, 1, 0.25)])
    quarter = [(0, "start", 1.0, 0.5), (1, "near", 0.25, 0.25), (1, "far", 0.75, 0.75)]
    return {
        "rich": ("Everything at once: particles in a periodic box, velocities, clones, merges, recycling, absorption, recursive bins; most invalid cases change this one.", made),
        "minimal": ("The least that a sealed run has: one walker, one cycle, no particles.", Story(rounds=[ONE], planned=KEEP)),
        "zero-cycles": ("A run that was created and has not finished a cycle.", Story(rounds=[])),
        "unsealed": ("A run that is growing, or crashed: not sealed, no planned walkers.", Story(rounds=two_cycles())),
        "clones": ("A walker with three children, whose weights sum to its own.", Story(
            rounds=[
                Round(walkers=[w(0.75), w(0.25)], workers=HOST),
                Round(walkers=[w(0.5, 0), w(0.125, 0), w(0.125, 0), w(0.25, 1)]),
            ],
            planned=Round(walkers=[w(0.25, 0), w(0.25, 0), w(0.125, 1), w(0.125, 2), w(0.25, 3)]),
        )),
        "merges": ("Two walkers end and give their weight to children of others; one of them splits it.", Story(
            rounds=[
                Round(walkers=[w(0.25), w(0.25), w(0.25), w(0.25)], workers=HOST),
                Round(walkers=[w(0.375, 0), w(0.625, 3)], merges=[(0, 1, 0.125), (1, 1, 0.125), (1, 2, 0.25)]),
            ],
            planned=Round(walkers=[w(1.0, 1)], merges=[(0, 0, 0.375)]),
        )),
        "recycling-sources": ("Recycled walkers restart from source states; a recycled one may be cloned or merged away.", Story(
            states=[*quarter, (2, "target", 0.0, np.nan)],
            rounds=[
                Round(walkers=[w(0.5), w(0.25), w(0.25)], events=[(0, RECYCLED, 2, 3), (2, RECYCLED, 1, 3)], workers=HOST),
                Round(walkers=[w(0.25, 0, state=2), w(0.5, 0, state=2), w(0.25, 1)], merges=[(1, 2, 0.25)], events=[(1, RECYCLED, 1, 3)]),
            ],
            planned=Round(walkers=[w(0.25, 0), w(0.5, 1, state=1), w(0.25, 2)]),
        )),
        "recycling-initial": ("Without source states, recycled walkers restart from an initial one.", Story(
            states=[(0, "a", 0.5, 0.25), (0, "b", 0.5, 0.5), (2, "target", 0.0, np.nan)],
            rounds=[Round(walkers=[w(0.5), w(0.5, state=1)], events=[(1, RECYCLED, 0, 2)], workers=HOST)],
            planned=Round(walkers=[w(0.5, 0), w(0.5, 1, state=0)]),
        )),
        "targets-absorbed": ("Several targets; absorbed walkers end, and their weight leaves the run.", Story(
            states=[(0, "start", 1.0, 0.5), (2, "left", 0.0, np.nan), (2, "right", 0.0, np.nan)],
            rounds=[
                Round(walkers=[w(0.5), w(0.25), w(0.25)], events=[(1, ABSORBED, -1, 1), (2, ABSORBED, -1, 2)], workers=HOST),
                Round(walkers=[w(0.25, 0), w(0.25, 0)], events=[(0, ABSORBED, -1, 1)]),
            ],
            planned=Round(walkers=[w(0.25, 1)]),
        )),
        "all-absorbed": ("The last walker is absorbed: nothing is planned.", Story(
            states=[(0, "start", 1.0, 0.5), (2, "left", 0.0, np.nan)],
            rounds=[Round(walkers=[w(1.0)], events=[(0, ABSORBED, -1, 1)], workers=HOST)],
            planned=Round(walkers=[]),
        )),
        "failed": ("A failed walker goes on, or gives its weight away, like any other.", Story(
            rounds=[Round(walkers=[w(0.5), w(0.5)], events=[(1, FAILED, -1, -1)], workers=HOST)],
            planned=Round(walkers=[w(1.0, 0)], merges=[(0, 1, 0.5)]),
        )),
        "frames-none": ("A run that stores no frames: order parameters at the ends of segments only.", Story(
            rounds=[
                Round(walkers=[w(0.5, x=[], end=0.25), w(0.5, x=[], end=0.75)], events=[(1, FAILED, -1, -1)], workers=HOST),
                Round(walkers=[w(0.5, 0, [], end=0.375), w(0.5, 1, [], end=0.625)]),
            ],
        )),
        "frames-three": ("Three frames for each segment.", Story(
            rounds=[
                Round(walkers=[w(0.5, x=[0.5, 0.4, 0.3]), w(0.5, x=[0.5, 0.6, 0.7])], workers=HOST),
                Round(walkers=[w(0.5, 0, [0.2, 0.1, 0.05]), w(0.5, 1, [0.8, 0.9, 0.95])]),
            ],
            planned=Round(walkers=[w(0.5, 0), w(0.5, 1)]),
        )),
        "frames-uneven": ("Segments with none, one and three frames.", Story(
            rounds=[
                Round(walkers=[w(0.5, x=[], end=0.3), w(0.5, x=[0.5, 0.6, 0.7])], workers=HOST),
                Round(walkers=[w(0.5, 0, [0.2]), w(0.5, 1, [], end=0.8)], events=[(1, FAILED, -1, -1)]),
            ],
        )),
        "particles": ("Positions without a box; one particle is no atom.", Story(
            parts=frozenset({PARTICLES}), n_atoms=4, rounds=two_cycles(), planned=Round(walkers=[w(0.5, 0), w(0.5, 1)]),
        )),
        "periodic": ("A periodic box and velocities.", Story(
            parts=frozenset({PARTICLES, VELOCITY, EDGES}), n_atoms=2, rounds=two_cycles(),
            planned=Round(walkers=[w(0.5, 0), w(0.5, 1)]),
        )),
        "topology": ("A topology in mdtraj's layout.", Story(
            parts=frozenset({PARTICLES, "/topology"}), n_atoms=3, rounds=[ONE], header={"topology": topology()},
        )),
        "picometres": ("Positions as integers, pm; the box has their unit, its lengths for mdtraj have not.", Story(
            parts=frozenset({PARTICLES, EDGES}), n_atoms=2, picometres=True, rounds=two_cycles(),
            planned=Round(walkers=[w(0.5, 0), w(0.5, 1)]),
        )),
        "atoms-chosen": ("Frames hold three atoms of a larger system.", Story(
            parts=frozenset({PARTICLES, IDS}), n_atoms=3, rounds=two_cycles(), planned=Round(walkers=[w(0.5, 0), w(0.5, 1)]),
        )),
        "states-all": ("The states at the ends of all segments are kept.", Story(
            rounds=two_cycles(), planned=Round(walkers=[w(0.5, 0), w(0.5, 1)]), end_states=True,
        )),
        "packed-raw": ("A run that asks not to be compressed.", Story(rounds=[ONE], planned=KEEP, header={"compression": "none"})),
        "bins-recursive": ("Bins within bins, made in several cycles; unbounded centres are NaN.", Story(
            rounds=[
                Round(walkers=[w(0.5, x=0.25, bin=0), w(0.5, x=0.75, bin=1)], workers=HOST,
                      bins=[(0, -1, 0, 4, [0.25]), (1, -1, 0, 4, [float("nan")])]),
                Round(walkers=[w(0.5, 0, 0.2, bin=2), w(0.5, 1, 0.8, bin=3)], bins=[(0, 0, 1, 2, [0.125]), (0, 1, 1, -1, [0.75])]),
                Round(walkers=[w(0.5, 0, 0.1, bin=4), w(0.5, 1, 0.9, bin=1)], bins=[(1, 2, 2, -1, [0.0625])]),
            ],
        )),
        "features-observables": ("Three features; observables of all types, scalar, vector and matrix, per frame and per segment.", Story(
            n_features=3, unit="",
            rounds=[
                Round(walkers=[w(0.5, x=[[0.5, -1.0, 1e-300], [0.25, 2.5, 3.0]]), w(0.5, x=[[1 / 3, 0.1, -0.0]])], workers=HOST),
                Round(walkers=[w(0.5, 0, [[0.5, 0.5, 0.5]]), w(0.5, 1, [[1.0, 1e300, 5e-324]])]),
            ],
            frame_observables={
                "contacts": (Named(name="contacts", dtype="u1", shape=(4,)), lambda i: (i[:, None] + np.arange(4)) % 2),
                "count": (Named(name="count", dtype="i4"), lambda i: i - 2),
                "dipole": (Named(name="dipole", dtype="f4", shape=(3,), unit="e nm"), lambda i: 0.1 * (i[:, None] + np.arange(3))),
                "energy": (Named(name="energy", unit="kJ mol-1"), lambda i: np.where(i == 1, np.nan, -0.1 * i)),
                "tensor": (Named(name="tensor", dtype="i8", shape=(2, 2)), lambda i: i[:, None, None] * np.eye(2, dtype=int) * 2**40),
            },
            segment_observables={
                "accepted": (Named(name="accepted", dtype="u1"), lambda i: i % 2),
                "work": (Named(name="work", shape=(2,), unit="kJ mol-1"), lambda i: i[:, None] / 3 + np.array([0.0, np.inf])),
            },
        )),
        "walker-counts": ("The number of walkers differs from cycle to cycle.", Story(
            rounds=[
                Round(walkers=[w(1.0)], workers=HOST),
                Round(walkers=[w(0.5, 0), w(0.25, 0), w(0.25, 0)]),
                Round(walkers=[w(0.5, 0), w(0.5, 1)], merges=[(1, 2, 0.25)]),
            ],
            planned=Round(walkers=[w(0.25, 0), w(0.25, 0), w(0.25, 1), w(0.25, 1)]),
        )),
        "unicode": ("Labels, names and texts beyond ASCII; a label that fills its 64 bytes.", Story(
            states=[(0, "αβγ Zustand ", 0.5, 0.5), (0, "é" * 32, 0.5, 0.5)],
            rounds=[Round(walkers=[w(1.0)], workers=[("nœud-1", 1, "Prozeßor")])],
            header={"author": "Ångström, É.", "config": {"titel": "Überschrift"}},
            frame_observables={"ψ": (Named(name="ψ", unit="°"), lambda i: 1.0 * i)},
        )),
        "continues": ("A run that continues another one from its cycle 7.", Story(
            rounds=[ONE], planned=KEEP, header={"continues": continues()},
        )),
        "workers": ("Several workers, two of them seen first in the second cycle, where one process goes on upon another platform.", Story(
            rounds=[
                Round(walkers=[w(0.5), w(0.5, worker=1)], workers=[("node1", 1, "CPU"), ("node2", 1, "CPU")]),
                Round(walkers=[w(0.5, 0, worker=2), w(0.5, 1, worker=3)], workers=[("node3", 99, ""), ("node2", 1, "CUDA mixed")]),
            ],
        )),
        "weights-tiny": ("Weights of very different size; a sum that rounding keeps from being exactly 1.", Story(
            rounds=[
                Round(walkers=[w(0.1), w(0.2), w(0.7), w(1e-200)], workers=HOST),
                Round(walkers=[w(0.1 + 0.2, 0), w(0.7, 2), w(1e-200, 3)], merges=[(0, 1, 0.2)]),
            ],
            planned=Round(walkers=[w(0.1, 0), w(0.1, 0), w(0.1, 0), w(0.7, 1), w(1e-200, 2)]),
        )),
        "resumed": ("A run that was stopped and resumed: two records of provenance.", Story(
            rounds=two_cycles(),
            header={"provenance": [
                {"kind": "start", "time": "2026-01-01T00:00:00+00:00", "cycle": 0, "software": {"wepy": "0.1.0", "python": "3.11.9"},
                 "host": {"name": "node1", "platform": "Linux", "processors": 8}, "seed": 2**62,
                 "components": {"engine": {"name": "random walk"}, "recycling": None}, "environment": {"OMP_NUM_THREADS": "1"}},
                {"kind": "resume", "time": "2026-01-02T12:00:00+01:00", "cycle": 1, "software": {"wepy": "0.1.1", "python": "3.12.1"},
                 "host": {"name": "node2"}, "seed": 2**62, "note": "further members are welcome"},
            ]},
        )),
        "imported": ("A run imported from another program: no seed, no bins.", Story(
            rounds=two_cycles(),
            header={"provenance": [{
                "kind": "import", "time": "2026-01-01T00:00:00+00:00", "software": {"wepy": "0.1.0", "python": "3.12.1"},
                "host": {"name": "node1"}, "seed": None, "source": {"file": "west.h5", "format": "WESTPA"},
            }]},
        )),
    }  # fmt: skip


def _edited(cases: dict[str, Case]) -> None:
    """Add the cases that this library does not write by itself."""

    def like(name: str, base: str, doc: str) -> dict[str, Any]:
        objects = copy.deepcopy(dict(cases[base].objects))
        cases[name] = Case(name=name, doc=doc, objects=objects)
        return objects

    objects = like(
        "uncommitted-tail",
        "unsealed",
        "A crash during a commit: rows that no row of /cycles vouches for, in all tables and in some columns of /cycles; their values do not matter.",
    )
    for path, item in objects.items():
        if item["kind"] != "dataset" or not item["attributes"]["dims"].startswith(("segment", "frame", "cycle")):
            continue
        if path in ("/cycles/crc", "/cycles/ended", "/segments/wall_time"):
            continue  # not reached
        item["values"] = item["values"] + item["values"][:1] * (2 if path.startswith("/frames") else 1)
        item["shape"][0] = len(item["values"])
    objects["/segments/weight"]["values"][-1] = "nan"
    objects["/merges/into"] |= {"shape": [1], "values": [99]}

    objects = like(
        "zero-cycles-sealed", "zero-cycles", "A run that was ended before its first cycle: nothing can be planned."
    )
    objects["/"]["attributes"]["sealed"] = 1

    objects = like(
        "newer-minor",
        "minimal",
        "Written with a later version of the schema that readers of 1.0.0 can read: further attributes may be there.",
    )
    objects["/"]["attributes"] |= {"schema_version": "1.3.0", "later": "an attribute that 1.0.0 does not know"}
    objects["/segments/weight"]["attributes"]["description"] = "Attributes beyond the schema's do no harm."

    objects = like("extra", "minimal", "Anything may lie in /extra: other types, soft links, deep groups.")
    objects |= {
        "/extra": {"kind": "group", "attributes": {"note": "never checked", "factor": 0.5}},
        "/extra/half": {"kind": "dataset", "dtype": "f2", "shape": [2], "values": [0.5, "inf"]},
        "/extra/a/b/c": {"kind": "text", "text": "deep"},
        "/extra/elsewhere": {"kind": "soft_link", "to": "/nowhere"},
    }

    objects = like("without-hints", "minimal", "The optional attributes for mdtraj's reader.")
    for name in ("conventions", "conventionVersion", "program", "programVersion"):
        del objects["/"]["attributes"][name]


def main(folder: Path) -> None:
    """Write all valid cases into a folder."""
    cases: dict[str, Case] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name, (doc, story) in stories().items():
            case = read_case(write_run(Path(scratch) / f"{name}.h5", tell(story)), doc)
            _shorten(case)
            cases[name] = case
    _edited(cases)
    folder.mkdir(parents=True, exist_ok=True)
    for name, case in cases.items():
        _with_header_crc(case)
        (folder / f"{name}.json").write_text(dump_case(case), encoding="utf-8")


def _with_header_crc(case: Case) -> None:
    """Compute the checksum of what does not grow anew, after the edits."""
    with tempfile.TemporaryDirectory() as scratch:
        file = write_case(replace(case, refresh_crc=True), Path(scratch) / "run.h5")
        found = read_case(file).objects["/"]["attributes"]["header_crc"]
    case.objects["/"]["attributes"]["header_crc"] = found


def _shorten(case: Case) -> None:
    case.objects["/schema"]["text"] = SCHEMA_TEXT
    case.objects["/schema"]["attributes"]["sha256"] = hashlib.sha256(SCHEMA_TEXT.encode()).hexdigest()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
