"""The strategy of valid runs: any shape that the schema allows."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from wepy_data.record.build import build_cycle, column_rows
from wepy_data.record.header import Arrays
from wepy_data.record.run_record import RunRecord
from wepy_data.schema.layout import Layout
from wepy_data.testing.cycle import Growth, Joined, Outcome
from wepy_data.testing.shape import Shape, Wishes, labels, shapes
from wepy_data.testing.walker import ABSORBED, FAILED, NOTHING, RECYCLED, Walkers, founders, groups_of, next_walkers

_TEXTS = labels().map(str.encode)
_WORKERS = st.builds(
    Joined, host=_TEXTS, platform=st.sampled_from((b"", b"CPU", b"CUDA mixed")) | _TEXTS, again=st.booleans()
)


@st.composite
def runs(
    draw: st.DrawFn,
    *,
    min_cycles: int = 0,
    max_cycles: int = 4,
    max_walkers: int = 6,
    max_atoms: int = 4,
    max_frames: int = 3,
    particles: bool | None = None,
    periodic: bool | None = None,
    velocities: bool | None = None,
    topology: bool | None = None,
    picometres: bool | None = None,
    end_states: bool | None = None,
    bins: bool | None = None,
    merging: bool | None = None,
    recycling: bool | None = None,
    absorption: bool | None = None,
    sources: bool | None = None,
    continued: bool | None = None,
    sealed: bool | None = None,
) -> RunRecord:
    """Return a strategy of valid runs, in memory; what is None may be either way.

    Counts, plans (who is cloned, who merges into whom), events and names are drawn, so that they shrink; the numbers
    in the arrays come from a generator with a drawn seed.

    Parameters
    ----------
    min_cycles, max_cycles : int
        Bounds of the number of cycles.
    max_walkers : int
        Most walkers of a cycle; the number changes from cycle to cycle, down to 1.
    max_atoms : int
        Most atoms.
    max_frames : int
        Most frames of a segment; some runs have none, in some it differs between segments.
    particles : bool, optional
        Whether the run has coordinates. Without them it has no box, no velocities and no topology.
    periodic, velocities, topology : bool, optional
        Whether the run has a box, velocities, a topology; True takes effect in runs with particles only.
    picometres : bool, optional
        Whether positions are integers, pm; True takes effect in runs with particles only.
    end_states : bool, optional
        Whether the states at the ends of all segments are kept; they may still have no arrays.
    bins : bool, optional
        Whether walkers are binned; bins may be recursive.
    merging : bool, optional
        Whether walkers are cloned and merged; False keeps every walker as it is.
    recycling, absorption : bool, optional
        Whether walkers may be recycled or absorbed; True makes it likely, not certain.
    sources : bool, optional
        Whether there are source states; without them recycled walkers restart from initial states.
    continued : bool, optional
        Whether the run continues another one.
    sealed : bool, optional
        Whether the run has ended in order, with planned walkers.

    Returns
    -------
    SearchStrategy of RunRecord
        Each example is a new record; `wepy_data.store.writer.write_run` puts it into a file.
    """
    n_cycles = draw(st.integers(min_cycles, max_cycles))
    ends = _either(draw, sealed)
    most = max_walkers if (draw(st.integers(0, 3)) > 0 if merging is None else merging) else 0
    likely = [NOTHING] * 3 + [RECYCLED] * _either(draw, recycling) + [ABSORBED] * _either(draw, absorption) + [FAILED]
    wishes = Wishes(
        particles=particles, periodic=periodic, velocities=velocities, topology=topology,
        picometres=picometres, end_states=end_states, bins=bins, sources=sources, continued=continued,
    )  # fmt: skip
    shape = draw(shapes(wishes, max_atoms=max_atoms, max_frames=max_frames, founded=n_cycles > 0))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    record = RunRecord(shape.header(rng))
    growth = Growth(record.header.layout, shape, rng)
    walkers = _founders(draw, shape, max_walkers, rng) if n_cycles else None
    while walkers is not None and len(walkers) and record.n_cycles < n_cycles:
        events = draw(st.lists(st.sampled_from(likely), min_size=len(walkers), max_size=len(walkers)))
        if ABSORBED in likely and draw(st.integers(0, 11)) == 11:
            events = [ABSORBED] * len(walkers)
        if record.n_cycles + 1 < min_cycles and all(event == ABSORBED for event in events):
            events[0] = NOTHING  # somebody must go on
        walkers = _append(draw, record, growth, walkers, events, most)
    if ends:
        record.seal(_next(record.header.layout, walkers, rng))
    return record


def _either(draw: st.DrawFn, wish: bool | None) -> bool:
    return draw(st.booleans()) if wish is None else wish


def _append(
    draw: st.DrawFn, record: RunRecord, growth: Growth, walkers: Walkers, events: list[int], most: int
) -> Walkers:
    """Append the cycle of some walkers, and return the next ones."""
    layout, outcome = record.header.layout, growth.outcome(events)
    previous = record.cycles[-1] if record.n_cycles else None
    first, first_frame = record.rows("segment"), record.rows("frame")
    joined = draw(st.lists(_WORKERS, max_size=2))
    facts, frame_count = growth.rows(walkers, outcome, first, first_frame, joined, draw(st.integers(0, 2)))
    record.append(build_cycle(layout, previous, facts, frame_count))
    return _planned(draw, walkers, outcome, first, most, growth)


def _founders(draw: st.DrawFn, shape: Shape, most: int, rng: np.random.Generator) -> Walkers:
    count = draw(st.integers(1, most))
    style = draw(st.sampled_from(("equal", "random", "wide")))
    if style == "equal":
        weight = np.full(count, 1 / count)
    else:
        weight = rng.uniform(0.1, 1, count) if style == "random" else 10 ** rng.uniform(-40, 0, count)
        weight /= weight.sum()
    return founders(weight, rng.integers(0, shape.n_initial, count))


def _planned(draw: st.DrawFn, walkers: Walkers, outcome: Outcome, first: int, most: int, growth: Growth) -> Walkers:
    """Draw who goes on: every walker that was not absorbed has up to three copies, in any places."""
    count = len(walkers)
    places: list[list[int]] = [[walker] for walker in range(count)]
    survivors = [0] * max(count, most)
    if most:
        shifts = draw(
            st.lists(st.lists(st.integers(0, most - 1), min_size=1, max_size=3), min_size=count, max_size=count)
        )
        places = [[(walker + shift) % most for shift in own] for walker, own in enumerate(shifts)]
        survivors = draw(st.lists(st.integers(0, 2), min_size=most, max_size=most))
    places = [[] if walker in outcome.absorbed else places[walker] for walker in range(count)]
    groups = groups_of(walkers.weight, places, survivors, growth.rng)
    return next_walkers(groups, first, walkers.done + growth.steps, outcome.restart)


def _next(layout: Layout, walkers: Walkers | None, rng: np.random.Generator) -> Arrays:
    """Return the datasets of /next for the planned walkers; empty ones if there are none."""
    values: dict[str, Any] = {}
    if walkers is not None:
        values = {
            "/next/weight": walkers.weight,
            "/next/parent": walkers.parent,
            "/next/state": walkers.state,
            "/next/continuous": walkers.continuous,
            "/next/merges/into": walkers.into,
            "/next/merges/from": walkers.source,
            "/next/merges/weight": walkers.moved,
        }
    count = 0 if walkers is None else len(walkers)
    return {
        path: column_rows(column, values[path] if path in values else rng.normal(size=(count, *column.shape)))
        if count
        else column.empty()
        for path, column in layout.planned.items()
    }
