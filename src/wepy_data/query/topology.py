"""The topology of a run as mdtraj's object."""

from __future__ import annotations

import json
from collections.abc import Sequence
from operator import itemgetter
from types import ModuleType
from typing import TYPE_CHECKING, Any

from wepy_data.errors import DamagedRunError, MissingPackageError
from wepy_data.schema.topology import atom_count

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
    """Return the topology that mdtraj's JSON layout describes, read as mdtraj's own reader does.

    Raises
    ------
    DamagedRunError
        If the text is no such topology.
    MissingPackageError
        If mdtraj is not installed.
    """
    md = import_mdtraj("a topology")
    topology = md.Topology()
    try:
        raw = json.loads(text)
        atom_count(raw)
    except (RecursionError, ValueError) as error:
        raise DamagedRunError(f"/topology is not in mdtraj's JSON layout ({error})") from error
    for chain in _by_index(raw["chains"]):
        made = topology.add_chain(chain.get("chain_id"))
        for residue in _by_index(chain["residues"]):
            one = topology.add_residue(residue["name"], made, residue.get("resSeq"), residue.get("segmentID") or "")
            for atom in _by_index(residue["atoms"]):
                charge = {name: atom[name] for name in ("formal_charge",) if atom.get(name) is not None}
                topology.add_atom(atom["name"], _element(md, atom["element"]), one, **charge)
    atoms = list(topology.atoms)
    for first, second in raw.get("bonds", []):
        topology.add_bond(atoms[first], atoms[second])
    return topology


def topology_subset(text: str, atoms: Sequence[int]) -> str:
    """Return the text of some atoms' topology, in mdtraj's JSON layout, from that of all.

    Parameters
    ----------
    text : str
        The topology of all.
    atoms : sequence of int
        Their numbers, counted in the order in which the topology is read; that order stays.
    """
    raw = json.loads(text)
    kept, place = set(atoms), dict[int, int]()
    number, chains = 0, list[dict[str, Any]]()
    for chain in _by_index(raw["chains"]):
        residues = []
        for residue in _by_index(chain["residues"]):
            some = []
            for atom in _by_index(residue["atoms"]):
                if number in kept:
                    place[number] = len(place)
                    some.append({**atom, "index": place[number]})
                number += 1
            if some:
                residues.append({**residue, "atoms": some})
        if residues:
            chains.append({**chain, "index": len(chains), "residues": residues})
    _number([residue for chain in chains for residue in chain["residues"]])
    bonds = [[place[bond[0]], place[bond[1]]] for bond in raw.get("bonds", []) if bond[0] in place and bond[1] in place]
    return json.dumps({"chains": chains, "bonds": bonds}, separators=(",", ":"))


def _number(entries: list[dict[str, Any]]) -> None:
    for index, entry in enumerate(entries):
        entry["index"] = index


def topology_of_particles(species: list[int]) -> mdtraj.Topology:
    """Return a topology of unconnected particles, each its own residue, for a run that has none."""
    md = import_mdtraj("a topology")
    topology = md.Topology()
    chain = topology.add_chain()
    for number in species:
        element = _element_of_number(md, number)
        name = "X" if element is md.element.virtual else element.symbol
        topology.add_atom(name, element, topology.add_residue("PAR", chain))
    return topology


def _element_of_number(md: ModuleType, number: int) -> Any:
    try:
        return md.element.Element.getByAtomicNumber(number) if number > 0 else md.element.virtual
    except KeyError:  # mdtraj's table ends at 116
        return md.element.virtual


def _by_index(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=itemgetter("index"))


def _element(md: ModuleType, symbol: str) -> Any:
    try:
        return md.element.Element.getBySymbol(symbol)
    except KeyError:
        return md.element.virtual
