"""The particles of a WepyHDF5 run: its topology, which is mdtraj's, and which of its atoms the frames hold."""

from __future__ import annotations

import json
from dataclasses import dataclass

import h5py
import numpy as np
from numpy.typing import NDArray

from wepy_data.importers.element import particles_of
from wepy_data.importers.foreign import Foreign, text
from wepy_data.importers.report import Notes
from wepy_data.importers.wepy.reading import Ints
from wepy_data.query.topology import topology_subset
from wepy_data.schema.topology import atom_count

_PATH, _ATOMS = "/topology", "/_settings/main_rep_idxs"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FoundParticles:
    """The particles of frames.

    Parameters
    ----------
    topology : str
        In mdtraj's JSON layout; empty if there is none.
    species : (n_atoms,) int32
        Atomic numbers.
    mass : (n_atoms,) float64
        In u.
    number : (n_atoms,) int64 or None
        Each one's number in the simulated system; None if all are stored.
    order : (n_atoms,) int64 or None
        The stored atoms in order of these numbers; None if they are in it.
    """

    topology: str
    species: NDArray[np.int32]
    mass: NDArray[np.float64]
    number: Ints | None = None
    order: Ints | None = None


def find_particles(foreign: Foreign, n_atoms: int, notes: Notes) -> FoundParticles:
    """Return the particles of a file's frames, which hold so many atoms."""
    topology = _topology(foreign, notes)
    notes.miss("charges of the atoms: 0")
    count = atom_count(json.loads(topology)) if topology else 0
    number = order = None
    if topology and count != n_atoms:
        number = _atoms(foreign, n_atoms, count)
        if number is None:
            notes.leave(f"topology: it has {count} atoms, the frames have {n_atoms}")
            topology = ""
    if number is not None:
        sorted_order = np.argsort(number, kind="stable")
        order = None if (sorted_order == np.arange(n_atoms)).all() else sorted_order
        number = number[sorted_order]
        topology = topology_subset(topology, number.tolist())
        notes.take(f"{n_atoms} of the {count} atoms of the topology: frames hold no others")
    if not topology:
        return FoundParticles(topology="", species=np.zeros(n_atoms, np.int32), mass=np.zeros(n_atoms))
    species, mass = particles_of(topology)
    return FoundParticles(topology=topology, species=species, mass=mass, number=number, order=order)


def _topology(foreign: Foreign, notes: Notes) -> str:
    item = foreign.get(_PATH)
    if not isinstance(item, h5py.Dataset) or item.shape != () or item.dtype.kind not in "OS":
        notes.leave("topology: no text")
        return ""
    found = text(foreign.read(str(item.name)).item())
    try:
        atom_count(json.loads(found))
    except (RecursionError, ValueError) as error:
        notes.leave(f"topology: it is not in mdtraj's JSON layout ({str(error)[:80]})")
        return ""
    return found


def _atoms(foreign: Foreign, n_atoms: int, count: int) -> Ints | None:
    """Return the numbers of the atoms that frames hold, None if the file does not say."""
    item = foreign.get(_ATOMS)
    if not isinstance(item, h5py.Dataset) or item.shape != (n_atoms,) or item.dtype.kind not in "iu":
        return None
    found = foreign.read(str(item.name)).astype(np.int64)
    fits = len(np.unique(found)) == n_atoms and found.min() >= 0 and found.max() < count
    return found if fits else None
