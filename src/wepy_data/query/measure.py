"""Built-in observables of a frame, by mdtraj: distance, angle, dihedral, RMSD, radius of gyration."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from wepy_data.errors import FunctionError
from wepy_data.query.function import Function, description
from wepy_data.query.topology import import_mdtraj

if TYPE_CHECKING:
    import mdtraj

_WHAT = "computing observables"


@dataclass(frozen=True, slots=True)
class _OfAtoms:
    """What is measured between some atoms, each named once."""

    def __post_init__(self) -> None:
        atoms = self.atoms
        if min(atoms) < 0 or len(set(atoms)) < len(atoms):
            raise FunctionError(f"{type(self).__name__}: expected different atoms from 0 on, got {list(atoms)}")

    @property
    def atoms(self) -> tuple[int, ...]:
        """The atoms, in order."""
        return tuple(int(atom) for atom in asdict(self).values())

    def describe(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {"atoms": list(self.atoms)}


@dataclass(frozen=True, slots=True)
class Distance(_OfAtoms):
    """Distance of two atoms in nm, of the nearest images if there is a box.

    Parameters
    ----------
    a, b : int
        Numbers of the atoms.
    """

    a: int
    b: int
    unit = "nm"

    def __call__(self, trajectory: mdtraj.Trajectory) -> NDArray[np.float32]:
        """Return the value of each frame, (n_frames,)."""
        return _column(import_mdtraj(_WHAT).compute_distances(trajectory, [self.atoms]))


@dataclass(frozen=True, slots=True)
class Angle(_OfAtoms):
    """Angle at atom b between atoms a and c in rad, 0 to pi.

    Parameters
    ----------
    a, b, c : int
        Numbers of the atoms.
    """

    a: int
    b: int
    c: int
    unit = "rad"

    def __call__(self, trajectory: mdtraj.Trajectory) -> NDArray[np.float32]:
        """Return the value of each frame, (n_frames,)."""
        return _column(import_mdtraj(_WHAT).compute_angles(trajectory, [self.atoms]))


@dataclass(frozen=True, slots=True)
class Dihedral(_OfAtoms):
    """Dihedral angle of four atoms about the bond b-c in rad, -pi to pi.

    Parameters
    ----------
    a, b, c, d : int
        Numbers of the atoms.
    """

    a: int
    b: int
    c: int
    d: int
    unit = "rad"

    def __call__(self, trajectory: mdtraj.Trajectory) -> NDArray[np.float32]:
        """Return the value of each frame, (n_frames,)."""
        return _column(import_mdtraj(_WHAT).compute_dihedrals(trajectory, [self.atoms]))


@dataclass(frozen=True, slots=True, eq=False)
class Rmsd:
    """Root mean square distance from a reference in nm, after superposition on it.

    Parameters
    ----------
    reference : (n_atoms, 3) float
        Positions of the atoms that the function sees (`atoms` of `Run.compute`), nm.
    """

    reference: NDArray[np.floating] | Sequence[Sequence[float]] = field(repr=False)
    unit = "nm"

    def __post_init__(self) -> None:
        found = np.array(self.reference, np.float32)
        if found.ndim != 2 or found.shape[1:] != (3,) or not np.isfinite(found).all():
            raise FunctionError(f"Rmsd: expected finite positions of shape (n_atoms, 3), found shape {found.shape}")
        found.setflags(write=False)
        object.__setattr__(self, "reference", found)

    def __call__(self, trajectory: mdtraj.Trajectory) -> NDArray[np.float32]:
        """Return the value of each frame, (n_frames,)."""
        reference = np.array(self.reference)  # mdtraj takes none that is read-only
        if len(reference) != trajectory.n_atoms:
            raise ValueError(f"the reference has {len(reference)} atoms, the frames {trajectory.n_atoms}")
        md = import_mdtraj(_WHAT)
        fixed = md.Trajectory(reference[None], trajectory.topology)
        return np.asarray(md.rmsd(trajectory, fixed, parallel=False), np.float32)

    def describe(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        positions = np.ascontiguousarray(self.reference, "<f4")
        return {"reference_sha256": hashlib.sha256(positions.tobytes()).hexdigest(), "n_atoms": len(positions)}


@dataclass(frozen=True, slots=True)
class RadiusOfGyration:
    """Radius of gyration in nm: the root mean square distance from the centre, all atoms alike."""

    unit = "nm"

    def __call__(self, trajectory: mdtraj.Trajectory) -> NDArray[np.float64]:
        """Return the value of each frame, (n_frames,)."""
        return np.asarray(import_mdtraj(_WHAT).compute_rg(trajectory))

    def describe(self) -> dict[str, Any]:
        """Return the settings as JSON values."""
        return {}


@dataclass(frozen=True, slots=True)
class AtEnd:
    """Value of a frame's observable at the end of a segment; for `Run.compute` with `per="segment"`.

    Parameters
    ----------
    measure : callable
        What is measured: one of the above, or any function of a trajectory.
    """

    measure: Function

    @property
    def unit(self) -> str:
        """That of what is measured; empty if it does not say."""
        return str(getattr(self.measure, "unit", ""))

    def __call__(self, trajectory: mdtraj.Trajectory) -> NDArray[Any]:
        """Return the value of the last frame."""
        found: NDArray[Any] = np.asarray(self.measure(trajectory.slice(slice(-1, None), copy=False)))
        last: NDArray[Any] = found[0]
        return last

    def describe(self) -> dict[str, Any]:
        """Return as JSON values what is measured."""
        return description(self.measure)


def _column(values: NDArray[Any]) -> NDArray[np.float32]:
    return np.asarray(values, np.float32)[:, 0]
