"""What is, and what is not, a topology in mdtraj's layout."""

import copy
import json

import mdtraj
import pytest
from mdtraj.formats import HDF5TrajectoryFile

from wepy_data.query.topology import topology_from_json
from wepy_data.schema.topology import atom_count, topology_problems

ATOMS = [{"index": i, "name": name, "element": name[0]} for i, name in enumerate(("N", "CA", "C"))]
GOOD = {
    "chains": [{"index": 0, "residues": [{"index": 0, "name": "ALA", "atoms": ATOMS}]}],
    "bonds": [[0, 1], [1, 2]],
}


def changed(*path, value):
    topology = copy.deepcopy(GOOD)
    place = topology
    for step in path[:-1]:
        place = place[step]
    if value is ...:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return topology


RESIDUE = ("chains", 0, "residues", 0)
ATOM = (*RESIDUE, "atoms", 1)


@pytest.mark.parametrize(
    ("topology", "words"),
    [
        (None, "a topology without a list of chains"),
        ({"chains": {}}, "a topology without a list of chains"),
        ({"chains": [7]}, "a chain with no index"),
        (changed("chains", 0, "index", value=1e400), "a chain with the index inf"),
        (changed("chains", 0, "residues", value=...), "a chain without a list of residues"),
        (changed(*RESIDUE, "name", value=...), "a residue with no name"),
        (changed(*RESIDUE, "resSeq", value="1"), "a residue with the resSeq '1'"),
        (changed(*RESIDUE, "atoms", value=None), "a residue without a list of atoms"),
        (changed(*ATOM, "name", value=[]), r"an? atom with the name \[\]"),
        (changed(*ATOM, "element", value=None), "an? atom with the element None"),
        (changed("bonds", value=7), "a bond 7 of 3 atoms"),
        (changed("bonds", 0, value=[0]), r"a bond \[0\] of 3 atoms"),
        (changed("bonds", 0, value=[0, -1]), r"a bond \[0, -1\] of 3 atoms"),
        (changed("bonds", 0, value=[0, 3]), r"a bond \[0, 3\] of 3 atoms"),
    ],
)
def test_anything_else_is_said(topology, words):
    with pytest.raises(ValueError, match=f"^{words}$"):
        atom_count(topology)
    assert [problem.kind for problem in topology_problems("/topology", topology, None)] == ["topology"]


def test_the_number_of_atoms_is_compared_where_it_is_known():
    assert atom_count(GOOD) == 3
    assert topology_problems("/topology", GOOD, 3) == topology_problems("/topology", GOOD, None) == []
    (problem,) = topology_problems("/topology", GOOD, 4)
    assert str(problem) == "/topology: topology: found 3 atoms, expected 4 (atom as in /particles/trajectory/species)"


def test_what_mdtraj_writes_is_in_its_layout():
    topology = mdtraj.Topology()
    residue = topology.add_residue("ALA", topology.add_chain("A"), resSeq=5, segment_id="S")
    atoms = [
        topology.add_atom(name, element, residue) for name, element in (("N", mdtraj.element.nitrogen), ("M", None))
    ]
    topology.add_bond(*atoms)
    written = HDF5TrajectoryFile.convert_topology_to_dict(topology)
    assert atom_count(written) == 2
    assert topology_from_json(json.dumps(written)).n_bonds == 1
