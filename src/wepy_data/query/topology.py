"""The topology of a run as mdtraj's object."""

from __future__ import annotations

import json
from types import ModuleType
from typing import TYPE_CHECKING, Any

from wepy_data.errors import MissingPackageError

if TYPE_CHECKING:
    import mdtraj


def import_mdtraj(what: str) -> ModuleType:
    """Return the mdtraj package.

    Raises
    ------
    MissingPackageError
        If it is not installed; says what needs it and how to get it.
    """
    try:
        import mdtraj
    except ImportError as error:
        raise MissingPackageError(what, "mdtraj", "md") from error
    module: ModuleType = mdtraj
    return module


def topology_from_json(text: str) -> mdtraj.Topology:
    """Return the topology that mdtraj's JSON layout describes."""
    md = import_mdtraj("a topology")
    topology = md.Topology()
    atoms: dict[int, Any] = {}
    raw = json.loads(text)
    for chain in raw["chains"]:
        made = topology.add_chain(chain.get("chain_id"))
        for residue in chain["residues"]:
            one = topology.add_residue(residue["name"], made, residue.get("resSeq"), residue.get("segmentID", ""))
            for atom in residue["atoms"]:
                atoms[atom["index"]] = topology.add_atom(atom["name"], _element(md, atom["element"]), one)
    for first, second in raw.get("bonds", []):
        topology.add_bond(atoms[first], atoms[second])
    return topology


def topology_of_particles(species: list[int]) -> mdtraj.Topology:
    """Return a topology of unconnected particles, each its own residue, for a run that has none."""
    md = import_mdtraj("a topology")
    topology = md.Topology()
    chain = topology.add_chain()
    for number in species:
        element = md.element.Element.getByAtomicNumber(number) if number > 0 else md.element.virtual
        symbol = element.symbol if number > 0 else "X"
        topology.add_atom(symbol, element, topology.add_residue("PAR", chain))
    return topology


def _element(md: ModuleType, symbol: str) -> Any:
    return md.element.virtual if symbol in ("", "VS") else md.element.Element.getBySymbol(symbol)
