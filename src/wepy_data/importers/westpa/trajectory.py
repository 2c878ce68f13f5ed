"""The frames of WESTPA's HDF5 framework: a file for each iteration, to which the iteration has an external link."""

from __future__ import annotations

from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import DamagedRunError
from wepy_data.importers.foreign import Foreign, text

LINK = "trajectories"
_SCALE = {"nanometers": 1.0, "nm": 1.0, "angstroms": 0.1, "angstrom": 0.1}
Singles = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrajectoryKind:
    """What the trajectory files of a run hold.

    Parameters
    ----------
    n_atoms : int
        Atoms of a frame.
    topology : str
        In mdtraj's JSON layout; empty if there is none.
    periodic, velocities : bool
        Whether frames have boxes, and velocities.
    timestep : float
        Time between frames in ps; 0 if it is not said.
    """

    n_atoms: int
    topology: str
    periodic: bool
    velocities: bool
    timestep: float


@dataclass(frozen=True, slots=True, eq=False)
class Picked:
    """Which frames of each segment are taken, and the points of the progress coordinate that belong to them."""

    frames: NDArray[np.int64]
    points: NDArray[np.int64]

    def none(self) -> Picked:
        """Return the choice of no frame."""
        return Picked(self.frames[:0], self.points[:0])


def pick(n_frames: int, n_points: int) -> Picked:
    """Return which frames of a segment belong to which of its points; the first point is where the segment starts.

    Examples
    --------
    Frames as often as points, the first one being the start; then one frame for every second point:

    >>> picked = pick(5, 5)
    >>> picked.frames.tolist(), picked.points.tolist()
    ([1, 2, 3, 4], [1, 2, 3, 4])
    >>> picked = pick(3, 5)
    >>> picked.frames.tolist(), picked.points.tolist()
    ([1, 2], [2, 4])
    """
    steps = n_points - 1
    if n_points == 1 or n_frames == 1:
        first, count = n_frames - 1, 1
    elif n_frames == steps:
        first, count = 0, n_frames
    elif steps % (n_frames - 1) == 0:
        first, count = 1, n_frames - 1
    elif steps % n_frames == 0:
        first, count = 0, n_frames
    else:
        first, count = n_frames - 1, 1  # the last frame is the last point, whatever lies between
    stride = max(1, steps // count)
    points = np.arange(1, count + 1) * stride if count > 1 or steps == count else np.array([n_points - 1])
    return Picked(np.arange(first, first + count), points.astype(np.int64))


def trajectory_kind(foreign: Foreign, path: str) -> TrajectoryKind | None:
    """Return what an iteration's trajectory file holds; None if it is not there, or has no frames of segments."""
    group = foreign.get(f"{path}/{LINK}")
    if not isinstance(group, h5py.Group) or not {"coordinates", "pointer"} <= set(group):
        return None
    where = f"{path}/{LINK}"
    found = foreign.dataset(f"{where}/coordinates", ndim=3, kinds="f")
    topology: NDArray[np.bytes_] | list[bytes] = (
        foreign.read(f"{where}/topology").reshape(-1) if "topology" in group else []
    )
    lengths = foreign.read(f"{where}/cell_lengths", ndim=2, kinds="f") if "cell_lengths" in group else np.zeros((0, 3))
    periodic = "cell_angles" in group and len(lengths) > 0 and bool((np.isfinite(lengths) & (lengths > 0)).all())
    return TrajectoryKind(
        n_atoms=found.shape[1],
        topology=text(bytes(topology[0])) if len(topology) else "",
        periodic=periodic,
        velocities="velocities" in group,
        timestep=_timestep(foreign.read(f"{where}/time", ndim=1, kinds="f")) if "time" in group else 0.0,
    )


def _timestep(times: NDArray[np.floating]) -> float:
    """Return the time between frames, if it is the same within all segments."""
    steps = np.diff(times.astype(np.float64))
    steps = steps[steps > 0]  # it begins anew with each segment
    return float(np.median(steps)) if len(steps) and np.allclose(steps, steps[0], rtol=1e-3) else 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Frames of an iteration, segment by segment: so many of each, and their arrays by HDF5 path in a run."""

    n_of_each: int
    arrays: dict[str, NDArray[np.float32]]
    picked: Picked


def read_frames(foreign: Foreign, path: str, kind: TrajectoryKind, n_segments: int, n_points: int) -> Frames | str:
    """Return the frames of an iteration, or why they cannot be taken.

    Parameters
    ----------
    foreign : Foreign
        The file.
    path : str
        The iteration's group.
    kind : TrajectoryKind
        What the run's trajectories hold.
    n_segments, n_points : int
        Segments of the iteration, and points of the progress coordinate of each.
    """
    where = f"{path}/{LINK}"
    if foreign.get(where) is None:
        return "their file is not there (the link leads nowhere)"
    try:
        pointer = foreign.read(f"{where}/pointer", ndim=2, kinds="iu").astype(np.int64)
        coordinates = foreign.dataset(f"{where}/coordinates", ndim=3, kinds="f")
        if coordinates.shape[1:] != (kind.n_atoms, 3) or len(pointer) != len(coordinates) or pointer.shape[1] != 2:
            return f"their shape is {list(coordinates.shape)}, expected frames of {kind.n_atoms} atoms"
        segment = pointer[:, 1]
        if not len(segment) or segment.min() < 0 or segment.max() >= n_segments:
            return "they are of segments that are not there"
        counts = np.bincount(segment, minlength=n_segments)
        if counts.min() != counts.max():
            return "not all segments have as many frames"
        picked = pick(int(counts[0]), n_points)
        order = np.argsort(segment, kind="stable").reshape(n_segments, -1)[:, picked.frames].reshape(-1)
        return Frames(len(picked.frames), _arrays(foreign, where, kind, order), picked)
    except DamagedRunError as error:
        return str(error)


def _arrays(foreign: Foreign, where: str, kind: TrajectoryKind, order: NDArray[np.int64]) -> dict[str, Singles]:
    scale = _SCALE[_unit(foreign.dataset(f"{where}/coordinates"))]

    def rows(name: str) -> Singles:
        found = foreign.read(f"{where}/{name}", kinds="f").astype(np.float32)[order]
        if not np.isfinite(found).all():
            raise foreign.damaged(f"{where}/{name}", "values that are no numbers", "finite numbers")
        return found

    arrays = {"/particles/trajectory/position/value": rows("coordinates") * np.float32(scale)}
    if kind.velocities:
        arrays["/particles/trajectory/velocity/value"] = rows("velocities") * np.float32(scale)
    if kind.periodic:
        lengths, angles = rows("cell_lengths") * np.float32(scale), rows("cell_angles")
        arrays["/particles/trajectory/box/edges/value"] = box_edges(lengths, angles)
        arrays["/cell_lengths"], arrays["/cell_angles"] = lengths, angles
    return arrays


def _unit(dataset: h5py.Dataset) -> str:
    found = text(dataset.attrs.get("units", "nanometers"))
    return found if found in _SCALE else "nanometers"


def box_edges(lengths: Singles, angles: Singles) -> Singles:
    """Return box vectors as rows, (n, 3, 3), from lengths and angles in degrees, (n, 3) each: a along x, b in x-y.

    Examples
    --------
    >>> box_edges(np.array([[1, 2, 3]], np.float32), np.array([[90, 90, 90]], np.float32))[0].tolist()
    [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 3.0]]
    """
    a, b, c = lengths.astype(np.float64).T
    cos = np.cos(np.radians(angles.astype(np.float64))).T
    cos[np.abs(cos) < 1e-7] = 0
    sin = np.sqrt(1 - cos[2] ** 2)
    edges = np.zeros((len(lengths), 3, 3))
    edges[:, 0, 0] = a
    edges[:, 1, 0], edges[:, 1, 1] = b * cos[2], b * sin
    edges[:, 2, 0] = c * cos[1]
    edges[:, 2, 1] = c * (cos[0] - cos[1] * cos[2]) / sin
    edges[:, 2, 2] = np.sqrt(np.maximum(c**2 - edges[:, 2, 0] ** 2 - edges[:, 2, 1] ** 2, 0))
    return edges.astype(np.float32)
