"""Topologies as mdtraj's JSON text, the layout that its HDF5 reader expects."""

from __future__ import annotations

import json
from typing import Any


def particle_topology(n_particles: int) -> str:
    """Return the text for `n_particles` particles of no element without bonds, a residue each, in one chain."""
    residues = [_residue(index, "TOY", index + 1, [_atom(index, "X", "VS")]) for index in range(n_particles)]
    return _text([_chain(0, "A", residues)], [])


def openmm_topology(topology: Any) -> str:  # openmm publishes no types
    """Return the text for an `openmm.app.Topology`; virtual sites become atoms of mdtraj's element ``VS``."""
    chains = []
    for chain in topology.chains():
        residues = []
        for residue in chain.residues():
            atoms = [_atom(atom.index, atom.name, _symbol(atom.element)) for atom in residue.atoms()]
            residues.append(_residue(residue.index, residue.name, _number(residue), atoms))
        chains.append(_chain(chain.index, chain.id, residues))
    return _text(chains, [[bond[0].index, bond[1].index] for bond in topology.bonds()])


def element_symbols(topology: str) -> list[str]:
    """Return every atom's element symbol in order of index, ``VS`` for a particle that is no atom."""
    atoms = (
        atom for chain in json.loads(topology)["chains"] for residue in chain["residues"] for atom in residue["atoms"]
    )
    return [atom["element"] for atom in sorted(atoms, key=lambda atom: int(atom["index"]))]


def _text(chains: list[dict[str, Any]], bonds: list[list[int]]) -> str:
    return json.dumps({"chains": chains, "bonds": bonds}, separators=(",", ":"))


def _chain(index: int, name: str, residues: list[dict[str, Any]]) -> dict[str, Any]:
    return {"index": index, "chain_id": name, "residues": residues}


def _residue(index: int, name: str, number: int, atoms: list[dict[str, Any]]) -> dict[str, Any]:
    return {"index": index, "name": name, "resSeq": number, "segmentID": "", "atoms": atoms}


def _atom(index: int, name: str, symbol: str) -> dict[str, Any]:
    return {"index": index, "name": name, "element": symbol}


def _symbol(element: Any) -> str:  # openmm publishes no types
    return "VS" if element is None else str(element.symbol)


def _number(residue: Any) -> int:  # openmm publishes no types
    try:
        return int(residue.id)
    except ValueError:  # hybrid-36 and the like: mdtraj falls back on the index too
        return int(residue.index)
