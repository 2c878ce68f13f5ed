"""The shape of a run to be generated: which parts it has, how large its rows are, what its names are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from wepy_data.record.header import Continues, Header
from wepy_data.schema.layout import Layout, Named

LABEL_BYTES = 64
ORDER_PARAMETER = "order_parameter"
_EDGES, _VELOCITY = "/particles/trajectory/box/edges", "/particles/trajectory/velocity"
_IDS, _POSITIONS = "/particles/trajectory/id", "/particles/trajectory/position/value"
_FRAME_VALUE, _SEGMENT_VALUE = "/observables/<name>/value", "/segments/observables/<name>"
_TYPES = ("f8", "f4", "i4", "i8", "u1")
_UNITS = ("", "nm", "kJ mol-1", "ps-1")
_CONTROL: tuple[Literal["Cc"]] = ("Cc",)
_HEX = "0123456789abcdef"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """What stays the same through all cycles of a generated run.

    Parameters
    ----------
    n_atoms : int
        Number of atoms; 0 if the run has no particles.
    picometres : bool
        Whether positions are integers, pm.
    chosen : bool
        Whether the atoms are some of a larger system.
    end_states : bool
        Whether the states at the ends of all segments are kept.
    n_features : int
        Dimensions of the order parameter.
    max_frames : int
        Most frames of a segment; `frames_vary` says whether segments differ in it.
    n_initial, n_source, n_target : int
        Numbers of states of each kind, in this order.
    """

    n_atoms: int
    periodic: bool
    velocities: bool
    topology: bool
    picometres: bool
    chosen: bool
    end_states: bool
    compression: str
    n_features: int
    progress_type: str
    max_frames: int
    frames_vary: bool
    frame_values: tuple[Named, ...]
    segment_values: tuple[Named, ...]
    state_arrays: tuple[Named, ...]
    labels: tuple[bytes, ...]
    n_initial: int
    n_source: int
    n_target: int
    binned: bool
    recursive: bool
    known_workers: bool
    continued: Continues | None
    author: str

    @property
    def n_states(self) -> int:
        """Number of states."""
        return self.n_initial + self.n_source + self.n_target

    def layout(self) -> Layout:
        """Return the layout of the run."""
        parts = {
            "/particles": self.n_atoms > 0,
            _EDGES: self.periodic,
            _IDS: self.chosen,
            _VELOCITY: self.velocities,
            "/topology": self.topology,
        }
        order_parameter = Named(name=ORDER_PARAMETER, dtype=self.progress_type, shape=(self.n_features,), unit="nm")
        return Layout(
            sizes={"atom": self.n_atoms, "feature": self.n_features},
            parts=frozenset(part for part, there in parts.items() if there),
            named={
                _FRAME_VALUE: (*((order_parameter,) if self.max_frames else ()), *self.frame_values),
                _SEGMENT_VALUE: self.segment_values,
                "/states/arrays/<name>": self.state_arrays,
                "/next/arrays/<name>": self.state_arrays,
                "/segments/arrays/<name>": self.state_arrays if self.end_states else (),
            },
            dtypes={_POSITIONS: "i4"} if self.picometres else {},
        )

    def header(self, rng: np.random.Generator) -> Header:
        """Return the header of the run; `rng` fills in what has no structure."""
        layout = self.layout()
        digits = "".join(rng.choice(list(_HEX), 32))
        return Header(
            layout=layout,
            static=_static(self, layout, rng),
            topology=_topology(self.n_atoms) if self.topology else "",
            config={"name": self.author, "cycles": 3},
            inputs={"system.pdb": f"REMARK {self.author}\n"} if self.topology else {},
            provenance=[
                {
                    "kind": "start",
                    "time": "2026-01-01T00:00:00+00:00",
                    "software": {"wepy": "0", "python": "3"},
                    "host": {"name": self.author},
                    "seed": 1,
                }
            ],
            author=self.author,
            compression=self.compression,
            run_id="-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])),
            created="2026-01-01T00:00:00+00:00",
            continues=self.continued,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a generated run must have (True), must not have (False), or may have (None)."""

    particles: bool | None = None
    periodic: bool | None = None
    velocities: bool | None = None
    topology: bool | None = None
    picometres: bool | None = None
    end_states: bool | None = None
    bins: bool | None = None
    sources: bool | None = None
    continued: bool | None = None


@st.composite
def shapes(draw: st.DrawFn, wishes: Wishes, *, max_atoms: int, max_frames: int, founded: bool) -> Shape:
    """Return the strategy of shapes; a `founded` one has an initial state for its first walkers."""

    def either(wish: bool | None) -> bool:
        return draw(st.booleans()) if wish is None else wish

    has_atoms = either(wishes.particles)
    frames = draw(st.integers(0, max_frames))
    n_initial = draw(st.integers(1 if founded else 0, 3))
    n_source = draw(st.integers(1, 2)) if either(wishes.sources) else 0
    n_target = draw(st.integers(0, 2))
    return Shape(
        n_atoms=draw(st.integers(1, max_atoms)) if has_atoms else 0,
        periodic=has_atoms and either(wishes.periodic),
        velocities=has_atoms and either(wishes.velocities),
        topology=has_atoms and either(wishes.topology),
        picometres=has_atoms and either(wishes.picometres),
        chosen=has_atoms and draw(st.booleans()),
        end_states=either(wishes.end_states),
        compression=draw(st.sampled_from(("gzip", "none"))),
        n_features=draw(st.integers(1, 3)),
        progress_type=draw(st.sampled_from(("f8", "f4"))),
        max_frames=frames,
        frames_vary=frames > 0 and draw(st.booleans()),
        frame_values=draw(named()),
        segment_values=draw(named()),
        state_arrays=draw(named(dtypes=("f8",))),
        labels=tuple(draw(labels()).encode() for _ in range(n_initial + n_source + n_target)),
        n_initial=n_initial,
        n_source=n_source,
        n_target=n_target,
        binned=either(wishes.bins),
        recursive=draw(st.booleans()),
        known_workers=draw(st.integers(0, 3)) < 3,
        continued=draw(continuations()) if either(wishes.continued) else None,
        author=draw(labels()),
    )


def labels() -> st.SearchStrategy[str]:
    """Return the strategy of texts that fit a label: unicode, at most 64 bytes in UTF-8."""
    letters = st.characters(codec="utf-8", exclude_categories=_CONTROL)
    return (st.text(letters, max_size=12) | st.text(letters, min_size=32, max_size=64)).map(_fitting)


def names() -> st.SearchStrategy[str]:
    """Return the strategy of names of observables and arrays: unicode, no slash, not only dots."""
    letters = st.characters(codec="utf-8", exclude_categories=_CONTROL, exclude_characters="/")
    return st.text(letters, min_size=1, max_size=6).filter(lambda name: name.strip(".") and name != ORDER_PARAMETER)


def named(*, dtypes: tuple[str, ...] = _TYPES, most: int = 2) -> st.SearchStrategy[tuple[Named, ...]]:
    """Return the strategy of what fills a wildcard: names, types, row shapes and units."""
    one = st.builds(
        Named,
        name=names(),
        dtype=st.sampled_from(dtypes),
        shape=st.lists(st.integers(1, 3), max_size=2).map(tuple),
        unit=st.sampled_from(_UNITS),
    )
    return st.lists(one, max_size=most, unique_by=lambda entry: entry.name).map(tuple)


def continuations() -> st.SearchStrategy[Continues]:
    """Return the strategy of runs to go on from."""
    digits = st.text(_HEX, min_size=12, max_size=12).map(lambda tail: f"00000000-0000-4000-8000-{tail}")
    return st.builds(Continues, run_id=digits, cycle=st.integers(0, 99), file=labels(), digest=st.just("0" * 64))


def _fitting(text: str) -> str:
    return text.encode()[:LABEL_BYTES].decode(errors="ignore")


def _static(shape: Shape, layout: Layout, rng: np.random.Generator) -> Mapping[str, NDArray[Any]]:
    counts = (shape.n_initial, shape.n_source, shape.n_target)
    kind = np.repeat(np.arange(3, dtype="u1"), counts)
    values: dict[str, NDArray[Any]] = {
        "/states/kind": kind,
        "/states/label": np.array(shape.labels, "S64").reshape(-1),
        "/states/probability": np.concatenate(
            [_probabilities(rng, shape.n_initial), _probabilities(rng, shape.n_source), np.zeros(shape.n_target)]
        ),
        _IDS: np.cumsum(rng.integers(1, 5, shape.n_atoms)) - 1,
        "/particles/trajectory/species": rng.integers(0, 119, shape.n_atoms),
        "/particles/trajectory/mass": rng.uniform(0, 200, shape.n_atoms),
        "/particles/trajectory/charge": rng.normal(size=shape.n_atoms),
    }
    for entry in shape.state_arrays:
        filled = rng.normal(size=(len(kind), *entry.shape))
        filled[kind == 2] = np.nan
        values[f"/states/arrays/{entry.name}"] = filled
    rows = {path: np.asarray(values[path], column.numpy_dtype) for path, column in layout.static.items()}
    for array in rows.values():
        array.setflags(write=False)
    return rows


def _probabilities(rng: np.random.Generator, count: int) -> NDArray[np.float64]:
    return rng.dirichlet(np.ones(count)) if count else np.zeros(0)


def _topology(n_atoms: int) -> str:
    atoms = [{"index": i, "name": "C", "element": "C"} for i in range(n_atoms)]
    residue = {"index": 0, "name": "UNK", "resSeq": 1, "segmentID": "", "atoms": atoms}
    return json.dumps({"chains": [{"index": 0, "residues": [residue]}], "bonds": []})
