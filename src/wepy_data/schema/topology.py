"""The check of a topology: that it is in mdtraj's JSON layout, and how many atoms it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wepy_data.schema.problem import Problem

_Types = tuple[type, ...]
_MAY_LACK = type(None)
_PARTS: Mapping[str, tuple[str, Mapping[str, _Types]]] = {
    "chains": ("chain", {"index": (int,), "chain_id": (str, _MAY_LACK)}),
    "residues": (
        "residue",
        {"index": (int,), "name": (str,), "resSeq": (int, _MAY_LACK), "segmentID": (str, _MAY_LACK)},
    ),
    "atoms": ("atom", {"index": (int,), "name": (str,), "element": (str,), "formal_charge": (int, _MAY_LACK)}),
}
"""Each kind of parts lies within the one before: what one is called, and the types of its values."""


def atom_count(topology: object) -> int:
    """Return the number of atoms of a topology, as JSON values.

    Raises
    ------
    ValueError
        If it is not in mdtraj's layout; says what is not.
    """
    found, above = [topology], "topology"
    for name, (kind, types) in _PARTS.items():
        found = [part for whole in found for part in _listed(whole, above, name)]
        for part in found:
            _refuse_other(part, kind, types)
        above = kind
    bonds = topology.get("bonds", []) if isinstance(topology, dict) else None
    for bond in bonds if isinstance(bonds, list) else [bonds]:
        if not isinstance(bond, list) or len(bond) != 2 or not all(_is_row(end, len(found)) for end in bond):
            raise ValueError(f"a bond {bond!r:.60} of {len(found)} atoms")
    return len(found)


def topology_problems(path: str, topology: object, atoms: int | None) -> list[Problem]:
    """Return what is wrong with a topology, as JSON values; how many atoms frames have may be unknown (None)."""
    try:
        found = atom_count(topology)
    except ValueError as error:
        return [Problem(path, "topology", str(error), "mdtraj's JSON layout")]
    if atoms is None or found == atoms:
        return []
    return [Problem(path, "topology", f"{found} atoms", f"{atoms} (atom as in /particles/trajectory/species)")]


def _listed(whole: object, kind: str, name: str) -> list[Any]:
    parts = whole.get(name) if isinstance(whole, dict) else None
    if not isinstance(parts, list):
        raise ValueError(f"a {kind} without a list of {name}")
    return parts


def _refuse_other(part: object, kind: str, types: Mapping[str, _Types]) -> None:
    values = part if isinstance(part, dict) else {}
    for name, allowed in types.items():
        if not isinstance(values.get(name), allowed):
            found = f"the {name} {values[name]!r:.60}" if name in values else f"no {name}"
            raise ValueError(f"a {kind} with {found}")


def _is_row(value: object, count: int) -> bool:
    return isinstance(value, int) and 0 <= value < count
