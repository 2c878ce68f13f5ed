"""The writing of WESTPA's west.h5, file format 10: what is in it is said by arrays, nothing by pickles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.version import __version__

FORMAT, DIGITS = 10, 8
PREPARED, COMPLETE = 1, 2
CONTINUES, MERGED, RECYCLED = 1, 2, 3
_BASIS, _READY = 1, 1  # type and status of an initial state
_LARGE = 1 << 20  # bytes from which auxiliary data are compressed, as WESTPA does it
_TEXT = h5py.string_dtype()


def _row(**columns: Any) -> np.dtype[Any]:
    return np.dtype(list(columns.items()))


def _sets(count: str) -> np.dtype[Any]:
    """Return rows of a list of sets of states: the iteration each is for, how many there are, and where they are."""
    return _row(iter_valid="u8", **{count: "u8"}, group_ref=h5py.ref_dtype)


_TIMES = {"cputime": "f8", "walltime": "f8"}
_EXTREMES = dict.fromkeys(("min_bin_prob", "max_bin_prob", "min_seg_prob", "max_seg_prob"), "f8")
_SUMMARY = _row(n_particles="i8", norm="f8", **_EXTREMES, **_TIMES, binhash="S64")
_SEGMENT = _row(
    weight="f8", parent_id="i8", wtg_n_parents="u8", wtg_offset="u8", **_TIMES, endpoint_type="u1", status="u1"
)
_TARGET_SETS, _BASIS_SETS = _sets("n_states"), _sets("n_bstates")
_BASIS_STATE = _row(label=_TEXT, probability="f8", auxref=_TEXT)
_TARGET_STATE = _row(label=_TEXT)
_INITIAL_STATE = _row(
    iter_created="u8", iter_used="u8", basis_state_id="i8", istate_type="u1", istate_status="u1", basis_auxref=_TEXT
)
_NEW_WEIGHT = _row(source_type="u1", weight="f8", prev_seg_id="i8", target_state_id="i8", initial_state_id="i8")
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BasisStates:
    """Basis states that are valid from an iteration on: labels, probabilities, and points, (n, n_dims)."""

    first: int
    labels: tuple[str, ...]
    auxref: tuple[str, ...]
    probability: Floats
    points: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recycled:
    """Walkers that were recycled at the end of the iteration before, (n,) each; points are (n, n_dims).

    Parameters
    ----------
    weight : (n,) float64
        Their weights.
    segment, target, state : (n,) int64
        Segment of the iteration before, target that it reached (-1 if unknown), initial state that it restarts from.
    began, ended, restarted : (n, n_dims) float64
        Where the segment began and ended, and where the walker restarts.
    """

    weight: Floats
    segment: Ints
    target: Ints
    state: Ints
    began: Floats
    ended: Floats
    restarted: Floats


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WestIteration:
    """One iteration as west.h5 holds it.

    Parameters
    ----------
    number, status : int
        Number of the iteration, from 1; whether it was run (`COMPLETE`) or only `PREPARED`.
    weight, cpu_time, wall_time : (n_segments,) float64
        Weights; times in s.
    parent : (n_segments,) int64
        Segment of the iteration before, or -1 - i for initial state i.
    endpoint : (n_segments,) uint8
        `CONTINUES`, `MERGED`, `RECYCLED`, or 0 if it was not run.
    child, giver : (n_pairs,) int64
        Segments, and those of the iteration before that their weight comes from, in order of the segments.
    points : (n_segments, n_points, n_dims) float64
        Progress coordinate, the start first.
    auxiliary : mapping of str to array
        Other data, a row for each segment.
    recycled : Recycled or None
        Who was recycled before it.
    target_counts : (n_bins,) int64
        Walkers wanted in each bin.
    bin : (n_segments,) int64
        Bin of each segment, for the summary.
    elapsed : float
        Time that the iteration took, s.
    """

    number: int
    status: int
    weight: Floats
    cpu_time: Floats
    wall_time: Floats
    parent: Ints
    endpoint: NDArray[np.uint8]
    child: Ints
    giver: Ints
    points: Floats
    auxiliary: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    recycled: Recycled | None = None
    target_counts: Ints
    bin: Ints
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class InitialStates:
    """Initial states of a set, (n,) each: iteration that made them, that used them, and basis state."""

    created: Ints
    used: Ints
    basis: Ints


@contextlib.contextmanager
def west_file(path: Path, basis: Sequence[BasisStates], targets: Sequence[str], points: Floats) -> Iterator[WestFile]:
    """Yield a writer of a new file with its basis states and targets; `points` are those of the targets."""
    with h5py.File(path, "w") as file:
        file.attrs["west_file_format_version"] = FORMAT
        file.attrs["west_iter_prec"] = DIGITS
        file.attrs["west_current_iteration"] = 1
        file.attrs["creator"] = f"wepy {__version__}"
        file.create_group("iterations")
        _write_basis(file, basis)
        _write_targets(file, targets, points)
        yield WestFile(file, basis)


class WestFile:
    """A west.h5 that is being written: iterations in order, then `end`. See `west_file`."""

    def __init__(self, file: h5py.File, basis: Sequence[BasisStates]) -> None:
        self._file, self._basis = file, basis
        self._summary: list[NDArray[Any]] = []
        self._complete = 0

    def append(self, one: WestIteration) -> None:
        """Write the next iteration."""
        group = self._file.create_group(f"iterations/iter_{one.number:0{DIGITS}d}")
        group.attrs["n_iter"], group.attrs["binhash"] = one.number, ""
        counts = np.bincount(one.child, minlength=len(one.weight))
        index = np.zeros(len(one.weight), _SEGMENT)
        columns = {
            "weight": one.weight, "parent_id": one.parent, "wtg_n_parents": counts, "cputime": one.cpu_time,
            "walltime": one.wall_time, "wtg_offset": np.cumsum(counts) - counts, "endpoint_type": one.endpoint,
            "status": one.status,
        }  # fmt: skip
        for name, values in columns.items():
            index[name] = values
        group["seg_index"], group["pcoord"] = index, one.points
        group["wtgraph"] = one.giver.astype(np.int64)
        if len(one.target_counts):
            group["bin_target_counts"] = one.target_counts
        for name, array in one.auxiliary.items():
            packed = {"compression": "gzip", "shuffle": True} if array.nbytes > _LARGE else {}
            group.create_dataset(f"auxdata/{name}", data=array, **packed)
        if one.recycled is not None and len(one.recycled.weight):
            _write_recycled(group.create_group("new_weights"), one.recycled)
        group["ibstates"] = self._file[f"ibstates/{self._set_of(one.number)}"]
        if "tstates/0" in self._file:
            group["tstates"] = self._file["tstates/0"]
        self._summary.append(_summary(one))
        self._complete += one.status == COMPLETE

    def end(self, initial: Sequence[InitialStates]) -> None:
        """Write what is known after the last iteration: the initial states of each set, and the summary."""
        for number, (states, basis) in enumerate(zip(initial, self._basis, strict=True)):
            rows = np.zeros(len(states.basis), _INITIAL_STATE)
            rows["iter_created"], rows["iter_used"], rows["basis_state_id"] = states.created, states.used, states.basis
            rows["istate_type"], rows["istate_status"], rows["basis_auxref"] = _BASIS, _READY, ""
            group = self._file[f"ibstates/{number}"]
            _write_growing(group, "istate_index", rows)
            _write_growing(group, "istate_pcoord", basis.points[states.basis])
        if len(self._summary) == self._complete:  # WESTPA's has a row more than iterations that were run
            self._summary.append(np.zeros((), _SUMMARY))
        _write_growing(self._file, "summary", np.array(self._summary, _SUMMARY))
        self._file.attrs.modify("west_current_iteration", self._complete + 1)

    def _set_of(self, number: int) -> int:
        return max(place for place, one in enumerate(self._basis) if one.first <= number)


def _write_basis(file: h5py.File, basis: Sequence[BasisStates]) -> None:
    index = np.zeros(len(basis), _BASIS_SETS)
    for number, one in enumerate(basis):
        group = file.create_group(f"ibstates/{number}")
        rows = np.zeros(len(one.labels), _BASIS_STATE)
        rows["label"], rows["probability"], rows["auxref"] = one.labels, one.probability, one.auxref
        group["bstate_index"], group["bstate_pcoord"] = rows, one.points
        index[number] = (one.first, len(one.labels), group.ref)
    _write_growing(file, "ibstates/index", index)


def _write_targets(file: h5py.File, labels: Sequence[str], points: Floats) -> None:
    index = np.zeros(1, _TARGET_SETS)
    index[0] = (1, len(labels), h5py.Reference())
    if labels:
        group = file.create_group("tstates/0")
        rows = np.zeros(len(labels), _TARGET_STATE)
        rows["label"] = labels
        group["index"], group["pcoord"] = rows, points
        index[0] = (1, len(labels), group.ref)
    _write_growing(file, "tstates/index", index)


def _write_growing(group: h5py.Group, name: str, rows: NDArray[Any]) -> None:
    """Write rows that WESTPA may add to."""
    group.create_dataset(name, data=rows, maxshape=(None, *rows.shape[1:]), chunks=True)


def _write_recycled(group: h5py.Group, one: Recycled) -> None:
    index = np.zeros(len(one.weight), _NEW_WEIGHT)  # source_type 0: recycled
    index["weight"], index["prev_seg_id"] = one.weight, one.segment
    index["target_state_id"], index["initial_state_id"] = one.target, one.state
    group["index"] = index
    group["prev_init_pcoord"], group["prev_final_pcoord"] = one.began, one.ended
    group["new_init_pcoord"] = one.restarted


def _summary(one: WestIteration) -> NDArray[Any]:
    row = np.zeros((), _SUMMARY)
    row["n_particles"], row["norm"] = len(one.weight), one.weight.sum()
    row["min_seg_prob"], row["max_seg_prob"] = one.weight.min(), one.weight.max()
    _, place = np.unique(one.bin, return_inverse=True)
    shares = np.bincount(place.reshape(-1), one.weight)
    row["min_bin_prob"], row["max_bin_prob"] = shares.min(), shares.max()
    row["cputime"], row["walltime"] = one.cpu_time.sum(), one.elapsed
    return row
