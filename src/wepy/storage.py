"""Storage choices: what of each segment is kept in the run's file, and how precisely."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

import wepy_data as wd
from wepy.errors import ConfigurationError, SegmentError
from wepy.protocols import Description, Frames, System

PICOMETRES = 1000  # in a nanometre
_LARGEST = float(np.finfo(np.float32).max)
_FARTHEST = np.iinfo(np.int32).max / PICOMETRES  # nm

Precision = Literal["single", "pm"]
States = Literal["last", "all"]
Compression = Literal["gzip", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """What of each segment goes into the run's file.

    It never touches what a run goes on from: planned walkers, journal and kept states are in full precision, and the
    order parameter sees every atom of every frame.

    Parameters
    ----------
    precision : {"single", "pm"}
        Positions as 32-bit floats in nm, or as whole picometres, which gzip makes 2.5 to 3 times smaller.
    atoms : sequence of int, or str, or None
        Atoms whose positions and velocities are kept: their numbers, or a selection in mdtraj's language
        (``"not water"``); None for all. Whatever the order, they are stored in that of the system.
    stride : int
        Every how many of the engine's frames one is kept, counted back from a segment's last, which always is.
    velocities : bool or None
        Whether velocities are kept in frames; None: if the engine's frames carry them.
    states : {"last", "all"}
        Whether only the states of the planned walkers are kept, or those at the end of every segment, so that a
        branch from any cycle is exact.
    compression : {"gzip", "none"}
        How the file is packed when the run is sealed.

    Raises
    ------
    ConfigurationError
        If a choice is not one of these.
    """

    precision: Precision = "single"
    atoms: Sequence[int] | str | None = None
    stride: int = 1
    velocities: bool | None = None
    states: States = "last"
    compression: Compression = "gzip"

    def __post_init__(self) -> None:
        for name, kind in (("precision", Precision), ("states", States), ("compression", Compression)):
            if getattr(self, name) not in get_args(kind):
                wanted = " or ".join(map(repr, get_args(kind)))
                raise ConfigurationError(f"storage: {name}: expected {wanted}, got {getattr(self, name)!r}")
        if isinstance(self.stride, bool) or not isinstance(self.stride, int) or self.stride < 1:
            raise ConfigurationError(f"storage: stride: expected a whole number of at least 1, got {self.stride!r}")
        if self.atoms is not None and not isinstance(self.atoms, str):
            try:
                object.__setattr__(self, "atoms", tuple(operator.index(atom) for atom in self.atoms))
            except TypeError as error:
                raise ConfigurationError(f"storage: atoms: expected whole numbers, got {self.atoms!r}") from error

    def describe(self) -> Description:
        """Return the choices as JSON values."""
        found = asdict(self)
        return found if self.atoms is None or isinstance(self.atoms, str) else found | {"atoms": list(self.atoms)}

    def kept(self, system: System) -> Kept:
        """Return what frames of a system keep.

        Raises
        ------
        ConfigurationError
            If the system has no such atoms, or its frames carry no velocities that are to be kept.
        """
        if self.velocities and not system.velocities:
            raise ConfigurationError(
                "storage: velocities: the engine's frames carry none: set its keep_velocities too, or leave this out"
            )
        return Kept(
            atoms=_atoms(self.atoms, system),
            stride=self.stride,
            velocities=system.velocities and self.velocities is not False,
            picometres=self.precision == "pm",
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Kept:
    """What frames keep, for one system; sent to workers, so that they send no more.

    Parameters
    ----------
    atoms : (n,) int64 or None
        Atoms in increasing order; None for all.
    stride : int
        Every how many frames one is kept.
    velocities : bool
        Whether velocities are kept.
    picometres : bool
        Whether positions must fit whole picometres of 32 bits.
    """

    atoms: NDArray[np.int64] | None = None
    stride: int = 1
    velocities: bool = True
    picometres: bool = False

    def rows(self, n_frames: int) -> slice:
        """Return which of a segment's frames are kept, the last one always."""
        return slice((n_frames - 1) % self.stride, None, self.stride)

    def cut(self, frames: Frames) -> Frames:
        """Return what is kept of a segment's frames."""
        rows = self.rows(len(frames))
        velocities = frames.velocities if self.velocities else None
        return replace(
            frames,
            positions=self._chosen(frames.positions[rows]),
            step=frames.step[rows],
            time=frames.time[rows],
            box=None if frames.box is None else frames.box[rows],
            velocities=None if velocities is None else self._chosen(velocities[rows]),
        )

    def check(self, frames: Frames, who: str) -> None:
        """Raise `SegmentError` unless the numbers of (cut) frames can be stored; `who` names cycle and walker."""
        single = {"velocities": frames.velocities, "box": frames.box}
        for name, values in (single if self.picometres else single | {"positions": frames.positions}).items():
            if values is not None and not _is_single(values):
                row = int(np.argmax(np.abs(values).reshape(len(values), -1).max(axis=1)))
                raise SegmentError(
                    f"{who}: {name} of up to {np.abs(values[row]).max():.3g} in frame {row}: no 32-bit float is "
                    "as large; has the system exploded?"
                )
        if self.picometres:
            there = np.abs(frames.positions) < _FARTHEST  # false for what is no number, too
            if not there.all():
                frame, atom = (int(place[0]) for place in np.nonzero(~there)[:2])
                raise SegmentError(
                    f'{who}: storage: precision = "pm" holds positions up to {_FARTHEST:.0f} nm, found '
                    f'{frames.positions[frame, atom].tolist()} for atom {atom} of frame {frame}; use "single"'
                )

    def particles(self, system: System) -> Particles:
        """Return the particles that frames hold."""
        if self.atoms is None:
            return Particles(species=system.species, mass=system.mass, charge=system.charge, topology=system.topology)
        return Particles(
            species=system.species[self.atoms],
            mass=system.mass[self.atoms],
            charge=system.charge[self.atoms],
            topology=wd.topology_subset(system.topology, self.atoms.tolist()) if system.topology else "",
            number=self.atoms,
        )

    def _chosen(self, values: NDArray[Any]) -> NDArray[Any]:
        return values if self.atoms is None else values[:, self.atoms]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Particles:
    """The particles of stored frames; `number` is each one's in the system, None if all are stored."""

    species: NDArray[np.int32]
    mass: NDArray[np.float64]
    charge: NDArray[np.float64]
    topology: str
    number: NDArray[np.int64] | None = field(default=None)


def _is_single(values: NDArray[Any]) -> bool:
    """Whether (finite) numbers have a place in 32-bit floats."""
    return values.dtype == np.float32 or bool((np.abs(values) <= _LARGEST).all())


def picometres(nanometres: NDArray[Any]) -> NDArray[np.int32]:
    """Return lengths in nm as whole picometres.

    Examples
    --------
    >>> picometres(np.array([0.12345, -1.0])).tolist()
    [123, -1000]
    """
    return np.rint(np.asarray(nanometres, np.float64) * PICOMETRES).astype(np.int32)


def _atoms(wanted: Sequence[int] | str | None, system: System) -> NDArray[np.int64] | None:
    if wanted is None:
        return None
    if isinstance(wanted, str):
        found = np.asarray(_selected(wanted, system), np.int64)
    else:
        found = np.asarray(wanted, np.int64)
    wrong = found[(found < 0) | (found >= system.n_atoms)]
    if len(wrong):
        raise ConfigurationError(f"storage: atoms: no atom {wrong[0]}: the system has atoms 0 to {system.n_atoms - 1}")
    if not len(found):
        raise ConfigurationError(f"storage: atoms: {wanted!r} selects none of {system.n_atoms} atoms")
    if len(np.unique(found)) != len(found):
        raise ConfigurationError(f"storage: atoms: expected each atom once, got {list(wanted)}")
    return np.sort(found)


def _selected(text: str, system: System) -> NDArray[np.int64]:
    if not system.topology:
        raise ConfigurationError(f"storage: atoms: {text!r}: the engine has no topology to select from; give numbers")
    topology = wd.topology_from_json(system.topology)
    try:
        return np.asarray(topology.select(text))
    except Exception as error:  # mdtraj's parser raises what its pieces raise
        raise ConfigurationError(f"storage: atoms: {text!r} is not in mdtraj's selection language: {error}") from error
